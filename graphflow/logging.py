"""`tf.logging`: messages to stderr, through Python's logger `tensorflow`."""

from __future__ import annotations

import logging
import sys
from typing import Any

DEBUG, INFO, WARN, ERROR, FATAL = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.FATAL

_counts: dict[tuple, int] = {}


class _Stderr(logging.StreamHandler):
    """Writes to what sys.stderr is at the moment; what is told again and again to one line, if that is a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._line: dict[str, str] = {}  # the parts of the line that is written over

    def emit(self, record: logging.LogRecord) -> None:
        part = getattr(record, "part", None)
        if part is None or not self.stream.isatty():
            self.settle()
            super().emit(record)
            return
        self._line[part] = record.getMessage()
        self.stream.write("\r" + "  ".join(self._line.values()) + "\x1b[K")  # K: nothing is left of a longer one
        self.flush()

    def settle(self) -> None:
        """End the line that is written over."""
        if self._line:
            self._line = {}
            self.stream.write("\n")

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _: Any) -> None: ...


def _made() -> logging.Logger:
    logger = logging.getLogger("tensorflow")
    if not logger.handlers:
        handler = _Stderr()
        handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(WARN)
    return logger


_logger = _made()
debug, info, warn, warning, error = _logger.debug, _logger.info, _logger.warning, _logger.warning, _logger.error
fatal, log = _logger.fatal, _logger.log


def get_verbosity() -> int:
    """The lowest level that is written."""
    return _logger.getEffectiveLevel()


def set_verbosity(v: int | str) -> None:
    """Write messages of this level (DEBUG, INFO, WARN, ERROR, FATAL) and above."""
    _logger.setLevel(v)


def _count(msg: str) -> int:
    """How often the line that calls the caller has been here before with this message."""
    frame = sys._getframe(2)
    key = (frame.f_code.co_filename, frame.f_lineno, msg)
    _counts[key] = _counts.get(key, -1) + 1
    return _counts[key]


def log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Write the first message of this line, and then every n-th."""
    if _count(msg) % n == 0:
        log(level, msg, *args)


def log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Write the first n messages of this line."""
    if _count(msg) < n:
        log(level, msg, *args)


def log_if(level: int, msg: str, condition: Any, *args: Any) -> None:
    """Write the message when the condition holds."""
    if condition:
        log(level, msg, *args)


def vlog(level: int, msg: str, *args: Any) -> None:
    """Write a message of this level."""
    log(level, msg, *args)


def update(part: str, msg: str, *args: Any) -> None:
    """A message of level INFO that takes the place of the last one of this part, where there is a terminal."""
    _logger.info(msg, *args, extra={"part": part})


def settle() -> None:
    """End the line that `update` writes over."""
    for handler in _logger.handlers:
        if isinstance(handler, _Stderr):
            handler.settle()


def flush() -> None:
    """Wait until everything is written."""
    for handler in _logger.handlers:
        handler.flush()
