"""FileWriter: what a program wants TensorBoard to show, in event files."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Any, ClassVar

from graphflow import logging
from graphflow.errors import GraphError
from graphflow.graph import Graph
from graphflow.graph_def import as_graph_def
from graphflow.graph_protos import GraphDef
from graphflow.io.protobuf import Message
from graphflow.io.wire import BYTES, FIXED32, fields, key
from graphflow.protos import RunMetadata
from graphflow.summary.events import EventsWriter
from graphflow.summary_protos import Event, SessionLog, Summary, TaggedRunMetadata


class FileWriter:
    """Writes summaries and other events to a new event file in `logdir`, which is made when it is not there.

    graph            added at once, when given; graph_def is the older form of it
    max_queue        how many events may wait before they are written to the disk
    flush_secs       after how many seconds the next event has them written in any case
    filename_suffix  stands at the end of the file's name
    session          accepted; the events are always written by this process
    Raises: PermissionDeniedError and the like when the file cannot be made.
    """

    def __init__(
        self, logdir: Any, graph: Graph | None = None, max_queue: int = 10, flush_secs: float = 120,
        graph_def: GraphDef | None = None, filename_suffix: str | None = None, session: Any = None,
    ) -> None:  # fmt: skip
        if not isinstance(logdir, (str, bytes, os.PathLike)) or not os.fsdecode(logdir):
            raise TypeError(f"logdir must be the path of a folder, not {logdir!r}")
        self._logdir = os.fsdecode(logdir)
        self._settings = max_queue, flush_secs, filename_suffix or ""
        self._events: EventsWriter | None = EventsWriter(self._logdir, *self._settings)
        self._run_tags: set[str] = set()
        self._described: set[str] = set()
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self._logdir

    def add_summary(self, summary: bytes | Summary, global_step: int | None = None) -> None:
        """Add a Summary: the bytes that a summary op gives, or the message.

        Raises: ValueError for bytes that are no Summary; TypeError for what else is none, and for steps that are no
                numbers.
        """
        found = Summary()
        if isinstance(summary, bytes) and not _described(summary):
            if (events := self._opened()) is not None:
                events.append(time.time(), 0 if global_step is None else _number(global_step), summary)
            return
        if not isinstance(summary, (bytes, Summary)):
            raise TypeError(
                f"a summary is the bytes that a run of a summary op gives, or a Summary message, not {summary!r}"
            )
        if isinstance(summary, Summary):
            found.CopyFrom(summary)
        else:
            found.ParseFromString(summary)
        for value in found.value:  # TensorBoard needs the metadata of a tag once
            if value.HasField("metadata"):
                if value.tag in self._described:
                    value.ClearField("metadata")
                self._described.add(value.tag)
        self._add(Event(summary=found), global_step)

    def add_graph(self, graph: Any, global_step: int | None = None, graph_def: GraphDef | None = None) -> None:
        """Add a graph, with the static shapes of its tensors, or a GraphDef.   Raises: TypeError for other objects."""
        found = graph if graph is not None else graph_def
        if isinstance(found, Graph):
            found = as_graph_def(found, add_shapes=True)
        if not isinstance(found, GraphDef):
            raise TypeError(f"the graph must be a Graph or a GraphDef, not {found!r}")
        self._add(Event(graph_def=found.SerializeToString()), global_step)

    def add_meta_graph(self, meta_graph_def: Any, global_step: int | None = None) -> None:
        """Add a MetaGraphDef.   Raises: TypeError for what is no message."""
        if not isinstance(meta_graph_def, Message):
            raise TypeError(f"meta_graph_def must be a message, not {meta_graph_def!r}")
        self._add(Event(meta_graph_def=meta_graph_def.SerializeToString()), global_step)

    def add_session_log(self, session_log: SessionLog, global_step: int | None = None) -> None:
        """Add that a session has started, stopped, or written a checkpoint."""
        self._add(Event(session_log=session_log), global_step)

    def add_run_metadata(self, run_metadata: RunMetadata, tag: str, global_step: int | None = None) -> None:
        """Add what one run reported.   Raises: ValueError for a tag that was used before."""
        if tag in self._run_tags:
            raise GraphError(f"The provided tag was already used for this event type: {tag!r}")
        self._run_tags.add(tag)
        tagged = TaggedRunMetadata(tag=tag, run_metadata=run_metadata.SerializeToString())
        self._add(Event(tagged_run_metadata=tagged), global_step)

    def _add(self, event: Event, global_step: Any) -> None:
        event.wall_time = time.time()
        if global_step is not None:
            event.step = _number(global_step)
        self.add_event(event)

    def add_event(self, event: Event) -> None:
        """Add an event as it is."""
        if (events := self._opened()) is not None:
            events.write(event)

    def _opened(self) -> EventsWriter | None:
        if self._events is None:
            logging.warning("A closed FileWriter drops what it is given until it is reopened.")
        return self._events

    def flush(self) -> None:
        """Have everything written to the disk."""
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        """Write everything, and close the file."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def reopen(self) -> None:
        """Go on after close(), in a new file."""
        if self._events is None:
            self._events = EventsWriter(self._logdir, *self._settings)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _number(step: Any) -> int:
    """A step as a number."""
    try:
        return int(step)
    except (TypeError, ValueError):
        raise TypeError(f"global_step must be a whole number, not {step!r}; of a variable, sess.run gives it") from None


def _described(summary: bytes) -> bool:
    """Whether the bytes of a Summary have metadata of a tag.   Raises: ValueError when they are no Summary."""
    if _plain(summary):
        return False
    for number, kind, place in fields(summary):
        if number == _VALUE and kind == BYTES and any(n == _METADATA for n, _, _ in fields(summary, *place)):
            return True
    return False


def _plain(summary: bytes) -> bool:
    """Whether these are numbers with tags of less than 120 bytes and nothing else, as most summaries are."""
    at, end = 0, len(summary)
    while at + 4 < end and summary[at] == summary[at + 2] == _TEXT:
        size, tag = summary[at + 1], summary[at + 3]
        if size != tag + 7 or size > 127 or at + 2 + size > end or summary[at + 4 + tag] != _NUMBER:
            return False
        at += 2 + size
    return at == end


_TEXT, _NUMBER = key(1, BYTES)[0], key(2, FIXED32)[0]  # of a Summary a value, and of a value its tag; its number
_VALUE, _METADATA = Summary.value.number, Summary.Value.metadata.number


class FileWriterCache:
    """One FileWriter for each folder."""

    _writers: ClassVar[dict[str, FileWriter]] = {}

    @staticmethod
    def get(logdir: Any) -> FileWriter:
        """The writer for a folder, made when there is none."""
        folder = os.fsdecode(logdir)
        if folder not in FileWriterCache._writers:
            FileWriterCache._writers[folder] = FileWriter(folder)
        return FileWriterCache._writers[folder]

    @staticmethod
    def clear() -> None:
        """Close all writers, and forget them."""
        for writer in FileWriterCache._writers.values():
            writer.close()
        FileWriterCache._writers.clear()
