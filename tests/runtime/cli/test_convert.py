"""`cloudedge convert`, and databases as the output of the other commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cloudedge.archive.database import Database
from cloudedge.archive.journal import Journal
from cloudedge.archive.stored_rows import StoredRows
from cloudedge.cli.main import cli
from cloudedge.row_formats import json_line, to_csv, to_jsonl

TINY = str(Path(__file__).parents[1] / "fixtures" / "tiny.onnx")
ERROR = dict.fromkeys(("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain"))


def rows(top_k: int = 3) -> list[dict[str, Any]]:
    top = [{"genus": genus, "probability": 0.1 + 0.2} for genus in ("Cumulus", "Cirrus", "Stratus", "Altostratus")]
    row = {
        "path": "cam/a.jpg",
        "status": "ok",
        "error": None,
        "genus": "Cumulus",
        "abbreviation": "Cu",
        "probability": 0.1 + 0.2,
        "certain": True,
        "reason": None,
        "level": {"name": "low", "probability": 1e-9},
        "base": "< 2000 m",
        "rain": "Occasional showers",
        "top": top[:top_k],
        "captured_at": "2024-06-01T12:00:00+02:00",
        "time_source": "exif",
        "sun": {"elevation": 61.5, "azimuth": 170.25, "phase": "day"},
        "model": "tiny 1.0.0",
    }
    nothing = dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
    dark = {
        **row,
        **nothing,
        "path": 'cam/b,"ü".jpg',
        "certain": False,
        "reason": "dark",
        "captured_at": None,
        "sun": None,
    }
    failed = {**row, **ERROR, "path": "cam/c.jpg", "status": "error", "error": "is empty", "top": []}
    return [row, dark, failed]


def keyed(path: Path, top_k: int = 3) -> Path:
    """Write a journal, or a database, of the rows; their photos do not exist."""
    opened = Database(str(path), top_k, "tiny") if path.suffix == ".db" else None
    with opened or Journal(str(path), path.suffix[1:], top_k, "tiny") as journal:  # type: ignore[arg-type]
        for row in rows(top_k):
            journal.write(row, journal.key(row["path"], (1, len(row["path"]))))
    return path


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["convert", *map(str, arguments)])


def chain(tmp_path: Path, *names: str) -> Iterator[Path]:
    for before, after in pairwise(names):
        done = convert(tmp_path / before, tmp_path / after)
        assert (done.exit_code, done.output) == (0, f"{tmp_path / after}: 3 rows\n")
        yield tmp_path / after


@pytest.mark.parametrize("top_k", [1, 4])
@pytest.mark.parametrize("between", [["1.db"], ["1.csv"], ["1.db", "2.csv", "3.db"], ["1.jsonl"]])
@pytest.mark.parametrize("name", ["sky.jsonl", "sky.csv"])
def test_there_and_back_is_the_same_file(tmp_path: Path, name: str, between: list[str], top_k: int) -> None:
    first = keyed(tmp_path / name, top_k)
    *_, last = chain(tmp_path, name, *between, f"last{first.suffix}")
    assert last.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("name", ["sky.jsonl", "sky.csv", "sky.db"])
@pytest.mark.parametrize("target", ["to.jsonl", "to.csv", "to.db"])
def test_what_was_converted_is_resumed(tmp_path: Path, name: str, target: str) -> None:
    keyed(tmp_path / name)
    list(chain(tmp_path, name, target))
    opened = Database(str(tmp_path / target), 3, "tiny") if target == "to.db" else None
    with opened or Journal(str(tmp_path / target), target[3:], 3, "tiny") as journal:  # type: ignore[arg-type]
        done = [journal.has(row["path"], (1, len(row["path"]))) for row in rows()]
    assert done == [True, True, False]


def test_outputs_without_keys_are_converted_too(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(to_jsonl(rows())))
    (tmp_path / "rows.csv").write_text("".join(to_csv(rows(), 3)))
    (tmp_path / "rows.json").write_text("[\n" + ",\n".join(map(json.dumps, rows())) + "\n]\n")
    for name in ("rows.jsonl", "rows.csv", "rows.json"):
        *_, csv = chain(tmp_path, name, f"{name}.db", f"{name}.jsonl", f"{name}.csv")
        assert list(StoredRows(str(tmp_path / f"{name}.db")).rows()) == rows()
        assert csv.read_text() == (tmp_path / "rows.csv").read_text()


def test_rows_that_later_ones_replace_are_counted(tmp_path: Path) -> None:
    first = keyed(tmp_path / "sky.jsonl")
    first.write_bytes(first.read_bytes() * 2)
    done = convert(first, tmp_path / "sky.db")
    assert done.output == f"{tmp_path / 'sky.db'}: 3 rows, 3 left out that later ones replace\n"


@pytest.mark.parametrize("name", ["sky.jsonl", "sky.csv", "sky.db"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    first = keyed(tmp_path / "from.jsonl")
    (tmp_path / name).write_text("kept")
    done = convert(first, tmp_path / name)
    assert done.exit_code == 2
    assert f"{name} exists; choose another name, or remove it." in done.output
    assert (tmp_path / name).read_text() == "kept"


def test_the_log_of_another_database_is_not_taken_for_its_own(tmp_path: Path) -> None:
    (tmp_path / "sky.db-wal").write_text("of another database")
    done = convert(keyed(tmp_path / "from.jsonl"), tmp_path / "sky.db")
    assert "sky.db-wal exists; choose another name, or remove it." in done.output
    assert not (tmp_path / "sky.db").exists()


@pytest.mark.parametrize(
    ("content", "target", "problem"),
    [
        ("hello\n", "sky.db", "line 1 is not a cloudedge row"),
        (json_line(rows()[0]) + "\0\0\n", "sky.jsonl", "line 2 is not a cloudedge row"),
        (json_line({**rows()[0], "level": "low"}), "sky.csv", "holds a row without level and top"),
        (json_line(rows()[0]), "sky.txt", "choose a name that ends in .jsonl, .csv or .db"),
        (json_line({**rows()[0], "rain": {}}), "sky.db", "cannot be used"),
        (json_line(rows()[0]), "nowhere/sky.db", "cannot be written: No such file or directory"),
        (json_line(rows()[0]), "nowhere/sky.csv", "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing_behind(
    tmp_path: Path, content: str, target: str, problem: str
) -> None:
    (tmp_path / "from").write_text(content)
    done = convert(tmp_path / "from", tmp_path / target)
    assert done.exit_code in (1, 2)
    assert problem in f"{done.output}{done.exception}"
    assert os.listdir(tmp_path) == ["from"]


def test_a_last_line_that_is_cut_short_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "from").write_text(json_line(rows()[0]) + '{"path": "b.')
    done = convert(tmp_path / "from", tmp_path / "sky.db")
    assert done.exit_code == 0
    assert done.output.count("line 2 is cut short, and is left out.") == 1


def test_standard_input_is_not_read_twice(tmp_path: Path) -> None:
    assert "RESULTS is read twice; give a file." in convert("-", tmp_path / "sky.db").output


def program(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloudedge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600, **options)


@pytest.fixture
def camera(tmp_path: Path, draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]) -> Path:
    folder = tmp_path / "cam"
    folder.mkdir()
    for hour in (8, 12, 16):
        (folder / f"2024-06-01_{hour:02}-00-00.jpg").write_bytes(encode(draw_sky(48, 32, seed=hour), "JPEG"))
    (folder / "2024-06-01_18-00-00.jpg").write_bytes(b"")
    return folder


@pytest.mark.slow
def test_a_database_is_resumed_reported_and_read_by_other_tools(
    camera: Path, draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]
) -> None:
    target, classify = camera.parent / "sky.db", ("classify", "--model", TINY, "--threads", "1", camera)
    assert program(*classify, "-o", target).returncode == 1
    (camera / "2024-06-01_18-00-00.jpg").write_bytes(encode(draw_sky(48, 32), "JPEG"))
    done = program(*classify, "-o", target, "--resume")
    assert done.returncode == 0
    assert "1 photo" in done.stderr
    assert program(*classify, "-o", camera.parent / "sky.jsonl", "--resume").returncode == 0
    assert program("convert", target, camera.parent / "of-db.jsonl").returncode == 0
    expected = sorted((camera.parent / "sky.jsonl").read_text().splitlines())
    assert sorted((camera.parent / "of-db.jsonl").read_text().splitlines()) == expected
    page = program("report", target, "-o", camera.parent / "sky.html")
    assert page.returncode == 0
    assert "4 captures of 1 day, 0 failed" in page.stderr
    piped = program("report", "-", "-o", camera.parent / "sky.html", stdin=target.open())
    assert piped.returncode == 2
    assert "a database cannot be read from standard input; give its file" in piped.stderr

    sqlite_utils = [sys.executable, "-m", "sqlite_utils"]
    tables = subprocess.check_output([*sqlite_utils, "tables", target, "--counts"])
    assert json.loads(tables) == [{"table": "rows", "count": 4}]
    found = json.loads(subprocess.check_output([*sqlite_utils, "rows", target, "rows"]))
    assert {row["path"] for row in found} == {str(path) for path in camera.iterdir()}
    query = "SELECT count(*) AS photos FROM rows WHERE status = 'ok'"
    assert json.loads(subprocess.check_output([*sqlite_utils, target, query])) == [{"photos": 4}]


@pytest.mark.slow
def test_a_database_is_not_written_over_nor_into_a_file_of_another_format(camera: Path) -> None:
    target = camera.parent / "sky.db"
    done = program("classify", "--model", TINY, camera, "-o", target, "--format", "jsonl")
    assert done.returncode == 2
    assert "sky.db has the name of a database; leave out --format, or choose another name." in done.stderr
    assert not target.exists()
    keyed(target)
    other = shutil.copy(target, camera.parent / "sky.csv")
    done = program("classify", "--model", TINY, camera, "-o", other)
    assert done.returncode == 2
    assert "is a database, whose rows would be lost; choose another file" in done.stderr
    done = program("classify", "--model", TINY, "-", "-o", target)
    assert done.returncode == 2
    assert "photos that are files" in done.stderr
