"""The console command: `graphflow run program.py`, and `view`, `explain` and `tree`, which look at what it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from graphflow.compat.runner import parsed, run
from graphflow.errors import GraphError, OpError
from graphflow.graph import Graph, get_default_graph
from graphflow.looking import require_writable, write_graph, write_recorded
from graphflow.names import near
from graphflow.operation import Operation, Tensor
from graphflow.pictures.tree import tree
from graphflow.recording import Recorded, record

_USAGE = """\
usage: graphflow run      [-m module | -c code | program.py] [arguments]
       graphflow view     program.py [--out page.html] [--fetch name] [arguments]
       graphflow explain  program.py [--fetch name] [arguments]
       graphflow tree     program.py [--fetch name] [arguments]

run      runs a program written for TensorFlow 1
view     runs it, and writes a page that shows what took most of its time, or what fetches `name`
explain  runs it, and prints the plans of what it ran, with times
tree     runs it, and prints what its fetches are computed from
Arguments after -- are the program's own, whatever they look like."""

_SHOWN = 5  # plans that are printed


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for; SystemExit with the program's own exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:
        run(*parsed("graphflow run", given[1:]))
    elif given[:1] in (["view"], ["explain"], ["tree"]):
        _look(given[0], given[1:])
    else:
        print(_USAGE, file=sys.stderr)
        raise SystemExit(0 if given in (["-h"], ["--help"]) else 2)


def _look(what: str, arguments: list[str]) -> None:
    ours, own = _split(what, arguments)
    try:
        if what == "view":
            require_writable(ours.out)
        with record() as found:
            status = _finished(ours.program, own)
        shown = [r for r in found if r.profiles]
        if what == "view":
            _view(_chosen(shown, ours.fetch), ours.out)
        elif what == "explain":
            _explain(_chosen(shown, ours.fetch))
        else:
            _tree(shown, ours.fetch)
    except (GraphError, OpError) as error:
        print(f"graphflow: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(status)


def _split(what: str, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """(our arguments, the program's own)."""
    parser = argparse.ArgumentParser(f"graphflow {what}", usage=_USAGE, add_help=False)
    parser.add_argument("program")
    parser.add_argument("--fetch", default="")
    if what == "view":
        parser.add_argument("--out", default="page.html")
    at = arguments.index("--") if "--" in arguments else len(arguments)
    ours, more = parser.parse_known_args(arguments[:at])
    return ours, more + arguments[at + 1 :]


def _finished(program: str, arguments: list[str]) -> object:
    """The exit code of the program.  What it raises is printed as without us; what it has run can be looked at."""
    try:
        run("file", program, arguments)
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        print("graphflow: the program was interrupted", file=sys.stderr)
        return 130
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _chosen(found: list[Recorded], name: str) -> list[Recorded]:
    """What has run, what took longest first; of these, what fetches `name`."""
    ordered = sorted(found, key=lambda r: -r.seconds)
    if not name:
        return ordered
    chosen = [r for r in ordered if name in _names(r)]
    if not chosen:
        names = sorted({n for r in found for n in _names(r)})
        raise GraphError(f"the program fetches no {name!r}{near(name, names)}")
    return chosen


def _names(found: Recorded) -> set[str]:
    tensors, targets = found.asked.fetches, found.asked.targets
    return {n for t in tensors for n in (t.name, t.op.name)} | {op.name for op in targets}


def _view(chosen: list[Recorded], out: str) -> None:
    if not chosen:
        print("graphflow: the program ran nothing, this is its graph", file=sys.stderr)
        write_graph(_graph(), out)
    else:
        write_recorded(chosen[0], out)
        for found in chosen[1:_SHOWN]:
            print(f"graphflow: not shown: {_summary(found)}", file=sys.stderr)
        print(f"graphflow: shown: {_summary(chosen[0])}", file=sys.stderr)
    print(f"graphflow: wrote {out}", file=sys.stderr)


def _explain(chosen: list[Recorded]) -> None:
    if not chosen:
        raise GraphError("the program ran nothing: there is no plan to explain")
    for found in chosen[:_SHOWN]:
        print(f"# {_summary(found)}")
        print("".join(map(str, found.profiles)))
    if len(chosen) > _SHOWN:
        print(f"and {len(chosen) - _SHOWN} more, which took less time: --fetch chooses among them")


def _tree(found: list[Recorded], name: str) -> None:
    """Of one operation of the program, of what it ran for longest, or else of everything that nothing takes."""
    fetches: list[Tensor | Operation]
    if name:
        graphs = [op.graph for r in found for op in r.asked.ops[:1]] or [_graph()]
        try:
            fetches = [graphs[0].as_graph_element(name)]
        except KeyError as error:
            raise GraphError(error.args[0]) from None
    elif found:
        asked = _chosen(found, "")[0].asked
        fetches = [*asked.fetches, *asked.targets]
    else:
        operations = _graph().get_operations()
        taken = {t.op for op in operations for t in op.inputs}.union(*(op.control_inputs for op in operations))
        fetches = [op for op in operations if op not in taken]
    print(tree(fetches), end="")


def _graph() -> Graph:
    graph = get_default_graph()
    if not graph.version:
        raise GraphError("the program ran nothing, and its default graph is empty")
    return graph


def _summary(found: Recorded) -> str:
    """What it is, how often it ran, and how long that took."""
    each = 1e3 * found.seconds / max(1, found.runs)
    return f"{found.name}: {found.runs} runs of {each:.3f} ms"
