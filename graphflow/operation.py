"""Operation and Tensor: the nodes of a graph and what flows between them.

An operation never changes after it is made, and remembers the user's line that made it.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from traceback import FrameSummary
from typing import TYPE_CHECKING, Any

from graphflow.dtypes import DType
from graphflow.errors import GraphError
from graphflow.shape import Dims, TensorShape, as_dims, merge, show

if TYPE_CHECKING:
    from graphflow.graph import Graph
    from graphflow.ops.define import OpDef

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def creation_site() -> tuple[str, int]:
    """(file, line) of the innermost frame outside graphflow."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def variable_of(ref: Tensor) -> Operation:
    """The VariableV2 operation behind a reference: itself, or what an assignment has passed on."""
    while not ref.op.definition.variable:
        record = ref.op.definition
        written = ref.value_index < len(record.writes)
        ref = ref.op.inputs[record.writes[ref.value_index] if written else record.refs[0]]
    return ref.op


def origin(t: Tensor) -> Tensor:
    """The member's own tensor behind an output of a fused operation, which has the user's name; else the tensor."""
    made = t.op.attrs.get("region") or t.op.attrs.get("updates")
    found = None if made is None else made.origins[t.value_index]
    return t if found is None else found


class Tensor:
    """One output of an operation.  It stands for a value that exists only while a session runs."""

    __slots__ = (
        "op",
        "value_index",
        "dims",
        "dtype",
        "static",
        "__dict__",
        "__weakref__",
    )  # programs note things on it
    __array_priority__ = 100  # numpy hands `array + tensor` over to the tensor

    def __init__(self, op: Operation, value_index: int, dims: Dims, dtype: DType) -> None:
        self.op = op
        self.value_index = value_index
        self.dims = dims
        self.dtype = dtype
        self.static: Any = None  # what graphflow.ops.static found out about the value

    @property
    def name(self) -> str:
        """`op:0`."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self) -> Graph:
        return self.op.graph

    @property
    def device(self) -> str:
        return self.op.device

    @property
    def shape(self) -> TensorShape:
        """The static shape."""
        return TensorShape(self.dims)

    def get_shape(self) -> TensorShape:
        """The static shape."""
        return TensorShape(self.dims)

    def set_shape(self, shape: Any) -> None:
        """Add knowledge about the static shape; ValueError when it contradicts what is known."""
        self.dims = merge(self.dims, as_dims(shape))

    def consumers(self) -> list[Operation]:
        """The operations of the graph that take this tensor, once for each input, in the order of creation."""
        return [op for op in self.graph.get_operations() for t in op.inputs if t is self]

    if TYPE_CHECKING:  # graphflow.operators hangs these on

        def _binary(self, other: Any) -> Tensor: ...
        def _unary(self) -> Tensor: ...
        def __getitem__(self, key: Any) -> Tensor: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _binary
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lt__ = __le__ = __gt__ = __ge__ = _binary
        __neg__ = __abs__ = __invert__ = _unary

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self!r} is not iterable: it has no value before a session runs; unstack() splits a tensor")

    def __len__(self) -> int:
        raise TypeError(f"{self!r} has no len(): use .shape, or tf.shape() for sizes known only when running")

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is not a Python bool: it has no value before a session runs; compare with `is None`, "
            "or use tf.cond and tf.where for decisions inside the graph"
        )

    def __float__(self) -> float:
        raise TypeError(f"{self!r} is not a Python number: it has no value before a session runs")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"cannot convert {self!r} to a NumPy array: run it in a session")

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={show(self.dims)} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self.dims is None else f"shape={show(self.dims)}, "
        return f'Tensor("{self.name}", {shape}dtype={self.dtype.name})'


class Frame:
    """Where the operations of a branch or a loop body are made: they run when the operation that owns it says so.

    parent  the frame around it, None for the graph itself
    reads   of a frame that holds a gradient: the frame whose values it takes as they were
    """

    __slots__ = ("parent", "reads")

    def __init__(self, parent: Frame | None, reads: Frame | None = None) -> None:
        self.parent = parent
        self.reads = reads

    def sees(self, other: Frame | None) -> bool:
        """Whether operations made here may take tensors that were made there."""
        if other is None:
            return True
        stack: list[Frame | None] = [self]
        while stack:
            frame = stack.pop()
            if frame is other:
                return True
            if frame is not None:
                stack += [frame.parent, frame.reads]
        return False


class Operation:
    """One node of a graph: its record (`definition`), inputs, attributes and outputs."""

    __slots__ = (
        "definition", "name", "inputs", "attrs", "outputs", "control_inputs", "graph", "id", "site", "device",
        "frame", "__dict__", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        definition: OpDef,
        name: str,
        inputs: tuple[Tensor, ...],
        attrs: dict[str, Any],
        outputs: Sequence[tuple[Dims, DType]],
        control_inputs: tuple[Operation, ...],
        graph: Graph,
        id: int,
        site: tuple[str, int],
        device: str = "",
        frame: Frame | None = None,
    ) -> None:
        self.definition = definition
        self.name = name
        self.inputs = inputs
        self.attrs = attrs
        self.control_inputs = control_inputs
        self.graph = graph
        self.id = id
        self.site = site
        self.device = device
        self.frame = frame
        if len(outputs) == 1:  # as most have: not worth a comprehension
            ((dims, dtype),) = outputs
            self.outputs: tuple[Tensor, ...] = (Tensor(self, 0, dims, dtype),)
        else:
            self.outputs = tuple([Tensor(self, i, dims, dtype) for i, (dims, dtype) in enumerate(outputs)])

    @property
    def type(self) -> str:
        """The type's name, `MatMul`."""
        return self.definition.name

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    def rebuild(self, inputs: tuple[Tensor, ...], outputs: Sequence[tuple[Dims, DType]]) -> Operation:
        """The same operation over other inputs, for passes: same name, site and place in the order, not in a graph."""
        return Operation(
            self.definition, self.name, inputs, self.attrs, outputs, self.control_inputs, self.graph, self.id,
            self.site, self.device, self.frame,
        )  # fmt: skip

    def where(self) -> list[str]:
        """Lines for an error message: which operation, made where, from what; of a gradient also of which operation."""
        lines = [*created(f"in {self.type} {self.name!r}", self.site), *describe_inputs(self.definition, self.inputs)]
        found = _OF_GRADIENT.search(self.name)
        forward = None if found is None else self.graph.find(found[1])
        if forward is not None:
            lines += created(f"it belongs to the gradient of {forward.type} {forward.name!r}", forward.site)
        return lines

    @property
    def traceback(self) -> list[FrameSummary]:
        """The line that made the operation, as an entry (file, line, function, text) of a traceback."""
        return [FrameSummary(*self.site, "<module>")]

    def get_attr(self, name: str) -> Any:
        """An attribute; also `T`, `dtype`, and `shape` where the op has no such attribute.  ValueError if unknown."""
        if name in self.attrs:
            return self.attrs[name]
        if name in ("T", "dtype") and (self.outputs or self.inputs):
            return (self.outputs or self.inputs)[0].dtype
        if name == "shape" and self.outputs:
            return self.outputs[0].shape
        raise GraphError(f"operation {self.name!r} has no attribute {name!r}; it has {sorted(self.attrs)}")

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"

    def __str__(self) -> str:
        return f"{self.type} {self.name!r}({', '.join(t.name for t in self.inputs)})"


