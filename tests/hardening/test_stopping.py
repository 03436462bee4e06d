"""`watch` ends at once on a signal, at whatever moment that comes.

It is started and stopped 20 times, or as often as CLOUDEDGE_STARTS says (1,000 before a release).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import HANGS_AFTER, TINY
from corpus import encoded

from cloudedge.row_formats import read_rows

if sys.platform == "win32":
    pytest.skip("POSIX signals", allow_module_level=True)

STARTS = int(os.environ.get("CLOUDEDGE_STARTS", "20"))
WATCH = [sys.executable, "-m", "cloudedge", "watch", "--model", TINY, "--threads", "1", "--settle", "0.05"]
KILLED_BEFORE_THE_HANDLER = -signal.SIGTERM  # by the system: there is nothing to tidy up yet

# Signals come from a timer, hundreds a second, into the handler of `watch` while its loop waits.
UNDER_FIRE = """
import faulthandler, random, signal, time
from cloudedge.cli.watch import _stop_on_signals

faulthandler.dump_traceback_later(60, exit=True)
for _ in range(ROUNDS):
    stop, received = _stop_on_signals()
    signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 2e-3), 1e-3)
    while not stop.is_set():
        stop.wait(1e-4)
    for _ in range(5):  # and while it is set already
        stop.wait(1e-4)
        assert stop.is_set()
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert received
    stop._reader.close(), stop._writer.close()
print("done")
"""


def test_the_handler_takes_no_lock_that_the_loop_may_hold() -> None:
    program = UNDER_FIRE.replace("ROUNDS", "2000")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=120)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_starts_and_stops_at_random_moments_never_hang(tmp_path: Path) -> None:
    chance = random.Random()
    root = tmp_path / "cam"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.jpg").write_bytes(encoded("JPEG"))
    whole = _seconds_to_first_row(root, tmp_path / "first.jsonl")
    ended: Counter[str] = Counter()
    for number in range(STARTS):
        journal = tmp_path / f"{number}.jsonl"
        way = ["--poll", "0.05"] if number % 2 else []
        command = [*WATCH, str(root), "-o", str(journal), *way]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            if chance.random() < 0.95:
                _wait_for_handler(process)
            time.sleep(chance.uniform(0, 1.3 * whole))
            if chance.random() < 0.3:
                (root / "latest.jpg").write_bytes(encoded("JPEG") + bytes(number))
            process.send_signal(signal.SIGTERM)
            try:
                _, messages = process.communicate(timeout=HANGS_AFTER)
            except subprocess.TimeoutExpired:
                process.kill()
                pytest.fail(f"start {number} hung after SIGTERM: {process.communicate()[1].decode()}")
        assert b"Traceback" not in messages
        rows = list(read_rows(str(journal))) if journal.exists() else []
        assert all(row["status"] == "ok" for row in rows)
        assert process.returncode in (0, KILLED_BEFORE_THE_HANDLER)
        moment = "after the first row" if rows else "while it loaded"
        ended[moment if process.returncode == 0 else "before the handler"] += 1
        journal.unlink(missing_ok=True)
    print(f"{STARTS} starts ended {dict(ended)}")
    assert STARTS - ended["before the handler"] > STARTS / 10


def _wait_for_handler(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has a handler for SIGTERM, where the system tells (Linux)."""
    status = Path(f"/proc/{process.pid}/status")
    while status.exists() and process.poll() is None:
        caught = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def _seconds_to_first_row(root: Path, journal: Path) -> float:
    """Return the time from the handler to the first row."""
    with subprocess.Popen([*WATCH, str(root), "-o", str(journal)], stdout=subprocess.DEVNULL) as process:
        _wait_for_handler(process)
        began = time.monotonic()
        while not (journal.exists() and journal.stat().st_size):
            assert time.monotonic() < began + HANGS_AFTER
            time.sleep(0.01)
        seconds = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=HANGS_AFTER) == 0
    return seconds
