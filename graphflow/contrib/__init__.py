"""`tf.contrib`: what scripts use of it; thin names over the rest of graphflow."""

from graphflow.contrib import (
    crf,
    framework,
    layers,
    learn,
    legacy_seq2seq,
    lookup,
    losses,
    metrics,
    opt,
    rnn,
    seq2seq,
    slim,
    training,
)
