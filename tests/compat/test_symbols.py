"""The list of TensorFlow's names, the tables of other names, and the page made from them agree with the code."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import graphflow as tf
from graphflow.compat.aliases import ALIASES, LATE_MODULES
from graphflow.compat.internals import INTERNALS
from graphflow.compat.legacy import RENAMED
from graphflow.compat.lookup import explanation, resolve
from graphflow.compat.orders import ORDERS
from graphflow.compat.supported import page, supported
from graphflow.compat.symbols import find, listed
from graphflow.errors import UnsupportedError

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date():
    text = (ROOT / "SUPPORTED.md").read_text(encoding="utf-8")
    assert text == page(), "run: python -m graphflow.compat.supported SUPPORTED.md"


def test_the_list():
    rows = listed().values()
    assert {row.tier for row in rows} == {"A", "B", "C"} and len(rows) > 1700
    assert all(row.symbol.startswith("tf.") and row.area for row in rows)
    assert not [row.symbol for row in rows if row.instead and row.tier != "C"]
    context = {"tf.Graph.colocate_with", "tf.Graph.container", "tf.colocate_with", "tf.container"}  # they do nothing
    assert {row.symbol for row in rows if row.tier == "C" and not row.instead} == context


def test_modules_that_have_a_file_are_imported_and_list_their_names_once():
    for path in filter(None, ALIASES):
        place = ROOT / "graphflow" / path.replace(".", "/")
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            assert getattr(resolve(path), "__file__", None), f"graphflow/__init__.py should import {path}"
            imports = (node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ImportFrom))
            own = {name.asname or name.name for node in imports for name in node.names}
            assert not own & set(ALIASES[path]), path


@pytest.mark.parametrize("module", ALIASES)
def test_aliases_name_what_there_is_or_will_be(module):
    for name, path in ALIASES[module].items():
        assert supported(f"tf.{path}") or f"tf.{path}" in listed(), f"tf.{module}.{name}"


def test_old_names_lead_to_what_there_is_or_will_be():
    for old, new in RENAMED.items():
        assert supported(f"tf.{new}") or find(f"tf.{new}") is not None, old
    for name in ORDERS.keys() - RENAMED.keys():
        assert find(f"tf.{name}") is not None, name


def test_modules_inside_lead_to_public_ones():
    paths = {source for sources in INTERNALS.values() for source in sources}
    assert all(inspect.ismodule(resolve(path)) for path in paths | set(LATE_MODULES))


def parameters(signature: str) -> list[str]:
    """The names in a signature of the list, without the dots that stand for more."""
    return re.findall(r"(?:^\(|, )([A-Za-z_]\w*)(?==|,|\))", signature)


@pytest.mark.parametrize("row", [r for r in listed().values() if r.tier != "C" and r.signature], ids=lambda r: r.symbol)
def test_arguments_are_tensorflows(row):
    try:
        function = resolve(row.symbol.removeprefix("tf."))
    except AttributeError:
        return  # not there yet: the page says so
    if inspect.ismodule(function):
        return
    taken = inspect.signature(function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        named = [name for name in parameters(row.signature) if not name.isupper()]
        assert [name for name in named if name in taken] == named
        order = [name for name in taken if name in named]
        assert "..." in row.signature or order == named


def test_the_root_is_its_own_version_1():
    assert tf.compat.v1 is tf
    assert tf.compat.as_bytes("ä") == "ä".encode() and tf.compat.as_str(b"x") == tf.compat.as_text("x") == "x"
    assert tf.compat.as_str_any(3) == "3" and tf.compat.as_str_any(b"3") == "3"
    assert tf.compat.dimension_value(tf.Dimension(3)) == tf.dimension_value(3) == 3
    with pytest.raises(TypeError):
        tf.compat.as_bytes(3)


def test_aliases_are_the_same_objects():
    assert tf.manip.reverse is tf.reverse and tf.linalg.inv is tf.matrix_inverse
    assert tf.initializers.zeros is tf.zeros_initializer and tf.dtypes.bool is tf.bool and tf.math.mod is tf.mod
    assert tf.flags is tf.app.flags and tf.io.gfile.exists is tf.gfile.Exists and "inv" in dir(tf.linalg)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: tf.contrib.staging, "tf.contrib.staging is not in graphflow: use tf.data"),
        (
            lambda: tf.contrib.rnn.CompiledWrapper,
            "tf.contrib.rnn.CompiledWrapper is not in graphflow: use tf.nn.rnn_cell",
        ),
        (lambda: tf.nn.quantized_conv2d, "tf.nn.quantized_conv2d is not in graphflow: use tf.nn without quantized_"),
        (lambda: tf.enable_eager_execution(), "use tf.Session and graph mode"),
        (lambda: tf.Graph().create_op, "tf.Graph.create_op is not in graphflow: use the functions of the ops"),
        (lambda: tf.Session().partial_run, "tf.Session.partial_run is not in graphflow: use tf.Session.run"),
    ],
)
def test_what_is_left_out_says_what_to_use(use, words):
    with pytest.raises(NotImplementedError, match=re.escape(words)) as caught:
        use()
    assert isinstance(caught.value, UnsupportedError)
    assert re.match(rf"{re.escape(__file__)}:\d+: tf\.", str(caught.value))


def test_unknown_names_are_plain_errors():
    for owner in (tf, tf.nn, tf.manip, tf.Graph()):
        with pytest.raises(AttributeError) as caught:
            owner.no_such_name  # noqa: B018
        assert not isinstance(caught.value, NotImplementedError)
    assert not hasattr(tf, "no_such_name") and not hasattr(tf.contrib, "eager")
    assert explanation("tf.no_such_name") is None
