"""Checkpoints of objects: variables by the attributes that lead to them, not by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphflow.data.iterator import Iterator as DataIterator
from graphflow.data.saving import make_saveable_from_iterator
from graphflow.default_session import get_default_session
from graphflow.dtypes import int64
from graphflow.errors import GraphError
from graphflow.io.checkpoint import open_checkpoint
from graphflow.layers.base import Layer
from graphflow.session import Session
from graphflow.train.checkpoint_state import get_checkpoint_state
from graphflow.train.optimizer import Optimizer
from graphflow.train.saver import Saver
from graphflow.variables import Variable, variables_initializer

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # what ends TensorFlow's names of values


def _values(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(name, variable or saveable) of everything that an object holds."""
    if isinstance(value, Variable):
        yield path + _VALUE, value
    elif isinstance(value, DataIterator):
        yield path + _VALUE, make_saveable_from_iterator(value)
    elif isinstance(value, (Checkpoint, Mapping, list, tuple)):
        for name, item in _attributes(value):
            yield from _values(item, f"{path}/{name}" if path else name)
    elif isinstance(value, (Layer, Optimizer)):
        made = value.variables() if isinstance(value, Optimizer) else value.variables
        for variable in made:
            name = variable.op.name if isinstance(value, Optimizer) else variable.op.name.rpartition("/")[2]
            yield f"{path}/{name}{_VALUE}", variable
    else:
        raise ValueError(f"a checkpoint holds variables, layers, optimizers, iterators, nests of them, not {value!r}")


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Checkpoint):
        return iter(value._tracked().items())
    if isinstance(value, Mapping):
        return iter([(str(key), item) for key, item in value.items()])
    return iter([(str(number), item) for number, item in enumerate(value)])


def _session(session: Session | None) -> Session:
    found = session or get_default_session()
    if found is None:
        raise RuntimeError("a checkpoint needs a session: pass one, or use `with tf.Session():`")
    return found


class Checkpoint:
    """Variables, layers, optimizers, iterators, and lists and dicts of them, saved under the names of the attributes.

    What is an attribute when save() or restore() is called counts; variables of an optimizer or layer that are made
    later are not restored.
    """

    def __init__(self, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            setattr(self, name, value)
        for _ in _values(self, ""):  # raises for what cannot be saved
            pass
        self.save_counter = Variable(0, dtype=int64, name="save_counter", trainable=False, collections=[])

    def _tracked(self) -> dict[str, Any]:
        return dict(vars(self))

    def _saver(self, **options: Any) -> Saver:
        return Saver(dict(_values(self, "")), **options)

    def _count(self, session: Session) -> int:
        store, op = session._store, self.save_counter.op
        number = int(session.run(self.save_counter)) + 1 if store.initialized(op) else 1
        self.save_counter.load(number, session)
        return number

    def save(self, file_prefix: Any, session: Session | None = None) -> str:
        """Save all values under `file_prefix-1`, -2 and so on, and note it as the latest; gives the prefix."""
        sess = _session(session)
        saved = self._saver(max_to_keep=0).save(sess, file_prefix, self._count(sess), write_meta_graph=False)
        assert saved is not None
        return saved

    def write(self, file_prefix: Any, session: Session | None = None) -> str:
        """Save all values under the prefix itself, and note it nowhere."""
        saved = self._saver().save(_session(session), file_prefix, write_meta_graph=False, write_state=False)
        assert saved is not None
        return saved

    def restore(self, save_path: Any) -> Restoration:
        """What gives the values back when run in a session; with None what initializes them.

        Raises: NotFoundError when there is no checkpoint.
        """
        return Restoration(self, None if save_path is None else os.fsdecode(save_path))

    read = restore


class Restoration:
    """What Checkpoint.restore gives: nothing is restored before run_restore_ops or initialize_or_restore."""

    def __init__(self, checkpoint: Checkpoint, path: str | None) -> None:
        self._checkpoint, self._path = checkpoint, path
        self._saved = set() if path is None else set(open_checkpoint(path).get_variable_to_shape_map())

    def _matched(self) -> dict[str, Any]:
        return {name: value for name, value in _values(self._checkpoint, "") if name in self._saved}

    def assert_existing_objects_matched(self) -> Restoration:
        """Raises: AssertionError when the checkpoint lacks a value."""
        missing = [name for name, _ in _values(self._checkpoint, "") if name not in self._saved]
        if missing:
            raise AssertionError(f"{self._path} does not have {', '.join(missing)}")
        return self

    def assert_consumed(self) -> Restoration:
        """Raises: AssertionError when the checkpoint and the objects do not have the same values."""
        unused = self._saved - set(self._matched())
        if unused:
            raise AssertionError(f"nothing takes {', '.join(sorted(unused))} of {self._path}")
        return self.assert_existing_objects_matched()

    def expect_partial(self) -> Restoration:
        """Nothing: what is not used is no error unless it is asked for."""
        return self

    def run_restore_ops(self, session: Session | None = None) -> None:
        """Give the values that the checkpoint has to their objects.   Raises: ValueError without a checkpoint."""
        if self._path is None:
            raise GraphError("there is no checkpoint to restore: use initialize_or_restore")
        Saver(self._matched(), allow_empty=True).restore(_session(session), self._path)

    def initialize_or_restore(self, session: Session | None = None) -> None:
        """The same, and initialize the variables that the checkpoint does not have."""
        sess, matched = _session(session), self._matched()
        others = [v for name, v in _values(self._checkpoint, "") if name not in matched and isinstance(v, Variable)]
        sess.run(variables_initializer(others))
        if self._path is not None:
            self.run_restore_ops(sess)


class CheckpointManager:
    """Saves a Checkpoint in a folder and keeps the last `max_to_keep`."""

    def __init__(
        self, checkpoint: Checkpoint, directory: Any, max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None, checkpoint_name: str = "ckpt",
    ) -> None:  # fmt: skip
        self._checkpoint, self._folder = checkpoint, os.fspath(directory)
        self._prefix = os.path.join(self._folder, checkpoint_name)
        hours = 10000.0 if keep_checkpoint_every_n_hours is None else keep_checkpoint_every_n_hours
        self._options: dict[str, Any] = {"max_to_keep": max_to_keep, "keep_checkpoint_every_n_hours": hours}
        os.makedirs(self._folder, exist_ok=True)
        state = get_checkpoint_state(self._folder)
        self._last: list[tuple[str, float]] = []
        if state is not None:
            found = Saver(allow_empty=True, var_list=[])
            found.recover_last_checkpoints(state.all_model_checkpoint_paths)
            self._last = found._last

    @property
    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    @property
    def directory(self) -> str:
        return self._folder

    @property
    def checkpoints(self) -> Sequence[str]:
        """The prefixes of those that are kept, oldest first."""
        return [path for path, _ in self._last]

    @property
    def latest_checkpoint(self) -> str | None:
        return self._last[-1][0] if self._last else None

    def save(self, checkpoint_number: Any = None, session: Session | None = None) -> str:
        """Save all values; gives the prefix, which ends in the number of the save or the one given."""
        sess = _session(session)
        number = self._checkpoint._count(sess) if checkpoint_number is None else checkpoint_number
        saver = self._checkpoint._saver(**self._options)
        saver.set_last_checkpoints_with_time(self._last)
        saved = saver.save(sess, self._prefix, number, write_meta_graph=False)
        assert saved is not None
        self._last = saver._last
        return saved
