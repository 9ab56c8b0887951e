"""Flags as programs of TensorFlow 1.0 to 1.4 print them."""
import tensorflow as tf

tf.flags.DEFINE_float("dev_sample_percentage", 0.1, "Percentage of the training data to use for validation")
tf.flags.DEFINE_integer("embedding_dim", 128, "Dimensionality of the character embedding")
tf.flags.DEFINE_string("filter_sizes", "3,4,5", "Comma-separated filter sizes")
tf.flags.DEFINE_boolean("allow_soft_placement", True, "Allow device soft device placement")

FLAGS = tf.flags.FLAGS
FLAGS._parse_flags()
print("\nParameters:")
for attr, value in sorted(FLAGS.__flags.items()):
    print("{}={}".format(attr.upper(), value))
assert list(map(int, FLAGS.filter_sizes.split(","))) == [3, 4, 5]
assert sorted(FLAGS.__flags) == sorted(FLAGS.flag_values_dict()) == sorted(FLAGS)
assert FLAGS.__dict__["__flags"]["allow_soft_placement"] is True and "'embedding_dim': 128" in str(FLAGS.__flags)
assert FLAGS.embedding_dim == 128 and "embedding_dim" in FLAGS
FLAGS.embedding_dim = 64
assert FLAGS["embedding_dim"].value == 64
session_conf = tf.ConfigProto(allow_soft_placement=FLAGS.allow_soft_placement, log_device_placement=False)
session_conf.gpu_options.allow_growth = True
with tf.Session(config=session_conf) as sess:
    assert sess.run(tf.constant(FLAGS.dev_sample_percentage)) == tf.float32.as_numpy_dtype(0.1)
