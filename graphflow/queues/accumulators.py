"""Accumulators: gradients that several runs add up, and one takes as their mean or sum."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from graphflow.dtypes import NUMERIC, DType, as_dtype, int32, int64, string
from graphflow.errors import CancelledError, GraphError, InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define, graph_of
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.queues.queues import boxed
from graphflow.shape import Dims, as_dims, compatible, known, show
from graphflow.store import Store


class Dense:
    """A sum of gradients of one shape.

    All methods are called within a run, so under the session's lock; who waits lets it go.
    """

    def __init__(self, store: Store, name: str, shape: Dims, mean: bool) -> None:
        self.name, self.shape, self.mean = name, shape, mean
        self.changed = threading.Condition(store.lock)
        self.cancelled = False
        self.count = self.step = 0
        self.total: Any = None

    def cancel(self) -> None:
        """The session is closed: nobody is to wait any more."""
        self.cancelled = True
        self.changed.notify_all()

    def apply(self, step: int, *gradient: np.ndarray) -> None:
        """Add a gradient, unless it was computed before a step that has passed."""
        if step < self.step:
            return
        self.add(*gradient)
        self.count += 1
        self.changed.notify_all()

    def add(self, *gradient: np.ndarray) -> None:
        (value,) = gradient
        self.check(value.shape)
        self.total = np.array(value) if self.total is None else self.total + value

    def check(self, shape: tuple[int, ...]) -> None:
        if not compatible(shape, self.shape):
            raise InvalidArgumentError.because(
                f"the accumulator {self.name!r} takes gradients of shape {show(self.shape)}, not {show(shape)}"
            )

    def take(self, required: int) -> Any:
        """The mean, or the sum, once there are so many gradients; the next one starts from nothing."""
        if required <= 0:
            raise InvalidArgumentError.because(f"at least 1 gradient must be asked for, not {required}")
        while self.count < required:
            if not self.cancelled:
                self.changed.wait()
            if self.cancelled:
                raise CancelledError.because(f"the session was closed while a run waited for {self.name!r}")
        found = self.result()
        self.count, self.total = 0, None
        self.step += 1
        return found

    def result(self) -> Any:
        return (self.total / np.asarray(self.count, self.total.dtype)) if self.mean else self.total


class Sparse(Dense):
    """A sum of gradients that have some rows each; the mean of a row is that of the gradients which have it."""

    def add(self, *gradient: np.ndarray) -> None:
        indices, values, shape = gradient
        if len(indices) != len(values):
            raise InvalidArgumentError.because(f"there are {len(indices)} indices and {len(values)} rows")
        if shape.size and self.shape:  # () says nothing, as in TensorFlow
            self.check(tuple(int(d) for d in shape))
        rows: dict[int, tuple[np.ndarray, int]] = self.total if self.total is not None else {}
        seen: set[int] = set()
        for index, row in zip(indices.tolist(), values, strict=True):
            if index in rows:
                before, times = rows[index]
                rows[index] = before + row, times + (index not in seen)
            else:
                rows[index] = np.array(row), 1
            seen.add(index)
        self.total = rows
        self._like = values

    def result(self) -> Any:
        indices = sorted(self.total)
        rows = [self.total[i] for i in indices]
        made = [(row / np.asarray(n, row.dtype) if self.mean else row) for row, n in rows]
        inner = self._like.shape[1:]
        values = np.array(made, self._like.dtype).reshape(len(made), *inner)
        shape = list(self.shape or ()) if self.shape and known(self.shape) else [-1, *inner]
        return np.array(indices, np.int64), values, np.array(shape, np.int64)


def _kind(name: str, make: Any) -> OpDef:
    def holds(store: Any, dtype: Any, shape: Any, mean: bool, label: str, shared_name: str) -> Dense:
        return make(store, label, shape, mean)

    return define(name, "", lambda **_: ((), string), lambda held, **_: boxed(held), stateful=True, holds=holds)


CONDITIONAL = _kind("ConditionalAccumulator", Dense)
SPARSE_CONDITIONAL = _kind("SparseConditionalAccumulator", Sparse)


def _define(name: str, args: str, infer: Any, reference: Any) -> OpDef:
    return define(name, args, infer, reference, vjp=NO_GRADIENT, stateful=True, blocks=True)


def _applied(handle: np.ndarray, step: np.ndarray, *gradient: np.ndarray) -> tuple:
    handle.item().apply(int(step), *gradient)
    return ()


def _set(handle: np.ndarray, step: np.ndarray) -> tuple:
    handle.item().step = int(step)
    return ()


APPLY = _define("AccumulatorApplyGradient", "handle:string step:int64 gradient", lambda *_: [], _applied)
APPLY_SPARSE = _define(
    "SparseAccumulatorApplyGradient", "handle:string step:int64 indices:int64 values shape:int64",
    lambda *_: [], _applied,
)  # fmt: skip
TAKE = _define(
    "AccumulatorTakeGradient", "handle:string required:int32",
    lambda handle, required, dtype, shape: (shape, dtype),
    lambda handle, required, dtype, shape: handle.item().take(int(required)),
)  # fmt: skip
TAKE_SPARSE = _define(
    "SparseAccumulatorTakeGradient", "handle:string required:int32",
    lambda handle, required, dtype: [((None,), int64), (None, dtype), ((None,), int64)],
    lambda handle, required, dtype: handle.item().take(int(required)),
)  # fmt: skip
COUNT = _define(
    "AccumulatorNumAccumulated", "handle:string", lambda handle: ((), int32), lambda handle: handle.item().count
)
SET_STEP = _define("AccumulatorSetGlobalStep", "handle:string step:int64", lambda *_: [], _set)


class ConditionalAccumulatorBase:
    """What both accumulators can do.  An accumulator belongs to a session."""

    def __init__(self, dtype: DType, shape: Dims, accumulator_ref: Tensor) -> None:
        self._dtype, self._shape, self._accumulator_ref = dtype, shape, accumulator_ref

    def _make(self, record: OpDef, dtype: Any, shape: Any, shared_name: Any, name: str, reduction_type: str) -> None:
        kind = as_dtype(dtype)
        if kind not in NUMERIC:
            raise TypeError(f"gradients are numbers, not {kind.name}")
        if reduction_type not in ("MEAN", "SUM"):
            raise GraphError(f"reduction_type must be MEAN or SUM, not {reduction_type!r}")
        with graph_of(()).control_dependencies(None):
            ref = record(name=name, dtype=kind, shape=as_dims(shape), mean=reduction_type == "MEAN", label=name,
                         shared_name=shared_name or "")  # fmt: skip
        ConditionalAccumulatorBase.__init__(self, kind, as_dims(shape), ref)

    @property
    def accumulator_ref(self) -> Tensor:
        return self._accumulator_ref

    @property
    def name(self) -> str:
        return self._accumulator_ref.op.name

    @property
    def dtype(self) -> DType:
        return self._dtype

    def num_accumulated(self, name: str | None = None) -> Tensor:
        """How many gradients there are, int32."""
        return COUNT(self._accumulator_ref, name=name or f"{self.name}NumAccumulated")

    def set_global_step(self, new_global_step: Any, name: str | None = None) -> Operation:
        """Gradients of earlier steps are not taken from now on."""
        return SET_STEP(self._accumulator_ref, _step(new_global_step), name=name)


def _step(value: Any) -> Tensor:
    return cast(value, int64)


class ConditionalAccumulator(ConditionalAccumulatorBase):
    """Adds up gradients, and leaves out those of steps that have passed.

    shape            of the gradients; None: any
    reduction_type   "MEAN" or "SUM"
    Raises: ValueError for another reduction_type; InvalidArgumentError, when run, for another shape.
    """

    def __init__(
        self, dtype: Any, shape: Any = None, shared_name: str | None = None, name: str = "conditional_accumulator",
        reduction_type: str = "MEAN",
    ) -> None:  # fmt: skip
        self._make(CONDITIONAL, dtype, shape, shared_name, name, reduction_type)

    def apply_grad(self, grad: Any, local_step: Any = 0, name: str | None = None) -> Operation:
        """Add a gradient that was computed in this step."""
        given = convert_to_tensor(grad, self._dtype, name="grad")
        if given.dims is not None and self._shape is not None and not compatible(given.dims, self._shape):
            raise GraphError(f"the accumulator {self.name!r} takes gradients of shape {show(self._shape)}, not "
                             f"{given.shape}")  # fmt: skip
        return APPLY(self._accumulator_ref, _step(local_step), given, name=name)

    def take_grad(self, num_required: Any, name: str | None = None) -> Tensor:
        """The mean, or sum, of the gradients, once there are num_required; the accumulator's step goes on by 1."""
        wanted = convert_to_tensor(num_required, int32, name="num_required")
        return TAKE(self._accumulator_ref, wanted, dtype=self._dtype, shape=self._shape, name=name)


