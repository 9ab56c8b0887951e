"""DType objects: TensorFlow's names, NumPy's behaviour."""

import pickle

import numpy as np
import pytest

import graphflow as tf


def test_dtypes_work_where_numpy_takes_a_type():
    assert np.zeros(3, tf.float32).dtype == np.float32
    assert np.asarray([1, 2], dtype=tf.int64).dtype == np.int64
    assert np.dtype(tf.bool) == np.bool_


@pytest.mark.parametrize("same", ["float32", np.float32, np.dtype("float32"), float, tf.float32])
def test_equality_and_conversion(same):
    assert tf.as_dtype(same) is tf.float32
    assert tf.float32 == same and tf.float64 != same


@pytest.mark.parametrize("bad", ["float33", int, None, 3.5, []])
def test_what_is_no_dtype(bad):
    assert tf.float32 != bad
    with pytest.raises(TypeError):
        tf.as_dtype(bad)


def test_properties():
    assert tf.float32.is_floating and tf.int32.is_integer and tf.bool.is_bool and tf.complex64.is_complex
    assert tf.uint8.is_unsigned and tf.uint8.max == 255 and tf.int8.min == -128 and tf.float32.size == 4
    assert tf.complex64.real_dtype is tf.float32 and tf.string.as_numpy_dtype is object
    assert tf.float32.as_numpy_dtype is np.float32 and tf.float32.base_dtype is tf.float32
    assert repr(tf.float32) == "tf.float32" and str(tf.float32) == "<dtype: 'float32'>"
    assert tf.half is tf.float16 and tf.double is tf.float64
    with pytest.raises(TypeError):
        _ = tf.string.min


def test_pickle_gives_the_same_object():
    assert pickle.loads(pickle.dumps(tf.int16)) is tf.int16
