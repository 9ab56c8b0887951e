"""`tf.estimator.inputs`: input functions for arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.data.public import Dataset


def numpy_input_fn(
    x: Any, y: Any = None, batch_size: int = 128, num_epochs: int | None = 1, shuffle: bool | None = None,
    queue_capacity: int = 1000, num_threads: int = 1,
) -> Callable[[], Any]:  # fmt: skip
    """A function that gives batches of arrays: features, or (features, labels).

    x        an array, or a dict of arrays with as many rows each
    shuffle  must be said: True or False
    Raises: ValueError when it is not said, or the numbers of rows differ.
    """
    if not isinstance(shuffle, bool):
        raise ValueError("shuffle must be True or False")
    arrays = [*(x.values() if isinstance(x, Mapping) else [x]), *(y.values() if isinstance(y, Mapping) else [y])]
    rows = {len(a) for a in arrays if a is not None}
    if len(rows) != 1:
        raise ValueError(f"x and y must have as many rows each, not {sorted(rows)}")

    def input_fn() -> Any:
        features = dict(x) if isinstance(x, Mapping) else x
        data = Dataset.from_tensor_slices(features if y is None else (features, y))
        if shuffle:
            data = data.shuffle(max(queue_capacity, 1))
        return data.repeat(num_epochs).batch(batch_size).make_one_shot_iterator().get_next()

    return input_fn
