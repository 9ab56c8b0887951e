"""Packages that TensorFlow 1 brought along: six and absl."""
from __future__ import absolute_import, division, print_function

import six
import six.moves.urllib as urllib
import tensorflow as tf
from absl import app, flags, logging
from six.moves import cPickle as pickle
from six.moves import range, reduce, urllib as again, xrange, zip  # pylint: disable=redefined-builtin
from six.moves.urllib.parse import urlparse
from six.moves.urllib.request import urlretrieve

FLAGS = flags.FLAGS
flags.DEFINE_integer("steps", 3, "How many.")
flags.DEFINE_string("data_dir", "/tmp/data", "Where.")


class Meta(type):
    def tag(cls):
        return cls.__name__.lower()


@six.add_metaclass(Meta)
class Model(object):
    size = 2


class Other(six.with_metaclass(Meta, object)):
    pass


def main(argv):
    logging.set_verbosity(logging.ERROR)
    logging.info("not shown")
    assert len(argv) == 1 and FLAGS.steps == 3
    assert urlparse("http://a.b/c.gz").path == "/c.gz" and again is urllib and urllib.request.urlretrieve is urlretrieve
    assert Model.tag() == "model" and Other.tag() == "other" and Model().size == 2
    assert six.PY3 and isinstance("a", six.string_types) and six.b("a") == b"a" and six.ensure_str(b"a") == "a"
    assert sorted(six.iteritems({"a": 1, "b": 2})) == list(zip("ab", [1, 2])) == [("a", 1), ("b", 2)]
    assert pickle.loads(pickle.dumps([1])) == [1] and list(xrange(3)) == list(range(3)) and six.moves.input is input
    assert reduce(lambda a, b: a * b, six.itervalues({"a": 2, "b": 5})) == 10
    try:
        six.raise_from(ValueError("new"), KeyError("old"))
    except ValueError as error:
        assert isinstance(error.__cause__, KeyError)
    try:
        six.moves.no_such_name
    except AttributeError as error:
        assert "no_such_name" in str(error)
    with tf.Session() as sess:
        print(sess.run(tf.constant(FLAGS.steps) * 2))


if __name__ == "__main__":
    app.run(main)
