"""Loops inside the graph: factorial, Newton, growing shapes, TensorArray, map, scan and folds, conditions."""
import tensorflow as tf, numpy as np
# loops
n = tf.placeholder(tf.int32, [])
i0 = tf.constant(0); fact = tf.while_loop(lambda i, a: i < n, lambda i, a: [i + 1, a * tf.cast(i + 1, tf.float64)], [i0, tf.constant(1.0, tf.float64)])
def newton(a):
    c = lambda x, k: tf.logical_and(k < 50, tf.abs(x * x - a) > 1e-6)
    b = lambda x, k: (0.5 * (x + a / x), k + 1)
    return tf.while_loop(c, b, (a, 0), name='newton')
a = tf.placeholder(tf.float32, name='a')
r, k = newton(a)
g = tf.gradients(r, a)
fib = tf.while_loop(lambda i, x, y: i < 10, lambda i, x, y: (i + 1, y, x + y), [0, 0, 1])[1]
# growing shape
grow = tf.while_loop(lambda i, m: i < 4, lambda i, m: [i + 1, tf.concat([m, m], axis=0)], loop_vars=[i0, tf.ones([2, 2])], shape_invariants=[i0.get_shape(), tf.TensorShape([None, 2])])[1]
# tensorarray
def ta(xs):
    T = tf.shape(xs)[0]
    arr = tf.TensorArray(tf.float32, size=T)
    inp = tf.TensorArray(tf.float32, size=T).unstack(xs)
    _, _, arr = tf.while_loop(lambda t, *_: t < T, lambda t, s, arr: (t + 1, s + inp.read(t), arr.write(t, s + inp.read(t))), (0, tf.zeros([3]), arr))
    return arr.stack()
xs = tf.placeholder(tf.float32, [None, 3]); cs = ta(xs)
elems = np.array([1, 2, 3, 4, 5, 6])
sq = tf.map_fn(lambda x: x * x, elems)
alt = tf.map_fn(lambda x: x[0] * x[1], (np.array([1., 2., 3.]), np.array([-1., 1., -1.])), dtype=tf.float64)
two = tf.map_fn(lambda x: (x, -x), elems, dtype=(tf.int64, tf.int64))
cum = tf.scan(lambda acc, x: acc + x, elems); fibs = tf.scan(lambda acc, _: (acc[1], acc[0] + acc[1]), np.zeros(8), initializer=(0, 1))
fl = tf.foldl(lambda p, x: p * x, elems); fr = tf.foldr(lambda p, x: p - x, elems)
flag = tf.placeholder_with_default(False, []); v = tf.Variable(0.0)
def t(): 
    with tf.control_dependencies([v.assign_add(1.0)]): return tf.identity(10.0)
cond = tf.cond(flag, t, lambda: tf.constant(20.0))
case = tf.case([(a < 1, lambda: tf.constant(1)), (a < 10, lambda: tf.constant(2))], default=lambda: tf.constant(3), exclusive=False)
case2 = tf.case({tf.less(a, 1.): lambda: tf.constant('x')}, default=lambda: tf.constant('y'))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    assert sess.run(fact, {n: 10})[1] == 3628800 and sess.run(fib) == 55 and sess.run(grow).shape == (32, 2)
    assert grow.shape.as_list() == [None, 2]
    np.testing.assert_allclose(sess.run([r, g[0]], {a: 2.0}), [2 ** .5, .5 / 2 ** .5], rtol=1e-5)
    assert sess.run(cs, {xs: np.ones((4, 3))})[-1].tolist() == [4, 4, 4] and sess.run(tf.gradients(cs, xs), {xs: np.ones((2, 3))})[0].tolist() == [[2] * 3, [1] * 3]
    assert sess.run(alt).tolist() == [-1, 2, -3] and sess.run([sq, two[1], cum])[2].tolist() == [1, 3, 6, 10, 15, 21]
    assert sess.run(fibs)[0].tolist() == [1, 1, 2, 3, 5, 8, 13, 21] and sess.run([fl, fr]) == [720, -9]
    assert sess.run(cond, {flag: True}) == 10 and sess.run(cond) == 20 and sess.run(v) == 1
    assert sess.run([case, case2], {a: 5.}) == [2, b'y']
    # mandelbrot
    Y, X = np.mgrid[-1.3:1.3:0.1, -2:1:0.1]; Z = X + 1j * Y
    xs_ = tf.constant(Z.astype("complex64")); zs = tf.Variable(xs_); ns = tf.Variable(tf.zeros_like(xs_, "float32"))
    tf.variables_initializer([zs, ns]).run()
    zs_ = zs * zs + xs_; not_diverged = tf.abs(zs_) < 4
    step = tf.group(zs.assign(zs_), ns.assign_add(tf.cast(not_diverged, "float32")))
    for _ in range(20): step.run()
    assert ns.eval().sum() > 5000
