"""Graph: the program as data, a growing list of operations.

A graph only grows, so the order of creation is always a valid order of execution.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphflow.devices import merged, name_of
from graphflow.errors import GraphError, GrowingGraphWarning
from graphflow.graph_elements import element, text
from graphflow.names import NameTable, check_op_name, check_scope_name
from graphflow.operation import Frame, Operation, Tensor, creation_site

if TYPE_CHECKING:
    import networkx

    from graphflow.ops.define import OpDef


_OFTEN = 10  # runs after which a line has made operations: then it is in a loop


class _Controls:
    """One `control_dependencies` block: what its operations wait for, and which operations it has made."""

    def __init__(self, operations: tuple[Operation, ...], alone: bool) -> None:
        self.operations = operations
        self.alone = alone
        self.made: set[Operation] = set()


class Graph:
    """A growing program: operations by name, name scopes, collections and the settings of the moment."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._names = NameTable()
        self._scope = ""  # the current name scope with its slash
        self._controls: list[_Controls] = []
        self._devices: tuple[Any, ...] = ()  # names and functions, the outermost first
        self._device = ""  # the names together
        self._frame: Frame | None = None
        self._collections: dict[Any, list] = {}
        self._finalized = False
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Any] = set()
        self._gradient_overrides: dict[str, str] = {}  # by op type, inside gradient_override_map
        self.gradient_types: dict[Operation, str] = {}  # operations whose gradient goes by another name
        self._lock = threading.RLock()
        self._grown: dict[tuple[str, int], tuple[int, int]] = {}  # by line: the run before it grew there, how often
        self.runs = 0  # how often sessions have run something of it
        self.seed: int | None = None
        self.variable_scope: Any = None  # owned by graphflow.variable_scope

    # -- making operations ---------------------------------------------------------------------------------------
    def op_name(self, name: str) -> str:
        """The full, unique name for an operation asked for as `name`; a trailing slash means exactly this name."""
        if name[-1:] == "/":
            return name[:-1]
        full = self._scope + name
        check_op_name(full)
        return self._names.unique(full)

    def add_operation(
        self, definition: OpDef, name: str, inputs: tuple[Tensor, ...], attrs: dict, outputs: Sequence
    ) -> Operation:
        """Append an operation whose full name, converted inputs and inferred outputs are known."""
        if self._finalized:
            raise RuntimeError(f"the graph is finalized: {definition.name} {name!r} cannot be added to it")
        frame = self._frame
        for t in inputs:
            if t.op.frame is not frame and not (t.op.frame is None or frame is not None and frame.sees(t.op.frame)):
                raise GraphError(f"{name!r} takes {t.name!r}, which exists only inside a branch or a loop body")
        with self._lock:
            controls = self._control_inputs(inputs) if self._controls else ()
            site = creation_site()
            op = Operation(
                definition, name, inputs, attrs, outputs, controls, self, len(self._operations), site, self._device,
                frame,
            )  # fmt: skip
            if any(map(callable, self._devices)):
                op.device = self._placed(op)
            self._operations.append(op)
            self._by_name[name] = op
            if definition.name in self._gradient_overrides:
                self.gradient_types[op] = self._gradient_overrides[definition.name]
        for block in self._controls:
            block.made.add(op)
        if self.runs:
            self._growing(site)
        return op

    def _growing(self, site: tuple[str, int]) -> None:
        """Warn once of a line that makes operations again and again between runs."""
        last, times = self._grown.get(site, (0, 0))
        if last != self.runs:
            self._grown[site] = self.runs, times + 1
            if times + 1 == _OFTEN:
                warnings.warn_explicit(
                    f"the graph grows in a loop of runs: this line has added to it after {_OFTEN} of them, and it has "
                    f"{self.version} operations now; build the graph before the loop, and feed what changes",
                    GrowingGraphWarning, *site,
                )  # fmt: skip

    def _control_inputs(self, inputs: tuple[Tensor, ...]) -> tuple[Operation, ...]:
        """What the open blocks ask for, left out where an input was made in the block and so has waited already."""
        wanted: dict[Operation, None] = {}
        sources = {t.op for t in inputs}
        for block in reversed(self._controls):
            if not any(op in block.made for op in sources):
                wanted.update(dict.fromkeys(block.operations))
            if block.alone:
                break
        return tuple(op for op in wanted if op not in sources)

    @property
    def version(self) -> int:
        """The number of operations."""
        return len(self._operations)

    @property
    def finalized(self) -> bool:
        return self._finalized

    def finalize(self) -> None:
        """Refuse further operations."""
        self._finalized = True

    # -- scopes --------------------------------------------------------------------------------------------------
    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` in the current scope, made unique."""
        return self._names.unique(self._scope + name, mark_as_used)

    def get_name_scope(self) -> str:
        """The current scope without its trailing slash."""
        return self._scope[:-1]

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Operations inside are called `name/...`; a repeated name becomes name_1.  Gives the scope, slash included.

        A name that ends in a slash is taken exactly; None and '' lead to the top.
        """
        if not name:
            scope = ""
        elif name.endswith("/"):
            check_scope_name(name, inside=True)
            scope = name
        else:
            check_scope_name(name, inside=bool(self._scope))
            scope = self.unique_name(name) + "/"
        before, self._scope = self._scope, scope
        try:
            yield scope
        finally:
            self._scope = before

    @contextmanager
    def control_dependencies(self, control_inputs: Sequence[Any] | None) -> Iterator[None]:
        """Operations made inside wait for these operations and tensors.  Blocks add up; None starts from nothing.

        None also leaves branches and loop bodies: what is made inside runs once a run.
        """
        waits: list[Operation] = []
        for item in control_inputs or ():
            found = element(self, item)
            waits.append(found.op if isinstance(found, Tensor) else found)
        self._controls.append(_Controls(tuple(waits), alone=control_inputs is None))
        frame = self._frame
        if control_inputs is None:
            self._frame = None
        try:
            yield
        finally:
            self._frame = frame
            self._controls.pop()

    @property
    def frame(self) -> Frame | None:
        """The branch or loop body that operations are made in now."""
        return self._frame

    @contextmanager
    def inside(self, frame: Frame | None) -> Iterator[None]:
        """Operations are made in this frame; control dependencies from outside are left to what owns it."""
        before = self._frame, self._controls
        self._frame, self._controls = frame, []
        try:
            yield
        finally:
            self._frame, self._controls = before

    @property
    def has_control_dependencies(self) -> bool:
        """Whether an operation made now waits for others."""
        for block in reversed(self._controls):
            if block.operations:
                return True
            if block.alone:
                return False
        return False

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Record a device on the operations made inside; it does not decide where they run.

        Names of inner blocks complete those of outer ones, None leaves these out.  A function gets each operation,
        with the device that inner blocks gave it, and gives its device.
        """
        given, before = device_name_or_function, (self._devices, self._device)
        if given is None:
            self._devices, self._device = (), ""
        else:
            self._devices += (given if callable(given) else name_of(given),)
            if not callable(given):
                self._device = merged(self._device, self._devices[-1])
        try:
            yield
        finally:
            self._devices, self._device = before

    def _placed(self, op: Operation) -> str:
        """The device of an operation where functions have a say."""
        op.device = ""
        for device in reversed(self._devices):
            op.device = name_of(device(op)) if callable(device) else merged(device, op.device)
        return op.device

    @contextmanager
    def gradient_override_map(self, op_type_map: Mapping[str, str]) -> Iterator[None]:
        """Operations made inside that have one of these types get the gradient of another name.

        The name is one that RegisterGradient was given, or another op's type.
        """
        if not all(isinstance(text, str) for item in op_type_map.items() for text in item):
            raise TypeError(f"op types and names of gradients are strings, not {op_type_map!r}")
        before = self._gradient_overrides
        self._gradient_overrides = {**before, **op_type_map}
        try:
            yield
        finally:
            self._gradient_overrides = before

    @contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Accepted for TensorFlow's sake."""
        yield

    container = colocate_with

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Make this the graph that operations go to, in this thread."""
        graphs = _stack.graphs
        graphs.append(self)
        try:
            yield self
        finally:
            graphs.pop()

    # -- looking things up ---------------------------------------------------------------------------------------
    def get_operations(self) -> list[Operation]:
        """All operations in the order of creation."""
        return list(self._operations)

    def find(self, name: str) -> Operation | None:
        """The operation of this name, None without one."""
        return self._by_name.get(name)

    def get_operation_by_name(self, name: str) -> Operation:
        """KeyError for an unknown name, ValueError for a tensor's name, TypeError for anything but text."""
        return element(self, text(name), allow_tensor=False)

    def get_tensor_by_name(self, name: str) -> Tensor:
        """KeyError for an unknown name, ValueError for an operation's name, TypeError for anything but text."""
        return element(self, text(name), allow_operation=False)

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The Tensor or Operation of this graph that `obj` (a name, tensor, operation or variable) stands for."""
        return element(self, obj, allow_tensor, allow_operation)

    # -- feeding and fetching ------------------------------------------------------------------------------------
    def is_feedable(self, tensor: Any) -> bool:
        return tensor.op.frame is None and tensor not in self._unfeedable

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        op = getattr(tensor_or_op, "op", tensor_or_op)
        return op.frame is None and op not in self._unfetchable

    def prevent_feeding(self, tensor: Any) -> None:
        self._unfeedable.add(tensor)

    def prevent_fetching(self, op: Any) -> None:
        self._unfetchable.add(op)

    # -- collections ---------------------------------------------------------------------------------------------
    def add_to_collection(self, name: Any, value: Any) -> None:
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Add to each of the named collections once."""
        for name in dict.fromkeys((names,) if isinstance(names, str) else names):
            self.add_to_collection(name, value)

    def get_collection(self, name: Any, scope: str | None = None) -> list:
        """A copy of a collection; with `scope` only items whose name matches that regular expression at its start."""
        items = self._collections.get(name, [])
        if scope is None:
            return list(items)
        pattern = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and pattern.match(item.name)]

    def get_collection_ref(self, name: Any) -> list:
        """The collection itself."""
        return self._collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list:
        return list(self._collections)

    def clear_collection(self, name: Any) -> None:
        self._collections.pop(name, None)

    # -- looking at the graph ------------------------------------------------------------------------------------
    def to_networkx(self) -> networkx.MultiDiGraph:
        """The graph for networkx: a node an operation (by name; type, device, site), an edge a tensor.

        Data edges carry `tensor`, `shape`, `dtype` and `control=False`; control dependencies `control=True`.
        """
        import networkx

        result = networkx.MultiDiGraph()
        for op in self._operations:
            result.add_node(op.name, type=op.type, device=op.device, site="{}:{}".format(*op.site))
            for t in op.inputs:
                result.add_edge(t.op.name, op.name, control=False, tensor=t.name, shape=str(t.shape),
                                dtype=t.dtype.name)  # fmt: skip
            for c in op.control_inputs:
                result.add_edge(c.name, op.name, control=True)
        return result


class _DefaultStack(threading.local):
    """Graphs made default by `with` blocks, one stack a thread."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []


_stack = _DefaultStack()
_global_default = Graph()


def get_default_graph() -> Graph:
    """The graph that new operations go to."""
    graphs = _stack.graphs
    return graphs[-1] if graphs else _global_default


def reset_default_graph() -> None:
    """Start again with an empty global default graph; AssertionError inside a `with graph.as_default()` block."""
    global _global_default
    if _stack.graphs:
        raise AssertionError("reset_default_graph() cannot be called inside a `with graph.as_default()` block")
    _global_default = Graph()
