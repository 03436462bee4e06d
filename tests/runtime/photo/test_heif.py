"""HEIC photos are decoded in processes of their own: the program continues even if one fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cloudedge import CloudClassifier
from cloudedge.errors import ImageError, ImageTooLargeError
from cloudedge.installation import command_to_add
from cloudedge.photo import heif
from cloudedge.photo.capture_time import captured_at
from cloudedge.photo.read import read

pytest.importorskip("pi_heif")

HANGS = "import time\ndef open_heif(data): time.sleep(1000)"
SHORT_LIVED = """
class Heif:
    size, mode, stride, info = (1, 1), "RGB", 3, {}
    memory = bytearray([7, 7, 7])
    data = memoryview(memory)
    def __del__(self): self.memory[:] = bytes(3)
def open_heif(data): return Heif()
def set_orientation(info): pass
"""
CRASHES = "import os\ndef open_heif(data): os.abort()"


@pytest.fixture
def photo(fixtures: Path) -> Path:
    """A drawn sky of 96 x 64 pixels, turned by the container, with the EXIF orientation left beside it."""
    return fixtures / "photo.heic"


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put another decoder in the place of pi_heif, for the children of this process; return its folder."""

    def use(code: str) -> Path:
        folder = tmp_path / "decoder"
        folder.mkdir()
        (folder / "pi_heif.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        return folder

    return use


def problem(source: object) -> str:
    with pytest.raises(ImageError) as caught:
        read(source, 224)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.problem


def test_heic_is_read_upright_with_the_time_of_its_capture(photo, draw_sky):
    found = read(photo, 224)
    assert found.pixels.shape == (64, 96, 3)
    assert found.size == (96, 64)
    assert np.abs(found.pixels.astype(int) - draw_sky(96, 64)).mean() < 6
    assert found.captured_at == captured_at(str(photo)) == "2024-06-01T12:30:45"


def test_its_time_is_found_without_decoding_it(photo, decoder):
    import pi_heif

    info = {"exif": bytes(pi_heif.open_heif(photo.read_bytes()).info["exif"])}
    decoder(SHORT_LIVED.replace("{}", repr(info)).replace("memoryview(memory)", "property(lambda self: 1 / 0)"))
    assert captured_at(str(photo)) == "2024-06-01T12:30:45"
    assert "division by zero" in problem(photo)


@pytest.mark.parametrize("brand", [b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"])
def test_heic_is_read_whatever_brand_its_writer_gives_it(brand, photo):
    assert read(photo.read_bytes().replace(b"ftypheic", b"ftyp" + brand)).pixels.shape == (64, 96, 3)


def test_the_pixels_are_those_of_pi_heif(photo):
    import pi_heif

    expected = np.asarray(pi_heif.open_heif(photo).to_pillow())
    assert np.array_equal(read(photo).pixels, expected)
    assert np.array_equal(read(photo.read_bytes()).pixels, expected)


def test_pixels_are_sent_while_their_memory_is_there(photo, decoder):
    decoder(SHORT_LIVED)
    assert read(photo).pixels.tolist() == [[[7, 7, 7]]]


def test_the_program_itself_loads_no_decoder(photo):
    code = f"import sys; from cloudedge.photo.read import read; read({str(photo)!r}); print('pi_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout.split() == [b"False"]


def test_reading_heic_registers_nothing_in_pillow(photo):
    read(photo)
    assert "HEIF" not in Image.registered_extensions().values()


def test_many_threads_may_read_heic(photo):
    with ThreadPoolExecutor(4) as pool:
        assert {read.captured_at for read in pool.map(read, [photo] * 12)} == {"2024-06-01T12:30:45"}


def test_what_is_in_the_current_folder_is_not_run(photo, tmp_path, monkeypatch):
    for name in ("json", "signal", "cloudedge", "pi_heif"):
        (tmp_path / f"{name}.py").write_text("open('has-run', 'w').close()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert read(photo).size == (96, 64)
    assert not Path("has-run").exists()


# What cannot be read


def test_a_photo_that_crashes_the_decoder_costs_its_own_row_alone(photo, decoder, tiny):
    decoder(CRASHES)
    rows = list(CloudClassifier(tiny).classify_many([photo, np.full((8, 8, 3), 128, np.uint8)]))
    assert [row.status for row in rows] == ["error", "ok"]
    assert rows[0].error.startswith("is damaged or cut short (the decoder was killed by signal ")


def test_a_file_that_is_known_to_crash_libheif_is_answered_by_the_command_line(photo, fixtures, tiny):
    """It is photo.heic with four bytes changed, found by fuzzing; what its row says depends on libheif's version."""
    command = [sys.executable, "-m", "cloudedge", "classify", "--quiet", "--model", str(tiny), "--format", "csv"]
    done = subprocess.run([*command, str(fixtures / "spoilt.heic"), str(photo)], capture_output=True, text=True)
    assert done.returncode in (0, 1)
    assert done.stderr == ""
    _, spoilt, good = done.stdout.splitlines()
    assert ("spoilt.heic,error,is damaged or cut short (" in spoilt) == done.returncode
    assert "photo.heic,ok," in good


def test_a_decoder_that_hangs_is_ended(photo, decoder, monkeypatch):
    decoder(HANGS)
    monkeypatch.setattr(heif, "SECONDS", 1)
    assert "decoding it took more than 1 seconds" in problem(photo)


def test_a_decoder_that_memory_runs_out_for_is_an_error(photo, decoder):
    folder = decoder("def open_heif(data): raise MemoryError")
    assert problem(photo) == "does not fit into memory; scale it down"
    (folder / "pi_heif.py").write_text("import os\ndef open_heif(data): os.kill(os.getpid(), 9)")
    assert problem(photo) == "does not fit into memory; scale it down"


def test_a_photo_of_too_many_pixels_is_not_decoded(photo, decoder):
    with pytest.raises(ImageTooLargeError):
        read(photo, max_pixels=96 * 64 - 1)
    assert read(photo, max_pixels=96 * 64).size == (96, 64)
    decoder("class Heif: size = 30000, 3000  # and no data\ndef open_heif(data): return Heif")
    assert problem(photo) == "has 90 million pixels, more than 89 million; scale it down"


def test_damaged_heic_is_an_error(photo):
    data = photo.read_bytes()
    assert "damaged" in problem(data[: len(data) // 2])
    assert "damaged" in problem(data[:40])


def test_where_pi_heif_does_not_load_the_error_says_what_to_install(photo, decoder):
    decoder("import there_is_no_such_library")
    assert problem(photo).endswith(f"run: {command_to_add('heic')}")


@pytest.mark.parametrize("python", ["", None, "/no/such/python", sys.executable])
def test_without_a_python_the_error_says_so(photo, python, monkeypatch):
    monkeypatch.setattr(sys, "executable", python)
    if python == sys.executable:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "no Python could be started to decode it (" in problem(photo)


def test_a_python_that_fails_is_not_blamed_on_the_photo(photo, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(heif, "find_spec", lambda name: True)
    found = problem(photo)
    assert "no Python could be started to decode it (it ended with exit code 1: ModuleNotFoundError" in found


# How it ends


@pytest.mark.skipif(sys.platform == "win32", reason="signals and locks of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.slow
def test_no_decoder_is_left_behind(number, photo, decoder, tmp_path):
    import fcntl

    lock = tmp_path / "lock"
    holds = f"import fcntl\nlock = open({str(lock)!r}, 'w')\nfcntl.flock(lock, fcntl.LOCK_EX)"
    folder = decoder(f"{holds}\nlock.write('.')\nlock.flush()\n{HANGS}")
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\nfrom cloudedge.photo import heif, read"
    code += f"\nheif.SECONDS = {1000 if number == signal.SIGINT else 1}\nread.read({str(photo)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as program:
        while program.poll() is None and not (lock.exists() and lock.stat().st_size):
            time.sleep(0.01)
        program.send_signal(number)
    deadline = time.monotonic() + 120  # on a busy machine
    with lock.open() as stream:
        while time.monotonic() < deadline:
            try:
                return fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
    pytest.fail("the decoder still runs")


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_ctrl_c_in_a_terminal_is_for_the_program_alone(photo, decoder, tmp_path):
    """A server, say, answers what it has begun with; but the signal goes to all that a terminal has started."""
    note = tmp_path / "note"
    folder = decoder(f"open({str(note)!r}, 'w').close()\nimport time\ntime.sleep(1)\n{SHORT_LIVED}")
    code = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: None)"
    code += f"\nsys.path.insert(0, {str(folder)!r})"
    code += f"\nfrom cloudedge.photo.read import read\nprint(read({str(photo)!r}).size)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as program:
        while not note.exists():
            time.sleep(0.01)
        os.killpg(program.pid, signal.SIGINT)
        assert program.communicate()[0] == "(1, 1)\n"
