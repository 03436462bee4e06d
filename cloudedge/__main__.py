"""The command line as a program: `cloudedge`, or `python -m cloudedge`."""

from __future__ import annotations

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while its modules are loaded ends the program at once, without a traceback."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cloudedge.cli.main import main

    main()


if __name__ == "__main__":
    main()
