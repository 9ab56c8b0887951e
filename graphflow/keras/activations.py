"""`tf.keras.activations`; re-exports and nothing else."""

from graphflow.layers.named import activation as get
from graphflow.layers.named import exponential, hard_sigmoid, linear
from graphflow.ops.activations import elu, relu, selu, softplus, softsign, swish
from graphflow.ops.math import sigmoid
from graphflow.ops.softmax import softmax
from graphflow.ops.trigonometry import tanh
