"""What a save is about to add to a folder and to remove from it, on disk meanwhile: who finds the note finishes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from graphflow.io.atomic import replacing
from graphflow.io.checkpoint import delete_checkpoint, sweep
from graphflow.train.checkpoint_state import get_checkpoint_state


@contextmanager
def noted(folder: str, filename: str, prefixes: Sequence[str], suffix: str) -> Iterator[None]:
    """When the block ends, however it does, those of these checkpoints are gone that the folder's list does not have.

    prefixes  checkpoints that the block adds, or takes from the list
    filename  the name of the list
    suffix    what the names of their graphs end in
    """
    with replacing(_note(folder, filename)) as file:
        file.write(json.dumps({"prefixes": [os.path.abspath(p) for p in prefixes], "suffix": suffix}).encode())
    try:
        yield
    finally:
        settle(folder, filename)


@contextmanager
def undone(prefixes: Sequence[str], suffix: str) -> Iterator[None]:
    """Remove these checkpoints when the block fails."""
    try:
        yield
    except BaseException:
        for prefix in prefixes:
            remove(prefix, suffix)
        raise


def settle(folder: str, filename: str) -> None:
    """Finish what a save that was killed has noted, if there was one."""
    path = _note(folder, filename)
    try:
        with open(path, "rb") as file:
            found = json.load(file)
        prefixes, suffix = [os.fspath(p) for p in found["prefixes"]], os.fspath(found["suffix"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, RecursionError):  # not a note: nothing is known
        prefixes, suffix = [], ""
    state = get_checkpoint_state(folder, filename)
    listed = {os.path.abspath(p) for p in state.all_model_checkpoint_paths} if state else set()
    for prefix in prefixes:
        sweep(prefix)
        if prefix not in listed:
            remove(prefix, suffix)
    os.unlink(path)


def remove(prefix: str, suffix: str) -> None:
    """Remove the files of a checkpoint and its graph."""
    delete_checkpoint(prefix)
    with suppress(FileNotFoundError):
        os.unlink(f"{prefix}.{suffix}")


def _note(folder: str, filename: str) -> str:
    return os.path.join(folder, f"{filename}.saving")
