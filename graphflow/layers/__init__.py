"""`tf.layers`: layers as functions and as classes; re-exports and nothing else."""

from graphflow.layers.base import Layer
from graphflow.layers.convolutional import Conv1D, Conv2D, Conv2DTranspose, conv1d, conv2d, conv2d_transpose
from graphflow.layers.core import Dense, Dropout, Flatten, dense, dropout, flatten
from graphflow.layers.normalization import BatchNormalization, batch_normalization
from graphflow.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
    average_pooling1d,
    average_pooling2d,
    max_pooling1d,
    max_pooling2d,
)
from graphflow.layers.spec import InputSpec
