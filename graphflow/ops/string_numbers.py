"""Numbers as strings, and strings as numbers.  They run on the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import NUMERIC, DType, as_dtype, bool_, float32, float64, int32, int64, string
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.ops.shape_ops import either
from graphflow.ops.strings import of_each


def _as_text(x: np.ndarray, precision: int, scientific: bool, shortest: bool, width: int, fill: str) -> np.ndarray:
    """As C's printf does."""
    field = f"%{fill}{width if width >= 0 else ''}"
    if x.dtype.kind == "b":
        return of_each(lambda v: b"true" if v else b"false", x)
    if x.dtype.kind in "iu":
        form = f"{field}d"
    else:
        form = f"{field}{f'.{precision}' if precision >= 0 else ''}{'e' if scientific else 'g' if shortest else 'f'}"
    if x.dtype.kind == "c":
        return of_each(lambda v: f"({form % v.real},{form % v.imag})".encode(), x)
    return of_each(lambda v: (form % v).encode(), x)


AS_STRING = define(
    "AsString", "input",
    infer=lambda input, **_: (input.dims, string),
    reference=_as_text,
    vjp=NO_GRADIENT,
    types=(*NUMERIC, bool_),
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
    reference=lambda x, out_type: of_each(lambda text: _number(text, out_type), x),
    vjp=NO_GRADIENT,
)  # fmt: skip


def string_to_number(
    string_tensor: Any = None, out_type: Any = float32, name: str | None = None, input: Any = None
) -> Tensor:
    """The number that each string is: float32, float64, int32 or int64.

    Raises: InvalidArgumentError when run for other text.
    """
    wanted = as_dtype(out_type)
    if wanted not in (float32, float64, int32, int64):
        raise GraphError(f"strings become float32, float64, int32 or int64, not {wanted.name}")
    return STRING_TO_NUMBER(either(input, string_tensor, "input", "string_tensor"), out_type=wanted, name=name)
