"""`tf.flags`: arguments of the command line, defined where they are needed and read as attributes of FLAGS."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any


class Error(Exception):
    """Base of the errors of this module."""


class DuplicateFlagError(Error):
    """A flag is defined a second time."""


class IllegalFlagValueError(Error):
    """A value that the flag does not take."""


class UnrecognizedFlagError(Error):
    """A flag that is not defined."""


class UnparsedFlagAccessError(Error):
    """A flag is read before the command line was parsed, and parsing is not possible."""


class ValidationError(Error):
    """A validator refuses the value of a flag."""


class Flag:
    """One flag: its name, value, default and help text; `parse` turns text into a value."""

    def __init__(self, name: str, default: Any, help: str | None, parse: Callable[[str], Any], kind: str) -> None:
        self.name = name
        self.default = default
        self.value = default
        self.help = help or ""
        self.parse = parse
        self.boolean = kind == "boolean"
        self.multiple = kind == "multiple"
        self.present = 0

    def take(self, text: str) -> None:
        """Set the value from the command line; IllegalFlagValueError when it does not fit."""
        try:
            parsed = self.parse(text)
        except ValueError as error:
            raise IllegalFlagValueError(f"flag --{self.name}={text}: {error}") from None
        self.value = [*(self.value if self.present else []), parsed] if self.multiple else parsed
        self.present += 1


class _Values(Mapping):
    """The values of flags by name: what programs of TensorFlow up to 1.4 know as FLAGS.__flags."""

    def __init__(self, flags: dict[str, Flag]) -> None:
        self._flags = flags

    def __getitem__(self, name: str) -> Any:
        return self._flags[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._flags)

    def __len__(self) -> int:
        return len(self._flags)

    def __repr__(self) -> str:
        return repr(dict(self))


class FlagValues:
    """All flags of a program.  `FLAGS.name` is a value; the command line is parsed when the first one is read.

    What no flag is defined for is left for the program: in the list that calling FLAGS gives, as in tf.app.run.
    """

    def __init__(self) -> None:
        object.__setattr__(self, "_flags", {})
        object.__setattr__(self, "__flags", _Values(self._flags))
        object.__setattr__(self, "_checks", [])
        object.__setattr__(self, "_parsed", False)

    # -- defining ------------------------------------------------------------------------------------------------
    def _define(self, flag: Flag) -> None:
        if flag.name in self._flags:
            raise DuplicateFlagError(f"the flag {flag.name!r} is defined twice")
        self._flags[flag.name] = flag

    def _check(self, name: str, check: Callable[[Any], Any], message: str) -> None:
        if name not in self._flags:
            raise UnrecognizedFlagError(f"there is no flag {name!r}")
        self._checks.append((name, check, message))

    # -- parsing -------------------------------------------------------------------------------------------------
    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Take the values from `argv`, of which the first is the program's name; gives what is left of it.

        Raises: UnrecognizedFlagError for other flags unless `known_only`; IllegalFlagValueError, ValidationError.
        """
        left, unknown = [argv[0]], []
        rest = list(argv[1:])
        while rest:
            word = rest.pop(0)
            if word == "--":
                left += rest
                break
            name, equals, text = word.lstrip("-").partition("=")
            name = name.replace("-", "_") if name.replace("-", "_") in self._flags else name
            if not word.startswith("-") or not name or name[0].isdigit():
                left.append(word)
            elif name in self._flags and (equals or not self._flags[name].boolean):
                if not equals and not rest:
                    raise Error(f"the flag --{name} needs a value")
                self._flags[name].take(text if equals else rest.pop(0))
            elif name in self._flags:
                self._flags[name].take("true")
            elif name.startswith("no") and not equals and self._is_boolean(name[2:]):
                self._flags[name[2:]].take("false")
            elif name in ("help", "helpshort", "helpfull", "h"):
                print(f"{argv[0]}:\n{self.get_help()}")
                raise SystemExit(1)
            else:
                left.append(word)
                unknown.append(name)
        if unknown and not known_only:
            raise UnrecognizedFlagError(f"unknown flag --{unknown[0]}; there are {', '.join(sorted(self._flags))}")
        object.__setattr__(self, "_parsed", True)
        self._validate()
        return left

    def _is_boolean(self, name: str) -> bool:
        return name in self._flags and self._flags[name].boolean

    def _validate(self) -> None:
        for name, check, message in self._checks:
            if not check(self._flags[name].value):
                raise ValidationError(f"flag --{name}={self._flags[name].value}: {message}")

    def _parse_flags(self, args: Sequence[str] | None = None) -> list[str]:
        """The name that parsing had up to TensorFlow 1.4."""
        return self(sys.argv if args is None else [sys.argv[0], *args], known_only=True)

    def mark_as_parsed(self) -> None:
        """Take the values as they are, without looking at the command line."""
        object.__setattr__(self, "_parsed", True)

    def is_parsed(self) -> bool:
        return self._parsed

    def unparse_flags(self) -> None:
        """Go back to the defaults."""
        for flag in self._flags.values():
            flag.value, flag.present = flag.default, 0
        object.__setattr__(self, "_parsed", False)

    # -- reading -------------------------------------------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        if name not in self._flags:
            raise AttributeError(f"there is no flag {name!r}; there are {', '.join(sorted(self._flags)) or 'none'}")
        if not self._parsed:
            self._parse_flags()
        return self._flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._flags:
            raise AttributeError(f"there is no flag {name!r}")
        self._flags[name].value = value
        self._validate()

    def __delattr__(self, name: str) -> None:
        if name not in self._flags:
            raise AttributeError(f"there is no flag {name!r}")
        del self._flags[name]
        self._checks[:] = [check for check in self._checks if check[0] != name]

    def __getitem__(self, name: str) -> Flag:
        return self._flags[name]

    def __contains__(self, name: object) -> bool:
        return name in self._flags

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._flags))

    def __len__(self) -> int:
        return len(self._flags)

    def __dir__(self) -> list[str]:
        return sorted(self._flags)

    def flag_values_dict(self) -> dict[str, Any]:
        """{name: value} of all flags."""
        return {name: flag.value for name, flag in sorted(self._flags.items())}

    def get_help(self) -> str:
        """One line a flag."""
        return "\n".join(
            f"  --{'[no]' if flag.boolean else ''}{name}: {flag.help}\n    (default: {flag.default!r})"
            for name, flag in sorted(self._flags.items())
        )

    get_flags_help = main_module_help = get_help


