"""Arguments in the order that they had before TensorFlow 1.0, told from today's by their types.

Each function here takes today's function and gives one that takes both orders.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.compat.warn import warn_once
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.variables import Variable


def _is_number(value: Any) -> bool:
    """Whether a value can be an axis: a whole number, or a scalar tensor."""
    if isinstance(value, (Tensor, Variable)):
        return value.dtype.is_integer and value.shape.ndims == 0
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_floating(value: Any) -> bool:
    return value is not None and convert_to_tensor(value).dtype.is_floating


def _changed(old: str, new: str) -> None:
    warn_once(f"tf.{old} is tf.{new} since TensorFlow 1.0")


def concat(today: Callable) -> Callable:
    """`(concat_dim, values)`."""

    @functools.wraps(today)
    def both(values: Any = None, axis: Any = None, name: str = "concat", concat_dim: Any = None) -> Any:
        if concat_dim is not None:
            _changed("concat(concat_dim, values)", "concat(values, axis)")
            values, axis = (values if axis is None else axis), concat_dim
        elif _is_number(values) and not _is_number(axis):
            _changed("concat(axis, values)", "concat(values, axis)")
            values, axis = axis, values
        return today(values, axis, name=name)

    return both


def split(today: Callable) -> Callable:
    """`(split_dim, num_split, value)`."""

    @functools.wraps(today)
    def both(
        value: Any = None, num_or_size_splits: Any = None, axis: Any = 0, num: int | None = None, name: str = "split",
        split_dim: Any = None, num_split: int | None = None,
    ) -> Any:  # fmt: skip
        if split_dim is not None or num_split is not None:
            _changed("split(split_dim, num_split, value)", "split(value, num_or_size_splits, axis)")
            given = [v for v in (value, num_or_size_splits, axis) if v is not None]
            axis = given.pop(0) if split_dim is None else split_dim
            num_or_size_splits = given.pop(0) if num_split is None else num_split
            value = given.pop(0)
        elif _is_number(value) and isinstance(num_or_size_splits, int) and not _is_number(axis):
            _changed("split(axis, n, value)", "split(value, n, axis)")
            value, axis = axis, value
        return today(value, num_or_size_splits, axis, num, name)

    return both


def reverse(today: Callable) -> Callable:
    """One bool a dimension in place of axes."""

    @functools.wraps(today)
    def both(tensor: Any, axis: Any = None, name: str | None = None, dims: Any = None) -> Any:
        flags = axis if dims is None else dims
        listed = isinstance(flags, (list, tuple, np.ndarray)) and len(flags) > 0
        if listed and all(isinstance(flag, (bool, np.bool_)) for flag in flags):
            _changed("reverse(tensor, [True, False])", "reverse(tensor, [0])")
            flags = [i for i, flag in enumerate(flags) if flag]
        return today(tensor, flags, name)

    return both


def logits_first(today: Callable) -> Callable:
    """`(logits, labels)` of the cross entropies, which today take named arguments only, and `targets` for labels."""

    @functools.wraps(today)
    def both(*positional: Any, targets: Any = None, **named: Any) -> Any:
        if positional and positional[0] is not None:
            _changed(f"nn.{today.__name__}(logits, labels)", f"nn.{today.__name__}(labels=labels, logits=logits)")
            named |= dict(zip(("logits", "labels", "name"), positional, strict=False))
        if targets is not None:
            named["labels"] = targets
        return today(**named)

    return both


def inputs_first(today: Callable) -> Callable:
    """`(weights, biases, inputs, labels)` of the sampled losses."""

    @functools.wraps(today)
    def both(weights: Any, biases: Any, labels: Any = None, inputs: Any = None, *more: Any, **named: Any) -> Any:
        if _is_floating(labels) and not _is_floating(inputs):
            old, new = "(weights, biases, inputs, labels)", "(weights, biases, labels, inputs)"
            _changed(f"nn.{today.__name__}{old}", f"nn.{today.__name__}{new}")
            labels, inputs = inputs, labels
        return today(weights, biases, labels, inputs, *more, **named)

    return both


def resize_images(today: Callable) -> Callable:
    """`(images, new_height, new_width, method)`."""

    @functools.wraps(today)
    def both(images: Any, size: Any = None, *more: Any, **named: Any) -> Any:
        if _is_number(size) and more and _is_number(more[0]):
            _changed("image.resize_images(images, height, width)", "image.resize_images(images, [height, width])")
            size, more = [size, more[0]], more[1:]
        return today(images, size, *more, **named)

    return both


def select(today: Callable) -> Callable:
    """`t` and `e` for x and y."""
    return lambda condition, t=None, e=None, name=None: today(condition, t, e, name=name)


def batch_matmul(today: Callable) -> Callable:
    """`adj_x` and `adj_y` for adjoint_a and adjoint_b."""
    return lambda x, y, adj_x=False, adj_y=False, name=None: today(
        x, y, adjoint_a=bool(adj_x), adjoint_b=bool(adj_y), name=name
    )


def summary(today: Callable) -> Callable:
    """The tag first, as text, and `max_images` for max_outputs."""

    def tagged(tag: Any = None, values: Any = None, *more: Any, tags: Any = None, **named: Any) -> Any:
        label = tag if tags is None else tags
        if "max_images" in named:
            named["max_outputs"] = named.pop("max_images")
        values = named.pop("tensor", values)
        return today(label, values, *more, **{key: value for key, value in named.items() if key != "name"})

    return tagged


# Names that are still in use, and names of RENAMED whose arguments are in another order too.
ORDERS: dict[str, Callable[[Callable], Callable]] = {
    "concat": concat,
    "split": split,
    "reverse": reverse,
    "nn.softmax_cross_entropy_with_logits": logits_first,
    "nn.sparse_softmax_cross_entropy_with_logits": logits_first,
    "nn.sigmoid_cross_entropy_with_logits": logits_first,
    "nn.nce_loss": inputs_first,
    "nn.sampled_softmax_loss": inputs_first,
    "image.resize_images": resize_images,
    "select": select,
    "batch_matmul": batch_matmul,
    "scalar_summary": summary,
    "histogram_summary": summary,
    "image_summary": summary,
}
