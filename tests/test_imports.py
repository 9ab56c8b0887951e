"""Who may know whom: reads the imports of every module and compares them with one table."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "graphflow"

# A module may import from its own line and from those above it.  A name stands for a module or for a whole folder;
# the longest one that fits counts.
LAYERS = (
    "version errors config dtypes shape names devices nest logging progress",
    "io.wire io.text_format io.scalars io.fields io.protobuf",
    "graph_protos summary_protos protos saved_model_protos",
    "operation frames graph_elements",
    "graph",
    "ops default tensor_proto",
    "exchange.unsaved",
    "modes spec node_attrs",
    "fetches gradients hessians initializers tables variables variable_scope shared_variables template operators",
    "exchange",
    "control custom_gradient distributions linear_operators",
    "graph_def",
    "train.optimizer train.rules train.slots train.schedules train.averages train.global_step train.gradient_descent",
    "train.adadelta train.adagrad train.adam train.ftrl train.momentum train.rmsprop",
    "losses metrics",
    "layers",
    "recurrent",
    "keras datasets pictures.dot pictures.looks pictures.scopes compat text",
    "store program cost",
    "pictures.program",
    "passes",
    "backends.base backends.clock plan_text",
    "arena plan plan_check",
    "backends",
    "io",
    "data",
    "feeds debug recording",
    "pictures",
    "compiler default_session",
    "session",
    "looking profiling",
    "summary graph_util meta_graph",
    "queues",
    "train contrib",
    "feature_column saved_model",
    "estimator",
    "flags app gfile resource_loader test",
    "testing",
    "bitwise debugging image linalg lookup manip math python_io random rnn_cell sets signal sparse spectral strings",
    "nn",
    "compat.mnist compat.freeze_graph",
    "__init__",
    "__main__ command",
)
LEVEL = {name: level for level, line in enumerate(LAYERS) for name in line.split()}
EXTERNAL = {"numpy", "numba", "llvmlite", "networkx", "PIL", "pygraphviz", "scipy", "tqdm", "cuda", "nvmath"}
LATE = {
    "numba",
    "llvmlite",
    "networkx",
    "tqdm",
    "PIL",
    "pygraphviz",
    "scipy",
    "cuda",
    "nvmath",
}  # heavy or optional: may be imported where they are first needed


@dataclass(frozen=True)
class Import:
    """One import of a module: `target` is a dotted name; `late` inside a function, `typing` under TYPE_CHECKING."""

    target: str
    line: int
    late: bool
    typing: bool


def module_name(path: Path) -> str:
    """`ops.math` for graphflow/ops/math.py; `ops` for its folder's __init__, `__init__` for the package's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def imports(path: Path) -> tuple[Import, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[Import]:
    stack: list[tuple[ast.AST, bool, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), False, False)]
    while stack:
        node, late, typing = stack.pop()
        late = late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typing = typing or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, late, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("graphflow.") in MODULES
                yield Import(inner if is_module else node.module, node.lineno, late, typing)
        stack += [(child, late, typing) for child in ast.iter_child_nodes(node)]


def own(target: str) -> str | None:
    """The name in this package that an import means, None for other packages."""
    first, _, rest = target.partition(".")
    return (rest or "__init__") if first == "graphflow" else None


def level(module: str) -> int:
    name = module
    while name and name not in LEVEL:
        name = name.rpartition(".")[0]
    assert name, f"{module} has no place in LAYERS"
    return LEVEL[name]


def where(module: str, found: Import) -> str:
    return f"graphflow/{MODULES[module].relative_to(PACKAGE)}:{found.line} imports {found.target}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_upwards(module):
    for found in imports(MODULES[module]):
        target = own(found.target)
        if target and not found.typing:
            assert level(target) <= level(module), where(module, found)


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module):
    for found in imports(MODULES[module]):
        if found.late and not found.typing:
            first_use = module == "backends" and found.target.startswith("graphflow.backends.")
            assert first_use or found.target.partition(".")[0] in LATE, f"{where(module, found)} inside a function"


@pytest.mark.parametrize("module", MODULES)
def test_other_packages(module):
    for found in imports(MODULES[module]):
        package = found.target.partition(".")[0]
        assert package in {"graphflow", *EXTERNAL, *sys.stdlib_module_names}, where(module, found)


@pytest.mark.parametrize("module", MODULES)
def test_only_backends_know_the_compiler(module):
    if not module.startswith("backends"):
        for found in imports(MODULES[module]):
            assert found.target.partition(".")[0] not in {"numba", "llvmlite"}, where(module, found)


CUDA = re.compile(r"^\s*(from numba\.cuda|import numba\.cuda|from numba import .*\bcuda\b|(from|import) cuda\b)", re.M)


@pytest.mark.parametrize("module", MODULES)
def test_only_the_shim_knows_cuda(module):
    found = CUDA.search(MODULES[module].read_text(encoding="utf-8"))
    assert bool(found) == (module == "backends.cuda.shim"), f"{module}: {found and found[0]}"


def test_there_are_no_cycles():
    needs = {
        module: {own(i.target) for i in imports(path) if own(i.target) and not i.typing}
        for module, path in MODULES.items()
    }
    assert set(TopologicalSorter(needs).static_order()) >= set(MODULES)  # CycleError if there is one


def test_the_reader_finds_imports(tmp_path):
    source = tmp_path / "m.py"
    source.write_text(
        "import graphflow.ops.math\nfrom graphflow import errors, add\nif TYPE_CHECKING:\n    import networkx\n"
        "def f():\n    from graphflow.graph import Graph\n"
    )
    found = {(i.target, i.late, i.typing) for i in imports(source)}
    assert found == {
        ("graphflow.ops.math", False, False),
        ("graphflow.errors", False, False),
        ("graphflow", False, False),
        ("networkx", False, True),
        ("graphflow.graph", True, False),
    }
