"""Input pipelines of queues: names, slices and numbers in, batches out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import bool_, float32, int64, string
from graphflow.errors import GraphError, ShapeError
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.assertions import Assert
from graphflow.ops.basic import cast, identity
from graphflow.ops.compare import greater
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.files import matching_files
from graphflow.ops.fill import range as range_
from graphflow.ops.indexing import boolean_mask, gather
from graphflow.ops.random import random_shuffle
from graphflow.ops.shape_ops import expand_dims, reshape, shape, size
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.queues.queues import FIFOQueue, PaddingFIFOQueue, QueueBase, RandomShuffleQueue
from graphflow.queues.runner import QueueRunner, add_queue_runner
from graphflow.shape import common, known, merge
from graphflow.summary.functions import scalar
from graphflow.variables import Variable


def limit_epochs(tensor: Any, num_epochs: int | None = None, name: str | None = None) -> Tensor:
    """The tensor, `num_epochs` times; OutOfRangeError in the run after.  The count is a local variable."""
    if num_epochs is None:
        return convert_to_tensor(tensor)
    if num_epochs <= 0:
        raise GraphError(f"num_epochs must be positive, not {num_epochs}")
    with name_scope(name, "limit_epochs", [tensor]) as scope:
        epochs = Variable(0, dtype=int64, name="epochs", trainable=False, collections=[GraphKeys.LOCAL_VARIABLES])
        counter = epochs.count_up_to(num_epochs)
        value = convert_to_tensor(tensor)
        with value.graph.control_dependencies([counter]):
            return identity(value, name=scope)


def match_filenames_once(pattern: Any, name: str | None = None) -> Variable:
    """The files that a pattern fits when local variables are initialized: a local variable [n]."""
    with name_scope(name, "matching_filenames", [pattern]):
        return Variable(matching_files(pattern), name="matching_filenames", trainable=False, validate_shape=False,
                        collections=[GraphKeys.LOCAL_VARIABLES])  # fmt: skip


def input_producer(
    input_tensor: Any, element_shape: Any = None, num_epochs: int | None = None, shuffle: bool = True,
    seed: int | None = None, capacity: int = 32, shared_name: str | None = None, summary_name: str | None = None,
    name: str | None = None, cancel_op: Any = None,
) -> QueueBase:  # fmt: skip
    """A queue of the rows of a tensor, again and again or `num_epochs` times, each time in a new order.

    Raises: ValueError for a scalar or rows of unknown shape.
    """
    with name_scope(name, "input_producer", [input_tensor]):
        rows = convert_to_tensor(input_tensor, name="input_tensor")
        dims = rows.dims
        if dims == ():
            raise ShapeError("input_producer takes the rows of a tensor, and a scalar has none")
        inner = merge(None if dims is None else dims[1:], None if element_shape is None else tuple(element_shape))
        if not known(inner):
            raise ShapeError(f"the rows of {rows!r} must have a known shape: give element_shape")
        order = random_shuffle(rows, seed=seed) if shuffle else rows
        epoch = limit_epochs(order, num_epochs)
        queue = FIFOQueue(capacity, [rows.dtype], [inner], shared_name=shared_name, name=name or "input_producer")
        add_queue_runner(QueueRunner(queue, [queue.enqueue_many([epoch])], cancel_op=cancel_op))
        _summarize(queue, capacity, summary_name or "fraction_of_{}_full")
        return queue


def string_input_producer(
    string_tensor: Any, num_epochs: int | None = None, shuffle: bool = True, seed: int | None = None,
    capacity: int = 32, shared_name: str | None = None, name: str | None = None, cancel_op: Any = None,
) -> QueueBase:  # fmt: skip
    """A queue of strings, usually names of files.   Raises: ValueError when there are none."""
    if isinstance(string_tensor, (list, tuple)) and not string_tensor:
        raise GraphError("string_input_producer needs at least one string")
    with name_scope(name, "input_producer", [string_tensor]) as scope:
        texts = convert_to_tensor(string_tensor, string)
        check = Assert(greater(size(texts), 0), ["string_input_producer got no strings"])
        with texts.graph.control_dependencies([check]):
            texts = identity(texts)
        return input_producer(texts, [], num_epochs, shuffle, seed, capacity, shared_name, name=scope,
                              cancel_op=cancel_op)  # fmt: skip


def range_input_producer(
    limit: Any, num_epochs: int | None = None, shuffle: bool = True, seed: int | None = None, capacity: int = 32,
    shared_name: str | None = None, name: str | None = None,
) -> QueueBase:  # fmt: skip
    """A queue of the numbers 0 to limit - 1."""
    with name_scope(name, "input_producer", [limit]) as scope:
        return input_producer(range_(limit), [], num_epochs, shuffle, seed, capacity, shared_name, name=scope)


def slice_input_producer(
    tensor_list: Sequence[Any], num_epochs: int | None = None, shuffle: bool = True, seed: int | None = None,
    capacity: int = 32, shared_name: str | None = None, name: str | None = None,
) -> list[Tensor]:  # fmt: skip
    """Corresponding rows of several tensors, one of each a run."""
    if not tensor_list:
        raise GraphError("slice_input_producer needs at least one tensor")
    with name_scope(name, "input_producer", list(tensor_list)):
        tensors = [convert_to_tensor(t) for t in tensor_list]
        index = range_input_producer(shape(tensors[0])[0], num_epochs, shuffle, seed, capacity, shared_name).dequeue()
        return [gather(t, index) for t in tensors]


# -- batches -----------------------------------------------------------------------------------------------------------
def _flat(tensors: Any) -> tuple[list[Tensor], Callable[[list[Tensor]], Any]]:
    """The tensors of a list or dict, and what makes the same of others."""
    if isinstance(tensors, Mapping):
        names = sorted(tensors)
        flat, _ = _flat([tensors[name] for name in names])
        return flat, lambda made: dict(zip(names, made, strict=True))
    flat = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
    if not flat:
        raise GraphError("there are no tensors to put together")
    if any(isinstance(t, SparseTensor) for t in flat):
        raise GraphError("sparse tensors cannot be put into a queue: batch the serialized examples and parse the batch")
    return [convert_to_tensor(t) for t in flat], lambda made: made[0] if len(made) == 1 else made


def _summarize(queue: QueueBase, capacity: int, name: str = "fraction_of_{}_full") -> None:
    """A summary of how full a queue is."""
    scalar(name.format(capacity), cast(queue.size(), float32) * (1.0 / capacity))


def _joined(
    tensors_list: Sequence[Any], batch_size: Any, capacity: int, many: bool, shapes: Any, smaller: bool, pad: bool,
    keep: Sequence[Any], name: str | None, default: str, queue_of: Callable[[list, list], QueueBase],
) -> Any:  # fmt: skip
    """Batches of what several lists of tensors give, each list enqueued in a thread of its own."""
    parts = [_flat(tensors) for tensors in tensors_list]
    restore, columns = parts[0][1], parts[0][0]
    with name_scope(name, default, columns) as scope:
        if any([t.dtype for t in flat] != [t.dtype for t in columns] for flat, _ in parts):
            raise TypeError("all lists of tensors must have the same dtypes")
        types = [t.dtype for t in columns]
        dims: list[Any] = []
        for i in range(len(columns)):
            owns = [flat[i].dims for flat, _ in parts]
            owns = [own[1:] if many else own for own in owns if own is not None]
            given = [] if shapes is None else [tuple(shapes[i])]
            found = reduce(common if pad else merge, [*given, *owns]) if given or owns else None
            if not known(found) and not pad or found is None:
                raise ShapeError(f"the shape of {columns[i]!r} must be known: give shapes, or use dynamic_pad")
            dims.append(found)
        queue = queue_of(types, dims)
        adds = []
        for (flat, _), wanted in zip(parts, keep, strict=True):
            if wanted is None:
                adds.append((queue.enqueue_many if many else queue.enqueue)(flat))
                continue
            mask = reshape(convert_to_tensor(wanted, bool_), [-1])
            rows = flat if many else [expand_dims(t, 0) for t in flat]
            if many and convert_to_tensor(wanted).dims == ():
                raise ShapeError("with enqueue_many, keep_input is a vector with one element for each example")
            adds.append(queue.enqueue_many([boolean_mask(t, mask) for t in rows]))
        add_queue_runner(QueueRunner(queue, adds))
        _summarize(queue, capacity)
        taken = (queue.dequeue_up_to if smaller else queue.dequeue_many)(batch_size, name=scope)
        outputs = taken if isinstance(taken, list) else [taken]
        return restore(outputs)


def batch(
    tensors: Any, batch_size: Any, num_threads: int = 1, capacity: int = 32, enqueue_many: bool = False,
    shapes: Any = None, dynamic_pad: bool = False, allow_smaller_final_batch: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Batches of what the tensors give in run after run: [...] -> [batch_size, ...].

    enqueue_many   the tensors have several examples each, along their first dimension
    dynamic_pad    examples of different sizes are filled up with zeros
    allow_smaller_final_batch   the first dimension is unknown then
    A queue and a QueueRunner with `num_threads` threads are made; see start_queue_runners.
    Raises: ValueError for examples of unknown shape, unless dynamic_pad.
    """
    return maybe_batch(tensors, None, batch_size, num_threads, capacity, enqueue_many, shapes, dynamic_pad,
                       allow_smaller_final_batch, shared_name, name)  # fmt: skip


