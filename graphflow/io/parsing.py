"""Serialized Examples into tensors."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, as_dtype, float32, int64, string
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.io.example import Example, SequenceExample
from graphflow.io.features import KINDS, Features
from graphflow.io.wire import BYTES, WireError, fields
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.shape_ops import broadcast_to, reshape
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shape import Dims, TensorShape, as_dims, known, sizes

FixedLenFeature = namedtuple("FixedLenFeature", "shape dtype default_value", defaults=(None,))
FixedLenFeature.__doc__ = "A feature with as many values as `shape` has elements; `default_value` where it is missing."
VarLenFeature = namedtuple("VarLenFeature", "dtype")
VarLenFeature.__doc__ = "A feature with any number of values, parsed into a SparseTensor."
FixedLenSequenceFeature = namedtuple(
    "FixedLenSequenceFeature", "shape dtype allow_missing default_value", defaults=(False, None)
)
FixedLenSequenceFeature.__doc__ = "Any number of values of `shape`; shorter features of a batch are filled up."


class Spec(NamedTuple):
    """How one feature is parsed.

    kind   fixed, sparse or sequence
    """

    name: str
    kind: str
    dtype: DType
    dims: tuple[int, ...]
    missing: bool  # may it be


# -- the columns of several Examples ---------------------------------------------------------------------------------
def _found(texts: list[bytes], specs: Sequence[Spec], message: int, labels: Sequence[str], kind: type) -> Features:
    """The features in this field of each message, whose dtypes are checked.   kind: what the messages are."""
    try:
        found = Features.find(texts, [spec.name.encode() for spec in specs], message)
    except WireError as error:
        raise _explained(texts[error.args[0]], labels[error.args[0]], kind) from None
    for column, spec in enumerate(specs):
        _check_dtype(found.rows[column], spec, labels)
    return found


def _explained(text: bytes, label: str, kind: type) -> Exception:
    """The error for bytes that are no such message."""
    why: Exception | str = "a field does not end where its message does"
    try:
        kind.FromString(text)  # type: ignore[attr-defined]
    except WireError as error:
        why = error
    return InvalidArgumentError.because(f"{label} is no serialized {kind.__name__}: {why}")


def _check_dtype(rows: np.ndarray, spec: Spec, labels: Sequence[str]) -> None:
    kinds = rows[:, 0]
    wanted = next(number for number, dtype in KINDS.items() if dtype is spec.dtype)
    for i in np.flatnonzero((kinds != 0) & (kinds != wanted))[:1].tolist():
        raise InvalidArgumentError.because(
            f"{labels[i]}: the feature {spec.name!r} is {KINDS[int(kinds[i])].name}, and {spec.dtype.name} is expected"
        )


def _require(rows: np.ndarray, spec: Spec, labels: Sequence[str]) -> None:
    if not spec.missing:
        for i in np.flatnonzero(rows[:, 0] == 0)[:1].tolist():
            raise InvalidArgumentError.because(f"{labels[i]}: the feature {spec.name!r} is required, and is missing")


def _fixed(found: Features, column: int, default: np.ndarray, spec: Spec, labels: Sequence[str]) -> np.ndarray:
    """[n, *dims]: as many values of each message."""
    rows, count = found.rows[column], math.prod(spec.dims)
    _require(rows, spec, labels)
    there = rows[:, 0] != 0
    for i in np.flatnonzero(there & (rows[:, 3] != count))[:1].tolist():
        raise InvalidArgumentError.because(
            f"{labels[i]}: the feature {spec.name!r} has {rows[i, 3]} values, and {count} are expected"
        )
    values = found.values(column, spec.dtype).reshape((int(there.sum()), *spec.dims))
    if there.all():
        return values
    out = np.empty((len(rows), *spec.dims), spec.dtype.dtype)
    out[...] = default
    out[there] = values
    return out


def _sparse(found: Features, column: int, spec: Spec) -> list[np.ndarray]:
    """indices, values and dense_shape of rows that are filled from the left."""
    counts = found.rows[column][:, 3]
    indices = np.empty((int(counts.sum()), 2), np.int64)
    indices[:, 0] = np.repeat(np.arange(len(counts)), counts)
    indices[:, 1] = np.arange(len(indices)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = np.array([len(counts), counts.max(initial=0)], np.int64)
    return [indices, found.values(column, spec.dtype), shape]


def _padded(found: Features, column: int, default: np.ndarray, spec: Spec, labels: Sequence[str]) -> np.ndarray:
    """[n, longest, *dims]: rows of any number of steps, filled up with the default."""
    rows, count = found.rows[column], math.prod(spec.dims)
    _require(rows, spec, labels)
    for i in np.flatnonzero(rows[:, 3] % count if count else rows[:, 3])[:1].tolist():
        raise InvalidArgumentError.because(
            f"{labels[i]}: the feature {spec.name!r} has {rows[i, 3]} values, not a multiple of {count}"
        )
    lengths = rows[:, 3] // max(count, 1)
    out = np.empty((len(rows), lengths.max(initial=0), *spec.dims), spec.dtype.dtype)
    out[...] = default.reshape(()) if default.size == 1 else default
    out[np.arange(out.shape[1]) < lengths[:, None]] = found.values(column, spec.dtype).reshape(-1, *spec.dims)
    return out


# -- the ops -----------------------------------------------------------------------------------------------------------
def _parsed(serialized: np.ndarray, names: np.ndarray, *rest: np.ndarray, Nsparse: int, Ndense: int, sparse_types: Any,
            Tdense: Any, dense_shapes: Any) -> list:  # fmt: skip
    keys, defaults = [key.item().decode() for key in rest[: Nsparse + Ndense]], rest[Nsparse + Ndense :]
    specs = [Spec(key, "sparse", dtype, (), True) for key, dtype in zip(keys[:Nsparse], sparse_types, strict=True)]
    for key, dtype, shape, default in zip(keys[Nsparse:], Tdense, dense_shapes, defaults, strict=True):
        dims = as_dims(shape)
        if dims and dims[0] is None:
            specs.append(Spec(key, "sequence", dtype, sizes(dims[1:]), True))
        else:
            specs.append(Spec(key, "fixed", dtype, sizes(dims), default.size > 0))
    texts, labels = serialized.reshape(-1).tolist(), _Labels(names)
    found = _found(texts, specs, 1, labels, Example)
    columns = [_sparse(found, i, specs[i]) for i in range(Nsparse)]
    if not serialized.ndim:
        columns = [[indices[:, 1:], values, shape[1:]] for indices, values, shape in columns]
    results = [column[part] for part in range(3) for column in columns]
    for i, default in enumerate(defaults, Nsparse):
        made = (_fixed if specs[i].kind == "fixed" else _padded)(found, i, default, specs[i], labels)
        results.append(made if serialized.ndim else made[0])
    return results


class _Labels(Sequence):
    """What errors call the messages: by their names where there are some, else by their numbers."""

    def __init__(self, names: np.ndarray) -> None:
        self._names = names.reshape(-1)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, i: Any) -> str:
        return f"example {self._names[i].decode(errors='replace') or i if len(self._names) else i}"


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


def _example_types(serialized: Tensor, names: Tensor, *rest: Tensor, Nsparse: int, Ndense: int, sparse_types: Any,
                   Tdense: Any, dense_shapes: Any) -> list[tuple[Dims, DType]]:  # fmt: skip
    batch = serialized.dims
    if len(rest) != Nsparse + 2 * Ndense:
        raise ShapeError(
            f"{Nsparse} and {Ndense} features have {Nsparse + 2 * Ndense} keys and defaults, not {len(rest)}"
        )
    rank = None if batch is None else len(batch) + 1
    return [
        *[((None, rank), int64)] * Nsparse,
        *[((None,), dtype) for dtype in sparse_types],
        *[((rank,), int64)] * Nsparse,
        *[(None if batch is None else (*batch, *(as_dims(shape) or ())), dtype)
          for shape, dtype in zip(dense_shapes, Tdense, strict=True)],
    ]  # fmt: skip


PARSE_EXAMPLE = define(  # TensorFlow's: the keys of sparse features, those of dense ones, and the defaults of these
    "ParseExample", "serialized:string names:string *keys_and_defaults:any",
    infer=_example_types,
    reference=_parsed,
    vjp=NO_GRADIENT,
    rows=lambda op: not op.attrs["Nsparse"] and all(known(as_dims(shape)) for shape in op.attrs["dense_shapes"]),
)  # fmt: skip


def _parsed_sequence(
    serialized: np.ndarray, *defaults: np.ndarray, context: tuple[Spec, ...], sequence: tuple[Spec, ...]
) -> list:
    texts, labels = [serialized.item()], ["the SequenceExample"]
    found = _found(texts, context, 1, labels, SequenceExample)
    results: list[np.ndarray] = []
    for column, (spec, default) in enumerate(zip(context, defaults, strict=True)):
        if spec.kind == "fixed":
            results.append(_fixed(found, column, default, spec, labels)[0])
        elif spec.kind == "sparse":
            indices, values, shape = _sparse(found, column, spec)
            results += [indices[:, 1:], values, shape[1:]]
        else:
            results.append(_padded(found, column, default, spec, labels)[0])
    try:
        for spec in sequence:
            steps = _steps(found, texts[0], spec, labels[0])
            _check_dtype(steps.rows[0], spec, labels * len(steps.rows[0]))
            if spec.kind == "sparse":
                results += _sparse(steps, 0, spec)
            else:
                each = spec._replace(missing=False)
                results.append(_fixed(steps, 0, np.empty(0), each, labels * len(steps.rows[0])))
    except WireError:
        raise _explained(texts[0], labels[0], SequenceExample) from None
    return results


def _steps(found: Features, text: bytes, spec: Spec, label: str) -> Features:
    """The features of a feature list, which is in the map of field 2."""
    place = None
    for number, kind, where in fields(text):
        for inner, inner_kind, entry in fields(text, *where) if number == 2 and kind == BYTES else ():
            if inner == 1 and inner_kind == BYTES:
                item = {n: value for n, k, value in fields(text, *entry) if k == BYTES}
                if text[slice(*item.get(1, (0, 0)))] == spec.name.encode():
                    place = item.get(2, (0, 0))
    if place is None:
        if spec.kind == "sequence" and not spec.missing:
            raise InvalidArgumentError.because(f"{label}: the feature list {spec.name!r} is required, and is missing")
        return found.steps([])
    return found.steps([where for number, kind, where in fields(text, *place) if number == 1 and kind == BYTES])


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
        if not isinstance(feature, (FixedLenFeature, VarLenFeature, FixedLenSequenceFeature)):
            raise GraphError(f"the feature {name!r} cannot be parsed as {feature!r}")
        dtype = as_dtype(feature.dtype)
        if dtype not in (string, float32, int64):
            raise DTypeError(f"the feature {name!r} is {feature!r}: features are string, float32 or int64")
        if isinstance(feature, VarLenFeature):
            specs.append(Spec(name, "sparse", dtype, (), True))
            defaults.append(convert_to_tensor(np.empty(0, dtype.dtype), dtype, "default"))
            continue
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
    sparse = [spec for spec in specs if spec.kind == "sparse"]
    dense = [(spec, default) for spec, default in zip(specs, defaults, strict=True) if spec.kind != "sparse"]
    for spec, _ in dense:
        if not spec.missing and spec.kind == "sequence":
            raise GraphError(f"the feature {spec.name!r} of an Example may be missing: allow_missing must be True")
    labels = convert_to_tensor(np.empty(0, object) if names is None else names, string)
    keys = [convert_to_tensor(spec.name, string, "key") for spec in [*sparse, *(spec for spec, _ in dense)]]
    outputs: Callable[..., Any] = PARSE_EXAMPLE
    made = outputs(
        serialized, labels, *keys, *[_default(spec, default) for spec, default in dense],
        Nsparse=len(sparse), Ndense=len(dense), sparse_types=tuple(spec.dtype for spec in sparse),
        Tdense=tuple(spec.dtype for spec, _ in dense),
        dense_shapes=tuple(TensorShape((None, *s.dims) if s.kind == "sequence" else s.dims) for s, _ in dense),
    )  # fmt: skip
    tensors, n = made if isinstance(made, list) else [made], len(sparse)
    found: dict[str, Any] = {s.name: SparseTensor(*tensors[i : 3 * n : n]) for i, s in enumerate(sparse)}
    found.update((spec.name, t) for (spec, _), t in zip(dense, tensors[3 * n :], strict=True))
    return {spec.name: found[spec.name] for spec in specs}


def _default(spec: Spec, default: Tensor) -> Tensor:
    """What stands where a feature is missing, in its shape; nothing where it must not be."""
    if not spec.missing:
        return convert_to_tensor(np.empty(0, spec.dtype.dtype), spec.dtype, "default")
    whole = spec.kind == "fixed" and default.dims == () and spec.dims
    return broadcast_to(default, list(spec.dims)) if whole else default


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
