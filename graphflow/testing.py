"""Checks for ops, public for people who add their own: inferred types, every backend, gradients by differences."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.errors import GraphflowError
from graphflow.gradients import gradients
from graphflow.graph import Graph
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, ones_like
from graphflow.ops.define import REGISTRY, OpDef, convert_to_tensor
from graphflow.ops.infer import broadcasted, compared
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.math import exp
from graphflow.ops.placeholder import placeholder
from graphflow.ops.random import random_uniform
from graphflow.ops.reduce import reduce_max, reduce_mean, reduce_min, reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import broadcast_to, expand_dims, reshape, squeeze
from graphflow.session import Session
from graphflow.shape import compatible, elements, known, show, sizes
from graphflow.variables import Variable

BACKENDS = ("reference", os.environ.get("GRAPHFLOW_TEST_BACKEND", "cpu"))  # the oracle, and what is compared with it
RTOL = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-11, "complex64": 2e-5, "complex128": 1e-11}


def count_calls(function: Callable[[], Any]) -> int:
    """How many calls of Python and C functions a call makes: a measure of work that a busy machine does not change."""
    counted = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return counted


def run_on(backend: str, fetches: Any, feeds: Mapping[Tensor, Any] | None = None) -> Any:
    """Values of the fetches in a new session of this backend."""
    with Session(graph=_graph_of(fetches), backend=backend) as session:
        return session.run(fetches, feeds)


def _graph_of(fetches: Any) -> Graph:
    while isinstance(fetches, (list, tuple)):
        fetches = fetches[0]
    return fetches.graph


def check_op(
    fn: Callable[..., Any],
    *shapes: Sequence[int],
    domain: tuple[float, float] = (-2.0, 2.0),
    dtypes: Sequence[Any] = ("float32", "float64"),
    grad: bool = True,
    second: bool = False,
    seed: int = 0,
) -> None:
    """Inferred types, the reference, every backend and the gradient of `fn` agree on random inputs of these shapes.

    fn      takes one tensor for each shape and gives a tensor or a list of tensors
    domain  where the inputs are drawn from (whole numbers for integer dtypes)
    grad    whether the gradient is checked too, in float64 by central differences, and on every backend
    second  whether the gradient's own gradient is checked as well
    Each check runs with full static shapes, and again with shapes and ranks unknown.
    """
    rng = np.random.default_rng(seed)
    for dtype in dtypes:
        values = [_draw(rng, domain, shape, np.dtype(dtype)) for shape in shapes]
        for static in ("full", "rank", "unknown"):
            with Graph().as_default():
                feeds = {_input(v, static): v for v in values}
                outputs = _listed(fn(*feeds))
                want = run_on("reference", outputs, feeds)
                for t, w in zip(outputs, want, strict=True):
                    w = np.asarray(w)
                    assert compatible(t.dims, w.shape), f"inferred {show(t.dims)}, the reference gives {w.shape}"
                    assert t.dtype.dtype == w.dtype or w.dtype.kind in "SO", f"inferred {t.dtype}, got {w.dtype}"
                for backend in BACKENDS[1:]:
                    for got, w in zip(run_on(backend, outputs, feeds), want, strict=True):
                        assert_close(got, w, f"{backend}, {static} shapes")
    if grad:
        values = [_draw(rng, domain, shape, np.dtype(np.float64)) for shape in shapes]
        for static in ("full", "unknown"):
            check_vjp(fn, values, static, second, rng)


def check_vjp(fn: Callable[..., Any], values: Sequence[np.ndarray], static: str, second: bool, rng: Any) -> None:
    """<v, J u> by central differences equals <J'v, u> by VJPs, along one random direction u and weights v."""
    with Graph().as_default():
        feeds = {_input(v, static): v for v in values}
        outputs = [t for t in _listed(fn(*feeds)) if t.dtype.is_floating]
        _check_direction(outputs, feeds, rng, "gradient")
        if second:
            firsts = [convert_to_tensor(g) for g in gradients(outputs, list(feeds)) if g is not None]
            _check_direction(firsts, feeds, rng, "second gradient")


