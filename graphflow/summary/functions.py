"""Summaries of tensors: their names, tags and collections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow import logging
from graphflow.default import add_to_collection, get_collection, name_scope
from graphflow.dtypes import float32, string
from graphflow.errors import GraphError
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.define import OpDef, convert_to_tensor
from graphflow.ops.fill import constant
from graphflow.ops.summaries import (
    AUDIO_SUMMARY,
    HISTOGRAM_SUMMARY,
    IMAGE_SUMMARY,
    MERGE_SUMMARY,
    SCALAR_SUMMARY,
    TENSOR_SUMMARY,
)
from graphflow.summary_protos import SummaryMetadata

_NOT_IN_TAGS = re.compile(r"[^-/\w.]")


def _clean(name: str | None) -> str | None:
    """The name as a tag may have it: other characters become _, and slashes in front are cut."""
    if name is None:
        return None
    clean = _NOT_IN_TAGS.sub("_", name).lstrip("/")
    if clean != name:
        logging.info("Summary name %s is illegal; using %s instead.", name, clean)
    return clean


@contextmanager
def _scope(name: str | None, family: str | None, default: str, values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """(tag, name scope) of a summary; the family stands twice in the tag, as in TensorFlow."""
    base, family = _clean(name), _clean(family)
    with name_scope(base if family is None else f"{family}/{base}", default, values) as scope:
        full = scope.rstrip("/")
        yield full if family is None else f"{family}/{full}", scope


def _collected(summary: Tensor, collections: Sequence[str] | None, default: Sequence[str]) -> Tensor:
    for key in default if collections is None else collections:
        add_to_collection(key, summary)
    return summary


def _summary(
    record: OpDef, tag_arg: str, name: str, value: Any, family: str | None, collections: Sequence[str] | None,
    more: Sequence[Any] = (), **attrs: Any,
) -> Tensor:  # fmt: skip
    with _scope(name, family, record.name, [value]) as (tag, scope):
        tags = constant(tag, name=tag_arg)
        return _collected(record(tags, value, *more, name=scope, **attrs), collections, [GraphKeys.SUMMARIES])


def scalar(name: str, tensor: Any, collections: Sequence[str] | None = None, family: str | None = None) -> Tensor:
    """A Summary with one number: [] -> [], real -> string (the serialized message).

    name         the tag, after the name scope; made unique like an operation's name
    collections  where it is added: GraphKeys.SUMMARIES when None
    family       stands in front of the tag, for TensorBoard's groups
    Raises: InvalidArgumentError when run for a value that is no scalar.   No gradient.
    """
    return _summary(SCALAR_SUMMARY, "tags", name, tensor, family, collections)


def histogram(name: str, values: Any, collections: Sequence[str] | None = None, family: str | None = None) -> Tensor:
    """A Summary with a histogram of all values: [...] -> [], real -> string; arguments as for scalar.

    Raises: InvalidArgumentError when run for a value that is not finite.   No gradient.
    """
    return _summary(HISTOGRAM_SUMMARY, "tag", name, values, family, collections)


def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """A Summary with the first images of a batch as PNG, under the tags name/image/0, ... (name/image for one).

    Floating images are scaled: from 0 to 255 without negative values, else around 128.
    Shapes: [batch, height, width, 1, 3 or 4] -> [].   Dtype: uint8 or floating -> string.   No gradient.
    Raises: ValueError unless max_outputs is positive; UnimplementedError when run without Pillow.
    """
    return _summary(IMAGE_SUMMARY, "tag", name, tensor, family, collections, max_images=_positive(max_outputs),
                    bad_color=(255, 0, 0, 255))  # fmt: skip


def audio(
    name: str, tensor: Any, sample_rate: Any, max_outputs: int = 3, collections: Sequence[str] | None = None,
    family: str | None = None,
) -> Tensor:  # fmt: skip
    """A Summary with the first sounds of a batch as WAV with 16 bits, tags as for images.

    sample_rate  in hertz
    Shapes: [batch, frames] or [batch, frames, channels] -> [].   Dtype: float32 from -1 to 1 -> string.   No gradient.
    """
    with _scope(name, family, "AudioSummaryV2", [tensor]) as (tag, scope):
        rate = convert_to_tensor(sample_rate, float32, "sample_rate")
        tags = constant(tag, name="tag")
        made = AUDIO_SUMMARY(tags, tensor, rate, name=scope, max_outputs=_positive(max_outputs))
        return _collected(made, collections, [GraphKeys.SUMMARIES])


def _positive(count: int) -> int:
    if count < 1:
        raise GraphError(f"max_outputs must be positive, not {count}")
    return int(count)


def text(name: str, tensor: Any, collections: Sequence[str] | None = None) -> Tensor:
    """A Summary with text, which TensorBoard shows as Markdown: string [...] -> [].

    Raises: ValueError for another dtype.   No gradient.
    """
    words = convert_to_tensor(tensor)
    if words.dtype is not string:
        raise GraphError(f"Expected tensor {words.name} to have dtype string, got {words.dtype.name}")
    return tensor_summary(name, words, None, collections,
                          SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text")))  # fmt: skip


def tensor_summary(
    name: str, tensor: Any, summary_description: str | None = None, collections: Sequence[str] | None = None,
    summary_metadata: SummaryMetadata | None = None, family: str | None = None, display_name: str | None = None,
) -> Tensor:  # fmt: skip
    """A Summary with a whole tensor, of any shape and dtype, for the part of TensorBoard that the metadata names."""
    metadata = SummaryMetadata()
    if summary_metadata is not None:
        metadata.CopyFrom(summary_metadata)
    if display_name is not None:
        metadata.display_name = display_name
    if summary_description is not None:
        metadata.summary_description = summary_description
    with _scope(name, family, "TensorSummaryV2", [tensor]) as (tag, scope):
        tags = constant(tag, name="tag")
        serialized = constant(metadata.SerializeToString(), name="serialized_summary_metadata")
        made = TENSOR_SUMMARY(tags, tensor, serialized, name=scope)
        return _collected(made, collections, [GraphKeys.SUMMARIES])


def merge(inputs: Sequence[Any], collections: Sequence[str] | None = None, name: str | None = None) -> Tensor:
    """One Summary with the values of several: string [...] each -> [].

    collections  where it is added: nowhere when None
    Raises: InvalidArgumentError when run for a tag that stands in two of them.
    """
    with name_scope(_clean(name), "Merge", inputs):
        return _collected(MERGE_SUMMARY(*inputs, name="MergeSummary"), collections, [])


def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Tensor | None:
    """One Summary of all that a collection has, of those only whose names match `scope`; None without any."""
    found = get_collection(key, scope)
    return merge(found, name=name) if found else None
