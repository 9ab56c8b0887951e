"""The examples, run as a user runs them but for the number of steps."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pygraphviz
import pytest

import graphflow as tf
from graphflow.datasets import mnist

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
load_once = functools.cache(mnist.load)


@pytest.fixture(autouse=True)
def beside_each_other(monkeypatch):
    """Where Python looks for modules when it runs an example: the examples share one, and some use others."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(mnist, "load", load_once)


def module(name: str) -> Any:
    """An example, imported."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def example(name: str) -> Callable[[list[str]], Any]:
    """The `main` of an example, which then builds its graph in one of its own."""
    main = module(name).main

    def run(arguments: list[str]) -> Any:
        with tf.Graph().as_default():
            return main(arguments)

    return run


@pytest.fixture
def run(tmp_path, capsys):
    """Runs an example: what `main` gives, and what is printed.  It must leave a picture, as a PNG file."""
    pytest.importorskip("matplotlib")

    def call(name: str, *arguments: str, picture: str | None = None) -> tuple[Any, str]:
        result = example(name)(["--out", str(tmp_path), *arguments])
        assert (tmp_path / (picture or f"{name}.png")).read_bytes().startswith(b"\x89PNG")
        return result, capsys.readouterr().out

    return call


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


def test_activations_and_their_gradients(run):
    curves, printed = run("activations")
    x = np.linspace(-5, 5, 201, dtype=np.float32)
    sigmoid = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(curves["sigmoid"], [sigmoid, sigmoid * (1 - sigmoid)], atol=1e-6)
    np.testing.assert_allclose(curves["tanh"], [np.tanh(x), 1 - np.tanh(x) ** 2], atol=1e-6)
    np.testing.assert_allclose(curves["relu"], [np.maximum(x, 0), x > 0], atol=1e-6)
    assert "sigmoid             0.0067" in printed


def test_logic_gates_are_given_and_learned(run):
    learned, printed = run("logic_gates", "--steps", "500")
    rows = [line.split()[2:] for line in printed.splitlines() if re.match(r" [01]  [01] ", line)]
    given = np.array(rows[:4], float).T
    truth = [[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 1], [0, 1, 1, 0]]
    np.testing.assert_allclose(given, truth, atol=1e-3)
    np.testing.assert_allclose(list(learned.values()), truth, atol=0.1)


def test_backpropagation_three_ways(tmp_path):
    assert example("backpropagation")(["--out", str(tmp_path)]) < 1e-9
    before, after = (
        pygraphviz.AGraph(str(tmp_path / f"backpropagation-{name}.dot")) for name in ("forward", "gradients")
    )
    assert set(before.nodes()) < set(after.nodes())
    assert "gradients/hidden/Tanh_grad/mul" in after.nodes()
    assert (tmp_path / "backpropagation-gradients.svg").read_text(encoding="utf-8").count("<polygon") > 40


@pytest.mark.parametrize(
    ("model", "steps", "accuracy"),
    [("softmax", 100, 0.86), ("sigmoid", 300, 0.4), ("relu", 100, 0.8), ("decay", 100, 0.8), ("dropout", 150, 0.8),
     ("batchnorm", 100, 0.8), ("convnet", 100, 0.85), ("convnet-dropout", 60, 0.8), ("convnet-batchnorm", 12, 0.2)],
)  # fmt: skip
def test_mnist_models_learn(run, tmp_path, model, steps, accuracy):
    arguments = ["--model", model, "--steps", str(steps), "--test-every", str(steps)]
    best, printed = run("mnist", *arguments, picture=f"mnist-{model}.png")
    assert best > accuracy
    assert f"{model}: test accuracy {best:.4f} (best {best:.4f}, published" in printed
    noted = json.loads((tmp_path / f"mnist-{model}-0.json").read_text(encoding="utf-8"))
    assert noted["best"] == best and noted["steps"] == steps


def test_results_are_a_table():
    command = [sys.executable, "-m", "examples.results", "--models", "softmax", "--seeds", "2", "--steps", "100"]
    done = subprocess.run(command, cwd=EXAMPLES.parent, capture_output=True, text=True, check=True)
    head, _, row, _, *caption = done.stdout.splitlines()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["| model"] == "| softmax" and cells["steps"] == "100" and cells["published"] == "0.9268"
    lowest, highest = map(float, cells["lowest to highest"].split(" to "))
    assert 0.86 < lowest <= float(cells["best, mean"]) <= highest
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert head[: head.index("graphflow")] in readme
    assert caption and all(line in readme for line in caption if "threads" not in line)  # that line names how many


def test_peers_have_the_networks_of_mnist():
    peers, mnist_models = module("peers"), module("mnist")
    assert list(peers.NETWORKS) == list(mnist_models.MODELS)
    for name, layers in peers.NETWORKS.items():
        with tf.Graph().as_default():
            mnist_models.build(mnist_models.MODELS[name])
            sizes = sorted(v.shape.num_elements() for v in tf.trainable_variables())
        assert sorted(w.size for own in peers.jax_weights(layers) for w in own.values()) == sizes, name


def test_peers_of_pytorch_have_the_networks_of_mnist():
    pytest.importorskip("torch")
    peers = module("peers")
    for name, layers in peers.NETWORKS.items():
        sizes = sorted(p.numel() for p in peers.torch_network(layers).parameters() if p.requires_grad)
        assert sizes == sorted(w.size for own in peers.jax_weights(layers) for w in own.values()), name


def test_pooling(run):
    (largest, mean), _ = run("pooling")
    np.testing.assert_array_equal(largest, [[9, 2], [6, 3]])
    np.testing.assert_array_equal(mean, [[3.75, 1.25], [3.75, 2]])


def test_features_are_visualized(run):
    certainty, _ = run("feature_visualization", "--steps", "60")
    assert certainty.shape == (10,) and certainty.min() > 0.9


def test_overfitting_is_less_with_dropout(run):
    curves, _ = run("dropout", "--steps", "300")
    assert curves["without"]["learned"][-1] < 0.02
    assert curves["with dropout"]["unseen"][-1] < curves["without"]["unseen"][-1]


def test_overfitting_is_less_with_small_weights(run):
    curves, _ = run("regularization", "--steps", "300")
    assert curves["L2, 0.01"]["unseen"][-1] < curves["without"]["unseen"][-1]
    assert curves["L2, 0.01"]["learned"][-1] > curves["L2, 0.001"]["learned"][-1] > curves["without"]["learned"][-1]


def test_nine_optimizers_go_down(run):
    walks, _ = run("optimizers")
    assert len(walks) == 9
    for name, walk in walks.items():
        assert np.linalg.norm(walk[-1] - (3.0, 0.5)) < 0.3, name
    np.testing.assert_allclose(walks["Ftrl"], walks["Adagrad"], atol=0.02)


def test_learning_rates(run):
    curves, _ = run("learning_rates", "--steps", "200")
    end = {name: curve[-1] for name, curve in curves.items()}
    assert end["0.5"] < end["0.05"] < end["0.001"] and end["1.5"] > 1.5


def test_characters_are_learned(run, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 40, encoding="utf-8")
    small = ["--units", "48", "--layers", "1", "--batch", "8", "--length", "30", "--sample", "60"]
    loss, printed = run("char_rnn", "--text", str(text), "--steps", "250", *small)
    assert loss < 1.6
    written = printed.split("written after 250 steps")[1].splitlines()[1]
    assert len(written) == 60 and set(written) <= set("abcdefghijklmnopqrstuvwxyz .")


def test_words_have_neighbours(run):
    found, printed = run("word2vec", "--steps", "300")
    assert all(len(others) == 6 and word not in others for word, others in found.items())
    first, last = map(float, re.search(r"loss ([\d.]+) at first, ([\d.]+) at the end", printed).groups())
    assert last < first


def test_autoencoder(run):
    error, _ = run("autoencoder", "--steps", "200")
    assert error < 0.05  # the mean image has 0.067


def test_variational_autoencoder(run):
    bound, _ = run("vae", "--steps", "200")
    assert bound < 200  # the mean image needs 206 nats


def test_adversarial_networks(run):
    forged, _ = run("gan", "--steps", "20")
    assert forged.shape == (40, 28, 28) and np.abs(forged).max() <= 1 and forged.std() > 0.05


def test_transfer_helps_where_labels_are_few(run):
    found, _ = run("transfer_learning", "--steps", "300", "--few", "50")
    assert found["transferred"] > found["from scratch"]


def test_mini_torch_agrees(run):
    mini, graph = run("mini_torch", "--steps", "100")[0]
    np.testing.assert_allclose(mini, graph, rtol=1e-9)
    assert mini[-1] < mini[0] / 2


def test_tour():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    kept = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    made = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]

    def kinds(cells) -> list[set[str]]:
        return [{kind for output in outputs for kind in output.get("data", {})} for outputs in cells]

    assert kinds(made) == kinds(kept)
    assert sum("image/svg+xml" in some for some in kinds(made)) == 3


# -- bad input -------------------------------------------------------------------------------------------------------
def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as caught:
        example("vae")(["--out", str(tmp_path / "file" / "pictures")])
    assert caught.value.code == 2
    assert re.search(r"--out: cannot write into the folder '.*pictures': Not a directory", capsys.readouterr().err)


@pytest.mark.parametrize("package", ["matplotlib", "tqdm"])
def test_without_an_extra(package, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    example("logic_gates")(["--out", str(tmp_path), "--steps", "3"])
    printed = capsys.readouterr()
    assert f"to install it: pip install {package}" in printed.err and "x1 XOR x2" in printed.out
    if package == "matplotlib":
        assert not list(tmp_path.iterdir())


def test_steps_are_positive(capsys):
    with pytest.raises(SystemExit):
        example("gan")(["--steps", "0"])
    assert "--steps: must be a whole number of at least 1, not '0'" in capsys.readouterr().err