def _check_direction(outputs: list[Tensor], feeds: dict[Tensor, np.ndarray], rng: Any, what: str) -> None:
    with Session(graph=outputs[0].graph, backend="reference") as session:
        weights = [rng.uniform(-1, 1, np.shape(v)) for v in session.run(outputs, feeds)]
        along = {t: rng.uniform(-1, 1, v.shape) for t, v in feeds.items()}
        step = 1e-6
        there, back = (
            session.run(outputs, {t: v + sign * step * along[t] for t, v in feeds.items()}) for sign in (1, -1)
        )
        numeric = sum(np.sum(w * (a - b)) / (2 * step) for w, a, b in zip(weights, there, back, strict=True))
    found = gradients(
        outputs, list(feeds), grad_ys=[_constant_like(w, t) for w, t in zip(weights, outputs, strict=True)]
    )
    live = [(t, convert_to_tensor(g)) for t, g in zip(feeds, found, strict=True) if g is not None]
    assert live, f"the {what} is None for every input"
    for backend in BACKENDS:
        values = run_on(backend, [g for _, g in live], feeds)
        analytic = sum(np.sum(g * along[t]) for (t, _), g in zip(live, values, strict=True))
        np.testing.assert_allclose(analytic, numeric, rtol=2e-6, atol=2e-6, err_msg=f"{what} on {backend}")


def _constant_like(weight: np.ndarray, like: Tensor) -> Any:
    return np.asarray(weight, like.dtype.dtype)


