"""How operations are drawn, and text as Graphviz reads it: what the pictures of graphs and of programs share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graphflow.operation import Operation
from graphflow.ops.define import CONST
from graphflow.ops.placeholder import PLACEHOLDER, PLACEHOLDER_WITH_DEFAULT

_VALUES_LIMIT = 4  # elements of a constant that are shown
_TEXT_LIMIT = 24  # characters they may take


@dataclass(frozen=True)
class Look:
    """How one kind of operation is drawn."""

    word: str
    shape: str
    fill: str
    line: str
    extra: str = "style=filled"


# Light tints of the Okabe-Ito palette, which stays apart under the common kinds of colour blindness; lines are darker
# shades of the same hues.
PLACEHOLDER_LOOK = Look("placeholder", "parallelogram", "#CBE7F8", "#2B7CAB", extra='style=filled, margin="0.02,0.0"')
VARIABLE_LOOK = Look("variable", "cylinder", "#FBDFA6", "#A36A00")
CONSTANT_LOOK = Look("constant", "ellipse", "#FBF7C4", "#8F8A1E")
WRITE_LOOK = Look("assignment", "octagon", "#F7C4A5", "#A84300")
GRADIENT_LOOK = Look("gradient", "hexagon", "#F0D5E4", "#97507A")
PLAIN_LOOK = Look("operation", "box", "#FFFFFF", "#555555", extra='style="filled,rounded"')
SCOPE_LOOK = Look("closed scope", "folder", "#ECECEC", "#777777")
KERNEL_LOOK = Look("fused kernel", "box", "#DCE9F7", "#30588C", extra='style="filled,rounded"')
LOOKS = (
    PLACEHOLDER_LOOK, VARIABLE_LOOK, CONSTANT_LOOK, PLAIN_LOOK, GRADIENT_LOOK, WRITE_LOOK, SCOPE_LOOK, KERNEL_LOOK,
)  # fmt: skip

_FONT = 'fontname="Helvetica,Arial,sans-serif"'
HEAD = f"""\
digraph graphflow {{
  graph [rankdir=TB, ranksep=0.4, nodesep=0.3, pad=0.15, {_FONT}, fontsize=11, labeljust=l,
         style="rounded,filled", color="#B5B5B5", fillcolor="#00000009", fontcolor="#555555", bgcolor=white];
  node [{_FONT}, fontsize=11, style=filled, margin="0.12,0.05", height=0.35, width=0.5];
  edge [{_FONT}, fontsize=9, fontcolor="#666666", color="#777777", arrowsize=0.6];"""


def look_of(op: Operation) -> Look:
    record = op.definition
    if record.writes:
        return WRITE_LOOK
    if record.variable:
        return VARIABLE_LOOK
    if record in (PLACEHOLDER, PLACEHOLDER_WITH_DEFAULT):
        return PLACEHOLDER_LOOK
    if record is CONST:
        return CONSTANT_LOOK
    return GRADIENT_LOOK if _in_gradients(op.name) else PLAIN_LOOK


def _in_gradients(name: str) -> bool:
    """Whether the name has a scope `gradients` or `gradients_N`, as the operations made by tf.gradients have."""
    for scope in name.split("/")[:-1]:
        word, _, number = scope.partition("_")
        if word == "gradients" and (not number or number.isdigit()):
            return True
    return False


def short_value(array: np.ndarray) -> str:
    """The text of one value or of a short vector; dots for all that is longer."""
    if array.size > _VALUES_LIMIT or array.ndim > 1:
        return "..."
    items = [_literal(item) if isinstance(item, bytes) else str(item) for item in array.reshape(-1)]
    text = items[0] if array.ndim == 0 else f"[{', '.join(items)}]"
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 4]} ..."


def _literal(data: bytes) -> str:
    """A string constant as Python would write it: text where it is UTF-8, else bytes."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)


def legend(looks: Iterable[Look], more: Sequence[Look] = (), title: str = "") -> Iterator[str]:
    """A title, and one line of text that tells the kinds present apart, and then `more`, in their order."""
    present = set(looks)
    shown = [*(look for look in LOOKS if look in present), *more]
    cells = "".join(f'<TD BGCOLOR="{look.fill}" COLOR="{look.line}">{look.word}</TD>' for look in shown)
    rows = f'<TR><TD BORDER="0" COLSPAN="{max(1, len(shown))}">{title}</TD></TR>' if title else ""
    rows += f"<TR>{cells}</TR>" if cells else ""
    if rows:
        yield f'  label=<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="6">{rows}</TABLE>>;'


# -- text ----------------------------------------------------------------------------------------------------------
def _plain(text: str) -> str:
    """Text as a Python literal shows it, without quotes: a backslash doubled, what does not print escaped."""
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(name: str) -> str:
    """A quoted identifier, different for different names.

    Graphviz takes only the escaped quote as an escape there; backslashes stay as they are written.  An identifier
    that is empty or starts with % would count as none at all, so those two get an escape that no other name has.
    """
    text = _plain(name)
    if not text or text[0] == "%":
        text = "\\x25" + text[1:] if text else "\\x"
    return '"' + text.replace('"', '\\"') + '"'


def label(*lines: str) -> str:
    """A quoted label that shows these lines as they are.

    There Graphviz reads backslash escapes and HTML entities.  A backslash is shown once; only what does not print
    appears as an escape.  Empty lines are left out: Graphviz has versions that crash on one before other text.
    """
    shown = []
    for line in filter(None, lines):
        text = "\\".join(map(_plain, line.split("\\"))).replace("\\", "\\\\")
        shown.append(text.replace('"', '\\"').replace("&", "&amp;"))
    return '"' + "\\n".join(shown) + '"'
