"""The Mandelbrot set, by complex arithmetic in the graph and steps run one by one."""
import numpy as np
import tensorflow as tf

sess = tf.InteractiveSession()
Y, X = np.mgrid[-1.3:1.3:0.1, -2:1:0.1]
Z = X + 1j * Y
xs = tf.constant(Z.astype(np.complex64))
zs = tf.Variable(xs)
ns = tf.Variable(tf.zeros_like(xs, tf.float32))
tf.global_variables_initializer().run()
zs_ = zs * zs + xs
not_diverged = tf.abs(zs_) < 4
step = tf.group(zs.assign(zs_), ns.assign_add(tf.cast(not_diverged, tf.float32)))
for i in range(30):
    step.run()
counts = ns.eval()
print(counts.shape, counts.sum())

with np.errstate(all="ignore"):
    c, z, n = Z.astype(np.complex64), Z.astype(np.complex64), np.zeros(Z.shape, np.float32)
    for i in range(30):
        z = z * z + c
        n += np.abs(z) < 4
assert np.mean(counts == n) > 0.98
assert counts.max() == 30 and counts.min() < 5
