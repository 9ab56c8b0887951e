"""`tf.gradients`: the walk over VJPs.  It knows no ops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.dtypes import ListType
from graphflow.errors import DTypeError, GradientError, GraphError
from graphflow.graph import get_default_graph
from graphflow.operation import Frame, Operation, Tensor
from graphflow.ops.arithmetic import add_n
from graphflow.ops.basic import ones_like, zeros_like
from graphflow.ops.define import NO_GRADIENT, PASS_GRADIENT, REGISTRY, convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices, concatenated
from graphflow.ops.lists import empty_like, lists_added
from graphflow.ops.shape_ops import sum_to
from graphflow.shape import Dims

_registered: dict[str, Any] = {}  # VJPs by name


class RegisterGradient:
    """Decorator that gives a function (op, *dys) -> gradients of the inputs a name for Graph.gradient_override_map.

    Raises: KeyError for a name that is taken, TypeError for one that is no text.
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError(f"the name of a gradient is text, not {op_type!r}")
        self._name = op_type

    def __call__(self, function: Callable) -> Callable:
        _register(self._name, lambda op, *dys: _listed(function(op, *dys)))
        return function


def NotDifferentiable(op_type: str) -> None:
    """Give the gradient that is nothing a name for Graph.gradient_override_map."""
    _register(op_type, NO_GRADIENT)


def _register(name: str, rule: Any) -> None:
    if name in _registered:
        raise KeyError(f"the gradient {name!r} is registered already")
    _registered[name] = rule


def _rule(op: Operation) -> Any:
    """The VJP of an operation: its record's, or the one that gradient_override_map has put in its place."""
    name = op.graph.gradient_types.get(op)
    if name is None:
        return op.definition.vjp
    if name in _registered:
        return _registered[name]
    if name in REGISTRY:
        return REGISTRY[name].vjp
    raise GradientError(f"no gradient is registered as {name!r}").note(*op.where())


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = "none",
) -> list[Any]:
    """d sum(ys) / dx for each x, as new tensors of the graph.

    ys, xs          a tensor or variable, or a list of them
    grad_ys         for each y what to weigh its elements with; ones where None
    stop_gradients  tensors that count as constants
    unconnected_gradients   "none": None for an x that no y depends on; "zero": zeros
    Returns: a list as long as xs, of Tensors, IndexedSlices (from gather) and Nones.
    Raises:  LookupError where an op on the way has no gradient; TypeError for a complex y without grad_ys.
    """
    sources = [_element(x) for x in _listed(xs)]
    targets = [_element(y) for y in _listed(ys)]
    stops = {_element(s) for s in _listed(stop_gradients)}
    weights = _listed(grad_ys) or [None] * len(targets)
    if len(weights) != len(targets):
        raise GraphError(f"there are {len(targets)} ys and {len(weights)} grad_ys")
    graph = targets[0].graph if targets else get_default_graph()
    with graph.as_default(), graph.name_scope(name):
        flow: dict[Tensor, list[Any]] = defaultdict(list)
        for i, (y, weight) in enumerate(zip(targets, weights, strict=True)):
            if _flows(y):  # nothing flows back from an integer
                flow[y].append(_seed(y, weight, i))
        live = _depending_on(sources, targets, stops)
        found = _walk(live, flow, set(sources), stops)
        if str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero":
            return [zeros_like(x) if found.get(x) is None else found[x] for x in sources]
        return [found.get(x) for x in sources]


def flow_back(seeds: Sequence[tuple[Tensor, Any]], sources: Sequence[Tensor], frame: Frame) -> list[Any]:
    """What flows from tensors with these gradients back to each source, through the operations of one frame."""
    flow: dict[Tensor, list[Any]] = defaultdict(list)
    for y, dy in seeds:
        flow[y].append(dy)
    live = depending_on(sources, list(flow), frame)
    found = _walk(live, flow, set(sources), set(), frame)
    return [found.get(x) for x in sources]


def depending_on(sources: Sequence[Tensor], targets: Sequence[Tensor], frame: Frame) -> set[Tensor]:
    """Tensors of this frame that a target needs, that depend on a source, and through which gradients flow."""
    return _depending_on(sources, targets, set(), frame)


def _listed(value: Any) -> list:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _element(value: Any) -> Tensor:
    """The tensor that carries the gradient of a tensor or variable."""
    convert = getattr(value, "_as_graph_element", None)
    return convert() if convert is not None else convert_to_tensor(value)


def _flows(tensor: Tensor) -> bool:
    return tensor.dtype.is_differentiable


