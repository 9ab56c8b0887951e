"""Names of operations under scopes, repeated scopes, and looking things up by name."""
import tensorflow as tf

with tf.name_scope("layer"):
    a = tf.constant(1.0, name="a")
    with tf.name_scope("inner"):
        b = tf.add(a, 1.0, name="b")
with tf.name_scope("layer"):
    c = tf.identity(b, name="c")
with tf.name_scope("layer/") as scope:
    d = tf.multiply(c, 2.0, name="d")
assert [t.op.name for t in (a, b, c, d)] == ["layer/a", "layer/inner/b", "layer_1/c", "layer/d"]
assert scope == "layer/"
graph = tf.get_default_graph()
assert graph.get_tensor_by_name("layer/inner/b:0") is b
assert graph.get_operation_by_name("layer/d") is d.op
assert d in [op.outputs[0] for op in c.consumers()]
with tf.variable_scope("v"):
    w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    sum_ = w + 1.0
assert (w.name, sum_.name) == ("v/w:0", "v/add:0")
assert graph.unique_name("layer/a") == "layer/a_1"
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run("layer/d:0"), sess.run(sum_), [op.name for op in graph.get_operations()][:4])
    assert sess.run("layer/d:0") == 4.0
    assert sess.run(["layer/a:0", d], {"layer/inner/b:0": 10.0}) == [1.0, 20.0]
