"""A program with flags and a main, run with arguments, among them some that it does not define."""
import sys

import tensorflow as tf

flags = tf.app.flags
flags.DEFINE_string("name", "nobody", "Whom to greet.")
flags.DEFINE_integer("steps", 10, "Number of steps.")
flags.DEFINE_float("learning_rate", 0.5, "Learning rate.")
flags.DEFINE_boolean("verbose", False, "Whether to say more.")
flags.DEFINE_bool("shuffle", True, "Whether to shuffle.")
flags.DEFINE_list("layers", ["10"], "Sizes.")
flags.DEFINE_enum("mode", "train", ["train", "test"], "What to do.")
FLAGS = flags.FLAGS


def main(argv):
    print(argv, FLAGS.name, FLAGS.steps, FLAGS.learning_rate, FLAGS.verbose, FLAGS.shuffle, FLAGS.layers, FLAGS.mode)
    assert __name__ == "__main__" and argv[0] == sys.argv[0]
    assert (FLAGS.name, FLAGS.steps, FLAGS.learning_rate) == ("course", 3, 0.25)
    assert FLAGS.verbose is True and FLAGS.shuffle is False
    assert FLAGS.layers == ["20", "30"] and FLAGS.mode == "test"
    assert argv[1:] == ["--unknown=1", "data.csv"]
    x = tf.Variable(4.0)
    train = tf.train.GradientDescentOptimizer(FLAGS.learning_rate).minimize(tf.square(x))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(FLAGS.steps):
            sess.run(train)
        assert sess.run(x) == 0.5


if __name__ == "__main__":
    tf.app.run()
    raise AssertionError("tf.app.run does not return")
