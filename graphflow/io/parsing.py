"""Serialized Examples into tensors."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, as_dtype, float32, int64, string
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.io.wire import BYTES, FIXED32, WireError, fields, signed
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.shape_ops import reshape
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shape import Dims, as_dims, known, sizes

FixedLenFeature = namedtuple("FixedLenFeature", "shape dtype default_value", defaults=(None,))
FixedLenFeature.__doc__ = "A feature with as many values as `shape` has elements; `default_value` where it is missing."
VarLenFeature = namedtuple("VarLenFeature", "dtype")
VarLenFeature.__doc__ = "A feature with any number of values, parsed into a SparseTensor."
FixedLenSequenceFeature = namedtuple(
    "FixedLenSequenceFeature", "shape dtype allow_missing default_value", defaults=(False, None)
)
FixedLenSequenceFeature.__doc__ = "Any number of values of `shape`; shorter features of a batch are filled up."

_KINDS = {1: string, 2: float32, 3: int64}


class Spec(NamedTuple):
    """How one feature is parsed.

    kind   fixed, sparse or sequence
    """

    name: str
    kind: str
    dtype: DType
    dims: tuple[int, ...]
    missing: bool  # may it be


# -- bytes to values ---------------------------------------------------------------------------------------------------
def _by_name(data: bytes, start: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Where the values of a map are, by key; the last of two equal keys counts."""
    found = {}
    for number, kind, where in fields(data, start, end):
        if number == 1 and kind == BYTES:
            name, value = b"", (0, 0)
            for inner, inner_kind, place in fields(data, *where):
                if inner == 1 and inner_kind == BYTES:
                    name = data[slice(*place)]
                elif inner == 2 and inner_kind == BYTES:
                    value = place
            found[name] = value
    return found


def _inner(data: bytes, number: int) -> tuple[int, int]:
    """Where a message in the message is; the last one counts."""
    where = (0, 0)
    for found, kind, place in fields(data):
        if found == number and kind == BYTES:
            where = place
    return where


def _values(data: bytes, where: tuple[int, int]) -> tuple[DType | None, Any]:
    """(dtype, values) of a Feature: an array, or a list of byte strings; (None, []) for one without a list."""
    for number, kind, (start, end) in fields(data, *where):
        if number in _KINDS and kind == BYTES:
            dtype = _KINDS[number]
            if dtype is string:
                return dtype, [data[slice(*place)] for n, _, place in fields(data, start, end) if n == 1]
            parts = [_numbers(data, dtype, k, value) for n, k, value in fields(data, start, end) if n == 1]
            return dtype, parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype.dtype), *parts])
    return None, []


