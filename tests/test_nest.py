"""tf.nest: nests taken apart and put together."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import graphflow as tf

nest = tf.nest
Pair = namedtuple("Pair", "a b")
NESTS = [3, [1, (2, [])], {"b": 1, "a": [2, 3]}, Pair(1, (2, Pair(3, 4))), OrderedDict([("z", 1), ("y", 2)]), [], None]


@pytest.mark.parametrize("structure", NESTS, ids=str)
def test_flatten_and_pack_are_inverse(structure):
    leaves = nest.flatten(structure)
    again = nest.pack_sequence_as(structure, leaves)
    assert again == structure and type(again) is type(structure)
    doubled = nest.map_structure(lambda x: (x or 0) * 2, structure)
    assert nest.flatten(doubled) == [(x or 0) * 2 for x in leaves]


def test_order_and_leaves():
    assert nest.flatten({"b": 1, "a": (2, {"d": 3, "c": 4})}) == [2, 4, 3, 1]
    array, text = np.zeros(3), "text"
    assert nest.flatten([array, text, {1, 2}])[0] is array
    assert [nest.is_nested(v) for v in ([], (), {}, Pair(1, 2), array, text, {1})] == [True] * 4 + [False] * 3
    assert list(nest.pack_sequence_as(OrderedDict([("z", 1), ("y", 2)]), [10, 20]).items()) == [("z", 20), ("y", 10)]


def test_several_structures():
    assert nest.map_structure(lambda x, y: x - y, Pair([5], 6), Pair([1], 2)) == Pair([4], 4)
    nest.assert_same_structure({"a": [1]}, {"a": [2]})
    nest.assert_same_structure([1, (2,)], (1, [2]), check_types=False)
    for one, other in (([1], [1, 2]), ([1], 1), ({"a": 1}, {"b": 1}), ((1, (2,)), (1, 2))):
        with pytest.raises(ValueError):
            nest.assert_same_structure(one, other)
    with pytest.raises(TypeError, match="list and tuple"):
        nest.map_structure(lambda x, y: x, [1], (1,))
    with pytest.raises(ValueError, match="3 leaves and there are 2 values"):
        nest.pack_sequence_as([1, [2, 3]], [1, 2])
    with pytest.raises(TypeError, match="callable"):
        nest.map_structure(3, [1])
    with pytest.raises(ValueError):
        nest.map_structure(len)
    with pytest.raises(ValueError, match="not extra"):
        nest.map_structure(len, [1], extra=1)
