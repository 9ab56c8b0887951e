"""Philox against the published vectors, the normal numbers against statistics.NormalDist."""

from statistics import NormalDist

import numpy as np
import pytest

from graphflow.ops import philox

PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
ONES = (0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2


@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [
        ((0,) * 4, (0,) * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (*ONES, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (*PI, "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers(counter, key, want):
    words = [np.uint64(v) for v in counter + key]
    assert " ".join(f"{w:08x}" for w in philox.philox_block(*words)) == want


def test_elements_share_blocks():
    key, draw = 0xA409382203707344, 0x85A308D3243F6A88
    words = philox.philox_words(key, draw, 7)
    assert words.shape == (7, 2) and words.dtype == np.uint32
    block = philox.philox_block(*map(np.uint64, (3, 0, draw & 0xFFFFFFFF, draw >> 32, key & 0xFFFFFFFF, key >> 32)))
    assert tuple(words[6]) == block[:2]
    np.testing.assert_array_equal(philox.philox_words(key, draw, 100)[:7], words)
    assert philox.philox_words(1, 2, 0).shape == (0, 2)


def test_keys_and_draws_give_unrelated_words():
    words = [philox.philox_words(k, d, 64).tobytes() for k in (0, 1, 1 << 32) for d in (0, 1, 1 << 32)]
    assert len(set(words)) == len(words)


def test_normal_is_the_inverse_of_the_distribution_function():
    p = np.concatenate([2.0 ** -np.arange(1, 54), 1 - 2.0 ** -np.arange(1, 53), np.linspace(0.001, 0.999, 999)])
    want = [NormalDist().inv_cdf(x) for x in p]
    np.testing.assert_allclose(philox.normal_from(p), want, rtol=1e-13, atol=1e-14)


def test_ranges():
    ends = np.array([[0, 0], [2**32 - 1] * 2], np.uint32)
    for dtype in (np.dtype("f4"), np.dtype("f8")):
        low, high = philox.uniforms(ends, dtype)
        assert low == 0 and 1 - np.finfo(dtype).epsneg == high
        assert np.isfinite(philox.normals(ends, dtype)).all()
        assert np.abs(philox.normals(ends, dtype, truncated=True)).max() <= 2
    np.testing.assert_array_equal(philox.normals(ends[::-1], np.dtype("f8")), -philox.normals(ends, np.dtype("f8")))


def test_moments():
    words = philox.philox_words(3, 5, 200000)
    u, z = philox.uniforms(words, np.dtype("f8")), philox.normals(words, np.dtype("f4"))
    t = philox.normals(words, np.dtype("f4"), truncated=True)
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01 and abs((z**4).mean() - 3) < 0.1
    assert abs(t.mean()) < 0.01 and abs(t.std() - 0.87962566) < 0.01
    assert abs(np.corrcoef(words.T.astype(float))[0, 1]) < 0.01
