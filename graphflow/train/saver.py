"""The Saver: variables of a session to a checkpoint, and back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.data.saving import IteratorSaveable
from graphflow.errors import GraphError, InvalidArgumentError, NotFoundError
from graphflow.graph import get_default_graph
from graphflow.graph_def import as_graph_def
from graphflow.graph_protos import NodeDef
from graphflow.io.checkpoint import CheckpointReader, near, open_checkpoint, sweep, write_checkpoint
from graphflow.meta_graph import (
    export_meta_graph,
    import_scoped_meta_graph,
    read_meta_graph,
    register_proto_function,
)
from graphflow.names import GraphKeys
from graphflow.operation import Operation
from graphflow.saved_model_protos import MetaGraphDef, SaverDef
from graphflow.session import Session
from graphflow.shape import show
from graphflow.store import Store, uninitialized
from graphflow.train.changes import noted, settle, undone
from graphflow.train.checkpoint_state import checkpoint_exists, get_checkpoint_mtimes, record
from graphflow.train.global_step import global_step as step_of
from graphflow.train.saver_nodes import names_in, restored_by, saving
from graphflow.variables import Variable


class Saver:
    """Saves variables of a session under a prefix and restores them; keeps the last few checkpoints of a folder.

    var_list     a list of variables, or {name in the checkpoint: variable}; all global variables when None, and what is
                 in the collection SAVEABLE_OBJECTS: iterators, by make_saveable_from_iterator
    reshape      restore values of another shape with as many elements
    max_to_keep  how many checkpoints stay; None or 0 for all
    keep_checkpoint_every_n_hours  one checkpoint of each such span stays besides
    defer_build  collect the variables when the Saver is first used (or built), not now
    saver_def    what as_saver_def() of another Saver gave: the variables are those that the nodes it names restore
    name         the scope of these nodes
    write_version  SaverDef.V2 writes TensorFlow's own format; otherwise it is safetensors.  Both are restored from
    Raises: ValueError when there are no variables (unless allow_empty) or a name occurs twice, TypeError for what is
            no variable.
    """

    _lock = threading.Lock()  # of all Savers: a save sweeps up what looks like the work of one that was killed

    def __init__(
        self, var_list: Any = None, reshape: bool = False, sharded: bool = False, max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0, name: str | None = None, restore_sequentially: bool = False,
        saver_def: Any = None, builder: Any = None, defer_build: bool = False, allow_empty: bool = False,
        write_version: int | None = None, pad_step_number: bool = False, save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:  # fmt: skip
        if defer_build and var_list:
            raise GraphError("a Saver with a var_list need not be built later")
        self._reshape = reshape
        self._keep = max_to_keep or 0
        self._every = keep_checkpoint_every_n_hours
        self._preserve_after = time.time() + keep_checkpoint_every_n_hours * 3600
        self._empty = allow_empty
        self._version = write_version
        self._pad = pad_step_number
        self._relative = save_relative_paths
        self._last: list[tuple[str, float]] = []
        self._saveables: dict[str, IteratorSaveable] = {}
        self._nodes: dict[str, str] = {}  # those of a saver_def
        self._scope = ""  # of the nodes that a graph's file gets
        if saver_def is not None:
            self._take(saver_def, f"{name}/" if name else "")
            return
        self._variables: dict[str, Operation] | None = None if defer_build else self._collected(var_list)

    def _take(self, saver_def: SaverDef, scope: str) -> None:
        """The settings of a SaverDef, and the variables that its nodes restore."""
        if not isinstance(saver_def, SaverDef):
            raise TypeError(f"saver_def must be a SaverDef, not {saver_def!r}")
        self._keep, self._version = saver_def.max_to_keep, saver_def.version
        self._every = saver_def.keep_checkpoint_every_n_hours
        self._preserve_after = time.time() + self._every * 3600
        self._nodes = {field: scope + getattr(saver_def, field) for field in names_in("")}
        self._variables = restored_by(get_default_graph(), self._nodes["restore_op_name"])

    def _collected(self, var_list: Any) -> dict[str, Operation]:
        self._scope = get_default_graph().unique_name("save")
        if var_list is None:
            graph = get_default_graph()
            var_list = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
            var_list += graph.get_collection(GraphKeys.SAVEABLE_OBJECTS)
        if not var_list and not self._empty:
            raise GraphError("there are no variables to save")
        named = var_list.items() if isinstance(var_list, Mapping) else [(getattr(v, "name", ""), v) for v in var_list]
        self._saveables = {name: item for name, item in named if isinstance(item, IteratorSaveable)}
        if isinstance(var_list, Mapping):
            return {name: _operation(v) for name, v in var_list.items() if name not in self._saveables}
        found: dict[str, Operation] = {}
        for variable in var_list:
            if isinstance(variable, IteratorSaveable):
                continue
            op = _operation(variable)
            if op.name in found:
                raise GraphError(f"two variables to save are called {op.name!r}")
            found[op.name] = op
        return found

    def build(self) -> None:
        """Collect the variables, if that was left for later."""
        if self._variables is None:
            self._variables = self._collected(None)

    def _of(self, sess: Any) -> tuple[dict[str, Operation], Store]:
        """The variables, and the values of a session."""
        if not isinstance(sess, Session):
            raise TypeError(f"a Saver needs a Session, not {sess!r}")
        self.build()
        assert self._variables is not None
        for op in self._variables.values():
            if op.graph is not sess.graph:
                raise GraphError(f"the variable {op.name!r} is not in the graph of the session")
        sess._check_open()
        return self._variables, sess._store

    # -- saving ----------------------------------------------------------------------------------------------------
    def save(
        self, sess: Any, save_path: Any, global_step: Any = None, latest_filename: str | None = None,
        meta_graph_suffix: str = "meta", write_meta_graph: bool = True, write_state: bool = True,
        strip_default_attrs: bool = False, save_debug_info: bool = False,
    ) -> str | None:  # fmt: skip
        """Save the values of the variables; gives the prefix, `save_path` with `-step` when there is a global_step.

        A save that fails or is killed leaves the checkpoints that were there.
        Raises: FailedPreconditionError for a variable without a value, ValueError when the folder does not exist,
                ResourceExhaustedError when the disk is full.
        """
        path = os.fsdecode(save_path)
        filename = latest_filename or "checkpoint"
        if os.path.basename(filename) != filename:
            raise GraphError(f"latest_filename must be a name without a folder, not {filename!r}")
        variables, store = self._of(sess)
        prefix = path
        if global_step is not None:
            number = global_step if isinstance(global_step, (int, np.integer)) else step_of(sess, global_step)
            prefix = f"{path}-{number:08d}" if self._pad else f"{path}-{number}"
        elif os.path.basename(path) == filename:
            raise GraphError(f"{path!r} is the file that lists checkpoints: choose another save_path")
        folder = os.path.dirname(prefix)
        if not os.path.isdir(folder or "."):
            raise GraphError(f"the folder {folder!r} does not exist: nothing is saved")
        if not variables and not self._saveables:
            return None
        with self._lock:
            settle(folder, filename)
            sweep(path)
            sweep(os.path.join(folder, filename))
            added = [] if checkpoint_exists(prefix) else [prefix]
            kept, gone = self._rotated(prefix) if write_state else (self._last, [])
            changes = [*added, *gone], meta_graph_suffix
            with noted(folder, filename, *changes) if write_state else undone(*changes):
                self._write(store, variables, prefix)
                if write_meta_graph:
                    with sess.graph.as_default():
                        self.export_meta_graph(f"{prefix}.{meta_graph_suffix}")
                if write_state:
                    record(folder, prefix, [p for p, _ in kept], filename, self._relative)
                    self._last = kept
        return prefix

    def _write(self, store: Store, variables: Mapping[str, Operation], prefix: str) -> None:
        with store.lock:
            arrays = {name: _value(store, op) for name, op in variables.items()}
            arrays |= {name: saveable.value(store) for name, saveable in self._saveables.items()}
            write_checkpoint(prefix, arrays, bundle=self._version == SaverDef.V2)

    def _rotated(self, prefix: str) -> tuple[list[tuple[str, float]], list[str]]:
        """The checkpoints that are kept with a new one, and those to be removed once that is so."""
        if self._keep <= 0:
            return self._last, []
        last = [*((p, t) for p, t in self._last if p != prefix), (prefix, time.time())]
        gone = []
        for path, saved in last[: -self._keep]:
            if saved > self._preserve_after:
                self._preserve_after += self._every * 3600
            else:
                gone.append(path)
        return last[-self._keep :], gone

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept, oldest first."""
        return [path for path, _ in self._last]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Go on with these checkpoints, as if they had been saved now."""
        self._last = [(path, time.time()) for path in last_checkpoints]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: Sequence[tuple[str, float]]) -> None:
        """Go on with these checkpoints, each with the time when it was saved."""
        self._last = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Go on with those of these checkpoints that are there."""
        there = [path for path in checkpoint_paths if checkpoint_exists(path)]
        self._last = list(zip(there, get_checkpoint_mtimes(there), strict=True))

    def export_meta_graph(
        self, filename: str | None = None, collection_list: Sequence[Any] | None = None, as_text: bool = False,
        export_scope: str | None = None, clear_devices: bool = False, clear_extraneous_savers: bool = False,
        strip_default_attrs: bool = False, save_debug_info: bool = False,
    ) -> MetaGraphDef:  # fmt: skip
        """The default graph with its collections and this Saver as data, also written to a file if one is named."""
        graph = get_default_graph()
        graph_def = as_graph_def(graph, add_shapes=True)
        for saver in dict.fromkeys((self, *graph.get_collection(GraphKeys.SAVERS))):
            graph_def.node.extend(saver.nodes())
        return export_meta_graph(
            filename, graph_def=graph_def, saver_def=self.as_saver_def() if self._variables else None,
            collection_list=collection_list, as_text=as_text,
            graph=graph, export_scope=export_scope, clear_devices=clear_devices,
            clear_extraneous_savers=clear_extraneous_savers,
        )  # fmt: skip

    def as_saver_def(self) -> SaverDef:
        """The settings, and the nodes that save and restore in the file of the graph."""
        self.build()
        nodes = self._nodes or names_in(self._scope)
        return SaverDef(max_to_keep=self._keep, keep_checkpoint_every_n_hours=self._every,
                        version=self._version or SaverDef.LEGACY, **nodes)  # fmt: skip

    def nodes(self) -> list[NodeDef]:
        """The nodes that save and restore in the file of the graph, where the graph does not have them."""
        self.build()
        if self._nodes or not self._variables:
            return []
        names = {name: op.name for name, op in self._variables.items()}
        types = {name: op.output.dtype for name, op in self._variables.items()}
        return saving(names, types, self._scope)

    def to_proto(self, export_scope: str | None = None) -> SaverDef | None:
        """As as_saver_def, with names without `export_scope`; None when the nodes are outside that scope."""
        made, scope = self.as_saver_def(), f"{export_scope}/" if export_scope else ""
        if not made.restore_op_name.startswith(scope):
            return None
        for field in names_in(""):
            setattr(made, field, getattr(made, field).removeprefix(scope))
        return made

    @staticmethod
    def from_proto(saver_def: SaverDef, import_scope: str | None = None) -> Saver:
        """The Saver that `to_proto` has described, whose nodes are in the default graph."""
        return Saver(saver_def=saver_def, name=import_scope)

    # -- restoring -------------------------------------------------------------------------------------------------
    def restore(self, sess: Any, save_path: Any) -> None:
        """Give the variables their values of a checkpoint; they need no initializer.  All of them change or none.

        Raises: ValueError when there is no checkpoint; NotFoundError for variables that it does not have and
                InvalidArgumentError for other shapes or dtypes, which name all of them; DataLossError for damage.
        """
        if save_path is None:
            raise GraphError("there is no checkpoint to restore: save_path is None")
        variables, store = self._of(sess)
        prefix = os.fsdecode(save_path)
        if not checkpoint_exists(prefix):
            raise GraphError(f"{prefix!r} is not the prefix of a checkpoint: there is no {prefix + '.index'!r}")
        reader = open_checkpoint(prefix)
        self._check(reader, variables, prefix)
        reader.verify([*variables, *self._saveables])
        with store.lock:
            for name, saveable in self._saveables.items():
                saveable.restore(store, reader.get_tensor(name))
            for name, op in variables.items():
                value = reader.get_tensor(name)
                store.write(op, value.reshape(_dims(store, op, value)) if self._reshape else value)

    def _check(self, reader: CheckpointReader, variables: Mapping[str, Operation], prefix: str) -> None:
        shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        wanted = [*variables, *self._saveables]
        unused = sorted(set(shapes) - set(wanted))
        extra = f"; the checkpoint also has {', '.join(map(repr, unused))}" if unused else ""
        missing = [f"{name!r}{near(name, unused)}" for name in wanted if name not in shapes]
        wrong = []
        for name, op in variables.items():
            if name not in shapes:
                continue
            dims, found = op.output.dims, tuple(shapes[name])
            known = dims is not None and None not in dims
            size_fits = self._reshape and known and np.prod(dims, dtype=int) == np.prod(found, dtype=int)  # type: ignore
            if known and dims != found and not size_fits:
                wrong.append(f"{name!r} has shape {show(dims)}, and {show(found)} in the checkpoint")
            elif types[name] is not op.output.dtype:
                wrong.append(f"{name!r} is {op.output.dtype.name}, and {types[name].name} in the checkpoint")
        if missing:
            also = f"; {'; '.join(wrong)}" if wrong else ""
            raise NotFoundError.because(f"{prefix} does not have {', '.join(missing)}{also}{extra}")
        if wrong:
            raise InvalidArgumentError.because(f"{prefix} does not fit: {'; '.join(wrong)}{extra}")


