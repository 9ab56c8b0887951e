"""Ctrl-C reaches the tests and what they start, also where it is ignored from the start: in a shell's background."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
