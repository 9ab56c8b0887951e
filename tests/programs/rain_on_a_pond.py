"""A wave equation: a Laplacian by convolution, two variables updated together by tf.group."""
import numpy as np
import tensorflow as tf


def make_kernel(a):
    a = np.asarray(a)
    a = a.reshape(list(a.shape) + [1, 1])
    return tf.constant(a, dtype=1)


def simple_conv(x, k):
    x = tf.expand_dims(tf.expand_dims(x, 0), -1)
    y = tf.nn.conv2d(x, k, [1, 1, 1, 1], padding="SAME")
    return y[0, :, :, 0]


def laplace(x):
    laplace_k = make_kernel([[0.5, 1.0, 0.5], [1.0, -6.0, 1.0], [0.5, 1.0, 0.5]])
    return simple_conv(x, laplace_k)


N = 24
rng = np.random.RandomState(0)
u_init = np.zeros([N, N], dtype=np.float32)
ut_init = np.zeros([N, N], dtype=np.float32)
for n in range(5):
    a, b = rng.randint(0, N, 2)
    u_init[a, b] = rng.uniform()

eps = tf.placeholder(tf.float32, shape=())
damping = tf.placeholder(tf.float32, shape=())
U = tf.Variable(u_init)
Ut = tf.Variable(ut_init)
U_ = U + eps * Ut
Ut_ = Ut + eps * (laplace(U) - damping * Ut)
step = tf.group(U.assign(U_), Ut.assign(Ut_))

sess = tf.InteractiveSession()
tf.global_variables_initializer().run()
for i in range(40):
    step.run({eps: 0.03, damping: 0.04})


def laplace_np(u):
    p = np.pad(u, 1)
    s = sum(p[1 + i : N + 1 + i, 1 + j : N + 1 + j] * w for i, j, w in
            [(-1, -1, .5), (-1, 1, .5), (1, -1, .5), (1, 1, .5), (-1, 0, 1), (1, 0, 1), (0, -1, 1), (0, 1, 1), (0, 0, -6)])
    return s


u, ut = u_init.astype(np.float64), ut_init.astype(np.float64)
for i in range(40):
    u, ut = u + 0.03 * ut, ut + 0.03 * (laplace_np(u) - 0.04 * ut)
print("rms difference", np.sqrt(np.mean((U.eval() - u) ** 2)))
assert np.allclose(U.eval(), u, atol=1e-4) and np.allclose(Ut.eval(), ut, atol=1e-4)