_OF_GRADIENT = re.compile(r"(?:^|/)gradients(?:_\d+)?/(.+?)_grad/")  # the name of the operation that is differentiated


def created(what: str, site: tuple[str, int]) -> list[str]:
    """`in MatMul 'y', created at train.py:18`, and the text of that line where there is one."""
    source = linecache.getline(*site).strip()
    return [f"{what}, created at {site[0]}:{site[1]}", *([f"    {source}"] if source else [])]


def describe_inputs(definition: OpDef, inputs: Sequence[Tensor]) -> list[str]:
    """`  a: float32(100, 784) 'x:0', created at train.py:5`, one line an input."""
    labels = [a.name for a in definition.args if not a.variadic]
    if len(labels) < len(definition.args):
        at = next(i for i, a in enumerate(definition.args) if a.variadic)
        extra = len(inputs) - len(labels)
        labels[at:at] = [f"{definition.args[at].name}[{i}]" for i in range(extra)]
    return [
        f"  {label}: {t.dtype.name}{show(t.dims)} {t.name!r}, created at {short_site(t.op)}"
        for label, t in zip(labels, map(origin, inputs), strict=True)
    ]


def short_site(op: Operation) -> str:
    """`train.py:5`, the line that made an operation, without the folder of its file."""
    return f"{os.path.basename(op.site[0])}:{op.site[1]}"


@dataclass(frozen=True)
class Program:
    """What a run computes.

    feeds     tensors whose values are given
    fetches   tensors whose values are wanted
    targets   operations that must run, whatever becomes of their outputs
    ops       what is needed for these, in the order of creation: always an order in which they can run
    """

    feeds: tuple[Tensor, ...]
    fetches: tuple[Tensor, ...]
    targets: tuple[Operation, ...]
    ops: tuple[Operation, ...]