def _operation(variable: Any) -> Operation:
    if not isinstance(variable, Variable):
        op = getattr(variable, "op", None)
        if op is None or not op.definition.variable:
            raise TypeError(f"only variables are saved, not {variable!r}")
        return op
    return variable.op


def _value(store: Store, op: Operation) -> np.ndarray:
    value = store.value(op)
    if value is None:
        raise uninitialized(op)
    return value


def _dims(store: Store, op: Operation, value: np.ndarray) -> Any:
    dims = store.dims(op)
    return value.shape if dims is None or None in dims else dims


register_proto_function(GraphKeys.SAVERS, SaverDef, Saver.to_proto, Saver.from_proto)


def import_meta_graph(
    meta_graph_or_file: Any, clear_devices: bool = False, import_scope: str | None = None, **kwargs: Any
) -> Saver | None:
    """Make the graph of a `.meta` file in the default graph, with its collections; gives its Saver.

    kwargs   input_map, as import_graph_def; restore_collections_predicate, which keys to take
    None comes back when the graph has neither a Saver nor variables.
    Raises: OSError when there is no such file or it is no MetaGraphDef; ValueError as import_graph_def.
    """
    given = meta_graph_or_file
    meta = given if isinstance(given, MetaGraphDef) else read_meta_graph(given)
    scope = import_scoped_meta_graph(meta, clear_devices, import_scope, **kwargs)
    if meta.saver_def.restore_op_name:
        return Saver(saver_def=meta.saver_def, name=scope)
    return Saver() if get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope or None) else None
