"""A bar for long work: in a terminal only, and only when it is long."""

from __future__ import annotations

import io
import sys

import pytest

import graphflow.progress as module
from graphflow.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Work of a fifth of a second an item, by the clock of the module."""
    now = iter(0.2 * i for i in range(100))
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(now))


def drawn(monkeypatch, stream, n=9):
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress(range(n), "folding")) == list(range(n))
    return stream.getvalue()


def test_long_work_in_a_terminal(monkeypatch, clock):
    text = drawn(monkeypatch, Terminal())
    assert "graphflow: folding" in text and "/9 [" in text


def test_no_terminal(monkeypatch, clock):
    assert drawn(monkeypatch, io.StringIO()) == ""


def test_short_work(monkeypatch):
    assert drawn(monkeypatch, Terminal()) == ""


def test_without_tqdm(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert drawn(monkeypatch, Terminal()) == ""


def test_work_that_is_left_half_done(monkeypatch, clock):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(RuntimeError):
        for i in progress(range(9), "folding"):
            if i == 7:
                raise RuntimeError
    assert stream.getvalue().endswith("\r")  # the bar is gone
