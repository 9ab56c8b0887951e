"""Values written while a graph runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import logging as tf_logging
from graphflow.default import name_scope
from graphflow.dtypes import int64, string
from graphflow.errors import GraphError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define, graph_of, is_tensor
from graphflow.ops.fill import constant
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.state import VARIABLE
from graphflow.ops.summarize import shortened, summarized

# -- Print: an identity that writes --------------------------------------------------------------------------------
COUNT_RUNS = define(
    "CountRuns", "ref:int64",
    infer=lambda ref: ((), int64),
    reference=lambda ref: np.int64(1) if ref is None else ref + 1,
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
    reads=False,
)  # fmt: skip


def _printed(
    input: np.ndarray, run: np.ndarray, *data: np.ndarray, message: str, first_n: int, summarize: int
) -> np.ndarray:
    if first_n < 0 or run <= first_n:
        sys.stderr.write(message + "".join(summarized(np.asarray(d), summarize) for d in data) + "\n")
    return input


PRINT = define(
    "Print", "input run:int64 *data:any",
    infer=lambda input, run, *data, **_: (input.dims, input.dtype),
    reference=_printed,
    vjp=lambda op, dy: [dy, *[None] * (len(op.inputs) - 1)],
    stateful=True,
)  # fmt: skip


def Print(
    input_: Any, data: Sequence[Any], message: str | None = None, first_n: int | None = None,
    summarize: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """input_ itself; each run that computes it writes the message and the data to the standard error stream.

    first_n    write in the first n runs of a session only
    summarize  how many elements of each tensor are shown: 3 by default, all for a negative number
    Gradient:  input_.
    """
    input_ = convert_to_tensor(input_, name="input")
    n = -1 if first_n is None else int(first_n)
    with name_scope(name, "Print", [input_]) as scope:
        with graph_of([input_]).control_dependencies(None):
            run = constant(0, int64) if n < 0 else COUNT_RUNS(VARIABLE(shape=(), dtype=int64, name="runs"))
        return PRINT(input_, run, *data, message=message or "", first_n=n,
                     summarize=3 if summarize is None else int(summarize), name=scope)  # fmt: skip


# -- text with values in it ----------------------------------------------------------------------------------------
def _formatted(*inputs: np.ndarray, template: str, placeholder: str, summarize: int) -> np.ndarray:
    first, *pieces = template.split(placeholder)
    shown = [shortened(np.asarray(value), summarize) + piece for value, piece in zip(inputs, pieces, strict=True)]
    return np.array((first + "".join(shown)).encode(), object)


STRING_FORMAT = define(
    "StringFormat", "*inputs:any",
    infer=lambda *inputs, template, placeholder, summarize: ((), string),
    reference=_formatted,
    vjp=NO_GRADIENT,
)  # fmt: skip


def format(template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None) -> Tensor:
    """The template with the value of an input in the place of each placeholder.

    summarize   how many elements are shown at the start and at the end of each axis; all for a negative number
    Raises:     ValueError when there are not as many placeholders as inputs.
    """
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    places = template.count(placeholder)
    if places != len(given):
        raise GraphError(f"{template!r} has {places} placeholders, and {len(given)} inputs are given")
    return STRING_FORMAT(*given, template=template, placeholder=placeholder, summarize=summarize, name=name)


# -- print ---------------------------------------------------------------------------------------------------------
_PLACE = "\0"  # stands in no text that a program prints

_LOGS: dict[Callable, int] = {
    tf_logging.debug: logging.DEBUG, tf_logging.info: logging.INFO, tf_logging.warn: logging.WARNING,
    tf_logging.warning: logging.WARNING, tf_logging.error: logging.ERROR,
}  # fmt: skip


def _write(text: np.ndarray, output_stream: str, end: str) -> tuple:
    line = text.item().decode(errors="replace")
    if output_stream.startswith("file://"):
        with open(output_stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(line + end)
    elif output_stream.startswith("log:"):
        tf_logging.log(int(output_stream.removeprefix("log:")), "%s", line)
    else:
        stream = sys.stdout if output_stream == "stdout" else sys.stderr
        stream.write(line + end)
        stream.flush()
    return ()


PRINT_V2 = define(
    "PrintV2", "input:string",
    infer=lambda input, output_stream, end: [],
    reference=_write,
    stateful=True,
)  # fmt: skip


def print_(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ", end: str = "\n",
    name: str | None = None,
) -> Operation:  # fmt: skip
    """An operation that writes the inputs, tensors with the values that they have then; it has to be run.

    inputs         tensors, other Python values, and lists, tuples and dicts of these
    output_stream  sys.stderr (also None), sys.stdout, tf.logging.info (or another level), or "file://" and a path
    summarize      how many elements are shown at the start and at the end of each axis; all for a negative number
    """
    found: list[Any] = []
    template = sep.join(value if isinstance(value, str) else _template(value, found) for value in inputs)
    with name_scope(None, name or "PrintV2", found) as scope:
        text = format(template, found, _PLACE, summarize) if found else constant(template)
        return PRINT_V2(text, output_stream=_stream(output_stream), end=end, name=scope)


def _template(value: Any, found: list[Any]) -> str:
    """How a value is written, with _PLACE for each tensor, which is added to those found."""
    if isinstance(value, SparseTensor):
        indices, values, shape = (_template(t, found) for t in (value.indices, value.values, value.dense_shape))
        return f"SparseTensor(indices={indices}, values={values}, shape={shape})"
    if is_tensor(value):
        found.append(value)
        return _PLACE
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_template(v, found)}" for key, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(_template(v, found) for v in value)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def _stream(given: Any) -> str:
    if given in (None, sys.stderr, sys.stdout):
        return "stdout" if given is sys.stdout else "stderr"
    if isinstance(given, str) and given.startswith("file://"):
        return given
    if callable(given) and given in _LOGS:
        return f"log:{_LOGS[given]}"
    raise GraphError(
        f"output_stream is sys.stdout, sys.stderr, a function of tf.logging or 'file://...', not {given!r}"
    )
