"""Every error that graphflow raises: TensorFlow's classes, with the user's own line in the message.

A message is written in two steps.  The code that finds the mistake says what is wrong (and, where it knows one, a
hint); the code that knows the operation adds which operation, created at which line, with which inputs (`note`).
"""

from __future__ import annotations

from typing import Any


class GraphflowError(Exception):
    """Base of all errors: a message, and notes that say where it happened and with what."""

    def __init__(self, message: str = "", hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.notes: list[str] = []

    def note(self, *lines: str) -> GraphflowError:
        """Add lines of context; gives back the error, so that `raise error.note(...)` reads well."""
        self.notes.extend(lines)
        return self

    def __str__(self) -> str:
        hint = [f"hint: {self.hint}"] if self.hint else []
        return "\n".join([self.message, *self.notes, *hint])


class ShapeError(GraphflowError, ValueError):
    """Static shapes that do not fit, found while the graph is built."""


class DTypeError(GraphflowError, TypeError):
    """Dtypes that do not fit, found while the graph is built."""


class ConversionError(DTypeError, ValueError):
    """A tensor where one of another dtype is asked for: a TypeError or a ValueError in TensorFlow, by the function."""


class GraphError(GraphflowError, ValueError):
    """A graph used in a way that it does not allow: foreign tensors, bad names, bad arguments."""


class GradientError(GraphflowError, LookupError):
    """A gradient was asked for through an operation that has none."""


class FeedError(GraphflowError, ValueError):
    """A fed value that does not fit the tensor it is fed for."""


class GrowingGraphWarning(UserWarning):
    """A program adds to its graph between runs, again and again: each run of something new compiles."""


class UnsupportedError(NotImplementedError, AttributeError):
    """A name of TensorFlow's that graphflow does not have; the message says what to use instead.

    It is an AttributeError too, so that `hasattr` and `getattr(tf, name, default)` find that the name is missing.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.obj = None  # else Python would guess at a similar name and append it to the message


class UnsupportedImportError(NotImplementedError, ImportError):
    """The same for a module that a program imports."""


class OpError(GraphflowError):
    """An operation failed while it ran.  `op` is the operation, `error_code` TensorFlow's number."""

    code = 2

    def __init__(self, node_def: Any = None, op: Any = None, message: str = "", error_code: int | None = None) -> None:
        super().__init__(message)
        self.node_def = node_def
        self.op = op
        self.error_code = self.code if error_code is None else error_code

    @classmethod
    def because(cls, message: str, op: Any = None, hint: str | None = None) -> OpError:
        """The error with only a message, as the code inside graphflow raises it."""
        error = cls(None, op, message)
        error.hint = hint
        return error


def _code(name: str, code: int) -> type[OpError]:
    return type(name, (OpError,), {"code": code, "__module__": __name__, "__doc__": f"TensorFlow's error code {code}."})


CancelledError = _code("CancelledError", 1)
UnknownError = _code("UnknownError", 2)
InvalidArgumentError = _code("InvalidArgumentError", 3)
DeadlineExceededError = _code("DeadlineExceededError", 4)
NotFoundError = _code("NotFoundError", 5)
AlreadyExistsError = _code("AlreadyExistsError", 6)
PermissionDeniedError = _code("PermissionDeniedError", 7)
ResourceExhaustedError = _code("ResourceExhaustedError", 8)
FailedPreconditionError = _code("FailedPreconditionError", 9)
AbortedError = _code("AbortedError", 10)
OutOfRangeError = _code("OutOfRangeError", 11)
UnimplementedError = _code("UnimplementedError", 12)
InternalError = _code("InternalError", 13)
UnavailableError = _code("UnavailableError", 14)
DataLossError = _code("DataLossError", 15)
UnauthenticatedError = _code("UnauthenticatedError", 16)

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = range(8)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL = range(8, 14)
UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED = range(14, 17)

_BY_CODE: dict[int, type[OpError]] = {
    c.code: c
    for c in (
        CancelledError, UnknownError, InvalidArgumentError, DeadlineExceededError, NotFoundError, AlreadyExistsError,
        PermissionDeniedError, ResourceExhaustedError, FailedPreconditionError, AbortedError, OutOfRangeError,
        UnimplementedError, InternalError, UnavailableError, DataLossError, UnauthenticatedError,
    )
}  # fmt: skip


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The class for a code; KeyError for an unknown one."""
    return _BY_CODE[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """The code of a class of this module."""
    return cls.code
