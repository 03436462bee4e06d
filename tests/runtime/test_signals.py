"""Ctrl-C and SIGTERM end a run in the same way at whatever moment they come."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

TINY = str(Path(__file__).parent / "fixtures" / "tiny.onnx")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

# Each gets its signals at a moment that chance seldom hits.
WHILE_A_LOCK_IS_RELEASED = """
import threading
wait = threading.Condition.wait
def interrupted_wait(self, timeout=None):
    release = self._release_save
    def interrupted_release():
        state = release()
        signal.raise_signal(NUMBER)  # an exception from here finds the lock released, and releases it again
        return state
    if threading.current_thread() is threading.main_thread():
        self._release_save = interrupted_release  # called once the wait would notice a notification
    try:
        return wait(self, timeout)
    finally:
        self._release_save = release
threading.Condition.wait = interrupted_wait
"""
WHILE_A_LIBRARY_IS_LOADED = """
import importlib.abc
class Loader(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            try:
                signal.raise_signal(NUMBER)
            except KeyboardInterrupt as error:
                raise ImportError("made of an interruption, as numpy does")
sys.meta_path.insert(0, Loader())
"""
TWICE = """
from concurrent.futures import ThreadPoolExecutor
shutdown = ThreadPoolExecutor.shutdown
def interrupted_shutdown(self, *arguments, **options):
    signal.raise_signal(NUMBER)
    signal.raise_signal(NUMBER)
    shutdown(self, *arguments, **options)
    signal.raise_signal(NUMBER)
ThreadPoolExecutor.shutdown = interrupted_shutdown
"""
WHILE_A_STRING_IS_EXECUTED = """
import cloudedge.cli.classifying
find = cloudedge.cli.classifying.find_photos
def interrupted_find(*arguments):
    exec("signal.raise_signal(NUMBER)", {"signal": signal})  # as in the making of a dataclass
    return find(*arguments)
cloudedge.cli.classifying.find_photos = interrupted_find
"""
IN_A_DESTRUCTOR = """
                class Dying:
                    def __del__(self):
                        signal.raise_signal(NUMBER)  # Python drops what is raised here
                Dying()
                import time; time.sleep(60)
"""
IN_A_FINALIZER = """
import time
import cloudedge.cli.classifying
find = cloudedge.cli.classifying.find_photos
class Dying:
    def __del__(self):
        signal.raise_signal(NUMBER)  # Python drops what is raised here, as in the callback of an import lock
def interrupted_find(*arguments):
    Dying()
    time.sleep(60)
    return find(*arguments)
cloudedge.cli.classifying.find_photos = interrupted_find
"""
WHEN_ALL_IS_DONE = """
import cloudedge.cli.tally
tell = cloudedge.cli.tally.count
def interrupted_count(*arguments):
    cloudedge.cli.tally.count = tell
    signal.raise_signal(NUMBER)
    return tell(*arguments)
cloudedge.cli.tally.count = interrupted_count
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "moment",
    [
        WHILE_A_LOCK_IS_RELEASED,
        WHILE_A_LIBRARY_IS_LOADED,
        TWICE,
        WHILE_A_STRING_IS_EXECUTED,
        IN_A_FINALIZER,
        WHEN_ALL_IS_DONE,
    ],
)
@pytest.mark.slow
def test_an_awkward_moment_is_as_good_as_any(
    photos: list[Path], tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    target = photos[0].parent / "rows.json"
    target.write_text("of an earlier run")
    program = f"import signal, sys\n{moment}\nfrom cloudedge.cli.main import main\nmain()".replace(
        "NUMBER", str(int(number))
    )
    (tmp_path / "program.py").write_text(program)  # as a module: Python ends one in another way than a text
    command = [sys.executable, "-m", "program", "classify", "--model", TINY, "-o", str(target), str(photos[0].parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    if moment != WHEN_ALL_IS_DONE:
        assert target.read_text() == "of an earlier run"
    assert not list(photos[0].parent.glob(".*"))


@pytest.mark.parametrize(
    ("command", "module"),
    [("watch", "cloudedge.archive.watch"), ("watch", "watchfiles"), ("serve", "cloudedge.serve.app")],
)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("fate", ["raised", "changed by a library", "dropped"])
@pytest.mark.slow
def test_a_service_ends_with_the_code_of_its_help_while_it_loads_too(
    tmp_path: Path, command: str, module: str, name: str, fate: str
) -> None:
    program = f"import signal, sys\n{WHILE_A_LIBRARY_IS_LOADED}\nfrom cloudedge.cli.main import main\nmain()"
    if fate == "raised":
        program = program.replace("except KeyboardInterrupt", "except ZeroDivisionError")
    elif fate == "dropped":
        program = program.replace("signal.raise_signal(NUMBER)", IN_A_DESTRUCTOR)
    program = program.replace("onnxruntime", module).replace("NUMBER", str(int(signal.Signals[name])))
    options = [str(tmp_path)] if command == "watch" else ["--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", program, command, "--model", TINY, *options],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130 if name == "SIGINT" else 0, "", "")


def test_ctrl_c_before_anything_is_loaded_ends_it_without_a_traceback() -> None:
    program = f"import signal, sys\n{WHILE_A_LIBRARY_IS_LOADED}\nfrom cloudedge.__main__ import main\nmain()"
    program = program.replace("onnxruntime", "click").replace("NUMBER", str(int(signal.SIGINT)))
    done = subprocess.run([sys.executable, "-c", program, "genera"], capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_who_ignores_interruptions_is_not_interrupted(photos: list[Path]) -> None:
    program = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup and the background of a shell do
from cloudedge import classifier
read = classifier.read
def interrupted_read(*arguments):
    signal.raise_signal(signal.SIGINT)
    return read(*arguments)
classifier.read = interrupted_read
from cloudedge.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "classify", "--model", TINY, *map(str, photos)],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, "12 photos, 0 failed")
