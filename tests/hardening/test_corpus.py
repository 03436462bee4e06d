"""Every file of the corpus gives a row or a clear error, within seconds and bounded memory."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Worker
from corpus import CONTENTS
from figures import FIGURES, Figures

from cloudedge import CloudClassifier

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what a process has used")

KINDS = [*CONTENTS, "names", "no ordinary files"]
MAX_SECONDS = 10.0  # of computing
MAX_MEBIBYTES = 1536.0  # the largest photo that is decoded whole has 89 million pixels, and goes through four copies
DAMAGED = {"truncated": 0.97, "flipped bits": 0.3, "holes and zeros": 0.5}  # so many are seen to be, at least


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_answered(kind: str, bad_input: dict[str, list[Path]], worker: Worker) -> None:
    figures = FIGURES[kind] = Figures()
    problems = []
    for path in bad_input[kind]:
        answer = worker.classify(path)
        problem = answer.get("problem") or fault(answer["row"], path) or costly(answer)
        figures.inputs += 1
        if problem:
            figures.failures += 1
            problems.append(f"{path!r}: {problem}")
        if "row" in answer:
            figures.rows += answer["row"]["status"] == "ok"
            figures.errors += answer["row"]["status"] == "error"
            figures.seconds = max(figures.seconds, answer["seconds"])
            figures.mebibytes = max(figures.mebibytes, answer["mebibytes"])
    assert problems == []
    assert figures.errors >= figures.inputs * DAMAGED.get(kind, 0)


def fault(row: dict[str, Any], path: Path) -> str | None:
    """Say what is wrong with a row."""
    if row["path"] != str(path):
        return f"is answered as {row['path']}"
    if row["status"] == "ok":
        return None if 0 <= row["probability"] <= 1 and row["genus"] and row["error"] is None else f"{row}"
    error = row["error"]
    if not error or len(error) > 300 or any(unicodedata.category(letter).startswith("C") for letter in error):
        return f"has the error {error!r}"
    return None if row["genus"] is None and row["top"] == [] else f"{row}"


def costly(answer: dict[str, Any]) -> str | None:
    if answer["seconds"] > MAX_SECONDS or answer["mebibytes"] > MAX_MEBIBYTES:
        return f"takes {answer['seconds']:.1f} s and {answer['mebibytes']:.0f} MiB"
    return None


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # a library leaves Pillow's warnings to the host program
def test_bytes_are_answered_as_the_file_is(bad_input: dict[str, list[Path]]) -> None:
    classifier = CloudClassifier(TINY, threads=1)
    for path in (path for kind in CONTENTS if kind != "decompression bombs" for path in bad_input[kind]):
        of_file, of_bytes = classifier.classify_many([path, path.read_bytes()])
        assert (of_file.status, of_file.top) == (of_bytes.status, of_bytes.top), path
        assert kind_of(of_file.error) == kind_of(of_bytes.error), path


def kind_of(error: str | None) -> str | None:
    """Leave out what the decoder says: of a seek to nowhere, a file and a buffer say different things."""
    return error and error.partition(" (")[0]


@pytest.mark.parametrize("format_", ["jsonl", "csv", "text"])
def test_the_command_line_gives_a_row_for_each_and_goes_on(bad_input: dict[str, list[Path]], format_: str) -> None:
    folders = [bad_input[kind][0].parent for kind in KINDS if kind != "decompression bombs"]
    expected = [os.path.join(folder, name) for folder in folders for name in sorted(os.listdir(folder))]
    command = [sys.executable, "-m", "cloudedge", "classify", "--model", TINY, "--format", format_, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, timeout=600)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Warning" not in done.stderr
    assert done.stderr.endswith(b" failed\n")
    lines = done.stdout.decode().splitlines()
    if format_ == "jsonl":
        assert [json.loads(line)["path"] for line in lines] == expected
    elif format_ == "csv":
        assert len(list(csv.DictReader(io.StringIO(done.stdout.decode())))) == len(lines) - 1 == len(expected)
    else:
        assert len(lines) == len(expected)


def test_the_corpus_is_what_it_says(bad_input: dict[str, list[Path]]) -> None:
    assert sum(map(len, bad_input.values())) > 1000
    special = {path.stem: path for path in bad_input["no ordinary files"]}
    assert stat.S_ISFIFO(special["fifo"].stat().st_mode)
    assert stat.S_ISSOCK(special["socket"].stat().st_mode)
    assert special["terabyte"].stat().st_size == 2**40
