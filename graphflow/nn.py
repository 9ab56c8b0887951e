"""`tf.nn`: the names of TensorFlow 1's neural-network module; re-exports and nothing else."""

from graphflow.ops.activations import elu, leaky_relu, relu, relu6, selu, softplus, softsign, swish
from graphflow.ops.math import sigmoid, tanh
