"""Kernels of images in lanes: against their references, beside memory that may not be touched, for any threads."""

import itertools

import numpy as np
import pytest
from native import isolated, run, walled
from test_convolutions import CASES, TOLERANCE, draw

from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.config import config
from graphflow.graph import Graph
from graphflow.ops.conv import conv2d
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.lanes import (
    FROM_LANES,
    LANES_CONV2D,
    LANES_CONV2D_BACKPROP_FILTER,
    LANES_CONV2D_BACKPROP_INPUT,
    TO_LANES,
    from_lanes_of,
    to_lanes_of,
)


def check(record, arrays, live, /, **attrs):
    """The kernel gives what the reference gives in float64, for images that exist."""
    with Graph().as_default():
        made = record(*map(convert_to_tensor, arrays), **attrs)
        op = (made[0] if isinstance(made, list) else made).op
        call = BINDINGS[op.definition.lower(op).name](op)
        wide = [a.astype("float64") for a in arrays]
    want = record.reference(*wide, **attrs)
    want = want if isinstance(want, tuple) else (want,)
    first = None
    for nthreads, at_end in itertools.product((1, 2, 3), (True, False)):
        results = [walled(np.full(w.shape, np.nan, arrays[0].dtype), at_end) for w in want]
        places = {t: walled(t.op.attrs["value"], at_end) for t in op.inputs} | dict(
            zip(op.outputs, results, strict=True)
        )
        run(call, places, nthreads)
        for a, b in zip(results, want, strict=True):
            if record in (TO_LANES, LANES_CONV2D, LANES_CONV2D_BACKPROP_INPUT):
                a, b = (from_lanes_of(v, live, attrs["lanes"]) for v in (a, b))
            np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[arrays[0].dtype.name] * 40 * (np.abs(b).max() + 1))
        bits = b"".join(r.tobytes() for r in results)
        first = first or bits
        assert bits == first, (record, nthreads)


@pytest.mark.parametrize("dtype, width", [("float32", 64), ("float64", 32), ("float32", 16)])
@isolated
def test_geometries(dtype, width):
    lanes = width // np.dtype(dtype).itemsize
    with config(vector_bytes=width):
        for dims, window, filters, strides, dilations, padding in CASES:
            n = dims[0]
            if n == 0:
                continue
            x, f = draw(dims, dtype, 1), draw((*window, dims[3], filters), dtype, 2)
            with Graph().as_default():
                y = conv2d(convert_to_tensor(x), convert_to_tensor(f), strides, padding, dilations=dilations)
            attrs, dy = y.op.attrs, draw(y.dims, dtype, 3)
            check(TO_LANES, [x], n, lanes=lanes)
            check(FROM_LANES, [to_lanes_of(x, lanes)], n, images=n, lanes=lanes)
            in_lanes = to_lanes_of(x, lanes), to_lanes_of(dy, lanes)
            for t in in_lanes:  # what is in lanes without an image means nothing
                last = t.reshape(*t.shape[:3], -1, lanes)[-1]
                last[..., n - (len(t) - 1) * lanes :] = np.nan
            check(LANES_CONV2D, [in_lanes[0], f], n, lanes=lanes, **attrs)
            check(LANES_CONV2D_BACKPROP_INPUT, [f, in_lanes[1]], n, lanes=lanes, size=dims[1:3], **attrs)
            check(LANES_CONV2D_BACKPROP_FILTER, [*in_lanes], n, lanes=lanes, window=window, images=n, **attrs)
