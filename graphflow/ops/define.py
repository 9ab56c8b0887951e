"""What an op is: one record, made by `define`, that holds everything graphflow knows about it.

Calling a record adds an operation to a graph: Python values become constants, dtypes are checked, shapes inferred.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.config import current
from graphflow.dtypes import DType
from graphflow.errors import (
    ConversionError,
    DTypeError,
    GraphError,
    GraphflowError,
    InternalError,
    InvalidArgumentError,
    ResourceExhaustedError,
)
from graphflow.graph import Graph, get_default_graph
from graphflow.operation import PACKAGE, Operation, Tensor, created, creation_site, describe_inputs
from graphflow.ops.lowering import AnyLowering, Lowering
from graphflow.ops.values import as_array
from graphflow.shape import Dims

Outputs = list[tuple[Dims, DType]]

NO_GRADIENT: tuple = ()
PASS_GRADIENT = (lambda op, dy: dy,)  # dy itself, an IndexedSlices too


@dataclass(frozen=True, slots=True)
class Arg:
    """One input of an op: its name, and its dtype, fixed or shared by all inputs with the same type variable."""

    name: str
    fixed: DType | None
    variable: str
    variadic: bool


def _parse_args(text: str) -> tuple[Arg, ...]:
    """`"x y axis:I cond:bool *values"`: names with a type variable (T when absent) or a dtype; * takes any number.

    Inputs of the type variable `any` need not have one dtype.
    """
    parsed = []
    for word in text.split():
        name, _, kind = word.partition(":")
        fixed = dtypes._BY_NAME.get(kind)
        parsed.append(Arg(name.lstrip("*"), fixed, "" if fixed else kind or "T", name.startswith("*")))
    return tuple(parsed)


@dataclass(frozen=True, eq=False, slots=True)
class OpDef:
    """The record of one op.

    infer      (*inputs, **attrs) -> (dims, dtype), or a list of them: static types of the outputs
    reference  (*arrays, **attrs) -> array, or a tuple of them: the meaning of the op
    vjp        (op, *dys) -> a gradient or None for each input; or a tuple with a function (op, *dys) for each input,
               of which only those are called whose result is needed.  NO_GRADIENT: gradients end here; None: nobody
               has worked the gradient out, and asking for it is an error
    exact      what vjp gives has the shapes of the inputs.  Otherwise, where another input may have broadcast one, its
               gradient is summed over what broadcasting added
    lowering   a kind from graphflow.ops.lowering, or a function of the operation that picks one
    types      allowed dtypes of each type variable
    stateful   may not be merged, folded or dropped from the order: it reads or changes something outside the graph
    variable   the op stands for a variable: its output is the value that the variable has when the run starts
    refs       inputs (by position) that name a variable: the op sees the value of its place in the program order
    writes     those of them that the op changes; output i is the new value of writes[i]
    reads      False when the op also works on variables that have no value yet; the reference then gets None
    in_place   as the reference, but it changes the arrays of the variables that it writes, and returns these arrays;
               for ops that change a few rows of a large variable
    moves      inputs whose elements the op only moves around: it works on values that are known in part
    static     (op) -> what is known of the value while the graph is built, None for unknown elements
    draws      makes random numbers: the reference also gets `key` and `draw`
    expand     (op, make) -> the same outputs in simpler operations, `make(record, *inputs, **attrs)` for each and
               `make.constant(value)`; None where it stays as it is.  Compilers use it, so that its parts can fuse
    flops      (op) -> the FLOPs of an operation whose shapes are known, for what its lowering does not show
    calls      runs programs of its own, those in its attribute `bodies`; its vjp is (op, dys, wanted inputs), where
               dys has None for outputs that nothing came back to
    holds      (store, **attrs) -> what a session keeps for this operation from run to run: a queue, an iterator;
               the reference gets it as `held`
    blocks     may wait for other runs of the session, or make some
    rows       (op) -> whether several values of the first input, put together along a new first dimension, give what
               each gives, put together
    """

    name: str
    args: tuple[Arg, ...]
    infer: Callable[..., Any]
    reference: Callable[..., Any] | None
    vjp: Callable[..., Sequence[Any]] | tuple[Callable | None, ...] | None = None
    exact: bool = False
    lowering: AnyLowering = None
    types: Mapping[str, tuple[DType, ...]] = field(default_factory=dict)
    commutative: bool = False
    stateful: bool = False
    variable: bool = False
    refs: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    reads: bool = True
    in_place: Callable[..., Any] | None = None
    moves: frozenset[str] = frozenset()
    static: Callable[[Operation], Any] | None = None
    draws: bool = False
    expand: Callable[[Operation, Any], Sequence[Tensor] | None] | None = None
    flops: Callable[[Operation], int] | None = None
    calls: bool = False
    holds: Callable[..., Any] | None = None
    blocks: bool = False
    rows: Callable[[Operation], bool] | None = None

    def lower(self, op: Operation) -> Lowering:
        """The kind of lowering for this operation."""
        return self.lowering(op) if callable(self.lowering) else self.lowering

    def __call__(self, *values: Any, name: str | None = None, **attrs: Any) -> Any:
        """Add an operation; gives its output, a list of its outputs, or itself when it has none."""
        graph = graph_of(values)
        full_name = graph.op_name(name or self.name)
        inputs = self.convert(graph, full_name, values)
        op = graph.add_operation(self, full_name, inputs, attrs, self.outputs(inputs, attrs, full_name))
        outputs = op.outputs
        return outputs[0] if len(outputs) == 1 else list(outputs) if outputs else op

    def outputs(self, inputs: Sequence[Tensor], attrs: dict, name: str, site: tuple | None = None) -> Outputs:
        """Inferred types of the outputs; errors say which operation, where, and with what inputs."""
        try:
            inferred = self.infer(*inputs, **attrs)
        except GraphflowError as error:
            where = created(f"in {self.name} {name!r}", site or creation_site())
            error.note(*where, *describe_inputs(self, inputs))
            raise
        return inferred if type(inferred) is list else [inferred]

    def compute(self, op: Operation, values: Sequence[Any], in_place: bool = False, **extra: Any) -> list[np.ndarray]:
        """The outputs by the reference, in their dtypes; errors say which operation failed."""
        function = self.in_place if in_place else self.reference
        if function is None:
            raise InternalError.because(f"{self.name} has no reference: it is executed by the session").note(
                *op.where()
            )
        try:
            with np.errstate(all="ignore"):
                results = function(*values, **op.attrs, **extra)
                if not isinstance(results, (tuple, list)):
                    results = (results,)
                # A sum in float64 may be infinite in float32.
                return [np.asarray(r, dtype=t.dtype.dtype) for r, t in zip(results, op.outputs, strict=True)]
        except GraphflowError as error:
            if not error.notes:  # a member has not said where already
                error.note(*op.where())
            raise
        except np.linalg.LinAlgError as error:
            raise InvalidArgumentError.because(f"{self.name}: {error}", op).note(*op.where()) from None
        except MemoryError as error:
            raise ResourceExhaustedError.because(f"{self.name}: {error}", op).note(*op.where()) from None
        except Exception as error:
            if isinstance(error, _UNFIT) and _own(error):
                cause = error if current().frames else None
                raise InvalidArgumentError.because(
                    f"{self.name} cannot work with these values: {error}", op, hint="GRAPHFLOW_FRAMES=1 shows the cause"
                ).note(*op.where()) from cause
            for line in op.where():
                error.add_note(line)
            raise

    def convert(self, graph: Graph, op_name: str, values: Sequence[Any]) -> tuple[Tensor, ...]:
        """Tensors for the arguments, left to right: the first of a type variable decides the dtype of the others."""
        bound: dict[str, DType] = {}
        inputs: list[Tensor] = []
        for arg, value in self._pair(values):
            want = arg.fixed or bound.get(arg.variable)
            tensor = value if type(value) is Tensor else None
            if tensor is None:
                default = dtypes.int32 if arg.variable == "I" and want is None else None
                try:
                    tensor = _convert(value, want, default, graph, f"{op_name}/{arg.name}")
                except GraphflowError as error:
                    what = f"as argument {arg.name!r} of {self.name} {op_name!r}"
                    raise error.note(*created(what, creation_site())) from None
            dtype = tensor.dtype
            if want is None:
                if arg.variable != "any":
                    bound[arg.variable] = dtype
                allowed = self.types.get(arg.variable)
                if allowed is not None and dtype not in allowed:
                    raise self._refused(arg, tensor, op_name, "one of " + ", ".join(d.name for d in allowed))
            elif dtype is not want:
                raise self._refused(arg, tensor, op_name, want.name)
            if tensor.op.graph is not graph:
                raise self._foreign(tensor, op_name, [*inputs, *(v for v in values if isinstance(v, Tensor))])
            inputs.append(tensor)
        return tuple(inputs)

    def _pair(self, values: Sequence[Any]) -> list[tuple[Arg, Any]]:
        args = self.args
        if len(args) == len(values) and not any(a.variadic for a in args):
            return list(zip(args, values, strict=True))
        extra = len(values) - len(args) + 1
        wide: list[Arg] = []
        for arg in args:
            wide += [arg] * extra if arg.variadic else [arg]
        return list(zip(wide, values, strict=True))

    def _refused(self, arg: Arg, tensor: Tensor, op_name: str, expected: str) -> GraphflowError:
        error = DTypeError(f"{arg.name} has dtype {tensor.dtype.name}, expected {expected}",
                           hint="tf.cast changes the dtype of a tensor")  # fmt: skip
        where = created(f"in {self.name} {op_name!r}", creation_site())
        return error.note(*where, *created(f"  {arg.name}: {tensor!r}", tensor.op.site)[:1])

    def _foreign(self, tensor: Tensor, op_name: str, others: Sequence[Tensor]) -> GraphflowError:
        error = GraphError(
            f"{tensor!r} must be from the same graph as the other inputs of {op_name!r}",
            hint="operations go to the default graph, or to that of `with graph.as_default():`",
        ).note(*created(f"in {self.name} {op_name!r}", creation_site()))
        for t in dict.fromkeys(others):
            error.note(*created(f"  {t!r}", t.op.site))
        return error

    def __repr__(self) -> str:
        return f"OpDef({self.name})"


_UNFIT = (ValueError, TypeError, IndexError, ArithmeticError)  # what NumPy says of values that do not fit an operation
_INSIDE = (PACKAGE, os.path.dirname(np.__file__) + os.sep, f"numpy{os.sep}")  # the last: NumPy in Cython


def _own(error: BaseException) -> bool:
    """Whether graphflow or NumPy raised it, and no function that the user has handed over."""
    tb = error.__traceback__
    while tb is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(_INSIDE):
            return False
        tb = tb.tb_next
    return True


REGISTRY: dict[str, OpDef] = {}


def define(
    name: str, args: str, infer: Callable, reference: Callable | None, types: Any = None, moves: str = "", **fields: Any
) -> OpDef:
    """Make the record of an op and enter it in the registry; ValueError when the name is taken.

    `args` is the text that `_parse_args` explains; `types` a tuple of dtypes for T, or a dict by type variable.
    """
    if name in REGISTRY:
        raise ValueError(f"the op {name} is defined twice")
    allowed: dict[str, tuple[DType, ...]] = {"I": dtypes.INDEX}
    if types is not None:
        allowed.update(types if isinstance(types, dict) else {"T": types})
    fields.setdefault("refs", fields.get("writes", ()))
    record = OpDef(name, _parse_args(args), infer, reference, types=allowed, moves=frozenset(moves.split()), **fields)
    REGISTRY[name] = record
    return record


# -- constants and conversion ------------------------------------------------------------------------------------
CONST = define(
    "Const", "",
    infer=lambda value, dtype: (value.shape, dtype),
    reference=lambda value, dtype: value,
    vjp=lambda op, dy: [],
    static=lambda op: op.attrs["value"],
)  # fmt: skip

_conversions: list[tuple[int, tuple[type, ...], Callable]] = []


def register_tensor_conversion_function(base_type: Any, conversion_func: Callable, priority: int = 100) -> None:
    """Let values of `base_type` be used as tensors.

    `conversion_func(value, dtype=None, name=None, as_ref=False)` gives a tensor or NotImplemented; lower priorities
    are asked first.
    """
    types = base_type if isinstance(base_type, tuple) else (base_type,)
    _conversions.append((priority, types, conversion_func))
    _conversions.sort(key=lambda entry: entry[0])


def add_constant(graph: Graph, array: np.ndarray, full_name: str) -> Tensor:
    """A Const operation with this value, under a name that is already unique."""
    array.flags.writeable = False
    dtype = dtypes.as_dtype(array.dtype)
    op = graph.add_operation(CONST, full_name, (), {"value": array, "dtype": dtype}, [(array.shape, dtype)])
    return op.outputs[0]


def _convert(value: Any, dtype: DType | None, preferred: DType | None, graph: Graph, full_name: str) -> Tensor:
    if type(value) not in (float, int, bool, str, np.ndarray):
        for _, types, function in _conversions:
            if isinstance(value, types):
                with graph.as_default():
                    result = function(value, dtype=dtype, name=full_name, as_ref=False)
                if result is not NotImplemented:
                    return require_dtype(result, dtype)
    array = as_array(value, dtype) if preferred is None or dtype is not None else _preferably(value, preferred)
    return add_constant(graph, array, graph._names.unique(full_name))


def _preferably(value: Any, preferred: DType) -> np.ndarray:
    """The value in a dtype that is preferred, not demanded: only where it loses nothing."""
    plain = as_array(value, None)
    if plain.dtype == preferred.dtype:
        return plain
    try:
        array = as_array(value, preferred)
    except GraphflowError:
        return plain
    wrapped = preferred.is_integer and plain.dtype.kind in "iu" and not np.array_equal(plain, array)
    return plain if wrapped else array


def require_dtype(tensor: Tensor, dtype: DType | None) -> Tensor:
    """The tensor itself; ConversionError when `dtype` is given and is another."""
    if dtype is not None and tensor.dtype is not dtype:
        raise ConversionError(f"a tensor of dtype {dtype.name} is needed, and {tensor!r} has {tensor.dtype.name}",
                         hint="tf.cast changes the dtype of a tensor")  # fmt: skip
    return tensor


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None, dtype_hint: Any = None
) -> Tensor:
    """A tensor for a tensor, variable, array, number, string or nested list of these.

    Dtype:  `dtype` if given; `preferred_dtype` where the value allows it; else what tf.constant would choose.
    Raises: ValueError for None and for a tensor of another dtype, TypeError for a value that has no such dtype.
    """
    want = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor):
        return require_dtype(value, want)
    hint = preferred_dtype if preferred_dtype is not None else dtype_hint
    graph = get_default_graph()
    return _convert(value, want, None if hint is None else dtypes.as_dtype(hint), graph,
                    graph._scope + (name or "Const"))  # fmt: skip


def is_tensor(x: Any) -> bool:
    """Whether this is a tensor, a variable, or made of tensors as IndexedSlices and SparseTensors are."""
    return isinstance(x, Tensor) or hasattr(x, "_as_graph_element") or hasattr(x, "fetch_components")


def graph_of(values: Sequence[Any]) -> Graph:
    """The graph of the first tensor or variable among the values, else the default graph."""
    for value in values:
        if type(value) is Tensor:
            return value.op.graph
        graph = getattr(value, "graph", None)
        if isinstance(graph, Graph):
            return graph
    return get_default_graph()
