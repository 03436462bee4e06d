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
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Worker
from corpus import CONTENTS, sound
from figures import FIGURES, Figures
from serving import Client, Reply, program
from worker import measured, memory

from cloudedge import CloudClassifier
from cloudedge.row import NAMELESS
from cloudedge.serve.upload import Limits

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what a process has used")

KINDS = [*CONTENTS, "names", "no ordinary files"]
MAX_SECONDS = 10.0  # of computing
MAX_MEBIBYTES = 1536.0  # the largest photo that is decoded whole has 89 million pixels, and goes through four copies
LIMITS = Limits()
# So many are seen to be, at least. A JPEG that lacks only its last bytes is a photo, as viewers have it.
DAMAGED = {"truncated": 0.95, "flipped bits": 0.3, "holes and zeros": 0.5}


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
            figures.take(answer)
    assert problems == []
    assert figures.errors >= figures.inputs * DAMAGED.get(kind, 0)


def fault(row: dict[str, Any], path: Path) -> str | None:
    """Say what is wrong with a row."""
    if row["path"] != str(path):
        return f"is answered as {row['path']}"
    return unsound(row)


def unsound(row: dict[str, Any]) -> str | None:
    if row["status"] == "ok":
        best = row["top"][0]
        is_named = (row["genus"], row["probability"]) == (best["genus"], best["probability"])
        is_nameless = row["reason"] in NAMELESS and row["genus"] is None and row["probability"] is None
        is_sound = (is_named or is_nameless) and 0 <= best["probability"] <= 1 and row["error"] is None
        return None if is_sound else f"{row}"
    return unclear(row["error"]) or (None if row["genus"] is None and row["top"] == [] else f"{row}")


def unclear(error: str) -> str | None:
    if not error or len(error) > 300 or any(unicodedata.category(letter).startswith("C") for letter in error):
        return f"has the error {error!r}"
    return None


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
def test_the_command_line_gives_a_row_for_each_and_continues(bad_input: dict[str, list[Path]], format_: str) -> None:
    folders = [bad_input[kind][0].parent for kind in KINDS if kind != "decompression bombs"]
    found = [os.path.join(folder, name) for folder in folders for name in sorted(os.listdir(folder))]
    expected = [path for path in found if not os.path.isdir(path)]
    command = [sys.executable, "-m", "cloudedge", "classify", "--model", TINY, "--format", format_, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, timeout=600)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Warning" not in done.stderr
    assert b" failed, 1 other file skipped\n" in done.stderr  # a link to a folder
    lines = done.stdout.decode().splitlines()
    if format_ == "jsonl":
        assert [json.loads(line)["path"] for line in lines] == expected
    elif format_ == "csv":
        assert len(list(csv.DictReader(io.StringIO(done.stdout.decode())))) == len(lines) - 1 == len(expected)
    else:
        assert len(lines) == len(expected)


def test_the_server_answers_each_and_continues(bad_input: dict[str, list[Path]], tmp_path: Path) -> None:
    figures = FIGURES["uploads"] = Figures()
    problems = []
    with program(tmp_path / "log", "--model", TINY, "--threads", "1") as server:
        needed = memory(server.process.pid, "VmRSS")
        for path in uploads(bad_input):
            figures.inputs += 1
            try:
                reply, cost = measured(server.process.pid, needed, lambda path=path: upload(server.client, path))
            except (OSError, HTTPException) as error:
                problem: str | None = f"gets no answer: {error!r}"
            else:
                problem = misanswered(reply, path.stat().st_size > LIMITS.body_bytes) or costly(cost)
                figures.rows += reply.status == 200
                figures.errors += reply.status != 200
                figures.take(cost)
            if problem:
                figures.failures += 1
                problems.append(f"{path!r}: {problem}")
                assert server.process.poll() is None, problems
        assert problems == []
        assert server.client.post(sound()["jpg"]).status == 200
        assert server.client.get("/healthz").json == {"status": "ok", "requests": 0}
        assert "Traceback" not in server.log_text()


def uploads(bad_input: dict[str, list[Path]]) -> Iterator[Path]:
    """What a client can send: no folders, devices and links."""
    for path in (path for kind in KINDS for path in bad_input[kind]):
        if not path.is_symlink() and path.is_file():
            yield path


def upload(client: Client, path: Path) -> Reply:
    """Send a file as the body, of one above the limit only the start; with an odd name as a browser's form."""
    if path.parent.name == "names":
        return client.form((path.name, path.read_bytes()))
    if (size := path.stat().st_size) <= LIMITS.body_bytes:
        return client.post(path.read_bytes())
    with path.open("rb") as stream:
        return client.post(iter([stream.read(1000)]), content_length=str(size))


def misanswered(reply: Reply, is_too_large: bool) -> str | None:
    """Say what is wrong with an answer of the server."""
    expected = {413} if is_too_large else {200, *range(400, 500)}
    if reply.status not in expected:
        return f"gets {reply.status}, {reply.body[:300]!r}"
    if reply.status == 200:
        (row,) = reply.json
        return unsound(row) if row["status"] == "ok" else f"{row}"
    return unclear(reply.json["error"]) or next(filter(None, map(unsound, reply.json.get("rows", []))), None)


def test_the_corpus_is_what_it_says(bad_input: dict[str, list[Path]]) -> None:
    assert sum(map(len, bad_input.values())) > 1000
    special = {path.stem: path for path in bad_input["no ordinary files"]}
    assert stat.S_ISFIFO(special["fifo"].stat().st_mode)
    assert stat.S_ISSOCK(special["socket"].stat().st_mode)
    assert special["terabyte-"].stat().st_size == 2**40
