"""`tf.lookup`: re-exports and nothing else."""

from graphflow.tables import KeyValueTensorInitializer, StaticHashTable, TextFileIndex, TextFileInitializer
