"""Variable scopes: the names and defaults that `get_variable` finds in force.

A variable scope also opens a name scope, which is made unique, while its variables keep the plain name.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from graphflow.default import same_graph
from graphflow.dtypes import as_dtype, float32
from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.names import GraphKeys
from graphflow.variables import Variable


class _ReuseMode(enum.Enum):
    AUTO_REUSE = 1


AUTO_REUSE = _ReuseMode.AUTO_REUSE


class _Entered:
    """How often a scope was entered since it was last forgotten, and the scopes inside it."""

    __slots__ = ("count", "inside", "numbers")

    def __init__(self) -> None:
        self.count = 0
        self.inside: dict[str, _Entered] = {}
        self.numbers: dict[str, tuple[int, int]] = {}  # prefix: (age of the store, numbers below this are taken)


class Store:
    """What a graph knows of its variable scopes: the shared variables, the current scope, how often names were used."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.current = VariableScope(False)
        self._root = _Entered()
        self._log: list[tuple[_Entered, int, dict[str, _Entered]]] = []  # what to go back to, kept while _depth > 0
        self._depth = 0
        self._age = 0  # counts how often names became free again by going back

    def _entered(self, name: str) -> _Entered:
        node = self._root
        for part in name.split("/") if name else ():
            node = node.inside.setdefault(part, _Entered())
        return node

    def unique(self, prefix: str) -> str:
        """`prefix` or `prefix_N`, such that no scope of that name was entered in the current one."""
        scope = self.current.name
        numbers = self._entered(scope).numbers
        age, n = numbers.get(prefix, (self._age, 0))
        n = n if age == self._age else 0
        name = f"{prefix}_{n}" if n else prefix
        while self._entered(join_names(scope, name)).count:
            n += 1
            name = f"{prefix}_{n}"
        numbers[prefix] = self._age, n
        return name

    def _remember(self, node: _Entered) -> None:
        if self._depth:
            self._log.append((node, node.count, node.inside))

    def enter(self, name: str) -> None:
        node = self._entered(name)
        self._remember(node)
        node.count += 1

    def forget_inside(self, name: str) -> None:
        """Names used inside a scope are free again when it is entered the next time."""
        node = self._entered(name)
        self._remember(node)
        node.inside, node.numbers = {}, {}

    @contextmanager
    def going_back(self) -> Iterator[None]:
        """What is entered and forgotten inside has no effect afterwards."""
        mark = len(self._log)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            while len(self._log) > mark:
                node, count, inside = self._log.pop()
                if not count or node.inside is not inside:
                    self._age += 1
                node.count, node.inside = count, inside


def store_of(graph: Graph) -> Store:
    if graph.variable_scope is None:
        graph.variable_scope = Store()
    return graph.variable_scope


def join_names(outer: str, inner: str) -> str:
    return f"{outer}/{inner}" if outer and inner else outer or inner


class VariableScope:
    """The settings that `get_variable` finds in force: the name prefix, sharing, and defaults."""

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Callable | None = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Callable | None = None,
        name_scope: str = "",
        dtype: Any = float32,
        use_resource: bool | None = None,
        constraint: Callable | None = None,
    ) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer
        self.regularizer = regularizer
        self.caching_device = caching_device
        self.partitioner = partitioner
        self.custom_getter = custom_getter
        self.original_name_scope = name_scope
        self.dtype = as_dtype(dtype)
        self.use_resource = use_resource
        self.constraint = constraint

    def reuse_variables(self) -> None:
        """From now on `get_variable` in this scope only finds variables and makes none."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self.initializer = initializer

    def set_regularizer(self, regularizer: Callable | None) -> None:
        self.regularizer = regularizer

    def set_dtype(self, dtype: Any) -> None:
        self.dtype = as_dtype(dtype)

    def set_custom_getter(self, custom_getter: Callable | None) -> None:
        self.custom_getter = custom_getter

    def set_caching_device(self, caching_device: Any) -> None:
        self.caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        self.partitioner = partitioner

    def set_use_resource(self, use_resource: bool) -> None:
        self.use_resource = use_resource

    def get_collection(self, name: Any) -> list:
        """The items of a collection whose names are in this scope."""
        return get_default_graph().get_collection(name, self.name + "/" if self.name else "")

    def trainable_variables(self) -> list[Variable]:
        """The trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Variable]:
        """The global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Variable]:
        """The local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)


def get_variable_scope() -> VariableScope:
    """The variable scope in force in the default graph."""
    return store_of(get_default_graph()).current


