"""Strings against Python's own."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.fingerprint import fingerprint64
from graphflow.testing import run_on


def run(t):
    return np.asarray(run_on("cpu", t)).tolist()


def test_joining():
    assert run(tf.string_join(["a", ["b", "c"]], "-")) == [b"a-b", b"a-c"]
    assert tf.string_join([tf.placeholder(tf.string, [None]), "x"]).shape.as_list() == [None]
    with pytest.raises(ValueError):
        tf.string_join([["a"], ["b", "c"]])
    rows = [["a", "b"], ["c", "d"]]
    assert run(tf.reduce_join(rows)) == b"abcd"
    assert run(tf.reduce_join(rows, 0)) == [b"ac", b"bd"]
    assert run(tf.reduce_join(rows, [0, 1], separator="-")) == b"a-c-b-d"
    assert run(tf.reduce_join(rows, [1, 0])) == b"abcd"
    assert run(tf.reduce_join(rows, -1, keep_dims=True)) == [[b"ab"], [b"cd"]]
    with pytest.raises(ValueError):
        tf.reduce_join(rows, 2)


def test_base64():
    texts = [b"", b"a", b"ab", b"abc", bytes(range(250, 256)), b"\xfb\xef\xbe"]
    encoded = run(tf.encode_base64(texts))
    assert encoded == [b"", b"YQ", b"YWI", b"YWJj", b"-vv8_f7_", b"----"]
    padded = run(tf.io.encode_base64(texts, pad=True))
    assert (
        padded[1:3] == [b"YQ==", b"YWI="] and run(tf.decode_base64(encoded)) == run(tf.decode_base64(padded)) == texts
    )
    for wrong in ("Y", "YQ=Q", "YQ===", "+vv8", "Y W="):
        with pytest.raises(tf.errors.InvalidArgumentError, match="base64"):
            run(tf.io.decode_base64(wrong))


def test_each_string():
    assert run(tf.string_strip([" a b\n"])) == [b"a b"]
    assert run(tf.strings.length(["h\u00e9", ""])) == [3, 0]
    assert run(tf.strings.length("h\u00e9", unit="UTF8_CHAR")) == 2
    assert run(tf.strings.lower("A\u00c9")) == "a\u00c9".encode()
    assert run(tf.strings.lower("A\u00c9", encoding="utf-8")) == "a\u00e9".encode()
    assert run(tf.strings.upper(["ab", "Cd"])) == [b"AB", b"CD"]
    assert run(tf.regex_replace("aXbX", "X", "-")) == b"a-b-"
    assert run(tf.regex_replace("aXbX", "X", "-", replace_global=False)) == b"a-bX"
    assert run(tf.regex_replace("ab", "(a)(b)", r"\2\1\0")) == b"baab"
    assert run(tf.strings.regex_full_match(["ab", "abc"], "a.")) == [True, False]
    with pytest.raises(ValueError):
        tf.regex_replace("a", "(", "")


def test_parts():
    assert run(tf.substr(["abc", "defg"], [0, 1], [1, 2])) == [b"a", b"ef"]
    assert run(tf.substr("hello", -3, 2)) == b"ll"
    assert run(tf.substr(["abc", "defg"], 1, 10)) == [b"bc", b"efg"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.substr("abc", 5, 1))


@pytest.mark.parametrize(
    ("made", "rows"),
    [
        (lambda: tf.string_split(["a b  c", "", "d"]), [[b"a", b"b", b"c"], [], [b"d"]]),
        (lambda: tf.string_split(["a,b,,c", "x"], ",", skip_empty=False), [[b"a", b"b", b"", b"c"], [b"x"]]),
        (lambda: tf.string_split(["a,b;c"], ",;"), [[b"a", b"b", b"c"]]),
        (lambda: tf.string_split(["abc", "d"], delimiter=""), [[b"a", b"b", b"c"], [b"d"]]),
        (lambda: tf.strings.split(["a b  c", " d"]), [[b"a", b"b", b"c"], [b"d"]]),
        (lambda: tf.strings.split(["a--b--c", "--d"], sep="--", maxsplit=1), [[b"a", b"b--c"], [b"", b"d"]]),
    ],
)
def test_splitting(made, rows):
    value = run_on("cpu", made().feed_components())
    assert value[0].tolist() == [[i, j] for i, row in enumerate(rows) for j in range(len(row))]
    assert value[1].tolist() == [part for row in rows for part in row]
    assert value[2].tolist() == [len(rows), max(map(len, rows))]


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (3, {}, b"3"),
        (2.5, {}, b"2.500000"),
        (2.5, {"precision": 2}, b"2.50"),
        (2.5, {"scientific": True}, b"2.500000e+00"),
        (2.5, {"shortest": True}, b"2.5"),
        (7, {"width": 4, "fill": "0"}, b"0007"),
        (7, {"width": 4}, b"   7"),
        (7, {"width": 4, "fill": "-"}, b"7   "),
        (True, {}, b"true"),
    ],
)
def test_numbers_as_text(value, how, text):
    assert run(tf.as_string([value], **how)) == [text]


def test_text_as_numbers():
    assert run(tf.string_to_number([" 3.5 ", "1e3", "inf"])) == [3.5, 1000, np.inf]
    assert run(tf.string_to_number("12", tf.int32)) == 12
    for text, dtype in (("x", tf.float32), ("1.5", tf.int32), ("3000000000", tf.int32)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(tf.string_to_number(text, dtype))


def test_fingerprints():
    """The numbers are TensorFlow's, for each of the lengths that are treated differently."""
    texts = ["", "a", "abc", "hello world", "x" * 20, "y" * 40, "z" * 100]
    want = [912170738, 384735799, 775161712, 253301321, 116240151, 475450229, 618016899]
    assert run(tf.string_to_hash_bucket_fast(texts, 1000000007)) == want
    assert [fingerprint64(t.encode()) % 1000000007 for t in texts] == want
    for refused in (tf.string_to_hash_bucket, lambda x, n: tf.string_to_hash_bucket_strong(x, n, [1, 2])):
        with pytest.raises(NotImplementedError, match="fast"):
            refused(["a"], 10)
