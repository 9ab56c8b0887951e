"""Messages of several levels; only those above the verbosity are written, to stderr."""
import tensorflow as tf

tf.logging.info("not shown %d", 1)
tf.logging.set_verbosity(tf.logging.INFO)
tf.logging.info("shown %d", 2)
tf.logging.warn("a warning")
tf.logging.debug("not shown either")
for i in range(6):
    tf.logging.log_every_n(tf.logging.INFO, "every %d", 3, i)
    tf.logging.log_first_n(tf.logging.INFO, "first %d", 2, i)
tf.logging.set_verbosity(tf.logging.ERROR)
tf.logging.warning("not shown")
tf.logging.error("an error")
assert tf.logging.get_verbosity() == tf.logging.ERROR == 40
print(tf.logging.DEBUG, tf.logging.INFO, tf.logging.WARN, tf.logging.ERROR, tf.logging.FATAL)
