"""Strings: byte strings joined, split, cut, replaced, turned into numbers and back.  They run on the reference."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.default import name_scope
from graphflow.dtypes import REAL, DType, as_dtype, bool_, float32, int32, int64, string
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define
from graphflow.ops.fingerprint import fingerprint64
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import either, expand_dims
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.static import static_value
from graphflow.shape import Dims, broadcast, merge


def _each(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """A function of each element, with broadcasting, as an object array."""
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), object)


def _of_strings(name: str, function: Callable[..., Any], dtype: DType = string) -> OpDef:
    """The record of a function (bytes, **attrs) of each string."""

    def reference(x: np.ndarray, **attrs: Any) -> np.ndarray:
        return _each(lambda text: function(text, **attrs), x)

    return define(name, "input:string", lambda input, **_: (input.dims, dtype), reference, vjp=NO_GRADIENT)


# -- joining -------------------------------------------------------------------------------------------------------
def _joined_infer(*inputs: Tensor, separator: str) -> tuple[Dims, DType]:
    dims: Dims = ()
    for t in inputs:
        if t.dims is None:
            return None, string
        if t.dims:
            dims = merge(dims, t.dims) if dims else t.dims
    return dims, string


def _joined(*inputs: np.ndarray, separator: str) -> np.ndarray:
    if len({x.shape for x in inputs if x.ndim}) > 1:
        raise InvalidArgumentError.because(f"strings of shapes {[x.shape for x in inputs]} cannot be joined")
    between = separator.encode()
    return _each(lambda *parts: between.join(parts), *inputs)


STRING_JOIN = define("StringJoin", "*inputs:string", _joined_infer, _joined, vjp=NO_GRADIENT)


def string_join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """The strings of several tensors of one shape, or scalars, put together: [...] each -> [...]."""
    return STRING_JOIN(*inputs, separator=separator, name=name)


def _reduced_infer(inputs: Tensor, axes: tuple[int, ...] | None, keep: bool, separator: str) -> tuple[Dims, DType]:
    if inputs.dims is None:
        return (() if axes is None and not keep else None), string
    counted = _axes(axes, len(inputs.dims), ShapeError)
    if keep:
        return tuple(1 if i in counted else d for i, d in enumerate(inputs.dims)), string
    return tuple(d for i, d in enumerate(inputs.dims) if i not in counted), string


def _axes(axes: tuple[int, ...] | None, rank: int, error: Any) -> list[int]:
    if axes is None:
        return list(range(rank))[::-1]
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) < len(axes):
        raise error(f"axes {axes} do not fit rank {rank}")
    return [a % rank for a in axes]


def _reduce_joined(x: np.ndarray, axes: tuple[int, ...] | None, keep: bool, separator: str) -> np.ndarray:
    """One axis after the other, in the order given."""
    counted = _axes(axes, x.ndim, InvalidArgumentError.because)
    between = separator.encode()
    for axis in counted:
        rows = np.moveaxis(x, axis, -1)
        made = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(made.shape):
            made[place] = between.join(rows[place].tolist())
        x = np.expand_dims(made, axis)
    return x if keep else np.squeeze(x, tuple(counted))


REDUCE_JOIN = define("ReduceJoin", "inputs:string", _reduced_infer, _reduce_joined, vjp=NO_GRADIENT)


def reduce_join(
    inputs: Any, axis: Any = None, keep_dims: bool | None = None, separator: str = "", name: str | None = None,
    reduction_indices: Any = None, keepdims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The strings along axes put together, along one axis after the other in the order given; the last one first.

    Shapes: [...] -> [...] without the axes, or with size 1 there.   Raises: ValueError for axes out of range.
    """
    given = either(axis, reduction_indices, "axis", "reduction_indices")
    axes = None
    if given is not None:
        value = static_value(convert_to_tensor(given))
        if value is None:
            raise GraphError("the axes of reduce_join must be known while building")
        axes = tuple(np.atleast_1d(value).tolist())
    keep = bool(either(keepdims, keep_dims, "keepdims", "keep_dims"))
    return REDUCE_JOIN(inputs, axes=axes, keep=keep, separator=separator, name=name)


