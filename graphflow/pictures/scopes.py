"""The tree of name scopes that operations stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphflow.operation import Operation
from graphflow.ops.define import CONST


@dataclass(eq=False)
class Scope:
    """A name scope, or the whole graph: its operations and inner scopes in the order of their first appearance."""

    path: str = ""
    depth: int = 0
    items: list[Operation | Scope] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last word of the path."""
        return self.path.rpartition("/")[2]

    def scopes(self) -> Iterator[Scope]:
        """All scopes inside."""
        stack = [self]
        while stack:
            for item in stack.pop().items:
                if isinstance(item, Scope):
                    yield item
                    stack.append(item)

    def operations(self) -> Iterator[Operation]:
        """All operations inside, those of inner scopes too."""
        for scope in (self, *self.scopes()):
            for item in scope.items:
                if isinstance(item, Operation):
                    yield item


def by_scope(operations: Sequence[Operation]) -> Scope:
    """The tree of scopes.  An operation that is called like a scope, as a variable is, stands inside it."""
    scopes = {path: Scope(path) for path in _opened(operations)}
    placed: set[str] = set()
    root = Scope()
    for op in operations:
        place = root
        for path in (*_paths(op.name), op.name):
            inner = scopes.get(path)
            if inner is None:
                break
            if path not in placed:
                placed.add(path)
                inner.depth = place.depth + 1
                place.items.append(inner)
            place = inner
        place.items.append(op)
    return root


def _opened(operations: Sequence[Operation]) -> Iterator[str]:
    """Paths of the scopes to draw: all but those that hold only the constants among one operation's arguments.

    `add/y` is the 1 in `x + 1`: a box around it and `add` would tell nothing.
    """
    names = {op.name for op in operations if not op.definition.variable}
    for op in operations:
        paths = _paths(op.name)
        argument = op.definition is CONST and paths and paths[-1] in names
        yield from paths[:-1] if argument else paths


def _paths(name: str) -> list[str]:
    """The scopes that a name lies in, the outermost first: `a/b/c` -> `a`, `a/b`."""
    return [name[:i] for i, character in enumerate(name) if character == "/"]
