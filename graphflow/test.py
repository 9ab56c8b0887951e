"""`tf.test`: a TestCase with sessions and comparisons of arrays, and numeric gradients."""

from __future__ import annotations

import random
import re
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock as mock

import numpy as np

from graphflow import app
from graphflow.default_session import get_default_session
from graphflow.errors import OpError
from graphflow.gradients import gradients
from graphflow.graph import Graph, get_default_graph, reset_default_graph
from graphflow.operation import Tensor
from graphflow.ops.placeholder import placeholder
from graphflow.ops.seeds import set_random_seed
from graphflow.session import Session
from graphflow.variables import Variable

_SEED = 87654321


def main(argv: list[str] | None = None) -> None:
    """Run the tests of the program."""
    app.run(lambda left: unittest.main(argv=left), argv)


def get_temp_dir() -> str:
    """A folder for the files of the tests, the same one throughout the process."""
    if not _temporary:
        _temporary.append(tempfile.TemporaryDirectory())
    return _temporary[0].name


_temporary: list[tempfile.TemporaryDirectory[str]] = []


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """False: everything runs on the CPU."""
    return False


def is_built_with_cuda() -> bool:
    """False."""
    return False


def gpu_device_name() -> str:
    """'': there is none."""
    return ""


class TestCase(unittest.TestCase):
    """Every test starts with an empty default graph and fixed seeds."""

    def setUp(self) -> None:
        self._cached: Session | None = None
        random.seed(_SEED)
        np.random.seed(_SEED)
        reset_default_graph()
        set_random_seed(_SEED)

    def tearDown(self) -> None:
        if self._cached is not None:
            self._cached.close()

    def get_temp_dir(self) -> str:
        """A folder for the files of this test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    @contextmanager
    def session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Iterator[Session]:
        """A session that is the default one inside the block, and closed after it."""
        with Session(graph=graph, config=config) as session:
            yield session

    @contextmanager
    def cached_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Iterator[Session]:
        """A session that is the default one inside the block, and the same one in all such blocks of a test."""
        if self._cached is None or self._cached.graph is not (graph or get_default_graph()):
            self._cached = Session(graph=graph, config=config)
        with self._cached.graph.as_default(), self._cached.as_default():
            yield self._cached

    def test_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Any:
        """`session` with a graph, `cached_session` without one."""
        if self.id().endswith(".test_session"):
            self.skipTest("not a test, in spite of its name")
        return self.cached_session(None, config) if graph is None else self.session(graph, config)

    def evaluate(self, tensors: Any) -> Any:
        """The values of a nest of tensors, in the default session."""
        return (get_default_session() or self._cached or Session()).run(tensors)

    def _value(self, item: Any) -> np.ndarray:
        return np.asarray(self.evaluate(item) if isinstance(item, (Tensor, Variable)) else item)

    # -- comparisons -------------------------------------------------------------------------------------------------
    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Arrays, or nests of them, that differ by no more than atol + rtol * |b|."""
        if isinstance(a, Mapping):
            self.assertEqual(set(a), set(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
        elif isinstance(a, (list, tuple)) and _ragged(a):
            self.assertEqual(len(a), len(b), msg)
            for x, y in zip(a, b, strict=True):
                self.assertAllClose(x, y, rtol, atol, msg)
        else:
            np.testing.assert_allclose(self._value(a), self._value(b), rtol, atol, err_msg=msg or "")

    def assertAllCloseAccordingToType(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, float_rtol: float = 1e-6,
        float_atol: float = 1e-6, half_rtol: float = 1e-3, half_atol: float = 1e-3, **_: Any,
    ) -> None:  # fmt: skip
        """assertAllClose with the tolerance of the coarser dtype."""
        a, b = self._value(a), self._value(b)
        kinds = {a.dtype.name, b.dtype.name}
        if "float32" in kinds or "complex64" in kinds:
            rtol, atol = max(rtol, float_rtol), max(atol, float_atol)
        if "float16" in kinds:
            rtol, atol = max(rtol, half_rtol), max(atol, half_atol)
        self.assertAllClose(a, b, rtol, atol)

    def assertNotAllClose(self, a: Any, b: Any, **tolerances: Any) -> None:
        """Arrays that differ somewhere."""
        try:
            self.assertAllClose(a, b, **tolerances)
        except AssertionError:
            return
        self.fail("the arrays are close everywhere")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Arrays of one shape with equal elements."""
        a, b = self._value(a), self._value(b)
        self.assertEqual(a.shape, b.shape, msg)
        np.testing.assert_array_equal(_as_bytes(a), _as_bytes(b), err_msg=msg or "")

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Arrays that differ somewhere."""
        self.assertFalse(np.array_equal(self._value(a), self._value(b)), msg)

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        self.assertGreater(self._value(a).min(), comparison_target)

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        self.assertLess(self._value(a).max(), comparison_target)

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        self.assertGreaterEqual(self._value(a).min(), comparison_target)

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        self.assertLessEqual(self._value(a).max(), comparison_target)

    def assertAllInRange(self, target: Any, lower_bound: Any, upper_bound: Any) -> None:
        self.assertAllGreaterEqual(target, lower_bound)
        self.assertAllLessEqual(target, upper_bound)

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        self.assertLessEqual(set(self._value(target).ravel().tolist()), set(expected_set))

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:
        """Two numbers that differ by no more than `err`."""
        self.assertLessEqual(abs(f1 - f2), err, msg)

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float) -> None:
        """Numbers that differ, each from its partner, by no more than `err`."""
        self.assertEqual(len(farray1), len(farray2))
        for x, y in zip(farray1, farray2, strict=True):
            self.assertNear(x, y, err)

    def assertNDArrayNear(self, ndarray1: Any, ndarray2: Any, err: float) -> None:
        """Arrays whose difference has a norm of no more than `err`."""
        self.assertLessEqual(float(np.linalg.norm(np.asarray(ndarray1) - ndarray2)), err)

    def assertShapeEqual(self, np_array: Any, tf_tensor: Any) -> None:
        """An array that has the static shape of a tensor."""
        self.assertEqual(list(np.shape(np_array)), tf_tensor.get_shape().as_list())

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        self.assertEqual(np.dtype(getattr(target, "dtype", type(target))), np.dtype(expected_dtype))

    def assertStartsWith(self, actual: str, expected_start: str, msg: str | None = None) -> None:
        self.assertTrue(actual.startswith(expected_start), msg or f"{actual!r} does not start with {expected_start!r}")

    @contextmanager
    def assertRaisesWithPredicateMatch(self, exception_type: Any, expected_err_re_or_predicate: Any) -> Iterator[None]:
        """An error that a function accepts, or whose message fits a regular expression."""
        wanted = expected_err_re_or_predicate
        with self.assertRaises(exception_type) as caught:
            yield
        accepted = wanted(caught.exception) if callable(wanted) else re.search(wanted, str(caught.exception))
        self.assertTrue(accepted, f"another {type(caught.exception).__name__}: {caught.exception}")

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Any:
        """An error of an operation."""
        return self.assertRaisesWithPredicateMatch(OpError, expected_err_re_or_predicate)


def _ragged(items: Any) -> bool:
    try:
        return np.asarray(items).dtype == object
    except (ValueError, NotImplementedError):
        return True


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """Text compares with the bytes that graphflow gives for strings."""
    if array.dtype.kind == "U" or (array.dtype == object and any(isinstance(v, str) for v in array.ravel())):
        flat = [v.encode() if isinstance(v, str) else v for v in array.ravel().tolist()]
        return np.array(flat, object).reshape(array.shape)
    return array.astype(object) if array.dtype.kind == "S" else array


# -- gradients -------------------------------------------------------------------------------------------------------
def compute_gradient(
    x: Any, x_shape: Any, y: Any, y_shape: Any, x_init_value: Any = None, delta: float = 1e-3,
    init_targets: Any = None, extra_feed_dict: Any = None,
) -> Any:  # fmt: skip
    """(symbolic, numeric) Jacobians d y / d x, each [size of x, size of y]; for a list of x a list of such pairs.

    The numeric one takes central differences of width 2 * delta at x_init_value, or at random values.
    """
    session = get_default_session() or Session()
    for target in init_targets if isinstance(init_targets, (list, tuple)) else [init_targets]:
        if target is not None:
            session.run(target)
    if isinstance(x, list):
        starts = x_init_value if x_init_value is not None else [None] * len(x)
        return [_jacobians(session, one, shape, y, start, delta, extra_feed_dict or {})
                for one, shape, start in zip(x, x_shape, starts, strict=True)]  # fmt: skip
    return _jacobians(session, x, x_shape, y, x_init_value, delta, extra_feed_dict or {})


def compute_gradient_error(
    x: Any, x_shape: Any, y: Any, y_shape: Any, x_init_value: Any = None, delta: float = 1e-3,
    init_targets: Any = None, extra_feed_dict: Any = None,
) -> float:  # fmt: skip
    """The largest difference between the two Jacobians of compute_gradient."""
    pairs = compute_gradient(x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict)
    return max((float(np.abs(a - b).max(initial=0)) for a, b in (pairs if isinstance(pairs, list) else [pairs])))


def _jacobians(
    session: Session, x: Any, shape: Any, y: Any, start: Any, delta: float, feeds: Mapping[Any, Any]
) -> tuple[np.ndarray, np.ndarray]:
    kind = x.dtype.as_numpy_dtype
    value = np.random.default_rng(0).random(tuple(shape)) if start is None else np.asarray(start)
    value = np.array(value, kind)
    dy = np.zeros(np.shape(session.run(y, {**feeds, x: value})), y.dtype.as_numpy_dtype)
    seed = placeholder(y.dtype, dy.shape)
    (gradient,) = gradients(y, x, grad_ys=seed)
    symbolic = np.empty((value.size, dy.size), kind)
    for i in range(dy.size):
        dy.flat[i] = 1
        symbolic[:, i] = 0 if gradient is None else session.run(gradient, {**feeds, x: value, seed: dy}).ravel()
        dy.flat[i] = 0
    numeric = np.empty((value.size, dy.size), kind)
    for i in range(value.size):
        at = value.flat[i]
        value.flat[i] = at + delta
        above = session.run(y, {**feeds, x: value})
        value.flat[i] = at - delta
        below = session.run(y, {**feeds, x: value})
        value.flat[i] = at
        numeric[i] = ((above - below) / (2 * delta)).ravel()
    return symbolic, numeric