def maybe_batch(
    tensors: Any, keep_input: Any, batch_size: Any, num_threads: int = 1, capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None, dynamic_pad: bool = False, allow_smaller_final_batch: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """As batch, of the examples for which `keep_input` is True."""

    def queue(types: list, dims: list) -> QueueBase:
        kind = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        return kind(capacity, types, dims, shared_name=shared_name)

    return _joined([tensors] * num_threads, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch,
                   dynamic_pad, [keep_input] * num_threads, name, "batch", queue)  # fmt: skip


def batch_join(
    tensors_list: Sequence[Any], batch_size: Any, capacity: int = 32, enqueue_many: bool = False, shapes: Any = None,
    dynamic_pad: bool = False, allow_smaller_final_batch: bool = False, shared_name: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """As batch, of several lists of tensors, each in a thread of its own."""

    def queue(types: list, dims: list) -> QueueBase:
        kind = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        return kind(capacity, types, dims, shared_name=shared_name)

    return _joined(tensors_list, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch, dynamic_pad,
                   [None] * len(tensors_list), name, "batch_join", queue)  # fmt: skip


def shuffle_batch(
    tensors: Any, batch_size: Any, capacity: int, min_after_dequeue: int, num_threads: int = 1, seed: int | None = None,
    enqueue_many: bool = False, shapes: Any = None, allow_smaller_final_batch: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """As batch, in random order: examples are drawn from at least `min_after_dequeue`."""
    return maybe_shuffle_batch(tensors, batch_size, capacity, min_after_dequeue, None, num_threads, seed, enqueue_many,
                               shapes, allow_smaller_final_batch, shared_name, name)  # fmt: skip


def maybe_shuffle_batch(
    tensors: Any, batch_size: Any, capacity: int, min_after_dequeue: int, keep_input: Any, num_threads: int = 1,
    seed: int | None = None, enqueue_many: bool = False, shapes: Any = None, allow_smaller_final_batch: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """As shuffle_batch, of the examples for which `keep_input` is True."""

    def queue(types: list, dims: list) -> QueueBase:
        return RandomShuffleQueue(capacity, min_after_dequeue, types, dims, seed=seed, shared_name=shared_name)

    return _joined([tensors] * num_threads, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch,
                   False, [keep_input] * num_threads, name, "shuffle_batch", queue)  # fmt: skip


def shuffle_batch_join(
    tensors_list: Sequence[Any], batch_size: Any, capacity: int, min_after_dequeue: int, seed: int | None = None,
    enqueue_many: bool = False, shapes: Any = None, allow_smaller_final_batch: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """As shuffle_batch, of several lists of tensors, each in a thread of its own."""

    def queue(types: list, dims: list) -> QueueBase:
        return RandomShuffleQueue(capacity, min_after_dequeue, types, dims, seed=seed, shared_name=shared_name)

    return _joined(tensors_list, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch, False,
                   [None] * len(tensors_list), name, "shuffle_batch_join", queue)  # fmt: skip
