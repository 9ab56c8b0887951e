"""Constants, feeds, and everything that a session can be asked for."""
import collections

import numpy as np
import tensorflow as tf

a = tf.constant(2)
b = tf.constant(3)
with tf.Session() as sess:
    print("Addition with constants: %i" % sess.run(a + b))
    print("Multiplication with constants: %i" % sess.run(a * b))
    assert sess.run([a + b, a * b, a - b, a // b, a % b, a / b, -a, a**b]) == [5, 6, -1, 0, 2, 2 / 3, -2, 8]

a = tf.placeholder(tf.int16)
b = tf.placeholder(tf.int16)
add = tf.add(a, b)
mul = tf.multiply(a, b)
with tf.Session() as sess:
    assert sess.run(add, feed_dict={a: 2, b: 3}) == 5
    assert sess.run(mul, feed_dict={a: [2, 3], b: 3}).tolist() == [6, 9]

Point = collections.namedtuple("Point", "x y")
hello = tf.constant("Hello, TensorFlow!")
product = tf.matmul(tf.constant([[3.0, 3.0]]), tf.constant([[2.0], [2.0]]))
with tf.Session() as sess:
    assert sess.run(hello) == b"Hello, TensorFlow!"
    result = sess.run({"p": product, "q": (hello, [product, product.op]), "r": Point(hello, product)})
    print(result)
    assert result["p"] == [[12.0]] and result["q"][1][1] is None and result["r"].y == [[12.0]]
    assert sess.run([]) == [] and sess.run("MatMul:0") == [[12.0]]
    total = sess.run(product + 1, feed_dict={product: np.array([[1.0]])})
    assert total == [[2.0]]
    for wrong in (None, 3, object()):
        try:
            sess.run(wrong)
        except TypeError as error:
            print("TypeError:", str(error)[:50])
        else:
            raise AssertionError(wrong)
