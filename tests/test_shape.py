"""TensorShape, Dimension and the arithmetic on partly known shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphflow as tf
from graphflow.shape import broadcast, compatible, merge

sizes = st.one_of(st.none(), st.integers(0, 4))
some_dims = st.one_of(st.none(), st.lists(sizes, max_size=4).map(tuple))


def test_text_is_tensorflows():
    assert str(tf.TensorShape([None, 784])) == "(?, 784)"
    assert str(tf.TensorShape([3])) == "(3,)"
    assert str(tf.TensorShape(None)) == "<unknown>"
    assert str(tf.TensorShape([])) == "()"
    assert repr(tf.TensorShape([None, 2])) == "TensorShape([Dimension(None), Dimension(2)])"


def test_indexing_gives_dimensions_and_shapes():
    shape = tf.TensorShape([None, 3, 4])
    assert shape[0].value is None and int(shape[1]) == 3 and shape[-1] == 4
    assert shape[1:].as_list() == [3, 4] and len(shape) == 3 and shape.ndims == 3
    assert [d.value for d in shape] == [None, 3, 4]


def test_unknown_rank():
    shape = tf.TensorShape(None)
    assert shape.ndims is None and shape.dims is None and not shape
    for ask in (shape.as_list, lambda: len(shape), lambda: list(shape)):
        with pytest.raises(ValueError):
            ask()


def test_dimension_arithmetic_keeps_the_unknown():
    three, unknown = tf.Dimension(3), tf.Dimension(None)
    assert (three + 1).value == 4 and (7 - three).value == 4 and (three * 2).value == 6
    assert (7 // three).value == 2 and (7 % three).value == 1
    assert (unknown + 1).value is None and (unknown == 3) is None and (unknown < 3) is None
    assert np.zeros([three]).shape == (3,)
    with pytest.raises(TypeError):
        int(unknown)
    with pytest.raises(ValueError):
        tf.Dimension(-1)


def test_merge_and_concatenate():
    assert tf.TensorShape([None, 3]).merge_with([2, None]).as_list() == [2, 3]
    assert tf.TensorShape([1]).concatenate([2, 3]).as_list() == [1, 2, 3]
    for bad in ([3, 3], [2]):
        with pytest.raises(ValueError):
            tf.TensorShape([None, 4]).merge_with(bad)


def test_rank_checks():
    assert tf.TensorShape(None).with_rank(2).as_list() == [None, None]
    for check in ("with_rank", "with_rank_at_most"):
        with pytest.raises(ValueError):
            getattr(tf.TensorShape([1, 2]), check)(1)
    with pytest.raises(ValueError):
        tf.TensorShape([1]).with_rank_at_least(2)


@given(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4), st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4))
def test_broadcast_of_known_shapes_is_numpys(a, b):
    try:
        want = np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        with pytest.raises(ValueError):
            broadcast(tuple(a), tuple(b))
    else:
        assert broadcast(tuple(a), tuple(b)) == want


@given(st.lists(st.sampled_from([1, 2]), max_size=3), st.lists(st.sampled_from([1, 2]), max_size=3), st.data())
def test_broadcast_of_partly_known_shapes_never_contradicts_the_value(a, b, data):
    want = np.broadcast_shapes(tuple(a), tuple(b))
    forget = lambda dims: tuple(None if data.draw(st.booleans()) else d for d in dims)
    assert compatible(broadcast(forget(a), forget(b)), want)


@given(some_dims, some_dims)
def test_merge_is_symmetric_and_agrees_with_compatible(a, b):
    if compatible(a, b):
        assert merge(a, b) == merge(b, a) and compatible(merge(a, b), a)
    else:
        with pytest.raises(ValueError):
            merge(a, b)


def test_whole_numbers_of_any_type_are_dimensions():
    two = tf.Dimension(2)
    assert two == 2.0 and two == np.float64(2) and np.float32(2) == two and two == "2" and two != 3.0
    assert tf.TensorShape(np.ones(2)).as_list() == [1, 1] and tf.Dimension(np.array([2])) == two
    assert (two == 2.5) is False and (two == "x") is False
    for size in (1.5, "x"):
        with pytest.raises(ValueError):
            tf.TensorShape([size])
    with pytest.raises(ValueError, match="Ambiguous"):
        _ = two < 2.5


def test_what_is_no_size_may_do_the_arithmetic():
    two = tf.Dimension(2)
    assert two * [2] == [2, 2] and two * "x" == "xx" and (two + np.array([2, 3]) == [4, 5]).all()
    for bad in (lambda: two + 2.5, lambda: two * 1.5, lambda: 1.5 * two, lambda: two + "x"):
        with pytest.raises(TypeError):
            bad()