# -- of each string ------------------------------------------------------------------------------------------------
def _utf8(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def _cased(text: bytes, encoding: str, upper: bool) -> bytes:
    if not encoding:
        return text.upper() if upper else text.lower()
    decoded = _utf8(text)
    return (decoded.upper() if upper else decoded.lower()).encode(errors="surrogateescape")


def _replaced(text: bytes, pattern: str, rewrite: str, every: bool) -> bytes:
    template = re.sub(rb"\\(\d)", rb"\\g<\1>", rewrite.encode())
    return re.sub(pattern.encode(), template, text, count=0 if every else 1)


STRING_LENGTH = _of_strings("StringLength", lambda text, unit: len(text) if unit == "BYTE" else len(_utf8(text)), int32)
STRING_STRIP = _of_strings("StringStrip", lambda text: text.strip())
STRING_CASE = _of_strings("StringCase", _cased)
REGEX_REPLACE = _of_strings("RegexReplace", _replaced)
REGEX_FULL_MATCH = _of_strings(
    "RegexFullMatch", lambda text, pattern: re.fullmatch(pattern.encode(), text) is not None, bool_
)
ENCODE_BASE64 = _of_strings("EncodeBase64", lambda text, pad: _base64(text, pad))
DECODE_BASE64 = _of_strings("DecodeBase64", lambda text: _from_base64(text))
HASH_BUCKET_FAST = _of_strings("StringToHashBucketFast", lambda text, n: fingerprint64(text) % n, int64)


def _base64(text: bytes, pad: bool) -> bytes:
    made = base64.urlsafe_b64encode(text)
    return made if pad else made.rstrip(b"=")


def _from_base64(text: bytes) -> bytes:
    digits = text.rstrip(b"=")
    if not re.fullmatch(rb"[A-Za-z0-9_-]*", digits) or len(digits) % 4 == 1 or len(text) - len(digits) > 2:
        raise InvalidArgumentError.because(f"{text[:80]!r} is not base64 with the digits - and _ for URLs")
    return base64.urlsafe_b64decode(digits + b"=" * (-len(digits) % 4))


def _unit(unit: str) -> str:
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise GraphError(f"unit must be BYTE or UTF8_CHAR, not {unit!r}")
    return unit


def string_length(input: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """The number of bytes, or of characters for the unit UTF8_CHAR, of each string: int32."""
    return STRING_LENGTH(input, unit=_unit(unit), name=name)


def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:
    """Each string in base64 for URLs, with - and _ as digits; with `=` at the end if it is to be padded."""
    return ENCODE_BASE64(input, pad=bool(pad), name=name)


def decode_base64(input: Any, name: str | None = None) -> Tensor:
    """The strings of which encode_base64 made these, padded or not.   Raises: InvalidArgumentError for others."""
    return DECODE_BASE64(input, name=name)


def string_strip(input: Any, name: str | None = None) -> Tensor:
    """Each string without white space at its ends."""
    return STRING_STRIP(input, name=name)


def string_lower(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Each string in lower case: ASCII letters, or all with the encoding utf-8."""
    return STRING_CASE(input, encoding=_encoding(encoding), upper=False, name=name or "StringLower")


def string_upper(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Each string in upper case: ASCII letters, or all with the encoding utf-8."""
    return STRING_CASE(input, encoding=_encoding(encoding), upper=True, name=name or "StringUpper")


def _encoding(encoding: str) -> str:
    if encoding not in ("", "utf-8"):
        raise GraphError(f"encoding must be empty or utf-8, not {encoding!r}")
    return encoding


def _pattern(pattern: Any) -> str:
    text = pattern.decode() if isinstance(pattern, bytes) else pattern
    try:
        re.compile(text)
    except (re.error, TypeError) as error:
        raise GraphError(f"{pattern!r} is no regular expression: {error}") from None
    return text


def regex_replace(
    input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: str | None = None
) -> Tensor:
    r"""Each string with the matches of a regular expression replaced; \1 in `rewrite` is the first group, \0 all.

    replace_global   False replaces the first match only
    """
    return REGEX_REPLACE(input, pattern=_pattern(pattern), rewrite=rewrite, every=bool(replace_global), name=name)


def regex_full_match(input: Any, pattern: str, name: str | None = None) -> Tensor:
    """Whether each whole string matches a regular expression: bool."""
    return REGEX_FULL_MATCH(input, pattern=_pattern(pattern), name=name)


def string_to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Tensor:
    """A number in [0, num_buckets) for each string, int64: FarmHash's Fingerprint64 modulo num_buckets."""
    if num_buckets < 1:
        raise GraphError(f"there must be one bucket at least, not {num_buckets}")
    return HASH_BUCKET_FAST(input, n=int(num_buckets), name=name)


def string_to_hash_bucket(
    string_tensor: Any = None, num_buckets: int | None = None, name: str | None = None, input: Any = None
) -> Tensor:
    """Not there: its numbers would not be TensorFlow's.   Raises: NotImplementedError."""
    raise NotImplementedError("tf.string_to_hash_bucket has no documented values; use tf.string_to_hash_bucket_fast")


def string_to_hash_bucket_strong(input: Any, num_buckets: int, key: Sequence[int], name: str | None = None) -> Tensor:
    """Not there: its numbers would not be TensorFlow's.   Raises: NotImplementedError."""
    raise NotImplementedError("tf.string_to_hash_bucket_strong is not there; use tf.string_to_hash_bucket_fast")


# -- parts of strings ----------------------------------------------------------------------------------------------
def _part(text: bytes, at: int, length: int, unit: str) -> bytes:
    whole: Any = text if unit == "BYTE" else _utf8(text)
    n = len(whole)
    if not -n <= at <= n:
        raise InvalidArgumentError.because(f"position {at} is out of range for {text!r}")
    start = at + n if at < 0 else at
    part = whole[start : start + max(length, 0)]
    return part if unit == "BYTE" else part.encode(errors="surrogateescape")


SUBSTR = define(
    "Substr", "input:string pos len",
    infer=lambda input, pos, len, unit: (broadcast(input.dims, pos.dims), string),
    reference=lambda x, at, n, unit: _each(lambda text, i, k: _part(text, int(i), int(k), unit), x, at, n),
    vjp=NO_GRADIENT,
    types=dtypes.INDEX,
)  # fmt: skip


def substr(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """`len` bytes of each string from `pos` on, fewer where it ends; a negative pos counts from the end.

    Shapes: input, pos and len broadcast.   Raises: InvalidArgumentError when run for a position outside the string.
    """
    return SUBSTR(input, pos, len, unit=_unit(unit), name=name)


def _pieces(text: bytes, delimiter: bytes, skip_empty: bool) -> list[bytes]:
    """Cut at each byte of the delimiter; into single bytes where there is none."""
    if not delimiter:
        return [text[i : i + 1] for i in range(len(text))]
    parts = re.split(b"[" + re.escape(delimiter) + b"]", text)
    return [p for p in parts if p] if skip_empty else parts


def _pieces_v2(text: bytes, delimiter: bytes, maxsplit: int) -> list[bytes]:
    """As Python splits."""
    return text.split(delimiter or None, maxsplit)


def _as_sparse(rows: list[list[bytes]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    indices = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    values = np.empty(len(indices), object)
    values[:] = [part for row in rows for part in row]
    shape = [len(rows), max(map(len, rows), default=0)]
    return np.array(indices, np.int64).reshape(-1, 2), values, np.array(shape, np.int64)


def _split(x: np.ndarray, delimiter: np.ndarray, skip_empty: bool) -> Any:
    return _as_sparse([_pieces(text, delimiter.item(), skip_empty) for text in x.tolist()])


def _split_v2(x: np.ndarray, delimiter: np.ndarray, maxsplit: int) -> Any:
    return _as_sparse([_pieces_v2(text, delimiter.item(), maxsplit) for text in x.tolist()])


def _split_infer(input: Tensor, delimiter: Tensor, **_: Any) -> list[tuple[Dims, DType]]:
    require_rank(input, 1, "the strings to split")
    require_rank(delimiter, 0, "the delimiter")
    return [((None, 2), int64), ((None,), string), ((2,), int64)]


STRING_SPLIT = define("StringSplit", "input:string delimiter:string", _split_infer, _split, vjp=NO_GRADIENT)
STRING_SPLIT_V2 = define("StringSplitV2", "input:string sep:string", _split_infer, _split_v2, vjp=NO_GRADIENT)


def _sparse_only(result_type: str) -> None:
    if result_type != "SparseTensor":
        raise NotImplementedError(f"result_type {result_type!r} is not there; 'SparseTensor' is")


def string_split(
    source: Any, sep: Any = None, skip_empty: bool = True, delimiter: Any = None, result_type: str = "SparseTensor",
    name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """The pieces of each string between any of the characters of `sep`, a space by default; single bytes for "".

    Shapes: [n] -> SparseTensor [n, greatest number of pieces].   skip_empty leaves empty pieces out.
    """
    _sparse_only(result_type)
    between = either(sep, delimiter, "sep", "delimiter")
    return SparseTensor(*STRING_SPLIT(source, " " if between is None else between, skip_empty=bool(skip_empty),
                                      name=name))  # fmt: skip


def strings_split(
    input: Any = None, sep: Any = None, maxsplit: int = -1, result_type: str = "SparseTensor", source: Any = None,
    name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """The pieces of each string between separators, or between white space, at most maxsplit + 1 of them.

    Shapes: [n], or one string, -> SparseTensor [n, greatest number of pieces].
    """
    _sparse_only(result_type)
    with name_scope(name, "StringSplit", [input]):
        strings = convert_to_tensor(either(input, source, "input", "source"), string)
        strings = expand_dims(strings, 0) if strings.dims == () else strings
        return SparseTensor(*STRING_SPLIT_V2(strings, "" if sep is None else sep, maxsplit=int(maxsplit)))


# -- numbers -------------------------------------------------------------------------------------------------------
def _as_text(x: np.ndarray, precision: int, scientific: bool, shortest: bool, width: int, fill: str) -> np.ndarray:
    """As C's printf does."""
    field = f"%{fill}{width if width >= 0 else ''}"
    if x.dtype.kind == "b":
        return _each(lambda v: b"true" if v else b"false", x)
    if x.dtype.kind in "iu":
        form = f"{field}d"
    else:
        form = f"{field}{f'.{precision}' if precision >= 0 else ''}{'e' if scientific else 'g' if shortest else 'f'}"
    return _each(lambda v: (form % v).encode(), x)


AS_STRING = define(
    "AsString", "input",
    infer=lambda input, **_: (input.dims, string),
    reference=_as_text,
    vjp=NO_GRADIENT,
    types=(*REAL, bool_),
)  # fmt: skip


def as_string(
    input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False, width: int = -1, fill: str = "",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers as text, with six digits after the point unless `precision` says otherwise; bool as true and false.

    scientific   with an exponent.   shortest   without trailing zeros
    width, fill  the least number of characters, and what they are filled with: "0", " ", "+", or "-" for the right side
    """
    if scientific and shortest:
        raise GraphError("scientific and shortest exclude each other")
    if fill not in ("", "0", " ", "+", "-"):
        raise GraphError(f"fill must be one of 0, +, - and a space, not {fill!r}")
    return AS_STRING(input, precision=int(precision), scientific=bool(scientific), shortest=bool(shortest),
                     width=int(width), fill=fill, name=name)  # fmt: skip


def _number(text: bytes, out_type: DType) -> Any:
    try:
        if b"_" in text:  # which Python takes
            raise ValueError
        value = float(text) if out_type.is_floating else int(text)
    except ValueError:
        raise InvalidArgumentError.because(f"{text!r} is no {out_type.name} number") from None
    if out_type.is_integer and not out_type.min <= value <= out_type.max:
        raise InvalidArgumentError.because(f"{text!r} does not fit into {out_type.name}")
    return value


STRING_TO_NUMBER = define(
    "StringToNumber", "string_tensor:string",
    infer=lambda string_tensor, out_type: (string_tensor.dims, out_type),
    reference=lambda x, out_type: _each(lambda text: _number(text, out_type), x),
    vjp=NO_GRADIENT,
)  # fmt: skip


def string_to_number(
    string_tensor: Any = None, out_type: Any = float32, name: str | None = None, input: Any = None
) -> Tensor:
    """The number that each string is: float32, float64, int32 or int64.

    Raises: InvalidArgumentError when run for other text.
    """
    wanted = as_dtype(out_type)
    if wanted not in (float32, dtypes.float64, int32, int64):
        raise GraphError(f"strings become float32, float64, int32 or int64, not {wanted.name}")
    return STRING_TO_NUMBER(either(input, string_tensor, "input", "string_tensor"), out_type=wanted, name=name)
