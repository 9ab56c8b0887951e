"""Programs that run alike in TensorFlow 1.15 and here, and what TensorFlow's values were.

A case is a function of `tf` that gives what to fetch; `steps` says how often (1), `load` whether trainable variables
get a pattern first.  `python tests/recorded/play.py AREA...`, where TensorFlow 1.15 is installed, writes AREA.json.
"""

import importlib.util
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SHORT = 8  # more elements than this are kept as sums


def cases(area):
    """The cases of an area, by name."""
    spec = importlib.util.spec_from_file_location("recorded_" + area, str(HERE / (area + ".py")))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {n: f for n, f in vars(module).items() if callable(f) and f.__module__ == module.__name__ and n[0] != "_"}


def pattern(shape, k):
    """Values between -0.7 and 0.7, others for each variable."""
    return (0.7 * np.sin(1.0 + k + 1.3 * np.arange(int(np.prod(shape))))).reshape(shape)


def play(tf, case):
    """Names and shapes of the variables, and a summary of each value of each step."""
    with tf.Graph().as_default():
        tf.set_random_seed(7)
        fetches = case(tf)
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.local_variables_initializer(), tf.tables_initializer()])
            if getattr(case, "load", True):
                floats = [v for v in tf.trainable_variables() if v.dtype.base_dtype.is_floating]
                for k, v in enumerate(sorted(floats, key=lambda v: v.name)):
                    v.load(pattern(v.shape.as_list(), k).astype(v.dtype.base_dtype.as_numpy_dtype), session)
            values = [session.run(fetches) for _ in range(getattr(case, "steps", 1))]
        variables = {v.name: v.shape.as_list() for v in tf.global_variables() + tf.local_variables()}
    return {"variables": variables, "values": [summary(v) for step in values for v in leaves(step)]}


def leaves(value):
    """The arrays of a nest, as TensorFlow flattens it."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [x for k in sorted(value) for x in leaves(value[k])]
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in leaves(v)]
    return [np.asarray(value)]


def summary(array):
    """Shape, dtype and elements; of many elements their sum times cos(0), cos(1), ... and the sum of their sizes."""
    flat = array.ravel()
    if array.dtype.kind in "OS":
        return [list(array.shape), "object", [x.decode() for x in flat.tolist()]]
    if flat.size <= SHORT:
        return [list(array.shape), str(array.dtype), [rounded(x) for x in flat.tolist()]]
    wide = flat.astype(np.float64)
    return [list(array.shape), str(array.dtype), [rounded(np.sum(wide * np.cos(np.arange(wide.size)))),
                                                  rounded(np.sum(np.abs(wide)))]]  # fmt: skip


def rounded(x):
    """Seven digits."""
    if isinstance(x, complex):
        return [rounded(x.real), rounded(x.imag)]
    return float("%.7g" % x) if isinstance(x, float) else x  # noqa: UP031


def main(areas):
    import tensorflow as tf

    for area in areas:
        lines = []
        for name, case in sorted(cases(area).items()):
            print(area, name)
            lines.append(json.dumps(name) + ": " + json.dumps(play(tf, case)))
        (HERE / (area + ".json")).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
