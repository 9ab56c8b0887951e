"""Compiled convolutions: every geometry, width and number of threads, beside memory that may not be touched."""

import itertools

import numpy as np
import pytest
from native import isolated, run, walled

from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.config import config
from graphflow.graph import Graph
from graphflow.ops.conv import conv2d, conv2d_backprop_filter, conv2d_backprop_input
from graphflow.ops.define import convert_to_tensor

TOLERANCE = {"float32": 1e-6, "float64": 1e-15}

# images, window, filters, strides, dilations, padding
CASES = (
    ((1, 1, 1, 1), (1, 1), 1, (1, 1), 1, "SAME"),
    ((2, 5, 7, 3), (3, 2), 4, (1, 1), 1, "SAME"),
    ((17, 6, 5, 2), (3, 3), 5, (2, 2), 1, "SAME"),
    ((3, 9, 8, 4), (4, 4), 8, (2, 2), 1, "VALID"),
    ((16, 7, 11, 1), (5, 5), 4, (1, 1), 1, "SAME"),
    ((2, 10, 9, 5), (3, 2), 20, (2, 3), 1, "SAME"),
    ((2, 9, 10, 17), (3, 3), 33, (1, 2), 1, "SAME"),
    ((5, 8, 9, 12), (4, 4), 24, (2, 2), 1, "SAME"),
    ((20, 9, 10, 3), (3, 2), 2, (1, 1), (2, 3), "SAME"),
    ((2, 14, 13, 3), (3, 4), 18, (2, 2), (2, 3), "VALID"),
    ((4, 12, 13, 2), (3, 4), 6, (4, 6), (2, 3), "SAME"),
    ((3, 6, 7, 2), (2, 3), 3, (3, 1), 1, [[0, 0], [1, 2], [3, 0], [0, 0]]),
    ((2, 4, 4, 3), (2, 2), 17, (5, 3), 1, [[0, 0], [4, 1], [0, 5], [0, 0]]),
    ((33, 3, 2, 1), (1, 1), 1, (3, 3), 1, "SAME"),
    ((1, 1, 40, 2), (1, 7), 3, (1, 2), 1, "SAME"),
    ((2, 2, 2, 40), (3, 3), 70, (1, 1), 1, "SAME"),
    ((1, 3, 2, 1), (5, 5), 1, (1, 1), 1, "SAME"),
    ((0, 4, 4, 2), (3, 3), 4, (1, 1), 1, "SAME"),
    ((70, 9, 9, 2), (2, 2), 3, (1, 1), 1, "SAME"),  # several chunks and bands
)


def draw(shape, dtype, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def check(make, arrays, threads=(1, 2, 3)):
    """The kernel agrees with the reference in float64, bit for bit whatever the number of threads."""
    dtype = arrays[0].dtype.name
    with Graph().as_default():
        op = make(*map(convert_to_tensor, arrays)).op
        call = BINDINGS[op.definition.lower(op).name](op)
    with Graph().as_default():
        wide = make(*(convert_to_tensor(a.astype("float64")) for a in arrays)).op
        [want] = wide.definition.compute(wide, [t.op.attrs["value"] for t in wide.inputs])
        sizes = make(*(convert_to_tensor(abs(a).astype("float64")) for a in arrays)).op
        [size] = sizes.definition.compute(sizes, [t.op.attrs["value"] for t in sizes.inputs])
    first = None
    for nthreads, at_end in itertools.product(threads, (True, False)):
        made = walled(np.full(want.shape, np.nan, dtype), at_end)
        seen = walled(np.zeros((want.size // want.shape[-1], want.shape[-1]), np.int32), at_end)
        places = {t: walled(t.op.attrs["value"], at_end) for t in op.inputs} | {op.output: made}
        run(call, places, nthreads, seen)
        assert (seen == call.takes_tail).all(), (op.type, nthreads)
        if first is None:
            first = made
            assert (abs(made - want) <= TOLERANCE[dtype] * (size + 1e-3) * 4).all(), op.type
        assert made.tobytes() == first.tobytes(), (op.type, nthreads)


def all_three(images, window, filters, strides, dilations, padding, dtype, **more):
    x, f = draw(images, dtype, 1), draw((*window, images[3], filters), dtype, 2)
    with Graph().as_default():
        made = conv2d(convert_to_tensor(x), convert_to_tensor(f), strides, padding, dilations=dilations)
    dy = draw(made.dims, dtype, 3)
    check(lambda x, f: conv2d(x, f, strides, padding, dilations=dilations), [x, f], **more)
    check(lambda f, dy: conv2d_backprop_input(x.shape, f, dy, strides, padding, dilations=dilations), [f, dy], **more)
    check(lambda x, dy: conv2d_backprop_filter(x, f.shape, dy, strides, padding, dilations=dilations), [x, dy], **more)


@pytest.mark.parametrize("dtype, width", [("float32", 64), ("float64", 32), ("float32", 16)])
@pytest.mark.parametrize("half", [0, 1])
@isolated
def test_geometries(dtype, width, half):
    with config(vector_bytes=width):
        for case in CASES[half::2]:
            all_three(*case, dtype)


def bind(x, filters, strides):
    with Graph().as_default():
        x, f = (convert_to_tensor(np.zeros(dims, np.float32)) for dims in (x, filters))
        made = conv2d(x, f, strides, "SAME")
        ops = made, conv2d_backprop_input(x.dims, f, made, strides, "SAME"), conv2d_backprop_filter(
            x, f.dims, made, strides, "SAME")  # fmt: skip
        return [BINDINGS[t.op.definition.lower(t.op).name](t.op).function for t in ops]


def test_new_sizes_of_batches_compile_nothing():
    for h, filters, strides in ((28, (5, 5, 1, 4), 1), (28, (4, 4, 4, 8), 2), (14, (3, 3, 32, 64), 1)):
        made = [bind((n, h, 28, filters[2]), filters, strides) for n in (16, 100, 10000)]
        assert made[0] == made[1] == made[2] == bind((100, 2 * h, 28, filters[2]), filters, strides)
