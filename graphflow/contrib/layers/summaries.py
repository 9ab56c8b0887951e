"""Summaries of tensors, of activations and of whole collections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from graphflow.default import get_collection
from graphflow.errors import ShapeError
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.statistics import zero_fraction
from graphflow.summary.functions import histogram, scalar

_RECTIFIED = ("Relu", "Relu6", "Softplus")


def summarize_tensor(tensor: Any, tag: str | None = None) -> Tensor:
    """A scalar summary of a tensor of shape (), a histogram of any other; the tag is its name and `_summary`."""
    name = tag or f"{tensor.op.name}_summary"
    if tensor.shape.ndims is None:
        raise ShapeError(f"{tensor!r} must have a known rank to be summarized")
    return scalar(name, tensor) if tensor.shape.ndims == 0 else histogram(name, tensor)


def summarize_activation(op: Any) -> Tensor:
    """A histogram of an activation; of a rectified one also how much of it is 0, as a scalar."""
    if op.op.type in _RECTIFIED:
        scalar(f"{op.op.name}/zeros", zero_fraction(op))
    return histogram(f"{op.op.name}/activation", op)


def summarize_tensors(tensors: Iterable[Any], summarizer: Callable = summarize_tensor) -> list[Tensor]:
    """The summary of each tensor."""
    return [summarizer(tensor) for tensor in tensors]


def summarize_collection(
    collection: str, name_filter: str | None = None, summarizer: Callable = summarize_tensor
) -> list[Tensor]:
    """The summaries of a collection, or of those in it whose names match the regular expression from the start."""
    found = get_collection(collection)
    if name_filter is not None:
        found = [t for t in found if re.match(name_filter, t.op.name)]
    return summarize_tensors(found, summarizer)


def summarize_activations(name_filter: str | None = None, summarizer: Callable = summarize_activation) -> list[Tensor]:
    """The summaries of the collection ACTIVATIONS."""
    return summarize_collection(GraphKeys.ACTIVATIONS, name_filter, summarizer)
