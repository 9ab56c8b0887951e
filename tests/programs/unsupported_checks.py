"""A program that asks for what is there before it uses it."""
import tensorflow as tf

assert hasattr(tf, "matmul") and not hasattr(tf, "keras_that_never_was")
assert not hasattr(tf.contrib, "eager") and getattr(tf.contrib, "bigtable", None) is None
try:
    from tensorflow.contrib import tensor_forest
except ImportError as error:
    print("ImportError:", error)
try:
    tf.enable_eager_execution()
except NotImplementedError as error:
    print("NotImplementedError:", error)
    assert "graph mode" in str(error) and "unsupported_checks.py:11" in str(error)
try:
    tf.this_is_no_name
except AttributeError as error:
    assert not isinstance(error, NotImplementedError)
try:
    tf.matmul(tf.zeros([2, 2]), tf.zeros([2, 2]), transpose=True)
except TypeError as error:
    print("TypeError:", error)
