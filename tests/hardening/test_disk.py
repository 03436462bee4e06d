"""A disk that fails or is slow to give: photos become rows, outputs stay whole, and the next run resumes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import names, run
from conftest import HERE, TINY
from corpus import FORMATS, encoded, photo

from cloudedge.row_formats import read_rows

if sys.platform != "linux" or shutil.which("cc") is None:
    pytest.skip("the disk is put together on Linux, with a C compiler (cc)", allow_module_level=True)

NO_OUTPUT = "Error: {}: cannot be written: Input/output error\n"
BAD_DISK = "cannot be read (Input/output error); check the disk"


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    library = tmp_path_factory.mktemp("disk") / "disk.so"
    command = ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, HERE / "disk.c", "-ldl"]
    subprocess.run(command, check=True)
    return str(library)


def bad(disk: str, files: str, calls: str, **how: int) -> dict[str, str]:
    """Return the environment of a program for which these files lie on a bad disk; see disk.c."""
    named = {f"DISK_{name}": str(value) for name, value in how.items()}
    return {"LD_PRELOAD": disk, "DISK_FILES": files, "DISK_CALLS": calls, **named}


@pytest.fixture
def formats(tmp_path: Path) -> Path:
    """A folder with a good photo of each format and one `on-bad-disk`."""
    folder = tmp_path / "formats"
    folder.mkdir()
    for extension, (kind, options) in FORMATS.items():
        data = encoded(kind, photo(240, 180), **options)
        assert len(data) > 2500
        for name in ("good", "on-bad-disk"):
            (folder / f"{name}.{extension}").write_bytes(data)
    return folder


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("where", [{"AFTER": 10}, {"AFTER": 2000}, {"AFTER": 2000, "UNTIL": 2500}])
def test_photos_that_the_disk_does_not_give_are_rows_and_the_run_continues(
    disk: str, formats: Path, where: dict[str, int]
) -> None:
    """Without its first bytes not even the format is known; a hole is met only when pixels are decoded."""
    done = run("--format", "jsonl", formats, **bad(disk, "on-bad-disk", "read", **where))
    assert done.returncode == 1
    assert [os.path.basename(row["path"]) for row in rows(done)] == sorted(os.listdir(formats))
    for row in rows(done):
        if "good" in row["path"]:
            assert row["error"] is None
        elif where == {"AFTER": 2000} and row["path"].endswith((".deflate.tif", ".lzw.tif")):
            assert "is damaged or cut short" in row["error"]  # Pillow keeps to itself why
        else:
            assert row["error"] == BAD_DISK


def test_what_the_disk_gives_bit_by_bit_is_the_same(disk: str, formats: Path) -> None:
    done = run("--format", "jsonl", formats, **bad(disk, "on-bad-disk", "read", PIECE=7))
    assert (done.returncode, done.stdout) == (0, run("--format", "jsonl", formats).stdout)


@pytest.mark.parametrize("options", [("rows.jsonl", "--resume"), ("rows.csv", "--resume"), ("rows.csv",)])
def test_short_reads_and_writes_are_gone_on_with(disk: str, photos: Path, options: tuple[str, ...]) -> None:
    name, *more = options
    whole, short = photos.parent / f"whole-{name}", photos.parent / f"short-{name}"
    assert run(photos, "-o", whole, *more).returncode == 0
    everything = {**bad(disk, "", "read", PIECE=1000), **bad(disk, f"/{name}", "write", PIECE=7)}
    assert run(photos, "-o", short, *more, **everything).returncode == 0
    assert short.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("after", [0, 3000])
def test_a_model_that_the_disk_does_not_give_is_refused_in_a_line(disk: str, photos: Path, after: int) -> None:
    model = photos.parent / "on-bad-disk.onnx"
    shutil.copy(TINY, model)
    done = run(photos, "--model", model, **bad(disk, model.name, "read", AFTER=after))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)
    assert done.stderr.startswith(f"Error: {model}: is not a model that onnxruntime can load")
    assert run(photos, "--model", model, **bad(disk, model.name, "read", PIECE=100)).returncode == 0


@pytest.mark.parametrize(("name", "after"), [("rows.jsonl", 0), ("rows.jsonl", 3000), ("rows.csv", 3000)])
def test_a_journal_on_a_failing_disk_has_whole_rows_and_is_taken_up_later(
    disk: str, photos: Path, name: str, after: int
) -> None:
    target, whole = photos.parent / name, photos.parent / f"whole-{name}"
    assert run(photos, "-o", whole, "--resume").returncode == 0
    done = run(photos, "-o", target, "--resume", **bad(disk, f"/{name}", "write", AFTER=after))
    assert (done.returncode, done.stderr) == (1, NO_OUTPUT.format(target))
    written = target.read_bytes()
    assert len(written) <= after
    assert whole.read_bytes().startswith(written)
    assert written.endswith(b"\n") or not after
    assert run(photos, "-o", target, "--resume").returncode == 0
    assert target.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("name", "calls"), [("rows.jsonl", "write"), ("rows.csv", "fsync"), ("rows.txt", "write")])
def test_an_output_that_the_disk_does_not_take_is_as_it_was(disk: str, photos: Path, name: str, calls: str) -> None:
    folder = photos.parent / "out"
    folder.mkdir()
    (folder / name).write_text("of an earlier run")
    done = run(photos, "-o", folder / name, **bad(disk, "/out/", calls, AFTER=3000))
    assert (done.returncode, done.stderr) == (1, NO_OUTPUT.format(folder / name))
    assert os.listdir(folder) == [name]
    assert (folder / name).read_text() == "of an earlier run"


def test_a_journal_that_cannot_be_put_in_order_keeps_its_rows(disk: str, photos: Path) -> None:
    """A failure that was made good is dropped at the end, in a copy that takes the journal's place."""
    target, spoilt = photos.parent / "rows.jsonl", photos / "20.jpg"
    sound = spoilt.read_bytes()
    spoilt.write_bytes(sound[:500])
    assert run(photos, "-o", target, "--resume").returncode == 1
    spoilt.write_bytes(sound)
    done = run(photos, "-o", target, "--resume", **bad(disk, "/.cloudedge-", "fsync", AFTER=0))
    assert done.stderr == NO_OUTPUT.format(target)
    assert len(list(read_rows(str(target)))) == 41
    assert run(photos, "-o", target, "--resume").returncode == 0
    assert sorted(names(target)) == sorted(os.listdir(photos))


@pytest.mark.parametrize("after", [0, 3000])
def test_a_journal_that_cannot_be_read_is_refused_and_left_as_it_is(disk: str, photos: Path, after: int) -> None:
    target = photos.parent / "rows.jsonl"
    assert run(photos, "-o", target, "--resume").returncode == 0
    before = target.read_bytes()
    done = run(photos, "-o", target, "--resume", **bad(disk, target.name, "read", AFTER=after))
    assert done.returncode == 2
    assert done.stderr.endswith(f"{target} cannot be written: Input/output error.\n")
    assert target.read_bytes() == before
