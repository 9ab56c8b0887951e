"""The examples, run as a user runs them but for the number of steps."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygraphviz
import pytest

import graphflow as tf

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name: str) -> Callable[[list[str]], Any]:
    """The `main` of an example, which then builds its graph in one of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(arguments: list[str]) -> Any:
        with tf.Graph().as_default():
            return module.main(arguments)

    return run


def test_first_graph(capsys, tmp_path):
    target = tmp_path / "graph.dot"
    example("first_graph")(["--dot", str(target)])
    printed = capsys.readouterr().out
    assert 'Tensor("Relu:0", shape=(100, 100), dtype=float32)' in printed
    assert re.search(r"float32 \(100, 100\): mean \d+\.\d{4}, highest \d+", printed)
    graph = pygraphviz.AGraph(string=target.read_text(encoding="utf-8"))
    assert {"MatMul", "add", "Relu", "Placeholder", "Variable", "Variable_1"} <= set(graph.nodes())


def test_first_graph_writes_no_file_unasked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example("first_graph")([])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "accuracy"), [([], 0.92), (["--steps", "10000"], 0.925)])
def test_mnist_softmax_learns(arguments, accuracy, capsys):
    example("mnist_softmax")(arguments)
    last = capsys.readouterr().out.splitlines()[-1]
    end, best = re.fullmatch(r"test accuracy (0\.\d{4}) \(best (0\.\d{4}) after \d+ steps\)", last).groups()
    assert float(best) >= accuracy and float(end) >= accuracy - 0.005


def test_mnist_softmax_is_decided_by_its_seed(capsys):
    def weights(seed: str) -> str:
        example("mnist_softmax")(["--steps", "20", "--seed", seed])
        return re.search(r"weights sha256 (\w{16})", capsys.readouterr().out)[1]

    assert weights("1") == weights("1") != weights("2")


@pytest.mark.parametrize("steps", ["0", "-3", "many", "1.5", ""])
def test_mnist_softmax_refuses_steps(steps, capsys):
    with pytest.raises(SystemExit) as caught:
        example("mnist_softmax")([f"--steps={steps}"])
    assert caught.value.code == 2
    assert f"--steps: must be a whole number of at least 1, not '{steps}'" in capsys.readouterr().err


def test_mnist_softmax_without_data(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        example("mnist_softmax")(["--data", str(tmp_path)])


def test_mnist_softmax_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(SystemExit, match="pip install tqdm"):
        example("mnist_softmax")


def test_characters_are_learned(capsys, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 40, encoding="utf-8")
    small = ["--units", "48", "--layers", "1", "--batch", "8", "--length", "30", "--sample", "60"]
    loss = example("characters")(["--text", str(text), "--steps", "250", *small])
    printed = capsys.readouterr().out.splitlines()
    assert loss < 1.6 and len(printed[-1]) == 61
    assert set(printed[-1]) <= set(text.read_text(encoding="utf-8"))
