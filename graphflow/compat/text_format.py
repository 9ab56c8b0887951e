"""`google.protobuf.text_format`, for graphflow's messages, where protobuf is not installed."""

from __future__ import annotations

from typing import Any

from graphflow.io.text_format import TextError as ParseError
from graphflow.io.text_format import merge_text, text_of

__all__ = ["Merge", "MessageToString", "Parse", "ParseError"]


def Merge(text: str | bytes, message: Any) -> Any:
    """Take over what the text says; gives the message.   Raises: ParseError, a ValueError, with the line."""
    return merge_text(text.decode() if isinstance(text, bytes) else text, message)


Parse = Merge


def MessageToString(message: Any) -> str:
    """The message as text, a field a line."""
    return text_of(message)
