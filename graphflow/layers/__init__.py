"""`tf.layers`: layers as functions and as classes; re-exports and nothing else."""

from graphflow.layers.base import Layer
from graphflow.layers.convolutional import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
)
from graphflow.layers.core import Dense, Dropout, Flatten, dense, dropout, flatten
from graphflow.layers.normalization import BatchNormalization, batch_normalization
from graphflow.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    average_pooling1d,
    average_pooling2d,
    average_pooling3d,
    max_pooling1d,
    max_pooling2d,
    max_pooling3d,
)
from graphflow.layers.separable import SeparableConv1D, SeparableConv2D, separable_conv1d, separable_conv2d
from graphflow.layers.spec import InputSpec
