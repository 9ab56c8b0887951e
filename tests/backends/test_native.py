"""The harness of the kernel tests: what runs in a process of its own can fail there."""

import ctypes

import numpy as np
import pytest
from native import isolated, walled


@isolated
def reads_beside(at_end, distance):
    array = walled(np.ones(3), at_end)
    ctypes.string_at(array.ctypes.data + (array.nbytes if at_end else 0) + distance, 1)


@pytest.mark.parametrize("at_end", [True, False])
def test_memory_beside_an_array_is_out_of_reach(at_end):
    reads_beside(at_end=at_end, distance=-1 if at_end else 0)
    with pytest.raises(AssertionError, match="Segmentation fault"):
        reads_beside(at_end=at_end, distance=0 if at_end else -1)


@isolated
def is_wrong(words):
    assert not words, "these words"


def test_an_assertion_that_fails_is_told():
    with pytest.raises(AssertionError, match="these words"):
        is_wrong(words=["any"])
