"""The page that shows a program: what is in it, and how it behaves in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow.passes import PIPELINE
from graphflow.pictures.html import FOLDER
from tests.pictures.browser import CHROMIUM, in_browser

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: the page is not opened")
PASSES = 1 + len(PIPELINE)  # stages of a compile: specialize and the passes
FUSED = [apply.__name__ for apply in PIPELINE].index("fuse_regions") + 2  # the number of a stage
SIMPLIFIED = [apply.__name__ for apply in PIPELINE].index("simplify") + 2


def training(batch=None):
    """A small convolutional network with a training step: (fetches, feeds)."""
    x = tf.placeholder(tf.float32, [batch, 8, 8, 1], name="images")
    labels = tf.placeholder(tf.int64, [batch], name="labels")
    with tf.name_scope("conv"):
        w = tf.Variable(tf.truncated_normal([3, 3, 1, 4], stddev=0.1, seed=1), name="w")
        h = tf.nn.relu(tf.nn.conv2d(x, w, [1, 2, 2, 1], "SAME") + 0.1, name="h")
    with tf.name_scope("dense"):
        v = tf.Variable(tf.truncated_normal([64, 10], stddev=0.1, seed=2), name="v")
        logits = tf.matmul(tf.reshape(h, [-1, 64]), v, name="logits")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), name="loss")
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    return [loss, step], {x: np.zeros((5, 8, 8, 1)), labels: np.arange(5)}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """(the page of the training graph, with times; what a run of it is for)."""
    with tf.Graph().as_default(), tf.Session() as session:
        fetches, feeds = training()
        session.run(tf.global_variables_initializer())
        out = tf.view(fetches, str(tmp_path_factory.mktemp("page") / "page.html"), feeds, session, runs=3)
    return text_of(out)


def text_of(file):
    return Path(file).read_text(encoding="utf-8")


def data_of(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def test_everything_is_in_the_page(page):
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=", page) and "@import" not in page
    assert (FOLDER / "graphviz" / "viz.js").read_text(encoding="utf-8") in page
    assert (FOLDER / "graphviz" / "LICENSE.graphviz").is_file() and (FOLDER / "graphviz" / "LICENSE.viz-js").is_file()


def test_the_data_of_the_page(page):
    data = data_of(page)
    rows, stages = data["rows"], data["stages"]
    names = [stage["name"] for stage in stages]
    assert names[:2] == ["graph", "specialize"] and names[-1] == "merge_updates" and len(names) == 1 + PASSES
    logits = next(row for row in rows if row["n"] == "dense/logits")
    assert logits["t"] == "MatMul" and logits["o"] == [["float32", "(?, 10)", None]]
    file, line = logits["s"]
    assert data["files"][file]["name"] == __file__
    assert 'name="logits")' in data["files"][file]["lines"][str(line)]
    kernels = [rows[r] for r in stages[names.index("fuse_regions")]["made"]]
    assert "Conv2D+Add+Relu" in [kernel["t"] for kernel in kernels]
    kernel = next(kernel for kernel in kernels if kernel["t"] == "Conv2D+Add+Relu")
    assert [rows[m]["t"] for m in kernel["m"]] == ["Conv2D", "Add", "Relu"]
    assert "pass_on" in stages[names.index("simplify")]["fired"]
    assert any("pass_on" in rules for rules in stages[names.index("simplify")]["rules"].values())
    step = next(step for step in data["steps"] if step["type"] == "Conv2D+Add+Relu")
    assert step["flops"] > 0 and step["us"] > 0 and step["by"] == "kernel" and data["runs"] == 3
    for offset, nbytes, first, last, _ in data["arenas"][0]["buffers"]:
        assert offset >= 0 and offset + nbytes <= data["arenas"][0]["bytes"]
        assert 0 <= first <= last < len(data["steps"])


def test_buffers_that_live_together_lie_apart(page):
    buffers = data_of(page)["arenas"][0]["buffers"]
    for i, (start, size, first, last, _) in enumerate(buffers):
        for start2, size2, first2, last2, _ in buffers[:i]:
            together = first < last2 and first2 < last  # one may take over from the other within a step
            assert not (together and start < start2 + size2 and start2 < start + size)


def test_without_values_only_the_graph(tmp_path):
    with tf.Graph().as_default():
        fetches, _ = training()
        page = text_of(tf.view(fetches, str(tmp_path / "a.html")))
        data = data_of(page)
        assert [stage["name"] for stage in data["stages"]] == ["graph"] and "images:0 (?, 8, 8, 1)" in data["note"]
    with tf.Graph().as_default() as graph:
        fetches, _ = training(batch=5)
        data = data_of(text_of(tf.view(fetches, str(tmp_path / "b.html"))))
        assert len(data["stages"]) == 1 + PASSES and data["note"] == "" and data["runs"] == 0
        whole = data_of(text_of(tf.view(graph, str(tmp_path / "c.html"))))
        assert len(whole["stages"][0]["rows"]) == len(graph.get_operations())


def test_bodies_of_loops_are_stages_of_their_own(tmp_path):
    with tf.Graph().as_default():
        i = tf.while_loop(lambda i: i < 5, lambda i: tf.cumsum([i, i])[1] * 2 + 1, [0], name="loop")
        data = data_of(text_of(tf.view(i, str(tmp_path / "a.html"))))
        bodies = [stage for stage in data["stages"] if "of" in stage]
        assert [stage["name"] for stage in bodies] == ["loop/While, body 0", "loop/While, body 1"]
        assert data["rows"][bodies[0]["of"]]["t"] == "While"
        assert "Mul" in [data["rows"][r]["t"] for r in bodies[0]["rows"]]


def test_a_loop_that_is_one_kernel(tmp_path):
    with tf.Graph().as_default():
        i = tf.while_loop(lambda i: i < 15, lambda i: i * 2 + 1, [0], name="loop")
        data = data_of(text_of(tf.view(i, str(tmp_path / "a.html"))))
        (kernel,) = [row for row in data["rows"] if row["t"] == "While(Less+Mul+Add)"]
        assert [data["rows"][m]["t"] for m in kernel["m"]] == ["Less", "Mul", "Add"]


def test_files_that_cannot_be_written(tmp_path):
    with tf.Graph().as_default():
        y = tf.constant(1.0)
        with pytest.raises(tf.errors.NotFoundError, match="there is no folder"):
            tf.view(y, str(tmp_path / "missing" / "page.html"))
        with pytest.raises(tf.errors.PermissionDeniedError, match="it is a folder"):
            tf.view(y, str(tmp_path))
        with pytest.raises(ValueError, match="did you mean 'Const'"):
            tf.view("Cons", str(tmp_path / "page.html"))
    assert list(tmp_path.iterdir()) == []


# -- in a browser ----------------------------------------------------------------------------------------------------
@needs_chromium
def test_looking_around(page):
    found = in_browser(page, """
        const seen = { stages: all("#stage option").length, graphviz: !app.picture.large, first: app.at };
        seen.closed = app.picture.view.nodes.map((node) => node.label).includes("gradients");
        seen.edge = all(".edge text").map((text) => text.textContent.trim()).includes("float32 (?, 10)");

        const logits = app.stage.rows.find((r) => app.data.rows[r].n === "dense/logits");
        await app.go(logits);
        seen.selected = all(".node.selected").length;
        seen.details = document.getElementById("details").textContent;
        seen.mark = document.querySelector("#details mark").textContent;

        key("ArrowDown");
        seen.down = app.data.rows[app.selected.row]?.t ?? app.selected.label;
        key("ArrowUp");
        key("ArrowUp");
        seen.up = app.data.rows[app.selected.row].t;

        const gradients = app.tree.nodes.get("s gradients");
        app.select(gradients);
        const before = app.picture.view.nodes.length;
        await drawn(() => key("Enter"));
        seen.opened = app.picture.view.nodes.length > before;
        await drawn(() => document.getElementById("close").click());
        seen.top = app.picture.view.nodes.length === app.tree.root.children.length;

        const box = all("#types input").find((input) => input.parentNode.textContent.trim().startsWith("VariableV2"));
        await drawn(() => document.getElementById("open").click());
        const variables = all(".node.variable").length;
        await drawn(() => box.click());
        seen.hidden = variables > 0 && all(".node.variable").length === 0;

        const search = document.getElementById("search");
        search.value = "conv/h";
        search.dispatchEvent(new Event("input"));
        seen.found = document.getElementById("found").textContent;
        key("Enter", search);
        await pause(300);
        seen.searched = app.data.rows[app.selected.row].n;

        const k = app.picture.at.k;
        key("+");
        seen.zoomed = app.picture.at.k > k;
        key("t");
        seen.theme = document.documentElement.dataset.theme;
        key("t");
        seen.back = document.documentElement.dataset.theme;
        return seen;
    """)  # fmt: skip
    details = found.pop("details")
    assert "dense/logits" in details and "Taken by" in details and "FLOP" in details and "step " in details
    assert 'name="logits")' in found.pop("mark")
    assert {found.pop("theme"), found.pop("back")} == {"dark", "light"}
    assert found == {
        "stages": 1 + PASSES, "graphviz": True, "first": 0, "closed": True, "edge": True, "selected": 1,
        "down": "SparseSoftmaxCrossEntropyWithLogits", "up": "Reshape", "opened": True, "top": True, "hidden": True,
        "found": "2", "searched": "conv/h", "zoomed": True,
    }  # fmt: skip


@needs_chromium
def test_passes_and_the_plan(page):
    steps = data_of(page)["steps"]
    found = in_browser(page, f"const FUSED = {FUSED}, SIMPLIFIED = {SIMPLIFIED};" """
        const seen = {};
        await app.go(app.stage.rows.find((r) => app.data.rows[r].n === "conv/h"));
        for (let n = 0; n < FUSED; n++) await drawn(() => key("]"));
        seen.stage = app.stage.name;
        seen.kept = app.data.rows[app.selected.row].n;
        seen.boxes = all(".cluster.kernel").length > 0 && all(".made").length > 0;
        seen.listed = document.getElementById("changes").textContent.includes("Conv2D+Add+Relu");
        seen.what = document.getElementById("what").textContent;
        for (let n = SIMPLIFIED; n < FUSED; n++) await drawn(() => key("["));
        seen.before = app.stage.name;
        seen.rules = document.getElementById("what").textContent;

        key("1");
        seen.rows = all(".plan tbody tr").length;
        const row = all(".plan tbody tr").find((tr) => tr.textContent.includes("Conv2D+Add+Relu"));
        for (let n = SIMPLIFIED; n < FUSED; n++) await drawn(() => key("]"));
        row.click();
        await pause(300);
        seen.chosen = app.data.rows[app.selected.row].t;
        seen.marked = all(".plan tr.selected").length;
        key("4");
        seen.kernel = document.querySelector("#panel pre").textContent.length > 0;
        key("2");
        seen.buffers = all(".buffer").length;
        key("3");
        seen.bars = all(".bar").length;
        key("h");
        seen.hot = all(".node.hot").length > 0;
        key("3");
        seen.shut = document.getElementById("panel").hidden;
        return seen;
    """)  # fmt: skip
    assert re.search(r"fused \d+$", found.pop("what"))
    assert "pass_on" in found.pop("rules")
    assert found == {
        "stage": "fuse_regions", "kept": "conv/h", "boxes": True, "listed": True, "before": "simplify",
        "rows": len(steps), "chosen": "Conv2D+Add+Relu", "marked": 1, "kernel": True,
        "buffers": len(data_of(page)["arenas"][0]["buffers"]), "bars": sum("us" in step for step in steps),
        "hot": True, "shut": True,
    }  # fmt: skip


@needs_chromium
def test_five_thousand_operations(tmp_path):
    with tf.Graph().as_default() as graph:
        made = [tf.placeholder(tf.float32, [4], name="x")]
        rng = np.random.default_rng(0)
        while len(made) < 5000:
            a, b = (made[max(0, len(made) - 1 - int(k))] for k in rng.integers(0, 8, 2))
            made.append(tf.add(a, b))
        page = text_of(tf.view(graph, str(tmp_path / "page.html")))
    found = in_browser(page, """
        const seen = { nodes: app.picture.view.nodes.length, layers: Boolean(app.picture.large) };
        seen.far = all("#world > *").length;
        await app.go(app.stage.rows[4000]);
        const near = all(".node");
        seen.near = near.length > 3 && near.length < 1000;
        seen.selected = all(".node.selected").map((node) => node.querySelector("text").textContent);
        return seen;
    """)  # fmt: skip
    assert found == {"nodes": 5000, "layers": True, "far": 3, "near": True, "selected": ["Add_3999"]}


@needs_chromium
def test_the_flame_view_adds_up(page):
    script = """
      key("5");
      const boxes = all("#panel .flame"), wide = (box) => Number(box.querySelector("rect").getAttribute("width"));
      const title = (box) => box.querySelector("title").textContent;
      const below = boxes.filter((box) => box.querySelector("rect").getAttribute("y") === "24");
      return { all: title(boxes[0]), first: wide(boxes[0]), below: below.reduce((sum, box) => sum + wide(box) + 1, 0),
        names: below.map((box) => title(box).split(":")[0]) };
    """
    found = in_browser(page, script)
    assert found["all"].startswith("all: ") and found["all"].endswith("100.0 %")
    assert found["below"] == pytest.approx(found["first"], rel=0.05)
    assert {"conv", "dense", "gradients", "Adam"} <= set(found["names"])
