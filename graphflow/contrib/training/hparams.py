"""`tf.contrib.training`: HParams, hyperparameters by name that can be read from text."""

from __future__ import annotations

import json
import numbers
import re
from collections.abc import Iterator, Mapping
from typing import Any

_ASSIGNMENT = re.compile(
    r"\s*(?P<name>[a-zA-Z][\w.]*)\s*(?:\[\s*(?P<index>\d+)\s*\])?\s*=\s*"
    r"(?:\[(?P<items>[^\]]*)\]|(?P<value>[^,\[]*))\s*(?:,|$)"
)
_BOOLS = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}


class HParams:
    """Hyperparameters as attributes: `HParams(rate=0.1, sizes=[3, 4]).parse("rate=0.5").rate`.

    The first value of each decides its type, and whether it is a list.
    """

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **kwargs: Any) -> None:
        if hparam_def is not None:
            raise NotImplementedError("hparam_def is a protocol message: give the values as arguments instead")
        self._types: dict[str, tuple[type, bool]] = {}
        self._model_structure = model_structure
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """A new hyperparameter.   Raises: ValueError when there is something of this name, or for an empty list."""
        if getattr(self, name, None) is not None:
            raise ValueError(f"the name {name!r} is taken")
        many = isinstance(value, (list, tuple))
        if many and not value:
            raise ValueError(f"the list {name!r} is empty, which leaves its type open")
        self._types[name] = type(value[0] if many else value), many
        setattr(self, name, list(value) if many else value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Change a value.   Raises: ValueError for an unknown name, another type, a list in place of a number."""
        kind, many = self._type_of(name)
        if isinstance(value, (list, tuple)) != many:
            raise ValueError(f"{name!r} is {'a list' if many else 'one value'}, not {value!r}")
        setattr(self, name, [_as(kind, v, name) for v in value] if many else _as(kind, value, name))

    def del_hparam(self, name: str) -> None:
        """Remove a hyperparameter, if there is one."""
        if self._types.pop(name, None) is not None:
            delattr(self, name)

    def parse(self, values: str) -> HParams:
        """Set values from text like "rate=0.5,sizes=[1,2],sizes[0]=7"; gives the object itself.

        Raises: ValueError for text that is not understood, unknown names, values of another type.
        """
        position = 0
        while position < len(values):
            match = _ASSIGNMENT.match(values, position)
            if match is None:
                raise ValueError(f"cannot read hyperparameters from {values[position:]!r}")
            position = match.end()
            self._assign(match["name"], match["index"], match["items"], match["value"])
        return self

    def _assign(self, name: str, index: str | None, items: str | None, value: str | None) -> None:
        kind, many = self._type_of(name)
        if index is not None:
            if not many or items is not None:
                raise ValueError(f"{name}[{index}] must be one element of a list")
            getattr(self, name)[int(index)] = _read(kind, value or "", name)
        elif items is not None:
            self.set_hparam(name, [_read(kind, item, name) for item in items.split(",")])
        else:
            self.set_hparam(name, _read(kind, value or "", name))

    def override_from_dict(self, values_dict: Mapping[str, Any]) -> HParams:
        """Set several values; gives the object itself."""
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def parse_json(self, values_json: str) -> HParams:
        """Set values from a JSON object; gives the object itself."""
        return self.override_from_dict(json.loads(values_json))

    def to_json(self, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        """The values as a JSON object; functions are left out."""
        plain = {name: value for name, value in self.values().items() if not callable(value)}
        return json.dumps(plain, indent=indent, separators=separators, sort_keys=sort_keys)

    def values(self) -> dict[str, Any]:
        """The values by name."""
        return {name: getattr(self, name) for name in self._types}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of this name, `default` when there is none.   Raises: ValueError when the default does not suit."""
        if key not in self._types:
            return default
        kind, many = self._types[key]
        if default is not None:
            if isinstance(default, (list, tuple)) != many:
                raise ValueError(f"the default of {key!r} must {'be' if many else 'not be'} a list")
            for value in default if many else [default]:
                _as(kind, value, key)
        return getattr(self, key)

    def get_model_structure(self) -> Any:
        return self._model_structure

    def set_model_structure(self, model_structure: Any) -> None:
        self._model_structure = model_structure

    def _type_of(self, name: str) -> tuple[type, bool]:
        if name not in self._types:
            raise ValueError(f"there is no hyperparameter {name!r}; known are {', '.join(self._types)}")
        return self._types[name]

    def __contains__(self, key: str) -> bool:
        return key in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __str__(self) -> str:
        return str(sorted(self.values().items()))

    def __repr__(self) -> str:
        return f"HParams({', '.join(f'{k}={v!r}' for k, v in self.values().items())})"


def _as(kind: type, value: Any, name: str) -> Any:
    """The value in this type, if nothing is lost."""
    if kind is type(None) or value is None:
        return value
    suits = {
        bool: isinstance(value, bool),
        int: isinstance(value, numbers.Integral) and not isinstance(value, bool),
        float: isinstance(value, numbers.Real) and not isinstance(value, bool),
    }.get(kind, isinstance(value, kind))
    if not suits:
        raise ValueError(f"{name!r} is of type {kind.__name__}, and {value!r} is not")
    return kind(value) if kind in (bool, int, float) else value


def _read(kind: type, text: str, name: str) -> Any:
    text = text.strip()
    if kind is bool:
        if text not in _BOOLS:
            raise ValueError(f"{name!r} is true or false, not {text!r}")
        return _BOOLS[text]
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError as error:
        raise ValueError(f"{name!r} is of type {kind.__name__}, and {text!r} is not") from error
