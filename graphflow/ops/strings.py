"""Strings: byte strings measured, cut, replaced, coded and hashed, one at a time.  They run on the reference."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType, bool_, int32, int64, string
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.fingerprint import fingerprint64
from graphflow.shape import broadcast


def of_each(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """A function of each element, with broadcasting, as an object array."""
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), object)


def _of_strings(name: str, function: Callable[..., Any], dtype: DType = string) -> OpDef:
    """The record of a function (bytes, **attrs) of each string."""

    def reference(x: np.ndarray, **attrs: Any) -> np.ndarray:
        return of_each(lambda text: function(text, **attrs), x)

    return define(name, "input:string", lambda input, **_: (input.dims, dtype), reference, vjp=NO_GRADIENT)


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
REGEX_REPLACE = _of_strings("StaticRegexReplace", _replaced)
REGEX_FULL_MATCH = _of_strings(
    "StaticRegexFullMatch", lambda text, pattern: re.fullmatch(pattern.encode(), text) is not None, bool_
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
    reference=lambda x, at, n, unit: of_each(lambda text, i, k: _part(text, int(i), int(k), unit), x, at, n),
    vjp=NO_GRADIENT,
    types=dtypes.INDEX,
)  # fmt: skip


def substr(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """`len` bytes of each string from `pos` on, fewer where it ends; a negative pos counts from the end.

    Shapes: input, pos and len broadcast.   Raises: InvalidArgumentError when run for a position outside the string.
    """
    return SUBSTR(input, pos, len, unit=_unit(unit), name=name)
