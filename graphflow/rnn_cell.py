"""`tf.nn.rnn_cell`: cells; re-exports and nothing else."""
