"""Compiled depthwise convolutions, beside memory that may not be touched."""

import numpy as np
import pytest
from native import isolated
from test_convolutions import check, draw

from graphflow.config import config
from graphflow.graph import Graph
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.depthwise import DEPTHWISE, DEPTHWISE_BACKPROP_FILTER, DEPTHWISE_BACKPROP_INPUT

# images, window, outputs of a channel, strides, dilations, padding
CASES = (
    ((2, 5, 7, 19), (3, 2), 1, (1, 1), (1, 1), "SAME"),
    ((1, 9, 8, 70), (3, 3), 1, (2, 2), (1, 1), "SAME"),
    ((2, 6, 5, 3), (3, 3), 2, (1, 2), (1, 1), "VALID"),
    ((2, 9, 8, 16), (3, 2), 1, (1, 1), (2, 3), "VALID"),
    ((1, 12, 9, 2), (5, 4), 3, (3, 1), (1, 2), "SAME"),
    ((1, 2, 3, 5), (5, 5), 1, (1, 1), (1, 1), "SAME"),
    ((2, 4, 4, 4), (1, 1), 1, (1, 1), (1, 1), [[0, 0], [2, 1], [0, 3], [0, 0]]),
)


@pytest.mark.parametrize("dtype, width", [("float32", 64), ("float64", 32)])
@isolated
def test_geometries(dtype, width):
    with config(vector_bytes=width):
        for images, window, q, strides, dilations, padding in CASES:
            explicit = () if isinstance(padding, str) else (*padding[1], *padding[2])
            attrs = {
                "strides": (1, *strides, 1), "dilations": (1, *dilations, 1), "explicit_paddings": explicit,
                "padding": "EXPLICIT" if explicit else padding,
            }  # fmt: skip
            x, f = draw(images, dtype, 1), draw((*window, images[3], q), dtype, 2)
            with Graph().as_default():
                dy = draw(DEPTHWISE(convert_to_tensor(x), convert_to_tensor(f), **attrs).dims, dtype, 3)
            check(lambda x, f: DEPTHWISE(x, f, **attrs), [x, f])
            sizes = np.array(x.shape, np.int32)
            check(lambda f, dy: DEPTHWISE_BACKPROP_INPUT(sizes, f, dy, **attrs), [f, dy])
            sizes_of_filter = np.array(f.shape, np.int32)
            check(lambda x, dy: DEPTHWISE_BACKPROP_FILTER(x, sizes_of_filter, dy, **attrs), [x, dy])
