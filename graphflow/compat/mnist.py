"""`tensorflow.examples.tutorials.mnist.mnist`: the network of two hidden layers that the feeding tutorial trains.

Source: its functions, arguments, scopes and sizes are those of TensorFlow 1's tutorial.
"""

from __future__ import annotations

import math
from typing import Any

from graphflow import summary, train
from graphflow.default import name_scope
from graphflow.dtypes import int32
from graphflow.losses import sparse_softmax_cross_entropy
from graphflow.nn import relu
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.fill import zeros
from graphflow.ops.linalg import matmul
from graphflow.ops.random import truncated_normal
from graphflow.ops.ranking import in_top_k
from graphflow.ops.reduce import reduce_sum
from graphflow.variables import Variable

NUM_CLASSES = 10
IMAGE_SIZE = 28
IMAGE_PIXELS = IMAGE_SIZE * IMAGE_SIZE


def inference(images: Tensor, hidden1_units: int, hidden2_units: int) -> Tensor:
    """The logits: [batch, IMAGE_PIXELS] -> [batch, NUM_CLASSES]."""
    sizes = (("hidden1", IMAGE_PIXELS, hidden1_units), ("hidden2", hidden1_units, hidden2_units),
             ("softmax_linear", hidden2_units, NUM_CLASSES))  # fmt: skip
    h = images
    for scope, inputs, units in sizes:
        with name_scope(scope):
            start = truncated_normal([inputs, units], stddev=1.0 / math.sqrt(float(inputs)))
            h = matmul(h, Variable(start, name="weights")) + Variable(zeros([units]), name="biases")
            h = h if scope == "softmax_linear" else relu(h)
    return h


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross entropy against labels [batch], class numbers."""
    return sparse_softmax_cross_entropy(labels=cast(labels, int32), logits=logits)


def training(loss: Tensor, learning_rate: Any) -> Operation:
    """A step of gradient descent that counts itself; the loss becomes a summary."""
    summary.scalar("loss", loss)
    global_step = Variable(0, name="global_step", trainable=False)
    return train.GradientDescentOptimizer(learning_rate).minimize(loss, global_step=global_step)


def evaluation(logits: Tensor, labels: Tensor) -> Tensor:
    """How many of the images have the highest logit at their label: int32 []."""
    return reduce_sum(cast(in_top_k(logits, labels, 1), int32))
