"""InputSpec: what a layer asks of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.dtypes import as_dtype
from graphflow.errors import DTypeError, ShapeError
from graphflow.operation import Tensor
from graphflow.shape import as_dims, compatible, show


class InputSpec:
    """The dtype, shape, rank and single sizes (`axes`, a dict axis: size) that an input must have; None for any."""

    def __init__(
        self, dtype: Any = None, shape: Any = None, ndim: int | None = None, max_ndim: int | None = None,
        min_ndim: int | None = None, axes: Mapping[int, int | None] | None = None,
    ) -> None:  # fmt: skip
        self.dtype = None if dtype is None else as_dtype(dtype)
        self.shape = shape
        self.ndim = len(as_dims(shape) or ()) if shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = dict(axes or {})

    def check(self, tensor: Tensor, layer: str) -> None:
        """ShapeError or DTypeError unless the tensor is as described, as far as that is known."""
        dims, what = tensor.dims, f"the input of layer {layer!r}"
        if dims is None:
            if (self.ndim, self.min_ndim, self.max_ndim) != (None, None, None) or self.axes:
                raise ShapeError(f"{what} needs a known rank: {tensor!r}")
            return
        wanted = [text for text, fits in (
            (f"rank {self.ndim}", self.ndim in (None, len(dims))),
            (f"rank {self.min_ndim} or more", self.min_ndim is None or len(dims) >= self.min_ndim),
            (f"rank {self.max_ndim} or less", self.max_ndim is None or len(dims) <= self.max_ndim),
        ) if not fits]  # fmt: skip
        if wanted:
            raise ShapeError(f"{what} must have {wanted[0]}, and its shape is {show(dims)}")
        for axis, size in self.axes.items():
            if not -len(dims) <= axis < len(dims) or size is not None and dims[axis] not in (None, size):
                raise ShapeError(f"{what} must have size {size} along axis {axis}, and its shape is {show(dims)}")
        if self.shape is not None and not compatible(dims, as_dims(self.shape)):
            raise ShapeError(f"{what} must have shape {show(as_dims(self.shape))}, not {show(dims)}")
        if self.dtype is not None and tensor.dtype is not self.dtype:
            raise DTypeError(f"{what} must have dtype {self.dtype.name}, not {tensor.dtype.name}")

    def __repr__(self) -> str:
        given = [f"{key}={value}" for key, value in vars(self).items() if value not in (None, {})]
        return f"InputSpec({', '.join(given)})"
