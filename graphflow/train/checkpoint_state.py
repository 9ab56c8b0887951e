"""The `checkpoint` file of a folder: which checkpoints there are, oldest first, and which is the latest."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphflow.io.atomic import replacing

_LINE = re.compile(r'\s*(\w+)\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([-+.\w]+))\s*$')
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass
class CheckpointState:
    """What the file says."""

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0

    def __str__(self) -> str:
        lines = [f"model_checkpoint_path: {_quoted(self.model_checkpoint_path)}"]
        lines += [f"all_model_checkpoint_paths: {_quoted(path)}" for path in self.all_model_checkpoint_paths]
        lines += [f"all_model_checkpoint_timestamps: {time!r}" for time in self.all_model_checkpoint_timestamps]
        if self.last_preserved_timestamp:
            lines.append(f"last_preserved_timestamp: {self.last_preserved_timestamp!r}")
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    special = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(special.get(letter, letter) for letter in text) + '"'


def _unquoted(text: str) -> str:
    def plain(match: re.Match) -> str:
        octal, sixteen, letter = match.groups()
        if letter is not None:
            return _PLAIN.get(letter, letter)
        return chr(int(octal, 8)) if octal else chr(int(sixteen, 16))

    made = _ESCAPE.sub(plain, text)
    try:
        return made.encode("latin-1").decode()  # TensorFlow escapes the bytes of UTF-8
    except UnicodeError:
        return made


def generate_checkpoint_state_proto(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> CheckpointState:
    """The state with paths as the file has them: relative to `save_dir` unless that is absolute.

    The latest checkpoint is added to the list when it is not there.
    Raises: ValueError when there are not as many times as paths.
    """
    paths = list(all_model_checkpoint_paths or [])
    if model_checkpoint_path not in paths:
        paths.append(model_checkpoint_path)
    times = list(all_model_checkpoint_timestamps or [])
    if times and len(times) != len(paths):
        raise ValueError(f"{len(times)} timestamps do not go with {len(paths)} checkpoints")
    if not os.path.isabs(save_dir):
        paths = [p if os.path.isabs(p) else os.path.relpath(p, save_dir) for p in paths]
        if not os.path.isabs(model_checkpoint_path):
            model_checkpoint_path = os.path.relpath(model_checkpoint_path, save_dir)
    return CheckpointState(model_checkpoint_path, paths, times, last_preserved_timestamp or 0.0)


def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Write the file of a folder.   Raises: RuntimeError when a checkpoint has the file's own name."""
    record(save_dir, model_checkpoint_path, all_model_checkpoint_paths, latest_filename, False,
           all_model_checkpoint_timestamps, last_preserved_timestamp)  # fmt: skip


def record(
    folder: str, latest: str, paths: Sequence[str] | None, filename: str | None, relative: bool,
    times: Sequence[float] | None = None, preserved: float | None = None,
) -> None:  # fmt: skip
    """update_checkpoint_state, with paths relative to the folder if asked for."""
    path = os.path.join(folder, filename or "checkpoint")
    if relative:
        paths = [os.path.relpath(p, folder) if os.path.isabs(p) == os.path.isabs(folder) else p for p in paths or ()]
        latest = os.path.relpath(latest, folder) if os.path.isabs(latest) == os.path.isabs(folder) else latest
        state = CheckpointState(latest, [*paths, *([] if latest in paths else [latest])], list(times or ()),
                                preserved or 0.0)  # fmt: skip
    else:
        state = generate_checkpoint_state_proto(folder, latest, paths, times, preserved)
    if path == latest:
        raise RuntimeError(f"a checkpoint cannot be called {path!r}: that is the file that lists checkpoints")
    with replacing(path) as file:
        file.write(str(state).encode())


def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """What the file of a folder says, with paths that can be opened; None when there is none that can be read."""
    folder = os.fspath(checkpoint_dir)
    try:
        with open(os.path.join(folder, latest_filename or "checkpoint"), encoding="utf-8", errors="replace") as file:
            state = _parsed(file.read())
    except OSError:
        return None
    if not state.model_checkpoint_path:
        return None
    state.model_checkpoint_path = os.path.join(folder, state.model_checkpoint_path)
    state.all_model_checkpoint_paths = [os.path.join(folder, path) for path in state.all_model_checkpoint_paths]
    return state


def _parsed(text: str) -> CheckpointState:
    state = CheckpointState()
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, quoted, number = match.groups()
        if name == "model_checkpoint_path":
            state.model_checkpoint_path = _unquoted(quoted or "")
        elif name == "all_model_checkpoint_paths":
            state.all_model_checkpoint_paths.append(_unquoted(quoted or ""))
        elif name in ("all_model_checkpoint_timestamps", "last_preserved_timestamp"):
            try:
                time = float(number or 0)
            except ValueError:
                continue
            if name == "last_preserved_timestamp":
                state.last_preserved_timestamp = time
            else:
                state.all_model_checkpoint_timestamps.append(time)
    return state


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The prefix of the latest checkpoint of a folder that is there, None without one."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is not None and checkpoint_exists(state.model_checkpoint_path):
        return state.model_checkpoint_path
    return None


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint under this prefix."""
    return os.path.isfile(f"{os.fspath(checkpoint_prefix)}.index")


def get_checkpoint_mtimes(checkpoint_prefixes: Sequence[str]) -> list[float]:
    """When the checkpoints under these prefixes were written, in seconds; those that are not there are left out."""
    return [os.path.getmtime(f"{p}.index") for p in checkpoint_prefixes if checkpoint_exists(p)]
