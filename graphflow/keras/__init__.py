"""`tf.keras`: layers to call inside a graph, and the parts they are given by; no models and no training loops."""

from graphflow.keras import activations, constraints, initializers, layers, regularizers
