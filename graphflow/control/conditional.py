"""`tf.cond`, `tf.case`, `tf.switch_case`: one of several functions gives the result, and only that one runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow import dtypes, nest
from graphflow.control.choice import Branch, choose, merged
from graphflow.control.values import Rebuild, taken_apart
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.operation import Frame, Tensor, created, creation_site
from graphflow.ops.define import convert_to_tensor, define, graph_of
from graphflow.ops.join import stack
from graphflow.ops.static import static_value
from graphflow.shape import show


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """true_fn() if pred, else false_fn(): operations made in a function run only when it is chosen.

    pred    a bool scalar
    strict  False: a result of one tensor in a list or tuple comes without it
    Returns: what the functions give, of tensors; both must give the same structure and dtypes.
    Gradient: through the chosen function.
    Raises:  TypeError for what is no function and for a pred that is not a bool; ValueError for results that differ.
    """
    true_fn, false_fn = _either(true_fn, fn1, "true_fn", "fn1"), _either(false_fn, fn2, "false_fn", "fn2")
    graph = graph_of([pred])
    with graph.as_default(), graph.name_scope(name or "cond"):
        chosen = _predicate(pred)
        branches, results = _built([("true_fn", true_fn), ("false_fn", false_fn)], strict)
        return results(merged(choose(chosen, branches[::-1], "If")))


def _either(fn: Any, old: Any, name: str, old_name: str) -> Callable[[], Any]:
    if fn is not None and old is not None:
        raise TypeError(f"give {name} or {old_name}, not both")
    fn = old if fn is None else fn
    if not callable(fn):
        raise TypeError(f"{name} must be callable, not {fn!r}")
    return fn


def _predicate(pred: Any) -> Tensor:
    if isinstance(pred, bool) or pred is None:
        raise TypeError(f"pred must be a tensor, not the Python value {pred!r}")
    found = convert_to_tensor(pred)
    if found.dtype is not dtypes.bool_:
        raise DTypeError(f"pred must be a bool, not {found.dtype.name}")
    return _scalar(found, "pred")


def _scalar(t: Tensor, what: str) -> Tensor:
    if t.dims is not None and t.dims != ():
        raise ShapeError(f"{what} must be a scalar, and has shape {show(t.dims)}")
    return t


def _built(functions: Sequence[tuple[str, Callable[[], Any]]], strict: bool) -> tuple[list[Branch], Rebuild]:
    """The branches that these functions build, and how their results are put together again."""
    graph = get_default_graph()
    found: list[tuple[Frame, Any, list[Tensor], Rebuild]] = []
    for label, fn in functions:
        frame = Frame(graph.frame)
        with graph.inside(frame):
            result = fn()
            if result is None or any(leaf is None for leaf in nest.flatten(result)):
                raise GraphError(f"{label} must return at least one result, and no None")
            tensors, rebuild = taken_apart(result)
        found.append((frame, result, tensors, rebuild))
    (_, first, tensors, rebuild), label = found[0], functions[0][0]
    here = created("in a branch", creation_site())
    for (_, other, others, _), (name, _) in zip(found[1:], functions[1:], strict=True):
        try:
            nest.assert_same_structure(first, other)
        except (TypeError, ValueError) as error:
            kind = DTypeError if isinstance(error, TypeError) else GraphError
            raise kind(f"{label} and {name} give different structures: {first!r} and {other!r}").note(*here) from None
        if len(tensors) != len(others):
            raise GraphError(f"{label} gives {len(tensors)} tensors and {name} {len(others)}").note(*here)
        for a, b in zip(tensors, others, strict=True):
            if a.dtype is not b.dtype:
                lines = [*created(f"  {label}: {a!r}", a.op.site), *created(f"  {name}: {b!r}", b.op.site)]
                raise GraphError(f"{label} gives {a.dtype.name} where {name} gives {b.dtype.name}").note(*here, *lines)
    if not tensors:
        raise GraphError(f"{label} must return at least one result")

    def restored(outputs: Sequence[Tensor]) -> Any:
        value = rebuild(outputs)
        single = not strict and isinstance(value, (list, tuple)) and len(value) == 1
        return value[0] if single else value

    return [Branch(frame, tuple(ts)) for frame, _, ts, _ in found], restored


# -- case --------------------------------------------------------------------------------------------------------------
def _exclusive(preds: Any, names: tuple[str, ...]) -> Any:
    true = [name for name, pred in zip(names, preds, strict=True) if pred]
    if len(true) > 1:
        raise InvalidArgumentError.because(f"more than one condition of an exclusive case holds: {', '.join(true)}")
    return preds


EXCLUSIVE = define("ExclusiveCase", "preds:bool", lambda preds, names: (preds.dims, dtypes.bool_), _exclusive,
                   stateful=True)  # fmt: skip


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The function of the first pair whose bool scalar is True, else default().

    pred_fn_pairs  a list of pairs, or a dict; the pairs of a dict have no order that counts, so exclusive is advised
    default        when None, one of the conditions must hold
    exclusive      check that no two conditions hold
    Gradient: through the chosen function.
    Raises:  TypeError for what is no pair of a bool tensor and a function; InvalidArgumentError when run, for two
             conditions of an exclusive case, and for none without a default.
    """
    pairs = _pairs(pred_fn_pairs)
    if default is not None and not callable(default):
        raise TypeError(f"default must be callable, not {default!r}")
    graph = graph_of([p for p, _ in pairs])
    with graph.as_default(), graph.name_scope(name):
        preds = [_predicate(p) for p, _ in pairs]
        if exclusive:
            checked = EXCLUSIVE(stack(preds), names=tuple(p.name for p in preds))
            preds = [checked[i] for i in range(len(preds))]
        if default is None:
            default = _nothing_holds(pairs[-1][1], [p.name for p in preds])
        chain = default
        for pred, (_, fn) in zip(reversed(preds), reversed(pairs), strict=True):
            chain = _linked(pred, fn, chain, strict)
        return chain()