def _numbers(data: bytes, dtype: DType, kind: int, value: Any) -> np.ndarray:
    if kind != BYTES:
        if dtype is float32:
            return np.array([value], np.uint32).view(np.float32) if kind == FIXED32 else np.empty(0, np.float32)
        return np.array([signed(value)], np.int64)
    start, end = value
    if dtype is float32:
        if (end - start) % 4:
            raise WireError(f"at byte {start}: a list of floats is cut off")
        return np.frombuffer(data, "<f4", (end - start) // 4, start)
    return _varints(np.frombuffer(data, np.uint8, end - start, start), start)


def _varints(data: np.ndarray, start: int) -> np.ndarray:
    last = data < 0x80
    if last.all():
        return data.astype(np.int64)
    if not last[-1]:
        raise WireError(f"at byte {start}: a list of numbers is cut off")
    first = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    place = np.arange(len(data)) - np.repeat(first, np.diff(np.append(first, len(data))))
    if place.max() > 9:
        raise WireError(f"at byte {start}: a number that does not end")
    parts = (data & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.add.reduceat(parts, first).view(np.int64)


def _feature(data: bytes, places: Mapping[bytes, tuple[int, int]], spec: Spec, label: str) -> Any:
    """The values of a feature, None when it is missing."""
    where = places.get(spec.name.encode())
    if where is None:
        return None
    dtype, values = _values(data, where)
    if dtype is None:
        return None
    if dtype is not spec.dtype:
        raise InvalidArgumentError.because(
            f"{label}: the feature {spec.name!r} is {dtype.name}, and {spec.dtype.name} is expected"
        )
    return values


def _fixed(values: Any, default: np.ndarray, spec: Spec, label: str) -> Any:
    count = math.prod(spec.dims)
    if values is None:
        if not spec.missing:
            raise InvalidArgumentError.because(f"{label}: the feature {spec.name!r} is required, and is missing")
        return np.broadcast_to(default, spec.dims).reshape(-1)
    if len(values) != count:
        raise InvalidArgumentError.because(
            f"{label}: the feature {spec.name!r} has {len(values)} values, and {count} are expected"
        )
    return values


def _array(values: Any, dtype: DType) -> np.ndarray:
    out = np.empty(len(values), dtype.dtype)
    out[:] = values
    return out


def _sparse(rows: list[Any], dtype: DType) -> list[np.ndarray]:
    """indices, values and dense_shape of rows that are filled from the left."""
    counts = [0 if row is None else len(row) for row in rows]
    indices = np.empty((sum(counts), 2), np.int64)
    indices[:, 0] = np.repeat(np.arange(len(rows)), counts)
    indices[:, 1] = np.concatenate([np.arange(n) for n in counts] or [np.empty(0, np.int64)])
    parts = [_array(row, dtype) for row in rows if row is not None]
    values = np.concatenate([np.empty(0, dtype.dtype), *parts])
    return [indices, values, np.array([len(rows), max(counts, default=0)], np.int64)]


def _steps(values: Any, spec: Spec, label: str) -> int:
    count = math.prod(spec.dims)
    if count == 0 or len(values) % count:
        raise InvalidArgumentError.because(
            f"{label}: the feature {spec.name!r} has {len(values)} values, not a multiple of {count}"
        )
    return len(values) // count


def _padded(rows: list[Any], default: np.ndarray, spec: Spec, labels: list[str]) -> np.ndarray:
    lengths = [0 if row is None else _steps(row, spec, label) for row, label in zip(rows, labels, strict=True)]
    out = np.empty((len(rows), max(lengths, default=0), *spec.dims), spec.dtype.dtype)
    out[...] = default.reshape(()) if default.size == 1 else default
    for row, length, values in zip(out, lengths, rows, strict=True):
        if length:
            row[:length] = _array(values, spec.dtype).reshape(length, *spec.dims)
    return out


# -- the ops -----------------------------------------------------------------------------------------------------------
def _parsed(serialized: np.ndarray, names: np.ndarray, *defaults: np.ndarray, specs: tuple[Spec, ...]) -> list:
    texts = serialized.reshape(-1).tolist()
    named = [n.decode(errors="replace") for n in names.reshape(-1).tolist()] if names.size else [""] * len(texts)
    labels = [f"example {name or i}" for i, name in enumerate(named)]
    found: list[list] = [[] for _ in specs]
    for text, label in zip(texts, labels, strict=True):
        try:
            places = _by_name(text, *_inner(text, 1))
            for column, spec in zip(found, specs, strict=True):
                column.append(_feature(text, places, spec, label))
        except WireError as error:
            raise InvalidArgumentError.because(f"{label} is no serialized Example: {error}") from None
    results: list[np.ndarray] = []
    for column, spec, default in zip(found, specs, defaults, strict=True):
        if spec.kind == "fixed":
            rows = [_fixed(values, default, spec, label) for values, label in zip(column, labels, strict=True)]
            out = np.empty((len(rows), math.prod(spec.dims)), spec.dtype.dtype)
            for i, row in enumerate(rows):
                out[i] = row
            results.append(out.reshape((*serialized.shape, *spec.dims)))
            continue
        if spec.kind == "sparse":
            indices, values, shape = _sparse(column, spec.dtype)
            single = not serialized.ndim
            results += [indices[:, 1:], values, shape[1:]] if single else [indices, values, shape]
            continue
        if not spec.missing and any(values is None for values in column):
            raise InvalidArgumentError.because(f"the feature {spec.name!r} is required, and is missing")
        padded = _padded(column, default, spec, labels)
        results.append(padded if serialized.ndim else padded[0])
    return results


def _types(batch: Dims, specs: Sequence[Spec]) -> list[tuple[Dims, DType]]:
    types: list[tuple[Dims, DType]] = []
    for spec in specs:
        if spec.kind == "sparse":
            rank = None if batch is None else len(batch) + 1
            types += [((None, rank), int64), ((None,), spec.dtype), ((rank,), int64)]
        elif batch is None:
            types.append((None, spec.dtype))
        else:
            types.append(((*batch, *([] if spec.kind == "fixed" else [None]), *spec.dims), spec.dtype))
    return types


PARSE_EXAMPLE = define(
    "ParseExample", "serialized:string names:string *defaults:any",
    infer=lambda serialized, names, *_, specs: _types(serialized.dims, specs),
    reference=_parsed,
    vjp=NO_GRADIENT,
)  # fmt: skip


def _parsed_sequence(
    serialized: np.ndarray, *defaults: np.ndarray, context: tuple[Spec, ...], sequence: tuple[Spec, ...]
) -> list:
    text = serialized.item()
    label = "the SequenceExample"
    results: list[np.ndarray] = []
    try:
        places = _by_name(text, *_inner(text, 1))
        lists = _by_name(text, *_inner(text, 2))
        for spec, default in zip(context, defaults, strict=True):
            values = _feature(text, places, spec, label)
            if spec.kind == "fixed":
                flat = _array(_fixed(values, default, spec, label), spec.dtype)
                results.append(flat.reshape(spec.dims))
            elif spec.kind == "sparse":
                indices, found, shape = _sparse([values], spec.dtype)
                results += [indices[:, 1:], found, shape[1:]]
            else:
                results.append(_padded([values], default, spec, [label])[0])
        for spec in sequence:
            steps = _sequence_steps(text, lists, spec, label)
            if spec.kind == "sparse":
                results += _sparse(steps, spec.dtype)
            else:
                rows = [_array(_fixed(row, np.empty(0), spec, label), spec.dtype).reshape(spec.dims) for row in steps]
                results.append(np.stack(rows) if rows else np.empty((0, *spec.dims), spec.dtype.dtype))
    except WireError as error:
        raise InvalidArgumentError.because(f"this is no serialized SequenceExample: {error}") from None
    return results


def _sequence_steps(text: bytes, lists: Mapping[bytes, tuple[int, int]], spec: Spec, label: str) -> list:
    where = lists.get(spec.name.encode())
    if where is None:
        if spec.kind == "sequence" and not spec.missing:
            raise InvalidArgumentError.because(f"{label}: the feature list {spec.name!r} is required, and is missing")
        return []
    rows = []
    for number, kind, place in fields(text, *where):
        if number == 1 and kind == BYTES:
            values = _feature(text, {spec.name.encode(): place}, spec, label)
            rows.append(values if values is not None or spec.kind == "sparse" else [])
    return rows


PARSE_SEQUENCE = define(
    "ParseSingleSequenceExample", "serialized:string *defaults:any",
    infer=lambda serialized, *_, context, sequence: _types((), context) + [
        (((None, *s.dims), s.dtype) if s.kind != "sparse" else t)
        for s in sequence for t in ([None] if s.kind != "sparse" else _types((None,), [s]))
    ],
    reference=_parsed_sequence,
    vjp=NO_GRADIENT,
)  # fmt: skip


# -- the functions -----------------------------------------------------------------------------------------------------
def _specs(features: Mapping[str, Any]) -> tuple[tuple[Spec, ...], list[Tensor]]:
    """How the features are parsed, by sorted name, and the defaults."""
    if not features:
        raise GraphError("there are no features to parse")
    specs, defaults = [], []
    for name in sorted(features):
        feature = features[name]
        dtype = as_dtype(feature.dtype) if hasattr(feature, "dtype") else None
        if dtype not in (string, float32, int64):
            raise GraphError(f"the feature {name!r} is {feature!r}: features are string, float32 or int64")
        assert dtype is not None
        if isinstance(feature, VarLenFeature):
            specs.append(Spec(name, "sparse", dtype, (), True))
            defaults.append(convert_to_tensor(np.empty(0, dtype.dtype), dtype, "default"))
            continue
        if not isinstance(feature, (FixedLenFeature, FixedLenSequenceFeature)):
            raise GraphError(f"the feature {name!r} cannot be parsed as {feature!r}")
        dims = as_dims(feature.shape)
        if not known(dims):
            raise ShapeError(f"the feature {name!r} must have a known shape, not {feature.shape}")
        given = feature.default_value
        if isinstance(feature, FixedLenFeature):
            specs.append(Spec(name, "fixed", dtype, sizes(dims), given is not None))
        else:
            specs.append(Spec(name, "sequence", dtype, sizes(dims), feature.allow_missing))
        empty: Any = b"" if dtype is string else 0
        default = convert_to_tensor(empty if given is None else given, dtype, "default")
        if isinstance(feature, FixedLenFeature) and known(default.dims) and default.dims not in ((), dims):
            default = reshape(default, dims)
        defaults.append(default)
    return tuple(specs), defaults


def _dict(specs: Sequence[Spec], outputs: Iterator[Tensor]) -> dict[str, Any]:
    return {
        s.name: SparseTensor(next(outputs), next(outputs), next(outputs)) if s.kind == "sparse" else next(outputs)
        for s in specs
    }


def parse_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """Features of a batch of serialized Examples, by name: tensors, and SparseTensors for VarLenFeatures.

    Shapes: serialized [n] -> [n, *shape] for FixedLenFeature, [n, longest, *shape] for FixedLenSequenceFeature.
    Raises: InvalidArgumentError when run for what is no Example, a missing feature, another dtype or number of values.
    """
    with name_scope(name, "ParseExample", [serialized]):
        return _parse(convert_to_tensor(serialized, string), features, example_names)


def parse_single_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """As parse_example, for one Example: () -> shape, and [n, *shape] for a FixedLenSequenceFeature."""
    with name_scope(name, "ParseSingleExample", [serialized]):
        text = convert_to_tensor(serialized, string)
        if text.dims is None:
            text = reshape(text, [])
        if text.dims:
            raise ShapeError(f"parse_single_example takes one Example, not {text!r}")
        return _parse(text, features, example_names)


def _parse(serialized: Tensor, features: Mapping[str, Any], names: Any) -> dict[str, Any]:
    specs, defaults = _specs(features)
    labels = convert_to_tensor(np.empty(0, object) if names is None else names, string)
    outputs: Callable[..., Any] = PARSE_EXAMPLE
    made = outputs(serialized, labels, *defaults, specs=specs)
    return _dict(specs, iter(made if isinstance(made, list) else [made]))


def parse_single_sequence_example(
    serialized: Any, context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None, example_name: Any = None, name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """(context, sequences) of one serialized SequenceExample.

    Shapes: FixedLenSequenceFeature of the sequences: [steps, *shape]; VarLenFeature: a SparseTensor [steps, longest].
    """
    if not context_features and not sequence_features:
        raise GraphError("there are no features to parse")
    with name_scope(name, "ParseSingleSequenceExample", [serialized]):
        context, defaults = _specs(context_features) if context_features else ((), [])
        sequence, _ = _specs(sequence_features) if sequence_features else ((), [])
        if any(spec.kind == "fixed" for spec in sequence):
            raise GraphError("a feature of a sequence is a FixedLenSequenceFeature or a VarLenFeature")
        made = PARSE_SEQUENCE(convert_to_tensor(serialized, string), *defaults, context=context, sequence=sequence)
        outputs = iter(made if isinstance(made, list) else [made])
        return _dict(context, outputs), _dict(sequence, outputs)
