"""`tf.contrib.lookup`: lookup tables under their older names; re-exports and nothing else."""

from graphflow.tables import (
    HashTable,
    IdTableWithHashBuckets,
    KeyValueTensorInitializer,
    MutableHashTable,
    TextFileIndex,
    TextFileInitializer,
    index_table_from_file,
    index_table_from_tensor,
    index_to_string_table_from_file,
    index_to_string_table_from_tensor,
)
