"""`python -m graphflow program.py`: run a program written for TensorFlow 1 as it is.

The program runs as Python would run it: __main__, sys.argv, sys.path[0] and the exit code are the same.  Only
`import tensorflow` means graphflow, in this process.
"""

from __future__ import annotations

import argparse
import builtins
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import NoReturn

from graphflow.compat.misuse import accepted
from graphflow.compat.modules import install
from graphflow.errors import UnsupportedError, UnsupportedImportError
from graphflow.frames import hide


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for: `program.py`, `-m module` or `-c code`, and its arguments."""
    run(*parsed("python -m graphflow", sys.argv[1:] if arguments is None else list(arguments)))


def parsed(prog: str, arguments: list[str]) -> tuple[str, str, list[str]]:
    """(kind, what, the program's own arguments), where kind is "m", "c" or "file"."""
    if arguments[:1] in (["-m"], ["-c"]) and len(arguments) > 1:
        return arguments[0][1:], arguments[1], arguments[2:]
    parser = argparse.ArgumentParser(prog, description="Run a program written for TensorFlow 1 on graphflow.",
                                     usage=f"{prog} [-m module | -c code | program.py] [arguments]")  # fmt: skip
    parser.add_argument("program", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program finds in sys.argv[1:]")
    found = parser.parse_args(arguments)
    return "file", found.program, found.arguments


def run(kind: str, what: str, arguments: list[str]) -> None:
    """Run a program of one of the kinds that `parsed` tells apart; what it raises is raised."""
    install()
    sys.excepthook = _report
    program = sys.modules["__main__"] = ModuleType("__main__")
    vars(program)["__builtins__"] = builtins
    if kind == "m":
        _first_on_path(os.getcwd())
        code = _from_module(what, program)
        sys.argv = [program.__file__ or what, *arguments]
    elif kind == "c":
        _first_on_path("")
        code = compile(what, "<string>", "exec", dont_inherit=True)
        sys.argv = ["-c", *arguments]
    else:
        _first_on_path(os.path.dirname(os.path.realpath(what)))
        code = _from_file(what, program)
        sys.argv = [what, *arguments]
    exec(code, vars(program))


def _from_file(path: str, program: ModuleType) -> CodeType:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        _stop(f"cannot open {path!r}: {error.strerror}", 2)
    program.__file__ = os.path.abspath(path)
    program.__loader__ = SourceFileLoader("__main__", program.__file__)
    return compile(source, program.__file__, "exec", dont_inherit=True)


def _from_module(name: str, program: ModuleType) -> CodeType:
    try:
        _, spec, code = runpy._get_module_details(name)  # type: ignore[attr-defined]
    except ImportError as error:
        _stop(str(error), 1)
    program.__file__ = spec.origin
    program.__loader__ = spec.loader
    program.__spec__ = spec
    program.__package__ = spec.parent
    return code


def _stop(message: str, code: int) -> NoReturn:
    print(f"graphflow: {message}", file=sys.stderr)
    raise SystemExit(code)


def _first_on_path(folder: str) -> None:
    """Where Python looks first for what the program imports, unless Python was started with -P or -I."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an error that the program did not catch, without the frames of the runner.

    What graphflow does not have is one line: the program's line, the name, and what to use instead.
    """
    if isinstance(error, (UnsupportedError, UnsupportedImportError)):
        print(error, file=sys.stderr)
        return
    own = traceback
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == __file__:
            own = traceback.tb_next
        traceback = traceback.tb_next
    note = accepted(error, own)
    if note is not None:
        error.add_note(note)
    hide(error.with_traceback(own))
    sys.__excepthook__(kind, error, error.__traceback__)
