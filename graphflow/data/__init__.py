"""`tf.data`: re-exports and nothing else."""

from graphflow.data import experimental
from graphflow.data.files import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from graphflow.data.iterator import Iterator
from graphflow.data.public import (
    Dataset,
    Options,
    get_output_classes,
    get_output_shapes,
    get_output_types,
    make_initializable_iterator,
    make_one_shot_iterator,
)
