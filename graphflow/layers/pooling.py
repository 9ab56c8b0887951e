"""Max and average pooling in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.layers.base import Layer, functional
from graphflow.layers.spec import InputSpec
from graphflow.layers.windows import format_of, padding_name, sizes_of, with_channels_last
from graphflow.ops.pool import avg_pool, max_pool
from graphflow.ops.pool3d import avg_pool3d, max_pool3d
from graphflow.ops.shape_ops import expand_dims, squeeze


class _Pool(Layer):
    rank: int
    function: Callable

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        self.pool_size = sizes_of(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else sizes_of(strides, self.rank, "strides")
        self.padding, self.data_format = padding_name(padding), format_of(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        return with_channels_last(self._pool, inputs, self.data_format)

    def _pool(self, x: Any) -> Any:
        line = self.rank == 1  # a line is pooled as an image of height 1
        window, step = ([1, *(1,) * line, *v, 1] for v in (self.pool_size, self.strides))
        pooled = type(self).function(expand_dims(x, 1) if line else x, window, step, self.padding.upper())
        return squeeze(pooled, [1]) if line else pooled


class MaxPooling1D(_Pool):
    """The largest element of each window of sequences [n, w, c], channel by channel."""

    rank, function = 1, staticmethod(max_pool)


class AveragePooling1D(_Pool):
    """The mean of each window of sequences [n, w, c], channel by channel."""

    rank, function = 1, staticmethod(avg_pool)


class MaxPooling2D(_Pool):
    """The largest element of each window of images [n, h, w, c], channel by channel."""

    rank, function = 2, staticmethod(max_pool)


class AveragePooling2D(_Pool):
    """The mean of each window of images [n, h, w, c], channel by channel; padding does not count."""

    rank, function = 2, staticmethod(avg_pool)


class MaxPooling3D(_Pool):
    """The largest element of each window of volumes [n, d, h, w, c], channel by channel."""

    rank, function = 3, staticmethod(max_pool3d)


class AveragePooling3D(_Pool):
    """The mean of each window of volumes [n, d, h, w, c], channel by channel; padding does not count."""

    rank, function = 3, staticmethod(avg_pool3d)


max_pooling1d = functional(MaxPooling1D, reuse=False)
max_pooling2d = functional(MaxPooling2D, reuse=False)
max_pooling3d = functional(MaxPooling3D, reuse=False)
average_pooling1d = functional(AveragePooling1D, reuse=False)
average_pooling2d = functional(AveragePooling2D, reuse=False)
average_pooling3d = functional(AveragePooling3D, reuse=False)
