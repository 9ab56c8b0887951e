"""`tf.io` and what is below it: files of records, protocol messages, checkpoints."""
