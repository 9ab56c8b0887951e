"""A program as text: stable, one line an operation, the form that tests compare and GRAPHFLOW_DUMP writes.

Tensors are numbered in order, so that equal programs give equal text whatever has happened to them before; the names
are those of the user's operations.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow.dtypes import DType
from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.define import CONST
from graphflow.shape import show

if TYPE_CHECKING:
    from graphflow.program import Program

_LIMIT = 6  # elements of an array that are shown


def program_text(program: Program) -> str:
    """`%2 = Mul(%0, %1) float32(3,) 'y'` for each operation, between the feeds and the fetches.

    The bodies of a branch or loop follow it, indented, with numbers of their own.
    """
    numbers: dict[Tensor, str] = {}

    def number(t: Tensor) -> str:
        return numbers.setdefault(t, f"%{len(numbers)}")

    lines = [f"feed {number(t)} {_type(t)} {t.op.name!r}" for t in program.feeds]
    for op in program.ops:
        inputs = [f"&{variable_of(t).name}" if i in op.definition.refs else number(t) for i, t in enumerate(op.inputs)]
        made = ", ".join(map(number, op.outputs))
        types = " ".join(map(_type, op.outputs))
        lines.append(" ".join(filter(None, [made and f"{made} =", _call(op, inputs), types, repr(op.name)])))
        for call in op.attrs["bodies"] if op.definition.calls else ():
            lines.append(f"  takes {', '.join('-' if at < 0 else inputs[at] for at in call.takes)}")
            lines += [f"  {line}" for line in program_text(call.program).splitlines()]
    lines += [f"fetch {number(t)}" for t in program.fetches]
    placed = set(program.ops)
    lines += [f"target {op.name!r}" for op in program.targets if op in placed]
    return "\n".join(lines) + "\n"


def _type(t: Tensor) -> str:
    return f"{t.dtype.name}{show(t.dims)}"


def _call(op: Operation, inputs: list[str]) -> str:
    if op.definition is CONST:
        return f"Const {value_text(op.attrs['value'])}"
    hidden = ("bodies", "source", "types") if op.definition.calls else ()
    attrs = [f"{name}={value_text(op.attrs[name])}" for name in sorted(op.attrs) if name not in hidden]
    return f"{op.type}({', '.join(inputs + attrs)})"


def value_text(value: Any) -> str:
    """A value on one line: short arrays in full, longer ones by a digest of their bytes."""
    if isinstance(value, DType):
        return value.name
    if isinstance(value, np.generic):
        return str(value)
    if not isinstance(value, np.ndarray):
        plain = isinstance(value, (str, bytes, int, float, complex, tuple, list, dict, type(None)))
        return repr(value) if plain else str(value)
    if value.size <= _LIMIT:
        return str(value.tolist())
    content = repr(value.tolist()).encode() if value.dtype.hasobject else np.ascontiguousarray(value).tobytes()
    return f"<{value.size} values, {hashlib.sha256(content).hexdigest()[:8]}>"
