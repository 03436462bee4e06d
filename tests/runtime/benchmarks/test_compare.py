"""`python -m benchmarks compare`: which slowdowns it sees, and what it says of files that it cannot compare."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("benchmarks", reason="needs a checkout")
from benchmarks.compare import ResultsError, figures, load, main

ROOT = Path(__file__).parents[3]
NOISE = [1.0, 0.99, 1.01, 1.005, 0.995, 1.0, 1.01, 0.99, 1.0]
DRIFT = [1.0, 1.3, 0.9, 1.1, 1.0, 1.2, 1.0, 0.8, 1.0]


def process(factor: float, noise: list[float] = NOISE, machine: float = 1.0, peak: float = 120.0) -> dict[str, Any]:
    """Make up a section in which cloudedge takes `factor` times as long as A, on a machine that drifts."""
    pairs = [*zip(noise, DRIFT, strict=False)]
    return {
        "process": {
            "cloudedge": {"ms": [100 * factor * x * y * machine for x, y in pairs], "peak MB": [peak] * len(pairs)},
            "A int8, draft": {"ms": [100 * y * machine for _, y in pairs], "peak MB": [110.0] * len(pairs)},
        }
    }


def verdicts(old: Any, new: Any) -> dict[str, str]:
    return {figure.quantity: figure.verdict for figure in figures(old, new)}


def write(path: Path, samples: Any, **more: Any) -> Path:
    path.write_text(json.dumps({"commit": path.stem, "machine": {"device": "board"}, "samples": samples, **more}))
    return path


def test_a_slowdown_is_seen_although_the_machine_is_faster_now() -> None:
    assert verdicts(process(1.0), process(1.08, machine=0.5))["ms"] == "SLOWER"


def test_a_machine_that_is_slower_now_is_no_slowdown() -> None:
    assert verdicts(process(1.0), process(1.0, machine=1.5)) == {"ms": "", "peak MB": ""}


def test_a_small_slowdown_and_a_gain_are_not_marked() -> None:
    assert verdicts(process(1.0), process(1.03))["ms"] == ""
    assert verdicts(process(1.0), process(0.7))["ms"] == ""


def test_what_may_be_a_slowdown_is_unsure() -> None:
    noisy = [1.0, 0.8, 1.2, 0.9, 1.1, 0.85, 1.15, 0.95, 1.05]
    assert verdicts(process(1.0, noisy), process(1.06, noisy))["ms"] == "unsure"


def test_memory_is_compared_as_it_is() -> None:
    assert verdicts(process(1.0), process(1.0, peak=130.0))["peak MB"] == "LARGER"


def test_of_rates_the_lower_is_the_worse() -> None:
    def folder(share: float) -> dict[str, Any]:
        rates = {"cloudedge": [50 * share * x for x in NOISE], "limit": [50.0] * len(NOISE)}
        return {"folder of 1080p PNG": {name: {"per_second": values} for name, values in rates.items()}}

    assert verdicts(folder(0.8), folder(0.7)) == {"per_second": "SLOWER"}
    assert verdicts(folder(0.7), folder(0.8)) == {"per_second": ""}


def test_stages_are_held_against_the_whole_time_of_the_yardstick() -> None:
    def warm(decode: float, rest: float) -> dict[str, Any]:
        ours = {"ms": [10.0] * 5, "decode ms": [decode] * 5, "rest ms": [rest] * 5}
        return {"warm": {"cloudedge": ours, "A int8, draft": {"ms": [20.0] * 5}}}

    assert verdicts(warm(4.0, 0.0), warm(5.0, 0.1)) == {"ms": "", "decode ms": "SLOWER"}  # nothing can be so many times


def test_few_rounds_and_a_missing_yardstick_are_not_judged() -> None:
    assert "rounds" in verdicts(process(1.0, NOISE[:4]), process(2.0))["ms"]
    alone = process(2.0)
    del alone["process"]["A int8, draft"]
    assert "yardstick" in verdicts(process(1.0), alone)["ms"]


def test_contenders_are_not_compared() -> None:
    assert {figure.contender for figure in figures(process(1.0), process(1.0))} == {"cloudedge"}


def test_the_exit_code_and_the_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old.json", process(1.0))
    new = write(tmp_path / "new.json", process(1.2), machine={"device": "other board"})
    assert main([str(old), str(old)]) == 0
    assert capsys.readouterr().out.endswith("0 of 2 figures worse by 5 % or more, 0 unsure\n")
    assert main([str(old), str(new)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "old -> new; new / old, with an interval of 95 %",
        "not the same in both: device (board, other board)",
    ]
    assert lines[2].startswith("process: cloudedge, ms / A int8, draft")
    assert lines[2].endswith("SLOWER")
    assert lines[4] == "1 of 2 figures worse by 5 % or more, 0 unsure"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[1, 2]", "does not hold results"),
        ("{}", "does not hold results"),
        ('{"samples": []}', "does not hold results"),
        ('{"samples": {"process": {"cloudedge": 3}}, "machine": {}}', "does not hold results"),
        ('{"samples": {"process": {"cloudedge": {"ms": 3}}}, "machine": {}}', "does not hold results"),
        ('{"samples": {"process": {"cloudedge": {"ms": ["3"]}}}, "machine": {}}', "does not hold results"),
        ('{"samples": {"process": {"cloudedge": {"ms": [NaN]}}}, "machine": {}}', "does not hold results"),
        ('{"samples": {"process": {"cloudedge": {"ms": [true]}}}, "machine": {}}', "does not hold results"),
        ('{"samples": {}}', "does not hold results"),
    ],
)
def test_a_file_that_holds_no_results_is_named(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match=rf"broken\.json {problem}"):
        load(path)


def test_what_cannot_be_compared_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    binary, empty = tmp_path / "photo.jpg", write(tmp_path / "empty.json", {})
    binary.write_bytes(b"\xff\xd8\xff")
    for second in (binary, tmp_path / "missing.json", tmp_path, empty):
        command = [sys.executable, "-m", "benchmarks", "compare", str(empty), str(second)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Error: ")
        assert str(second) in done.stderr
        assert done.stderr.count("\n") == 1
