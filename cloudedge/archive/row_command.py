"""Run the user's command on each row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from cloudedge.row import Row


def run_command(command: Sequence[str], row: Row, seconds: float) -> str | None:
    """Run a command, without a shell, with the row as JSON on its standard input; return what went wrong, or None.

    What it prints goes to standard error. After `seconds` it is killed, on POSIX with everything that it started.
    """
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=sys.stderr, text=True, start_new_session=os.name == "posix"
        )
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    try:
        process.communicate(json.dumps(row) + "\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        return f"was stopped after {seconds:g} seconds"
    except BaseException:
        _kill(process)
        raise
    if process.returncode < 0:
        return f"was killed by signal {-process.returncode}"
    return f"failed with exit code {process.returncode}" if process.returncode else None


def _kill(process: subprocess.Popen[str]) -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
