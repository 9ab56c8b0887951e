"""Variable scopes: sharing by reuse, names, and the error of sharing by accident."""
import tensorflow as tf

with tf.variable_scope("foo"):
    with tf.variable_scope("bar"):
        v = tf.get_variable("v", [1])
assert v.name == "foo/bar/v:0"

with tf.variable_scope("foo"):
    w = tf.get_variable("w", [1])
    tf.get_variable_scope().reuse_variables()
    w1 = tf.get_variable("w", [1])
assert w1 is w

with tf.variable_scope("foo", reuse=True):
    w2 = tf.get_variable("w", [1])
assert w2 == w

try:
    with tf.variable_scope("foo"):
        tf.get_variable("w", [1])
except ValueError as error:
    print("ValueError:", error.args[0][:50])
else:
    raise AssertionError("a variable was made twice")

try:
    with tf.variable_scope("foo", reuse=True):
        tf.get_variable("missing", [1])
except ValueError as error:
    print("ValueError:", error.args[0][:50])
else:
    raise AssertionError("a variable that does not exist was shared")


def conv_relu(input, kernel_shape, bias_shape):
    weights = tf.get_variable("weights", kernel_shape, initializer=tf.random_normal_initializer())
    biases = tf.get_variable("biases", bias_shape, initializer=tf.constant_initializer(0.0))
    conv = tf.nn.conv2d(input, weights, strides=[1, 1, 1, 1], padding="SAME")
    return tf.nn.relu(conv + biases)


def my_image_filter(input_images):
    with tf.variable_scope("conv1"):
        relu1 = conv_relu(input_images, [3, 3, 2, 4], [4])
    with tf.variable_scope("conv2"):
        return conv_relu(relu1, [3, 3, 4, 2], [2])


image1 = tf.ones([1, 6, 6, 2])
image2 = tf.zeros([1, 6, 6, 2])
with tf.variable_scope("image_filters") as scope:
    result1 = my_image_filter(image1)
    scope.reuse_variables()
    result2 = my_image_filter(image2)
names = [v.op.name for v in tf.trainable_variables() if v.name.startswith("image_filters")]
print(names)
assert names == [f"image_filters/conv{i}/{n}" for i in (1, 2) for n in ("weights", "biases")]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    r1, r2 = sess.run([result1, result2])
    assert r1.shape == (1, 6, 6, 2) and not r2.any()
