"""What a hook is: it stands around the runs of a session, and adds to them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

SessionRunArgs = namedtuple("SessionRunArgs", "fetches feed_dict options", defaults=(None, None))
SessionRunArgs.__doc__ = "What a hook adds to a run."
SessionRunValues = namedtuple("SessionRunValues", "results options run_metadata")
SessionRunValues.__doc__ = "What a hook gets of a run."


class SessionRunContext:
    """A run that hooks stand around: what was asked for, the session, and whether to stop afterwards."""

    def __init__(self, original_args: Any, session: Any) -> None:
        self.original_args = original_args
        self.session = session
        self.stop_requested = False

    def request_stop(self) -> None:
        """Let this run be the last one."""
        self.stop_requested = True


class SessionRunHook:
    """A hook that does nothing; others override what they need."""

    def begin(self) -> None:
        """Before the session is made; the graph can still grow."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """When the session is there, with its variables; the graph grows no more."""

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Before each run; gives what to fetch and feed besides."""

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """After each run that succeeded."""

    def end(self, session: Any) -> None:
        """Before the session is closed, unless an error closes it."""