# -- entering a scope --------------------------------------------------------------------------------------------------
class variable_scope:
    """`with variable_scope("layer1"):` variables made or found inside are called `layer1/...`.

    name_or_scope   a name, or the VariableScope that an earlier `with ... as scope` gave; None with default_name
    default_name    a name that is made unique: variables too go to `name_1` the second time
    values          tensors whose graph is to be used
    reuse           True: variables must exist; AUTO_REUSE: found, or else made; None: as in the scope around
    auxiliary_name_scope    False opens no name scope
    The others are defaults for `get_variable` inside.
    Raises: TypeError without any name, ValueError for default_name with reuse=True.
    """

    def __init__(
        self,
        name_or_scope: str | VariableScope | None,
        default_name: str | None = None,
        values: Sequence[Any] | None = None,
        initializer: Any = None,
        regularizer: Callable | None = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Callable | None = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Callable | None = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if name_or_scope is None and default_name is None:
            raise TypeError("variable_scope needs a name_or_scope or a default_name")
        if name_or_scope is not None and not isinstance(name_or_scope, (str, VariableScope)):
            raise TypeError(f"name_or_scope must be a string or a VariableScope, not {name_or_scope!r}")
        if reuse not in (None, False, True, AUTO_REUSE):
            raise GraphError(f"reuse must be True, False, None or AUTO_REUSE, not {reuse!r}")
        if name_or_scope is None and reuse is True:
            raise GraphError("reuse=True needs a name_or_scope: a default_name is new every time")
        self._given, self._default_name, self._reuse = name_or_scope, default_name, reuse
        self._values = values or ()
        self._auxiliary_name_scope = auxiliary_name_scope
        self._custom_getter = custom_getter
        self._settings = {
            "initializer": initializer, "regularizer": regularizer, "caching_device": caching_device,
            "partitioner": partitioner, "dtype": dtype, "use_resource": use_resource, "constraint": constraint,
        }  # fmt: skip
        self._stack = ExitStack()

    def __enter__(self) -> VariableScope:
        graph = same_graph(self._values)
        with ExitStack() as stack:
            if graph is not get_default_graph():
                stack.enter_context(graph.as_default())
            opened = self._open_name_scope(graph, stack)
            scope = stack.enter_context(self._open(graph, opened))
            self._stack = stack.pop_all()
        return scope

    def _open_name_scope(self, graph: Graph, stack: ExitStack) -> str:
        given = self._given
        name = self._default_name if given is None else given if isinstance(given, str) else given.name.split("/")[-1]
        if not self._auxiliary_name_scope or not name:
            return graph._scope
        return stack.enter_context(graph.name_scope(name))

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    @contextmanager
    def _open(self, graph: Graph, name_scope: str) -> Iterator[VariableScope]:
        """Make the new scope the current one; the name scope is open already."""
        store = store_of(graph)
        given, around = self._given, store.current
        if isinstance(given, VariableScope):
            base, name, name_scope = given, given.name, given.original_name_scope
        else:
            base, name = (
                around,
                join_names(around.name, store.unique(str(self._default_name)) if given is None else given),
            )
        settings = {key: getattr(base, key) if value is None else value for key, value in self._settings.items()}
        scope = VariableScope(
            self._reuse or base.reuse, name=name, name_scope=name_scope,
            custom_getter=nested_getters(self._custom_getter, base.custom_getter), **settings,
        )  # fmt: skip
        store.enter(name)
        store.current = scope
        try:
            if isinstance(given, VariableScope):
                with store.going_back():
                    yield scope
            else:
                yield scope
        finally:
            if store.current is not scope:
                raise RuntimeError("variable scopes must be left in the opposite order of entering them")
            if not isinstance(given, VariableScope):
                store.forget_inside(name)
            store.current = around


def nested_getters(inner: Callable | None, outer: Callable | None) -> Callable | None:
    """Two custom getters as one: the inner one is asked first and calls the outer one as its getter."""
    if inner is None or outer is None:
        return outer if inner is None else inner
    return lambda getter, *args, **kwargs: inner(functools.partial(outer, getter), *args, **kwargs)


@contextmanager
def variable_op_scope(
    values: Sequence[Any] | None, name_or_scope: Any, default_name: str | None = None, **settings: Any
) -> Iterator[VariableScope]:
    """The older order of variable_scope's arguments."""
    with variable_scope(name_or_scope, default_name, values, **settings) as scope:
        yield scope


def no_regularizer(_: Any) -> None:
    """A regularizer that adds nothing: it replaces the scope's."""
    return None
