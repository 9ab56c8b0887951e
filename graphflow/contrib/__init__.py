"""`tf.contrib`: what scripts use of it; thin names over the rest of graphflow."""

from graphflow.contrib import framework, layers, lookup, losses, metrics, slim, training