def _seed(y: Tensor, weight: Any, index: int) -> Any:
    if weight is None:
        if y.dtype.is_complex:
            raise DTypeError(f"the gradient of {y!r}, which is complex, needs grad_ys")
        return ones_like(y, name=f"grad_ys_{index}")
    return weight if isinstance(weight, IndexedSlices) else convert_to_tensor(weight, y.dtype, f"grad_ys_{index}")


def _depending_on(
    sources: Sequence[Tensor], targets: Sequence[Tensor], stops: set[Tensor], frame: Frame | None = None
) -> set[Tensor]:
    """Tensors that a target needs, that depend on a source, and through which gradients flow.

    frame   when given, only the operations of this frame
    """
    needed: set[Operation] = set()
    stack = [y.op for y in targets]
    while stack:
        op = stack.pop()
        if op not in needed and (frame is None or op.frame is frame):
            needed.add(op)
            stack.extend(t.op for t in op.inputs if _flows(t))
    live = {x for x in sources if _flows(x)}
    for op in sorted(needed, key=lambda op: op.id):
        if _rule(op) is not NO_GRADIENT and any(t in live for t in op.inputs):
            live.update(t for t in op.outputs if _flows(t) and t not in stops)
    return live


def _walk(
    live: set[Tensor],
    flow: dict[Tensor, list[Any]],
    sources: set[Tensor],
    stops: set[Tensor],
    frame: Frame | None = None,
) -> dict:
    """Backwards through the operations that made live tensors, the youngest first: consumers before producers."""
    found: dict[Tensor, Any] = {}
    route = sorted({t.op for t in live if frame is None or t.op.frame is frame}, key=lambda op: -op.id)
    for op in route:
        totals = [_total(flow.pop(t, None)) for t in op.outputs]
        for t, total in zip(op.outputs, totals, strict=True):
            if t in sources:
                found[t] = total
        constant = all(t in stops or total is None for t, total in zip(op.outputs, totals, strict=True))
        wanted = [] if constant else [i for i, t in enumerate(op.inputs) if t in live]
        if not wanted:
            continue
        with op.graph.name_scope(op.name.replace(":", "_") + "_grad"):
            for i, dx in _pulled_back(op, totals, wanted):
                x = op.inputs[i]
                fits = isinstance(dx, IndexedSlices) or isinstance(dx.dtype, ListType) or _fits(op, i, dx)
                flow[x].append(dx if fits else sum_to(dx, x))
    if frame is not None:
        found.update((t, _total(flow[t])) for t in sources if t.op.frame is not frame)
    return found


def _fits(op: Operation, i: int, dx: Tensor) -> bool:
    """Whether the gradient of an input must have its shape: no other input can have broadcast it to a larger one."""
    x = op.inputs[i]
    if dx.dims != x.dims or _rule(op) is not op.definition.vjp:
        return False
    return op.definition.exact or not any(_widens(t.dims, x.dims) for j, t in enumerate(op.inputs) if j != i)


def _widens(other: Dims, dims: Dims) -> bool:
    """Whether broadcasting with the other shape may make sizes larger that are not known."""
    if other is None or dims is None or len(other) > len(dims):
        return True
    return any(d is None and n != 1 for n, d in zip(reversed(other), reversed(dims), strict=False))


def _pulled_back(op: Operation, totals: list[Any], wanted: list[int]) -> list[tuple[int, Any]]:
    """The gradients for the wanted inputs, those that exist."""
    vjp = _rule(op)
    if vjp is None:
        raise GradientError(f"{op.type} has no gradient").note(*op.where())
    if vjp is not PASS_GRADIENT:
        totals = [convert_to_tensor(d) if isinstance(d, IndexedSlices) else d for d in totals]
    if op.definition.calls:
        every = vjp(op, totals, set(wanted))
        return [(i, every[i]) for i in wanted if every[i] is not None]
    if any(d is None for d in totals):
        totals = [no_gradient(t) if d is None and _flows(t) else d for d, t in zip(totals, op.outputs, strict=True)]
    if isinstance(vjp, tuple):
        results = [(i, rule(op, *totals)) for i in wanted if (rule := vjp[i]) is not None]
    else:
        every = vjp(op, *totals)
        results = [(i, every[i]) for i in wanted]
    return [(i, dx) for i, dx in results if dx is not None]


def no_gradient(t: Tensor) -> Tensor:
    """Zeros in the place of the gradient of a tensor."""
    return empty_like(t) if isinstance(t.dtype, ListType) else zeros_like(t)


def _total(parts: list[Any] | None) -> Any:
    """The sum of what came over all paths; slices stay slices as long as nothing dense is added."""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Tensor) and isinstance(parts[0].dtype, ListType):
        return lists_added(parts)
    if all(isinstance(p, IndexedSlices) for p in parts):
        return concatenated(parts)
    return add_n([convert_to_tensor(p) if isinstance(p, IndexedSlices) else p for p in parts])
