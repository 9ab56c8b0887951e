"""Products that also give what else their operands or results are needed for, where a backend has such kernels.

A layer relu(a @ b + bias) keeps the mask of its relu for the product that flows back into it, which needs no other
kernel for the relu's gradient and for that of the bias.  Elsewhere the bias's gradient comes from the product for that
of the weights, which reads the same matrix.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import RELU, RELU_GRAD
from graphflow.ops.arithmetic import ADD
from graphflow.ops.bias import BIAS_ADD
from graphflow.ops.define import OpDef
from graphflow.ops.epilogues import MATMUL_BIAS_RELU, MATMUL_RELU_GRAD, MATMUL_SUMS
from graphflow.ops.fused import FUSED, unfolded
from graphflow.ops.infer import static_axes
from graphflow.ops.linalg import MATMUL
from graphflow.ops.reduce import SUM
from graphflow.passes.engine import Substitution
from graphflow.passes.match import build
from graphflow.passes.prune import drop_dead
from graphflow.program import Program
from graphflow.shape import sizes

# Whether a backend has a better kernel for an operation of graphflow.ops.epilogues than for what it stands for.
Epilogues = Callable[[Operation], bool]


@dataclass(frozen=True)
class _Wide:
    """An operation for a product and for what sums its result or an operand; `mask` is the tensor that its mask is of.

    A layer has nobody who sums.
    """

    record: OpDef
    product: Operation
    sums: Operation | None = None
    mask: Tensor | None = None

    def made(self, product: Operation, mask: Tensor | None = None) -> Operation:
        """The operation over the inputs of the product, which may have new ones."""
        operands, flips = _operands(product)
        inputs = (*operands[:2], mask) if mask is not None else operands
        return build(product, self.record, *inputs, **flips).op


def extend_epilogues(
    program: Program, fired: Counter[str] | None = None, epilogues: Epilogues | None = None
) -> Program:
    """Operations of graphflow.ops.epilogues for the products that have them; the sums have then no kernel of their own.

    Regions that do more than such a product, and sums that are in regions, stay as they are.
    """
    if epilogues is None:
        return program
    found = list(_found(program, epilogues))
    if not found:
        return program
    if fired is not None:
        fired["epilogues extended"] += len(found)
    return drop_dead(_rebuilt(program, found))


def _rebuilt(program: Program, found: list[_Wide]) -> Program:
    """Each stands where the first of its two operations stood."""
    home = {op: wide for wide in found for op in (wide.product, wide.sums) if op is not None}
    copy, masks, done = Substitution(program), dict[Tensor, Tensor](), set[int]()
    for old in program.ops:
        wide = home.get(old)
        if wide is None:
            copy.put(old, copy.updated(old))
        elif id(wide) not in done:
            done.add(id(wide))
            mask = masks[wide.mask] if wide.mask is not None else None
            made = wide.made(copy.updated(wide.product), mask)
            copy.ops.append(made)
            copy.replace(wide.product, made.outputs[:1])
            if wide.sums is None:
                masks[wide.product.output] = made.outputs[1]
            else:
                copy.replace(wide.sums, made.outputs[1:])
    return copy.finish()


# -- what there is ---------------------------------------------------------------------------------------------------
def _found(program: Program, epilogues: Epilogues) -> list[_Wide]:
    """None of them shares an operation with another; layers first, for their products do more."""
    readers: defaultdict[Tensor, list[Operation]] = defaultdict(list)
    for op in program.ops:
        for t in dict.fromkeys(op.inputs):
            readers[t].append(op)
    found = list(_backward(program, readers, epilogues))
    taken = {op for wide in found for op in (wide.product, wide.sums) if op is not None}
    for wide in _weights(program, readers):
        if taken.isdisjoint((wide.product, wide.sums)) and epilogues(wide.made(wide.product)):
            taken.update(op for op in (wide.product, wide.sums) if op is not None)
            found.append(wide)
    return found


def _backward(program: Program, readers: dict[Tensor, list[Operation]], epilogues: Epilogues) -> Iterator[_Wide]:
    """Layers with a bias and a relu, each followed by the products that flow back into it."""
    for op in program.ops:
        if not _is_region(op, (ADD, BIAS_ADD), (RELU,)) or op.inputs[2].dims != sizes(op.output.dims)[1:]:
            continue
        layer = _Wide(MATMUL_BIAS_RELU, op)
        made = layer.made(op)
        back = [
            _Wide(MATMUL_RELU_GRAD, reader, sums[0], op.output)
            for reader in readers[op.output]
            if _is_region(reader, (RELU_GRAD,))
            and _operands(reader)[0][2] is op.output
            and (sums := [s for s in readers[reader.output] if _is_sum_of_columns(s)])
        ]
        if back and epilogues(made):
            wanted = [wide for wide in back if epilogues(wide.made(wide.product, made.outputs[1]))]
            if wanted:
                yield layer
                yield from wanted


def _weights(program: Program, readers: dict[Tensor, list[Operation]]) -> Iterator[_Wide]:
    """Products that fold the rows of a matrix which somebody else sums."""
    place = {op: i for i, op in enumerate(program.ops)}
    for sums in program.ops:
        if not _is_sum_of_columns(sums):
            continue
        for product in readers[sums.inputs[0]]:
            if product.definition is not MATMUL:
                continue
            first = min(place[product], place[sums])
            folds = product.attrs["transpose_a"], not product.attrs["transpose_b"]
            for operand, t in enumerate(product.inputs):
                if t is sums.inputs[0] and folds[operand] and all(place.get(u.op, -1) < first for u in product.inputs):
                    yield _Wide(MATMUL_SUMS[operand], product, sums)


def _is_region(op: Operation, *epilogue: tuple[OpDef, ...]) -> bool:
    """Whether this is a product of matrices and these operations, each on the result of the one before."""
    if op.definition is not FUSED:
        return False
    region = op.attrs["region"]
    value = region.members[0].output
    if region.members[0].definition is not MATMUL or len(region.computed) != len(epilogue):
        return False
    for member, records in zip(region.computed, epilogue, strict=True):
        first = 0 if member.inputs[0] is value or not member.definition.commutative else 1
        if member.definition not in records or member.inputs[first] is not value:
            return False
        value = member.output
    return region.outputs == (value,) and len(_operands(op)[0]) == 3


def _operands(op: Operation) -> tuple[tuple[Tensor, ...], dict]:
    """The operands of a product, and what is after it in a region takes from outside; the product's attributes."""
    parts = unfolded(op)
    inside = {t for member, _ in parts for t in member.outputs}
    return tuple([t for _, inputs in parts for t in inputs if t not in inside]), dict(parts[0][0].attrs)


def _is_sum_of_columns(op: Operation) -> bool:
    if op.definition is not SUM or op.inputs[0].dims is None or len(op.inputs[0].dims) != 2:
        return False
    axes = static_axes(op.inputs[1], 2)
    return axes is not None and set(axes) == {0} and op.output.dims == op.inputs[0].dims[1:]
