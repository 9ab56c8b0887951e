"""Several graphs and sessions: where operations go, what a session keeps, and how it ends."""
import tensorflow as tf

g1 = tf.Graph()
with g1.as_default():
    v = tf.Variable(1.0, name="v")
    grow = v.assign_add(1.0)
    init = tf.global_variables_initializer()
g2 = tf.Graph()
with g2.as_default():
    w = tf.constant(5.0)
assert v.graph is g1 and w.graph is g2 and tf.get_default_graph() is not g1
assert tf.get_default_session() is None

config = tf.ConfigProto(log_device_placement=False, intra_op_parallelism_threads=1)
config.gpu_options.per_process_gpu_memory_fraction = 0.4
with tf.Session(graph=g1, config=config) as one, tf.Session(graph=g1) as two:
    one.run(init)
    two.run(init)
    one.run(grow)
    one.run(grow)
    print(one.run(v), two.run(v))
    assert (one.run(v), two.run(v)) == (3.0, 1.0)
    assert two is tf.get_default_session() and v.eval(session=one) == 3.0
    v.load(7.0, one)
    assert v.eval(one) == 7.0
for use in (lambda: one.run(v), lambda: tf.Session(graph=tf.Graph()).run([])):
    try:
        use()
    except RuntimeError as error:
        print("RuntimeError:", error)
    else:
        raise AssertionError(use)
try:
    tf.Session(graph=g1).run(w)
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])
try:
    tf.Session(graph=g1).run(v)
except tf.errors.FailedPreconditionError as error:
    print(type(error).__name__)
g2.finalize()
try:
    with g2.as_default():
        tf.constant(1)
except RuntimeError as error:
    print("RuntimeError:", str(error)[:40])
with g1.as_default():
    doubled = tf.cond(v > 0, lambda: v * 2, lambda: v) if hasattr(tf, "cond") else v * 2
    with tf.control_dependencies([grow]):
        after = tf.identity(v.read_value())
with tf.Session(graph=g1) as sess:
    sess.run(init)
    assert sess.run([doubled, after]) == [2.0, 2.0] and sess.run(v) == 2.0
assert [op.type for op in g1.get_operations()][:1] == ["Const"] and len(g2.get_operations()) == 1
