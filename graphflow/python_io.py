"""`tf.python_io`: files of records; re-exports and nothing else."""

from graphflow.io.records import TFRecordCompressionType, TFRecordOptions, TFRecordWriter, tf_record_iterator
