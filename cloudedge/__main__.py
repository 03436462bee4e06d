"""The command line as a program: `cloudedge`, or `python -m cloudedge`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while its modules are loaded ends the program at once, without a traceback."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cloudedge.cli.main import main

    try:
        main()
    except SystemExit as end:
        _leave(end)


def _leave(end: SystemExit) -> NoReturn:
    """End without taking down what the system takes down anyway: libraries, the model, its memory.

    Where a thread still runs or a stream does not take its last words, Python ends as usual, and deals with that.
    """
    if end.code in (None, 0) and threading.active_count() == 1:
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except (OSError, ValueError):
            raise end from None
        os._exit(0)
    raise end


if __name__ == "__main__":
    main()