def assert_close(got: Any, want: Any, message: str = "") -> None:
    """Equal shapes and dtypes; floating values to the tolerance of their dtype, the others exactly."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{message}: shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{message}: dtype {got.dtype}, expected {want.dtype}"
    rtol = RTOL.get(str(want.dtype))
    if rtol is None:
        np.testing.assert_array_equal(got, want, err_msg=message)
    else:
        scale = np.abs(want[np.isfinite(want)]).max(initial=1.0)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * float(scale), err_msg=message)


def _draw(rng: Any, domain: tuple[float, float], shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "iu":
        return rng.integers(int(domain[0]), int(domain[1]) + 1, shape).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "c":
        return (rng.uniform(*domain, shape) + 1j * rng.uniform(*domain, shape)).astype(dtype)
    return rng.uniform(*domain, shape).astype(dtype)


def _input(value: np.ndarray, static: str) -> Tensor:
    shape = {"full": value.shape, "rank": (None,) * value.ndim, "unknown": None}[static]
    return placeholder(dtypes.as_dtype(value.dtype), shape)


def _listed(value: Any) -> list[Tensor]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


# -- random programs -----------------------------------------------------------------------------------------------
_NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 0.1, 1e30, 1e-30, np.inf, -np.inf, np.nan)
_SHAPES = ((), (1,), (3,), (2, 3), (3, 3), (1, 3), (2, 1), (2, 3, 3), (0, 3))
_LARGEST = 10**6  # elements; an op such as Diag squares them
_LENGTHS = (3, 3, 17, 70)  # what the threes become: less than a vector, more than one, a row that is not short


@functools.cache
def plain_records() -> list[OpDef]:
    """The pure ops of the registry that take floats of any one shape and need no attributes."""
    found = []
    for record in REGISTRY.values():
        if record.stateful or record.reference is None or record.static is not None:
            continue
        with Graph().as_default():
            x = placeholder(dtypes.float32, (2, 3))
            try:
                made = record(*[x] * len(record.args))
                plain = isinstance(made, Tensor) and not isinstance(made.dtype, dtypes.ListType)
                if record.args and plain and known(made.dims):
                    (value,) = record.compute(made.op, [np.ones((2, 3), np.float32)] * len(record.args))
                    found += [record] if value.shape == made.dims else []
            except (GraphflowError, TypeError):  # other dtypes, ranks or attributes are needed
                continue
    return found


def random_program(rng: np.random.Generator, operations: int = 12) -> tuple[list[Tensor], dict[Tensor, np.ndarray]]:
    """(fetches, feeds) of a random program in the default graph.

    Plain ops of the whole registry, reductions, reshapes, transposes, products with a bias and an activation, softmax
    and centring by hand, casts, broadcasts, choices, draws, reads and updates of variables; special numbers among
    constants and feeds.
    """
    records = plain_records()
    length = _pick(rng, _LENGTHS)
    feeds: dict[Tensor, np.ndarray] = {}
    for shape in [tuple([length if d == 3 else d for d in _pick(rng, _SHAPES)]) for _ in range(3)]:
        feeds[placeholder(dtypes.float32, shape)] = _numbers(rng, shape)
    states = [Variable(_numbers(rng, (2, length))) for _ in range(3)]
    values: list[Tensor] = [*feeds, states[0].value()]
    while len(values) < operations + 4:
        kind = rng.integers(3)
        try:
            if kind == 0:
                made = _other(rng, values, states)
            elif kind == 1:
                made = convert_to_tensor(np.float32(_pick(rng, _NUMBERS)))
            else:
                record, first = _pick(rng, records), _pick(rng, values)
                others = values if record.infer in _BROADCASTING else [t for t in values if t.dims == first.dims]
                made = record(first, *[_pick(rng, others) for _ in record.args[1:]])
        except (GraphflowError, TypeError):  # shapes or dtypes that do not fit: another try
            continue
        if known(made.dims) and elements(made.dims) <= _LARGEST:
            values.append(made)
    fetches = [_pick(rng, values[4:]) for _ in range(3)]
    return list(dict.fromkeys([*fetches, values[-1]])), feeds


def _other(rng: np.random.Generator, values: Sequence[Tensor], states: Sequence[Variable]) -> Tensor:
    """An operation that needs more than tensors."""
    x, y, state = _pick(rng, values), _pick(rng, values), _pick(rng, states)
    rank = len(sizes(x.dims))
    axis = int(rng.integers(rank)) if rank else 0
    makers: dict[str, Callable[[], Tensor]] = {
        "reduce": lambda: _pick(rng, _REDUCTIONS)(x, axis if rank else None, keepdims=bool(rng.integers(2))),
        "reshape": lambda: reshape(x, _pick(rng, ([-1], [1, -1], [*sizes(x.dims), 1], list(sizes(x.dims))))),
        "transpose": lambda: transpose(x, rng.permutation(rank).astype(np.int32)),
        "expand": lambda: expand_dims(x, axis),
        "squeeze": lambda: squeeze(x),
        "matmul": lambda: matmul(x, y, transpose_a=bool(rng.integers(2)), transpose_b=bool(rng.integers(2))),
        "layer": lambda: _layer(_pick(rng, [t for t in values if len(sizes(t.dims)) == 2] or values), state),
        "softmax": lambda: _softmax(x, axis),
        "center": lambda: x - reduce_mean(x, axis if rank else None, keepdims=True),
        "cast": lambda: cast(cast(x, _pick(rng, (dtypes.float64, dtypes.float16, dtypes.float32))), dtypes.float32),
        "broadcast": lambda: broadcast_to(x, [2, *sizes(x.dims)]),
        "concat": lambda: concat([x], axis),
        "select": lambda: where_v2(_pick(rng, (x > 0.0, x < y, convert_to_tensor(True))), x, y),
        "draw": lambda: random_uniform(list(sizes(x.dims)), seed=int(rng.integers(1, 99))),
        "write": lambda: state.assign(x),
        "updates": lambda: _updates(rng, x, states),
        "read": lambda: state.read_value() + 0.0,
        "ones": lambda: x * ones_like(y),
    }
    return makers[_pick(rng, tuple(makers))]()


def _layer(x: Tensor, state: Variable) -> Tensor:
    flip = sizes(x.dims)[-1:] != (2,)
    return relu(matmul(x, state.value(), transpose_b=flip) + reduce_max(state.value(), int(flip)))


def _softmax(x: Tensor, axis: int) -> Tensor:
    e = exp(x - reduce_max(x, axis, keepdims=True))
    return e / reduce_sum(e, axis, keepdims=True)


def _updates(rng: np.random.Generator, x: Tensor, states: Sequence[Variable]) -> Tensor:
    """Several variables updated in one way, by the same value or by each other's; gives the value of one of them."""
    first, *others = (states[i] for i in rng.permutation(len(states)))
    made = [v.assign_add(_pick(rng, (x, first.value(), first.read_value()))) for v in others]
    made.append(first.assign_add(_pick(rng, (x, others[0].value(), others[0].read_value()))))
    with x.graph.control_dependencies(made):
        return _pick(rng, states).read_value() + 0.0


_BROADCASTING = (broadcasted, compared)
_REDUCTIONS = (reduce_sum, reduce_mean, reduce_max, reduce_min)


def _pick(rng: np.random.Generator, items: Sequence[Any]) -> Any:
    return items[int(rng.integers(len(items)))]


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    special = np.asarray(_NUMBERS)[rng.integers(len(_NUMBERS), size=shape)]
    return np.where(rng.random(shape) < 0.3, special, rng.uniform(-2, 2, shape)).astype(np.float32)
