"""`tf.app`: `tf.app.run()` parses the flags and calls the program's main."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import flags


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Parse flags, call `main(argv)` with what they left over, and exit with its result.

    main   the function `main` of the program when None
    argv   sys.argv when None; flags that are not defined are passed on to main
    Raises: SystemExit.
    """
    try:
        left = flags.FLAGS(sys.argv if argv is None else list(argv), known_only=True)
    except flags.Error as error:
        print(f"FATAL Flags parsing error: {error}\nPass --help to see the flags.", file=sys.stderr)
        raise SystemExit(1) from None
    sys.exit((main or vars(sys.modules["__main__"])["main"])(left))
