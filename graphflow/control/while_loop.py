"""`tf.while_loop`: a body that runs as long as a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import dtypes, nest
from graphflow.control.bodies import feed_of
from graphflow.control.loop import Loop, exits, repeat
from graphflow.control.values import taken_apart, tensors_of
from graphflow.dtypes import ListType
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.operation import Frame, Tensor, created, creation_site
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor, graph_of
from graphflow.shape import Dims, TensorShape, as_dims, show


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """loop_vars = body(*loop_vars) as long as cond(*loop_vars); iterations follow one another.

    cond, body          functions of the loop variables: a bool scalar, and their next values in the same structure
    loop_vars           a list or tuple of tensors, TensorArrays and nests of them
    shape_invariants    shapes that the variables keep, None where they may change; their first shapes when None
    maximum_iterations  int scalar: stop then, whatever cond says
    back_prop           False: no gradient goes back through the loop
    Returns: the variables after the last iteration; a single one by itself, unless return_same_structure.
    Gradient: through as many iterations as ran.
    Raises:  TypeError for what is no function; ValueError for no variables, and for a body that gives another
             structure, dtype or shape.
    """
    for label, fn in (("cond", cond), ("body", body)):
        if not callable(fn):
            raise TypeError(f"{label} must be callable, not {fn!r}")
    if not loop_vars:
        raise GraphError("while_loop needs loop variables")
    if parallel_iterations is not None and parallel_iterations < 1:
        raise TypeError(f"parallel_iterations must be positive, not {parallel_iterations!r}")
    graph = graph_of([v for v in nest.flatten(loop_vars) if isinstance(v, Tensor)])
    single = not isinstance(loop_vars, (list, tuple))
    with graph.as_default(), graph.name_scope(name or "while"):
        if single:
            loop_vars = [loop_vars]
        initial, rebuild = taken_apart(loop_vars)
        dims = _invariants(initial, loop_vars, [shape_invariants] if single and shape_invariants else shape_invariants)
        limit = _limit(maximum_iterations)
        test_frame, frame = Frame(graph.frame), Frame(graph.frame)
        with graph.inside(test_frame):
            test_feeds = [feed_of(d, t.dtype, "Merge") for d, t in zip(dims, initial, strict=True)]
            going = _condition(cond(*rebuild(test_feeds)))
        with graph.inside(frame):
            feeds = [feed_of(d, t.dtype, "Identity") for d, t in zip(dims, initial, strict=True)]
            fetches = _next(body(*rebuild(feeds)), loop_vars, feeds, initial)
        loop = Loop(
            limit, tuple(initial), (), frame, tuple(feeds), tuple(fetches), tuple(dims),
            (test_frame, tuple(test_feeds), going),
        )  # fmt: skip
        final, _, _ = repeat(loop, "While")
        final = exits(final, back_prop, before=0 if maximum_iterations is None else 1)
        result = rebuild(final)
    return result[0] if len(result) == 1 and not return_same_structure else result


def _limit(maximum_iterations: Any) -> Tensor:
    """int32 scalar, negative when there is none."""
    if maximum_iterations is None:
        return convert_to_tensor(-1, dtypes.int32, name="limit")
    limit = convert_to_tensor(maximum_iterations, name="maximum_iterations")
    if not limit.dtype.is_integer:
        raise DTypeError(f"maximum_iterations must be an integer, not {limit.dtype.name}")
    if limit.dims not in (None, ()):
        raise ShapeError(f"maximum_iterations must be a scalar, and has shape {show(limit.dims)}")
    return maximum(cast(limit, dtypes.int32), 0)


def _invariants(initial: list[Tensor], loop_vars: Any, given: Any) -> list[Dims]:
    """The shape that each loop variable keeps; ValueError when a variable does not begin with it."""
    shapes = iter([None] * len(initial) if given is None else _flat_shapes(given))
    dims: list[Dims] = []
    for leaf in nest.flatten(loop_vars):
        own, _ = tensors_of(leaf)
        wanted = next(shapes, None)
        for t in initial[len(dims) : len(dims) + len(own)]:
            if isinstance(t.dtype, ListType):
                dims.append((None,))
            elif given is None or len(own) > 1 or wanted is None:
                dims.append(t.dims if len(own) == 1 else None if t.dims is None else (None,) * len(t.dims))
            else:
                kept = as_dims(wanted)
                if not _within(t.dims, kept):
                    raise ShapeError(f"the loop variable {t.name!r} enters the loop with shape {show(t.dims)}, which "
                                     f"its shape invariant {show(kept)} does not allow")  # fmt: skip
                dims.append(kept)
    return dims


def _flat_shapes(given: Any) -> list[Any]:
    """The shapes of a nest; a list of sizes is a shape, too."""
    if isinstance(given, TensorShape) or given is None:
        return [given]
    if isinstance(given, (list, tuple)) and given and all(v is None or isinstance(v, int) for v in given):
        return [given]
    children = [given[k] for k in sorted(given)] if isinstance(given, dict) else given
    return [shape for child in children for shape in _flat_shapes(child)]


def _within(dims: Dims, bound: Dims) -> bool:
    """Whether everything of shape `dims` has shape `bound`."""
    if bound is None:
        return True
    return (
        dims is not None and len(dims) == len(bound) and all(b in (None, d) for d, b in zip(dims, bound, strict=True))
    )


def _condition(value: Any) -> Tensor:
    going = convert_to_tensor(value, name="cond")
    if going.dtype is not dtypes.bool_:
        raise DTypeError(f"cond must give a bool, not {going.dtype.name}")
    if going.dims not in (None, ()):
        raise ShapeError(f"cond must give a scalar, and gives shape {show(going.dims)}")
    return going


def _next(result: Any, loop_vars: Any, feeds: list[Tensor], initial: list[Tensor]) -> list[Tensor]:
    """The next values of the loop variables; ValueError where they are not like these."""
    if not isinstance(result, (list, tuple)) or hasattr(result, "_fields") and len(loop_vars) == 1:
        result = [result]
    try:
        nest.assert_same_structure(list(loop_vars), list(result))
    except (TypeError, ValueError) as error:
        raise GraphError(f"the body must give as many values as there are loop variables, in the same structure: "
                         f"{loop_vars!r} and {result!r}").note(*_here()) from error  # fmt: skip
    fetches, _ = taken_apart(list(result))
    if len(fetches) != len(feeds):
        raise GraphError(f"the body gives {len(fetches)} tensors for {len(feeds)} loop variables").note(*_here())
    for t, feed, first in zip(fetches, feeds, initial, strict=True):
        require_same_type(t, feed, first)
    return fetches


def require_same_type(t: Tensor, feed: Tensor, first: Tensor | None = None) -> None:
    """ValueError where the next value of a loop variable has not the dtype, or may not have the shape, of the last.

    first   the value with which it enters the loop, whose name the user knows
    """
    name, lines = (feed if first is None else first).name, [*_here(), *created(f"  the next value: {t!r}", t.op.site)]
    if t.dtype is not feed.dtype:
        raise GraphError(
            f"the loop variable {name!r} is {feed.dtype.name}, and the body gives {t.dtype.name} for it"
        ).note(*lines)
    if not isinstance(t.dtype, ListType) and not _within(t.dims, feed.dims):
        raise ShapeError(
            f"the loop variable {name!r} enters the loop with shape {show(feed.dims)}, and has shape {show(t.dims)} "
            "after one iteration",
            hint="shape_invariants says which sizes may change",
        ).note(*lines)


def _here() -> list[str]:
    return created("in a loop", creation_site())
