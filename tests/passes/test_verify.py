"""The verifier finds what a wrong pass would do."""

from dataclasses import replace

import numpy as np
import pytest

import graphflow as tf
from graphflow.errors import InternalError
from graphflow.operation import Operation
from graphflow.passes import optimize
from graphflow.passes.match import constant
from graphflow.passes.verify import verify
from graphflow.program import prune, specialize


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def program():
    """Two writes of a variable, a read between them, a draw."""
    v = tf.Variable([1.0, 2.0], name="v")
    x = tf.placeholder(tf.float32, [2])
    first = v.assign_add(x, name="first")
    with tf.control_dependencies([first]):
        between = tf.exp(v, name="between")
    second = v.assign_sub(between, name="second")
    drawn = tf.random_uniform([2], seed=1)
    stage = specialize(prune([between, second, drawn], [first.op], [x]), [(2,)], lambda op: op.output.dims)
    return optimize(stage.program)


def named(program, kind):
    return next(op for op in program.ops if op.type == kind)


def without(program, op):
    return replace(program, ops=tuple(o for o in program.ops if o is not op))


def test_a_sound_program(program):
    verify(program)
    verify(program, program)


def test_order_of_making(program):
    exp, read = named(program, "Exp"), named(program, "ReadVariable")
    ops = list(program.ops)
    ops.remove(exp)
    with pytest.raises(InternalError, match=r"Exp 'between' takes .* not made before it") as raised:
        verify(replace(program, ops=(exp, *ops)))
    assert f"created at {__file__}:{exp.site[1]}" in str(raised.value)
    with pytest.raises(InternalError, match="which is not made before it"):
        verify(without(program, read))
    with pytest.raises(InternalError, match="stands twice"):
        verify(replace(program, ops=(*program.ops, exp)))


def test_fetches_are_there(program):
    with pytest.raises(InternalError, match=r"the fetch .* is never computed"):
        verify(without(program, named(program, "RandomUniform")))
    with pytest.raises(InternalError, match="fetches have not the types from before"):
        verify(replace(program, fetches=program.fetches[:2]), program)
    with pytest.raises(InternalError, match="the feeds are not those from before"):
        verify(replace(program, feeds=(*program.feeds, program.fetches[2]), fetches=program.fetches), program)


def test_types_are_inferred_again(program):
    exp = named(program, "Exp")
    wrong = exp.rebuild(exp.inputs, [((3,), tf.float32)])
    with pytest.raises(InternalError, match=r"Exp 'between' says float32\(3,\), inference float32\(2,\)"):
        verify(Swap(program, exp, wrong).program)
    wrong = exp.rebuild(exp.inputs, [((2,), tf.float64)])
    with pytest.raises(InternalError, match="says float64"):
        verify(Swap(program, exp, wrong).program)
    number = constant(exp, np.float32(1)).op
    lying = Operation(number.definition, "c", (), number.attrs, [((2,), tf.float32)], (), exp.graph, 0, exp.site)
    with pytest.raises(InternalError, match=r"Const 'c' holds float32\(\)"):
        verify(replace(program, ops=(lying, *program.ops)))
    add = named(program, "AssignAdd")
    bad = add.rebuild((add.inputs[0], constant(exp, np.zeros(3, np.float32))), [((2,), tf.float32)])
    with pytest.raises(InternalError, match="AssignAdd 'first' has inputs that do not fit"):
        verify(replace(program, ops=(bad.inputs[1].op, *(bad if o is add else o for o in program.ops))))


class Swap:
    """The program with one operation in another's place, fetches included."""

    def __init__(self, program, old, new):
        swap = dict(zip(old.outputs, new.outputs, strict=True))
        ops = []
        for op in program.ops:
            made = new if op is old else op
            if made is op and any(t in swap for t in op.inputs):
                made = op.rebuild(tuple(swap.get(t, t) for t in op.inputs), [(t.dims, t.dtype) for t in op.outputs])
                swap.update(zip(op.outputs, made.outputs, strict=True))
            ops.append(made)
        self.program = replace(program, ops=tuple(ops), fetches=tuple(swap.get(t, t) for t in program.fetches))


def test_reads_and_writes_keep_their_order(program):
    add, read, draw = (named(program, kind) for kind in ("AssignAdd", "ReadVariable", "RandomUniform"))
    swapped = [{add: read, read: add}.get(op, op) for op in program.ops]
    moved = replace(program, ops=tuple(swapped))
    verify(moved)  # a program like any other,
    with pytest.raises(InternalError, match="out of its order"):
        verify(moved, program, "some_pass")  # but not what it was
    late = replace(program, ops=(*[op for op in program.ops if op is not draw], draw))
    verify(late, program)  # a draw touches nothing else


def test_writes_and_draws_do_not_get_lost(program):
    bare = replace(program, targets=(), fetches=program.fetches[:1])
    for kind in ("AssignSub", "RandomUniform"):
        with pytest.raises(InternalError, match=f"{kind} .* is gone") as raised:
            verify(without(bare, named(bare, kind)), bare, "some_pass")
        assert "found by the verifier after some_pass" in str(raised.value)


def test_an_unneeded_read_may_go(program):
    bare = replace(program, fetches=program.fetches[2:], targets=())
    ops = [op for op in program.ops if op.type in ("RandomUniform", "Const", "AssignAdd")]
    before = replace(bare, ops=tuple(op for op in program.ops if op.type != "AssignSub"))
    verify(replace(bare, ops=tuple(ops)), before)
