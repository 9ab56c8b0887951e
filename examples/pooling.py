"""Pooling: the largest, or the mean, of every square of an image; what is left is smaller, and moves less.

python examples/pooling.py [--digit 6] [--out pictures]
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist

NUMBERS = np.array([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]], np.float32)


def pooled(x, size: int):
    """Images [n, h, w, 1] -> (largest, mean) of their squares of `size` x `size`, each [n, h / size, w / size, 1]."""
    square = [1, size, size, 1]
    return tf.nn.max_pool(x, square, square, "SAME"), tf.nn.avg_pool(x, square, square, "SAME")


def main(arguments: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Print a small example, draw a large one; gives the pooled numbers of the small one."""
    parser = gallery.parser(__doc__, data=True)
    parser.add_argument("--digit", type=int, choices=range(10), default=6, help="which digit to draw (default: 6)")
    options = parser.parse_args(arguments)
    test = mnist.load(options.data).test
    image = np.float32(test.images[np.argmax(test.labels == options.digit)]) / 255

    x = tf.placeholder(tf.float32, [1, None, None, 1])
    two, four = pooled(x, 2), pooled(x, 4)
    with tf.Session() as session:
        largest, mean = session.run(two, {x: NUMBERS[None, :, :, None]})
        shifted = np.roll(image, 1, axis=1)  # the digit, one pixel to the right
        panels = session.run([x, *two, *four], {x: image[None]}), session.run([x, *two, *four], {x: shifted[None]})

    print(f"{NUMBERS}\nlargest of 2 x 2:\n{largest[0, :, :, 0]}\nmean of 2 x 2:\n{mean[0, :, :, 0]}")
    gallery.picture(options.out / "pooling.png", draw, panels, size=(11, 4.8))
    return largest[0, :, :, 0], mean[0, :, :, 0]


def draw(figure, panels) -> None:
    titles = ["image", "largest of 2 x 2", "mean of 2 x 2", "largest of 4 x 4", "mean of 4 x 4"]
    for row, images, where in zip(figure.subplots(2, 5), panels, ["as it is", "one pixel to the right"], strict=True):
        row[0].set_ylabel(where)
        for axes, image, title in zip(row, images, titles, strict=True):
            axes.imshow(image[0, :, :, 0], cmap="gray_r", vmin=0, vmax=1)
            axes.set(title=f"{title}\n{image.shape[1]} x {image.shape[2]}", xticks=[], yticks=[])


if __name__ == "__main__":
    main()