class SparseConditionalAccumulator(ConditionalAccumulatorBase):
    """Adds up IndexedSlices; the mean of each row is that of the gradients which have it."""

    def __init__(
        self, dtype: Any, shape: Any = None, shared_name: str | None = None,
        name: str = "sparse_conditional_accumulator", reduction_type: str = "MEAN",
    ) -> None:  # fmt: skip
        self._make(SPARSE_CONDITIONAL, dtype, shape, shared_name, name, reduction_type)

    def apply_grad(
        self, grad_indices: Any, grad_values: Any, grad_shape: Any = None, local_step: Any = 0,
        name: str | None = None,
    ) -> Operation:  # fmt: skip
        """Add the rows grad_values at grad_indices."""
        shape = [] if grad_shape is None else grad_shape
        return APPLY_SPARSE(
            self._accumulator_ref, _step(local_step), _step(grad_indices), convert_to_tensor(grad_values, self._dtype),
            _step(convert_to_tensor(shape, preferred_dtype=int64)), name=name,
        )  # fmt: skip

    def apply_indexed_slices_grad(self, grad: IndexedSlices, local_step: Any = 0, name: str | None = None) -> Operation:
        """Add IndexedSlices."""
        return self.apply_grad(grad.indices, grad.values, grad.dense_shape, local_step, name)

    def take_grad(self, num_required: Any, name: str | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(indices, values, shape), once there are num_required gradients; the accumulator's step goes on by 1."""
        wanted = convert_to_tensor(num_required, int32, name="num_required")
        indices, values, shape = TAKE_SPARSE(self._accumulator_ref, wanted, dtype=self._dtype, name=name)
        return indices, values, shape

    def take_indexed_slices_grad(self, num_required: Any, name: str | None = None) -> IndexedSlices:
        """take_grad as IndexedSlices."""
        indices, values, shape = self.take_grad(num_required, name)
        return IndexedSlices(values, indices, shape)