def _linked(pred: Tensor, fn: Callable[[], Any], otherwise: Callable[[], Any], strict: bool) -> Callable[[], Any]:
    return lambda: cond(pred, fn, otherwise, strict=strict)


def _pairs(given: Any) -> list[tuple[Any, Callable[[], Any]]]:
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, (list, tuple)):
        raise TypeError(f"pred_fn_pairs must be a list of pairs or a dict, not {given!r}")
    if not pairs:
        raise GraphError("pred_fn_pairs must hold at least one pair")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not callable(pair[1]):
            raise TypeError(f"pred_fn_pairs must hold pairs of a bool tensor and a function, not {pair!r}")
    return list(pairs)


def _nothing(value: Any, names: tuple[str, ...]) -> Any:
    raise InvalidArgumentError.because(f"none of the conditions of a case without default holds: {', '.join(names)}")


NOTHING_HOLDS = define("NoCase", "value:any", lambda value, names: (value.dims, value.dtype), _nothing, stateful=True)


def _nothing_holds(fn: Callable[[], Any], names: Sequence[str]) -> Callable[[], Any]:
    """A function whose result has the types of that of `fn`, and which fails when it runs."""

    def fail() -> Any:
        tensors, rebuild = taken_apart(fn())
        return rebuild([NOTHING_HOLDS(t, names=tuple(names)) for t in tensors])

    return fail


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None, name: str = "switch_case"
) -> Any:
    """branch_fns[branch_index](): out of range it is default(), or the last function when there is none.

    branch_index  int32 scalar
    branch_fns    functions, (int, function) pairs for 0, 1, ..., or a dict of them
    Gradient: through the chosen function.
    Raises:  TypeError for what is no function, ValueError when the numbers are not 0, 1, ...
    """
    items = list(branch_fns.items()) if isinstance(branch_fns, Mapping) else list(branch_fns)
    if items and not isinstance(items[0], tuple):
        items = list(enumerate(items))
    functions = dict(items)
    if not functions or sorted(functions) != list(range(len(functions))):
        raise GraphError(f"the branches must be numbered 0, 1, ..., not {sorted(functions)}")
    ordered = [functions[i] for i in range(len(functions))] + ([] if default is None else [default])
    for fn in ordered:
        if not callable(fn):
            raise TypeError(f"a branch must be callable, not {fn!r}")
    graph = graph_of([branch_index])
    with graph.as_default(), graph.name_scope(name):
        index = _scalar(convert_to_tensor(branch_index, name="branch_index"), "branch_index")
        if index.dtype is not dtypes.int32:
            raise DTypeError(f"branch_index must be int32, not {index.dtype.name}")
        branches, results = _built([(f"branch {i}", fn) for i, fn in enumerate(ordered)], strict=False)
        return results(merged(choose(index, branches, "If")))


def smart_cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """`cond`, decided at once where pred is a Python bool or is known while the graph is built."""
    value = pred if isinstance(pred, (bool, int)) else static_value(convert_to_tensor(pred))
    if value is None:
        return cond(pred, true_fn, false_fn, name=name)
    return true_fn() if value else false_fn()
