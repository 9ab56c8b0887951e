"""Files through tf.gfile: writing, reading, listing, copying, deleting, and the errors."""
import os

import tensorflow as tf
from tensorflow.python.platform import gfile

root = os.path.join(os.getcwd(), "work")
if tf.gfile.Exists(root):
    tf.gfile.DeleteRecursively(root)
tf.gfile.MakeDirs(os.path.join(root, "a", "b"))
path = os.path.join(root, "a", "words.txt")
with tf.gfile.GFile(path, "w") as f:
    f.write("one\ntwo\n")
with gfile.FastGFile(path, "a") as f:
    f.write("three\n")
with tf.gfile.Open(path) as f:
    assert f.readline() == "one\n"
    assert [line.strip() for line in f] == ["two", "three"]
with tf.gfile.GFile(path, "rb") as f:
    assert f.read() == b"one\ntwo\nthree\n" and f.size() == 14
assert tf.gfile.IsDirectory(root) and not tf.gfile.IsDirectory(path)
assert sorted(tf.gfile.ListDirectory(os.path.join(root, "a"))) == ["b", "words.txt"]
tf.gfile.Copy(path, path + ".copy")
assert [os.path.basename(p) for p in tf.gfile.Glob(os.path.join(root, "a", "*.txt*"))] == ["words.txt", "words.txt.copy"]
try:
    tf.gfile.Copy(path, path + ".copy")
except tf.errors.AlreadyExistsError as error:
    print(type(error).__name__)
tf.gfile.Rename(path + ".copy", path, overwrite=True)
assert tf.gfile.Stat(path).length == 14
print([(os.path.relpath(d, root), sorted(n), f) for d, n, f in tf.gfile.Walk(root)])
tf.gfile.Remove(path)
assert not gfile.Exists(path)
try:
    tf.gfile.GFile(path).read()
except tf.errors.NotFoundError as error:
    print(type(error).__name__, error.error_code)
    assert error.error_code == tf.errors.NOT_FOUND
tf.gfile.DeleteRecursively(root)
assert not os.path.exists(root)
