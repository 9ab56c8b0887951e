"""tf.flags and tf.app: how a command line becomes values."""

from __future__ import annotations

import re
import sys

import pytest

from graphflow import app, flags


@pytest.fixture
def values() -> flags.FlagValues:
    """Flags of every kind, apart from the program's own."""
    made = flags.FlagValues()
    flags.DEFINE_string("name", "x", "A name.", flag_values=made)
    flags.DEFINE_integer("count", 3, lower_bound=0, flag_values=made)
    flags.DEFINE_float("rate", 0.5, "A rate.", flag_values=made)
    flags.DEFINE_bool("on", False, flag_values=made)
    flags.DEFINE_list("items", "a,b", flag_values=made)
    flags.DEFINE_spaceseplist("words", "a b", flag_values=made)
    flags.DEFINE_enum("mode", "train", ["train", "Test"], case_sensitive=False, flag_values=made)
    flags.DEFINE_multi_integer("size", [1], flag_values=made)
    flags.DEFINE_string("nothing", None, flag_values=made)
    return made


@pytest.mark.parametrize(
    ("words", "changed", "left"),
    [
        ("", {}, []),
        ("--name=a=b --count 0x10 -rate 1e-3", {"name": "a=b", "count": 16, "rate": 1e-3}, []),
        ("--on", {"on": True}, []),
        ("--on --noon", {"on": False}, []),
        ("--on=True file --on=0", {"on": False}, ["file"]),
        ("--items=c --words=d", {"items": ["c"], "words": ["d"]}, []),
        ("--items=", {"items": []}, []),
        ("--mode=TEST", {"mode": "Test"}, []),
        ("--size=2 --size 3", {"size": [2, 3]}, []),
        ("a --name=b -- --name=c -1", {"name": "b"}, ["a", "--name=c", "-1"]),
        ("-5 --name b", {"name": "b"}, ["-5"]),
    ],
)
def test_values(values, words, changed, left):
    before = values.flag_values_dict()
    assert values(["program", *words.split()]) == ["program", *left]
    assert values.flag_values_dict() == {**before, **changed}
    assert values.name == values["name"].value and values.is_parsed()
    values.unparse_flags()
    assert values.flag_values_dict() == before


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("--count=many", flags.IllegalFlagValueError, "--count=many"),
        ("--count=-1", flags.IllegalFlagValueError, r"must be in \[0, None\]"),
        ("--mode=run", flags.IllegalFlagValueError, "one of train, Test"),
        ("--on=perhaps", flags.IllegalFlagValueError, "true or false"),
        ("--other=1", flags.UnrecognizedFlagError, "unknown flag --other; there are count, items"),
        ("--noname", flags.UnrecognizedFlagError, "noname"),
        ("--name", flags.Error, "needs a value"),
    ],
)
def test_what_is_refused(values, words, error, message):
    with pytest.raises(error, match=message):
        values(["program", *words.split()])


def test_unknown_flags_can_be_passed_on(values):
    assert values(["p", "--other=1", "--name=z", "-x", "y"], known_only=True) == ["p", "--other=1", "-x", "y"]
    assert values.name == "z"


def test_reading_parses_the_command_line(values, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program", "--name=given", "--other"])
    assert not values.is_parsed() and values.name == "given" and values.is_parsed()
    values.name = "set"
    assert values.name == "set" and "name" in values and "other" not in values and len(values) == 9
    del values.name
    for use in (lambda: values.name, lambda: setattr(values, "name", 1), lambda: delattr(values, "name")):
        with pytest.raises(AttributeError, match="no flag 'name'"):
            use()


def test_validators(values):
    flags.mark_flags_as_required(["nothing"], flag_values=values)
    flags.register_validator("count", lambda v: v % 2, "must be odd", flag_values=values)
    with pytest.raises(flags.ValidationError, match="--nothing=None: a value is required"):
        values(["p"])
    with pytest.raises(flags.ValidationError, match="--count=4: must be odd"):
        values(["p", "--nothing=1", "--count=4"])
    assert values(["p", "--nothing=1", "--count=5"]) == ["p"]
    with pytest.raises(flags.ValidationError):
        values.count = 6
    with pytest.raises(flags.UnrecognizedFlagError):
        flags.mark_flag_as_required("missing", flag_values=values)
    with pytest.raises(flags.DuplicateFlagError, match="'name' is defined twice"):
        flags.DEFINE_string("name", "", flag_values=values)


def test_help(values, capsys):
    with pytest.raises(SystemExit) as caught:
        values(["program.py", "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 1 and "--name: A name.\n    (default: 'x')" in text and "--[no]on" in text


def test_app_run_calls_main_with_what_is_left(monkeypatch, capsys):
    monkeypatch.setattr(flags, "FLAGS", flags.FlagValues())
    flags.DEFINE_integer("n", 1, flag_values=flags.FLAGS)
    seen = []
    with pytest.raises(SystemExit) as caught:
        app.run(lambda argv: seen.append((argv, flags.FLAGS.n)) or 4, ["p", "--n=2", "--m", "rest"])
    assert seen == [(["p", "--m", "rest"], 2)] and caught.value.code == 4
    with pytest.raises(SystemExit) as caught:
        app.run(seen.append, ["p", "--n=two"])
    assert caught.value.code == 1 and re.search("FATAL Flags parsing error: flag --n=two", capsys.readouterr().err)
    monkeypatch.setattr(sys, "argv", ["q"])
    monkeypatch.setattr(sys.modules["__main__"], "main", seen.append, raising=False)
    with pytest.raises(SystemExit) as caught:
        app.run()
    assert caught.value.code is None and seen[-1] == ["q"]
