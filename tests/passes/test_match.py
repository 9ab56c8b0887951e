"""Patterns and the engine: what matches, what is refused, and that depth costs nothing."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.errors import InternalError
from graphflow.operation import Operation
from graphflow.ops.arithmetic import ADD, MUL, SUB
from graphflow.ops.math import EXP, NEG, SQUARE
from graphflow.ops.state import READ
from graphflow.passes.engine import rewrite_program
from graphflow.passes.match import any_, build, const, constant, op, rewrite, splat
from graphflow.program import prune, specialize
from graphflow.text import program_text


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def program_of(fetches, feeds=(), targets=()):
    dims = [t.shape.as_list() for t in feeds]
    return specialize(prune(fetches, targets, feeds), [tuple(d) for d in dims], lambda op: op.output.dims).program


def types(program):
    return [o.type for o in program.ops]


@rewrite(op(ADD, op(MUL, any_("a"), any_("b"), name="product", uses=1), any_("c")))
def product_and_sum(root, product, a, b, c):
    """For the tests: a * b + c becomes a - b - c, to be seen."""
    assert product.inputs == (a, b)
    return build(root, SUB, build(root, SUB, a, b), c)


def test_both_orders_of_a_commutative_record_match():
    x, y, z = (tf.placeholder(tf.float32, [2], name=n) for n in "xyz")
    for total in (x * y + z, z + x * y):
        program = rewrite_program(program_of([total], [x, y, z]), [product_and_sum])
        text = program_text(program).splitlines()[3:]
        assert text == [
            f"%3 = Sub(%0, %1) float32(2,) {total.op.name!r}",
            f"%4 = Sub(%3, %2) float32(2,) {total.op.name!r}",
            "fetch %4",
        ]


def test_uses_counts_operations_and_fetches():
    x, y, z = (tf.placeholder(tf.float32, [2]) for _ in range(3))
    product = x * y
    total = product + z
    for fetches in ([total, product], [total, tf.exp(product)], [product + product]):
        program = program_of(fetches, [x, y, z])
        assert rewrite_program(program, [product_and_sum]) is program


def test_uses_counts_what_is_still_needed():
    @rewrite(op(EXP, op(NEG, any_("x"))))
    def forget(root, x):
        """For the tests: exp(-x) becomes x squared, so that -x loses a use."""
        return build(root, SQUARE, x)

    x = tf.placeholder(tf.float32, [2])
    negative = -(x * x)
    early, late = tf.exp(negative), tf.add(x * x, x)
    program = rewrite_program(program_of([early, late], [x]), [forget, product_and_sum])
    assert types(program) == ["Mul", "Square", "Sub", "Sub"]


def test_one_name_is_one_tensor():
    @rewrite(op(SUB, any_("x"), any_("x")))
    def difference(root, x):
        """For the tests."""
        return build(root, SQUARE, x)

    x, y = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [2])
    assert types(rewrite_program(program_of([x - y, x - x], [x, y]), [difference])) == ["Sub", "Square"]


def test_numbers_that_tensors_are_full_of():
    small = tf.constant([0.0, -0.0])
    assert splat(small) is None and splat(tf.constant([1.0, 2.0])) is None and splat(tf.zeros([0])) is None
    assert splat(tf.constant([3, 3])) == 3 and splat(tf.constant(True)) and splat(tf.fill([9], 2.0)) == 2
    assert splat(tf.broadcast_to(tf.constant(5.0), [300])) == 5 and splat(tf.ones_like(tf.exp(small))) == 1
    assert splat(tf.constant(np.ones(1 << 17, np.float32))) is None and splat(tf.exp(small)) is None


# -- what goes wrong -----------------------------------------------------------------------------------------------
def where(tensor):
    return f"created at {__file__}:{tensor.op.site[1]}"


def test_a_rule_that_raises_stops_the_compile():
    @rewrite(op(EXP, any_("x")))
    def careless(root, x):
        """For the tests."""
        return {}[x.dtype]

    x = tf.placeholder(tf.float32, [2])
    y = tf.exp(x, name="growth")
    with pytest.raises(InternalError) as raised:
        rewrite_program(program_of([y], [x]), [careless])
    assert "the rule careless failed: KeyError" in str(raised.value)
    assert "in Exp 'growth'" in str(raised.value) and where(y) in str(raised.value)


@pytest.mark.parametrize(("make", "what"), [
    (lambda root, x: constant(root, np.float32(1)), "changes float32(2,) to float32()"),
    (lambda root, x: constant(root, np.zeros(2)), "changes float32(2,) to float64(2,)"),
    (lambda root, x: build(root, ADD, x, constant(root, np.zeros(3, np.float32))), "the rule wrong failed"),
])  # fmt: skip
def test_a_rule_must_keep_shape_and_dtype(make, what):
    @rewrite(op(EXP, any_("x")))
    def wrong(root, x):
        """For the tests."""
        return make(root, x)

    x = tf.placeholder(tf.float32, [2])
    y = tf.exp(x)
    with pytest.raises(InternalError) as raised:
        rewrite_program(program_of([y], [x]), [wrong])
    assert what in str(raised.value) and "rule wrong" in str(raised.value) and where(y) in str(raised.value)


def test_rules_that_keep_firing_are_named():
    @rewrite(op(ADD, any_("x"), any_("y")))
    def there(root, x, y):
        """For the tests."""
        return build(root, SUB, x, y)

    @rewrite(op(SUB, any_("x"), any_("y")))
    def back(root, x, y):
        """For the tests."""
        return build(root, ADD, x, y)

    x = tf.placeholder(tf.float32, [2])
    with pytest.raises(InternalError, match="the rules back, there keep firing"):
        rewrite_program(program_of([x + x], [x]), [there, back])


def test_sweeps_that_never_end_are_stopped():
    @rewrite(op(EXP, op(NEG, any_("x"))))
    def grow(root, x):
        """For the tests: what it makes matches again, one sweep later."""
        return build(root, SQUARE, build(root, EXP, build(root, NEG, x)))

    x = tf.placeholder(tf.float32, [2])
    with pytest.raises(InternalError, match="the rules grow keep firing"):
        rewrite_program(program_of([tf.exp(-x)], [x]), [grow])


def test_what_makes_no_rule():
    with pytest.raises(ValueError, match="no docstring"):
        rewrite(op(EXP, any_("x")))(lambda x: x)

    def asks(z):
        """For the tests."""

    with pytest.raises(ValueError, match=r"asks for \['z'\]"):
        rewrite(op(EXP, any_("x")))(asks)

    def reads(x):
        """For the tests."""

    with pytest.raises(ValueError, match="stateful"):
        rewrite(op(READ, any_("x")))(reads)


def test_an_operation_is_a_replacement_too():
    @rewrite(op(EXP, any_("x"), name="exp"))
    def same(exp, x):
        """For the tests."""
        return build(exp, SQUARE, x).op

    x = tf.placeholder(tf.float32, [2])
    program = rewrite_program(program_of([tf.exp(x)], [x]), [same])
    assert types(program) == ["Square"] and isinstance(program.ops[0], Operation)


# -- depth ---------------------------------------------------------------------------------------------------------
def test_a_chain_of_15_000_operations():
    @rewrite(op(MUL, op(MUL, any_("x"), const(name="c"), uses=1), const(name="d")))
    def together(root, x, c, d):
        """For the tests: scalar chains are one product, whatever is rounded."""
        return build(root, MUL, x, constant(root, c * d))

    h = x = tf.placeholder(tf.float32, [2])
    for _ in range(15_000):
        h = h * 1.0001
    assert types(rewrite_program(program_of([h], [x]), [together])) == ["Const", "Mul"]
