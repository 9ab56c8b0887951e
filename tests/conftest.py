"""Ctrl-C reaches the tests and what they start, also where it is ignored from the start: in a shell's background."""

import signal
from contextlib import contextmanager

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Late(Exception):
    """What the handler of `alarm` raises."""


@pytest.fixture
def alarm():
    """A context in which a signal handler raises: `with alarm(seconds):` expects that it comes through."""

    def handler(*_):
        raise Late

    @contextmanager
    def expected(seconds):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with pytest.raises(Late):
            yield

    before = signal.signal(signal.SIGALRM, handler)
    yield expected
    signal.signal(signal.SIGALRM, before)
