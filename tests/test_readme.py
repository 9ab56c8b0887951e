"""What the README says is what happens: its programs run, and its tables name what there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pygraphviz
import pytest

import graphflow as tf
from graphflow.config import Config

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> dict:
    """The names that all the README's programs make, run one after the other as one program."""
    made: dict = {}
    with pytest.MonkeyPatch.context() as patch, tf.Graph().as_default():
        patch.chdir(tmp_path_factory.mktemp("readme"))
        for block in blocks("python"):
            exec(compile(block, "README.md", "exec"), made)
        made["picture"] = Path("layer.dot").read_text(encoding="utf-8")
        yield made


def test_two_commands_set_everything_up():
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    assert len(commands) == 2
    assert all(command.startswith("python3 -m venv .venv && .venv/bin/pip install ") for command in commands)


def test_the_first_program_can_be_drawn(names):
    assert {"MatMul", "add", "Relu"} <= set(pygraphviz.AGraph(string=names["picture"]).nodes())


def test_the_rule_for_variables(names):
    with tf.Session(graph=names["v"].graph) as sess:
        sess.run(names["v"].initializer)
        assert sess.run([names["before"], names["bump"], names["after"]]) == [1.0, 2.0, 2.0]
        assert sess.run([names["after"], names["before"]]) == [3.0, 2.0]


def test_every_example_is_mentioned():
    files = (Path(__file__).resolve().parents[1] / "examples").iterdir()
    names = {file.name for file in files if file.suffix in (".py", ".ipynb")} - {"gallery.py", "results.py"}
    assert names >= {"mnist.py", "tour.ipynb"}
    assert sorted(name for name in names if f"`{name}`" not in README.replace(" --model ...`", "`")
                  and f"examples/{name}" not in README) == []  # fmt: skip


def test_every_switch_is_in_the_table():
    rows = re.findall(r"^\| `GRAPHFLOW_(\w+)` \| `(\w+)` \|", README, re.MULTILINE)
    assert [(name.lower(), argument) for name, argument in rows] == [(f.name, f.name) for f in fields(Config)]
