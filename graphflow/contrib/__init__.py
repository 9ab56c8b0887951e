"""`tf.contrib`: what scripts use of it; thin names over the rest of graphflow."""

from graphflow.contrib import framework, layers, legacy_seq2seq, lookup, losses, metrics, rnn, seq2seq, slim, training
