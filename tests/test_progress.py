"""A bar for long work: in a terminal only, and only when it is long."""

from __future__ import annotations

import io
import sys

import pytest

import graphflow as tf
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


def test_hooks_write_over_one_line_in_a_terminal(monkeypatch):
    told = {}
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        level = tf.logging.get_verbosity()
        tf.logging.set_verbosity(tf.logging.INFO)
        with tf.Graph().as_default():
            step = tf.train.get_or_create_global_step()
            loss = tf.cast(step, tf.float32) * 2.0
            more = step.assign_add(1)
            hooks = [tf.train.LoggingTensorHook({"loss": loss}, 2), tf.train.StepCounterHook(2)]
            with tf.train.MonitoredSession(hooks=hooks) as session:
                for _ in range(6):
                    session.run(more)
        tf.logging.info("the end")
        tf.logging.set_verbosity(level)
        told[stream.isatty()] = stream.getvalue()
    lines = told[True].split("\n")
    assert lines[-2] == "INFO:tensorflow:the end" and lines[-3].count("\r") > 3
    last = lines[-3].split("\r")[-1]
    assert last.endswith("\x1b[K") and "loss = " in last and "global_step/sec: " in last
    assert "\r" not in told[False] and told[False].count("INFO:tensorflow:loss = ") == 3
    assert told[False].count("INFO:tensorflow:global_step/sec: ") == 2
