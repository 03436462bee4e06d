"""The corpus, a process that is given its files one by one, and the figures that are printed at the end."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
TINY = str(HERE.parent / "runtime" / "fixtures" / "tiny.onnx")
HANGS_AFTER = 120  # seconds without an answer, on however busy a machine

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests use no network; must be set before onnxruntime is imported
signal.signal(signal.SIGINT, signal.default_int_handler)  # what the tests start must not inherit that it is ignored

settings.register_profile("hardening", deadline=None)  # how long an example takes depends on the machine
settings.load_profile("hardening")

sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import corpus  # noqa: E402
from figures import FIGURES, Figures  # noqa: E402


class Worker:
    """Asks worker.py, which is restarted after a crash."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        command = [sys.executable, str(HERE / "worker.py"), TINY]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def classify(self, path: Path) -> dict[str, Any]:
        """Return the answer, or a `problem`: that the process has died, or hangs."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(str(path)).encode() + b"\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(HANGS_AFTER) else b""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.poll()
        self.stop()
        self._start()
        return {"problem": f"hangs for {HANGS_AFTER} s" if code is None else f"the process ended with {code}"}

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.stop()


@pytest.fixture(scope="session")
def bad_input(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Path]]]:
    """The corpus: its files by kind, on the disk for as long as the tests run."""
    folder = tmp_path_factory.mktemp("corpus")
    yield corpus.make(folder)
    for kind in folder.iterdir():
        for path in kind.glob("terabyte*"):  # not for some tool to copy
            path.unlink()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of forty photos, 00.jpg to 39.jpg."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.jpg").write_bytes(corpus.encoded("JPEG", corpus.photo(60 + number, 50)))
    return folder


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not FIGURES:
        return
    say = terminalreporter.write_line
    say("")
    say(f"| {'bad input':<20} | inputs | rows | errors | worst CPU time | worst memory | failures |")
    say(f"| {'---':<20} | -----: | ---: | -----: | -------------: | -----------: | -------: |")
    whole = Figures()
    for name, figures in [*FIGURES.items(), ("all", whole)]:
        seconds, mebibytes = f"{figures.seconds:.2f} s", f"{figures.mebibytes:.0f} MiB".replace("nan MiB", "-")
        say(
            f"| {name:<20} | {figures.inputs:>6} | {figures.rows:>4} | {figures.errors:>6} "
            f"| {seconds:>14} | {mebibytes:>12} | {figures.failures:>8} |"
        )
        for field in ("inputs", "rows", "errors", "failures"):
            setattr(whole, field, getattr(whole, field) + getattr(figures, field))
        whole.seconds = max(whole.seconds, figures.seconds)
        whole.mebibytes = max(whole.mebibytes, figures.mebibytes)
