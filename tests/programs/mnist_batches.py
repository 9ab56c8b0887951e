"""What read_data_sets gives: sizes, ranges, orders, epochs."""
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

data = input_data.read_data_sets("MNIST_data", validation_size=600, seed=1)
assert [d.num_examples for d in data] == [5000, 600, 300]
assert data.train.images.shape == (5000, 784) and data.train.images.dtype == np.float32
assert 0 <= data.train.images.min() and data.train.images.max() <= 1.0
assert data.train.labels.dtype == np.uint8 and data.train.labels.shape == (5000,)
x, y = data.validation.next_batch(600, shuffle=False)
assert np.array_equal(x, data.validation.images) and data.validation.epochs_completed == 0
data.validation.next_batch(10, shuffle=False)
assert data.validation.epochs_completed == 1

before = np.sort(data.test.labels)
seen = np.concatenate([data.test.next_batch(60)[1] for _ in range(5)])
assert np.array_equal(np.sort(seen), before) and not np.array_equal(seen, before)
crossing = data.test.next_batch(290)[1], data.test.next_batch(20)[1]
assert data.test.epochs_completed == 2 and len(crossing[1]) == 20

again = [input_data.read_data_sets("MNIST_data", validation_size=600, seed=1).train.next_batch(5)[1].tolist() for _ in "ab"]
assert again[0] == again[1]
one_hot = input_data.read_data_sets("MNIST_data", one_hot=True, reshape=False, dtype=tf.uint8)
assert one_hot.train.labels.shape == (600, 10) and one_hot.train.labels.sum() == 600
assert one_hot.train.images.shape == (600, 28, 28, 1) and one_hot.train.images.dtype == np.uint8
fake = input_data.read_data_sets("", fake_data=True, one_hot=True).train.next_batch(2)
assert len(fake[0]) == 2 and len(fake[0][0]) == 784 and fake[1][0][0] == 1
for wrong in (dict(validation_size=9999), dict(dtype=tf.int32)):
    try:
        input_data.read_data_sets("MNIST_data", **wrong)
    except (ValueError, TypeError) as error:
        print(type(error).__name__, error)
    else:
        raise AssertionError(wrong)