FLAGS = FlagValues()


# -- how text becomes a value ----------------------------------------------------------------------------------------
def _boolean(value: Any) -> bool:
    if value in (True, False, 0, 1):
        return bool(value)
    word = str(value).lower()
    if word not in ("true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"):
        raise ValueError("a boolean flag is true or false")
    return word in ("true", "t", "yes", "y", "1")


def _integer(text: Any) -> int:
    return int(text, 0) if isinstance(text, str) else int(text)


def _list(text: Any) -> list[str]:
    return [word.strip() for word in text.split(",")] if text else []


def _one_of(values: Sequence[str], case_sensitive: bool = True) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for value in values:
            if text == value or not case_sensitive and text.lower() == value.lower():
                return value
        raise ValueError(f"one of {', '.join(values)}")

    return parse


def _within(parse: Callable[[str], Any], lower: Any, upper: Any) -> Callable[[str], Any]:
    def limited(text: str) -> Any:
        value = parse(text)
        if (lower is not None and value < lower) or (upper is not None and value > upper):
            raise ValueError(f"must be in [{lower}, {upper}]")
        return value

    return limited


def _define(
    name: str, default: Any, help: str | None, parse: Callable, flag_values: FlagValues, kind: str = ""
) -> None:
    if isinstance(default, str) or (kind == "boolean" and default is not None):
        default = parse(default)
    flag_values._define(Flag(name, default, help, parse, kind))


# -- the public functions --------------------------------------------------------------------------------------------
def DEFINE_string(name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any) -> None:
    """A flag whose value is text."""
    _define(name, default, help, str, flag_values)


def DEFINE_integer(
    name: str, default: Any, help: str | None = None, lower_bound: int | None = None, upper_bound: int | None = None,
    flag_values: FlagValues = FLAGS, **_: Any,
) -> None:  # fmt: skip
    """A flag whose value is a whole number."""
    _define(name, default, help, _within(_integer, lower_bound, upper_bound), flag_values)


def DEFINE_float(
    name: str, default: Any, help: str | None = None, lower_bound: float | None = None,
    upper_bound: float | None = None, flag_values: FlagValues = FLAGS, **_: Any,
) -> None:  # fmt: skip
    """A flag whose value is a number."""
    _define(name, default, help, _within(float, lower_bound, upper_bound), flag_values)


def DEFINE_boolean(name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any) -> None:
    """A flag that is on (--name, --name=true) or off (--noname, --name=false)."""
    _define(name, default, help, _boolean, flag_values, "boolean")


DEFINE_bool = DEFINE_boolean


def DEFINE_list(name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any) -> None:
    """A flag whose value is a list of words, with commas between them."""
    _define(name, default, help, _list, flag_values)


def DEFINE_spaceseplist(
    name: str, default: Any, help: str | None = None, comma_compat: bool = False, flag_values: FlagValues = FLAGS,
    **_: Any,
) -> None:  # fmt: skip
    """A flag whose value is a list of words, with spaces between them."""
    _define(name, default, help, lambda text: text.replace(",", " " if comma_compat else ",").split(), flag_values)


def DEFINE_enum(
    name: str, default: Any, enum_values: Sequence[str], help: str | None = None, flag_values: FlagValues = FLAGS,
    case_sensitive: bool = True, **_: Any,
) -> None:  # fmt: skip
    """A flag whose value is one of `enum_values`."""
    _define(name, default, help, _one_of(enum_values, case_sensitive), flag_values)


def _define_multiple(parse: Callable) -> Callable[..., None]:
    def define(name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any) -> None:
        """A flag that may be given several times; its value is the list."""
        values = default if default is None or isinstance(default, (list, tuple)) else [default]
        _define(name, None if values is None else list(values), help, parse, flag_values, "multiple")

    return define


DEFINE_multi_string = _define_multiple(str)
DEFINE_multi_integer = _define_multiple(_integer)
DEFINE_multi_float = _define_multiple(float)


def mark_flag_as_required(flag_name: str, flag_values: FlagValues = FLAGS) -> None:
    """Refuse None as the value of a flag when the command line is parsed."""
    flag_values._check(flag_name, lambda value: value is not None, "a value is required")


def mark_flags_as_required(flag_names: Iterable[str], flag_values: FlagValues = FLAGS) -> None:
    """Refuse None as the value of these flags."""
    for name in flag_names:
        mark_flag_as_required(name, flag_values)


def register_validator(
    flag_name: str, checker: Callable[[Any], Any], message: str = "the value is not valid",
    flag_values: FlagValues = FLAGS,
) -> None:  # fmt: skip
    """Refuse values for which `checker(value)` is false."""
    flag_values._check(flag_name, checker, message)
