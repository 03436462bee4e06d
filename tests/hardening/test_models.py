"""A model file is input too: what is not ours is refused with a reason, and nothing is fetched or run."""

from __future__ import annotations

import math
import random
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
from conftest import TINY
from corpus import SEED, field, photo
from figures import FIGURES, Figures

from cloudedge import CloudClassifier, ModelError

ONNXRUNTIME = tuple(map(int, onnxruntime.__version__.split(".")[:2]))
SOUND = Path(TINY).read_bytes()
KIND = "model files"


def spoilt() -> Iterator[bytes]:
    for part in range(64):
        yield SOUND[: len(SOUND) * part // 64]
    chance = random.Random(SEED)
    for number in range(150):
        damaged = bytearray(SOUND)
        for _ in range(1 + number % 8):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        yield bytes(damaged)
    yield from (b"", b"\0" * 1000, b"\x08\x09" * 1000, chance.randbytes(10_000), b"PK\x03\x04" + bytes(500))
    yield b"\x80\x04\x95cos\nsystem\n(S'id'\ntR."


def test_a_spoilt_model_is_refused_or_gives_sound_rows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    figures, refusals = FIGURES.setdefault(KIND, Figures(mebibytes=math.nan)), []
    path = tmp_path / "model.onnx"
    for data in spoilt():
        path.write_bytes(data)
        figures.inputs += 1
        began = time.process_time()
        try:
            row = CloudClassifier(path, threads=1).classify(photo())
        except ModelError as error:
            figures.errors += 1
            refusals.append(str(error))
        else:
            figures.rows += 1
            assert row.probability is not None
            assert 0 <= row.probability <= 1
        figures.seconds = max(figures.seconds, time.process_time() - began)
    assert all(refusal.startswith(f"{path}: ") and len(refusal.splitlines()) == 1 for refusal in refusals)
    assert figures.errors > figures.inputs // 3
    if ONNXRUNTIME >= (1, 23):  # before, it prints of its own what is wrong and no UTF-8
        assert capfd.readouterr().out == ""


def external(location: str) -> bytes:
    """Return the sound model with one more weight, which lies in another file."""
    entry = field(13, field(1, b"location") + field(2, location.encode()))
    tensor = b"\x08\x04" + b"\x10\x01" + field(8, b"elsewhere") + entry + b"\x70\x01"  # float32 (4,), EXTERNAL
    node = field(1, b"elsewhere") + field(2, b"shown") + field(4, b"Identity")
    output = field(1, b"shown") + field(2, field(1, b"\x08\x01"))  # or it would not be looked for
    return SOUND + field(7, field(5, tensor) + field(1, node) + field(12, output))


@pytest.mark.parametrize("location", ["/etc/passwd", "../outside.bin", "no-such.bin", "https://example.org/x", ""])
def test_weights_outside_the_file_are_not_read(tmp_path: Path, location: str) -> None:
    if ONNXRUNTIME < (1, 24) and location in ("/etc/passwd", "../outside.bin"):
        pytest.skip("before 1.24, onnxruntime takes any file for weights")
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(16))
    (folder / "model.onnx").write_bytes(external(location))
    with pytest.raises(ModelError) as refused:
        CloudClassifier(folder / "model.onnx", threads=1)
    assert len(str(refused.value).splitlines()) == 1


def test_a_model_of_many_gigabytes_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as stream:
        stream.write(SOUND)
        stream.truncate(3 * 2**30)
    with pytest.raises(ModelError):
        CloudClassifier(path, threads=1)


@pytest.mark.parametrize("name", ["https://example.org/model.onnx", "//example.org/model.onnx", "hf://a/b", "a/b", ""])
def test_nothing_is_ever_fetched(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ModelError):
        CloudClassifier(name)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/null", ".", "model.onnx", "/proc/self/mem"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, target: str) -> None:
    path = tmp_path / "model.onnx"
    path.symlink_to(target)
    with pytest.raises(ModelError):
        CloudClassifier(path, threads=1)
