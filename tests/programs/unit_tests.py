"""A file of unit tests as TensorFlow's own are written."""
import numpy as np
import tensorflow as tf


class SquareTest(tf.test.TestCase):
    def testSquare(self):
        with self.test_session():
            x = tf.square([2, 3])
            self.assertAllEqual(x.eval(), [4, 9])

    def testSharedSession(self):
        with self.test_session() as first:
            v = tf.Variable(2.0)
            first.run(v.initializer)
        with self.test_session() as second:
            self.assertIs(first, second)
            self.assertAllClose(v.eval(), 2.0)

    def testOwnGraph(self):
        graph = tf.Graph()
        with self.session(graph=graph) as sess:
            y = tf.exp(tf.constant([0.0, 1.0]))
            self.assertAllClose(sess.run(y), [1.0, np.e])
            self.assertShapeEqual(np.zeros(2), y)

    def testErrors(self):
        with self.test_session():
            p = tf.placeholder(tf.int32)
            with self.assertRaisesOpError("Placeholder"):
                (p + 1).eval()
            with self.assertRaisesRegexp(ValueError, "inner dim") if hasattr(
                self, "assertRaisesRegexp"
            ) else self.assertRaisesRegex(ValueError, "inner dim"):
                tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))

    def testGradient(self):
        with self.test_session():
            x = tf.constant([1.0, 2.0, 3.0])
            y = tf.reduce_sum(tf.tanh(x) ** 2)
            self.assertLess(tf.test.compute_gradient_error(x, [3], y, [], delta=1e-2), 1e-2)

    def testFiles(self):
        with open(self.get_temp_dir() + "/f", "w") as f:
            f.write("x")
        self.assertFalse(tf.test.is_gpu_available() or tf.test.is_built_with_cuda() or tf.test.gpu_device_name())


if __name__ == "__main__":
    tf.test.main()
