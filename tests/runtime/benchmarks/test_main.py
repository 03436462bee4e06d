"""`python -m benchmarks`: a small run from its options to its results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("benchmarks", reason="needs a checkout")
from benchmarks.ratios import KEYS, PARSE
from benchmarks.sections import CONTENDERS, OTHERS, Bench

ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_archive_is_measured_in_rounds(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    done = run("archive", "--rounds", 2, "--rows", 300, "--home", tmp_path / "home", "--json", results)
    assert done.returncode == 0, done.stderr
    found = json.loads(results.read_text())
    archive = found["samples"]["archive"]
    assert archive.keys() == {PARSE, KEYS} | {
        f"cloudedge {task} {suffix}" for task in ("convert to", "resume", "report") for suffix in (".jsonl", ".db")
    }
    for quantities in archive.values():
        assert {"ms", "cpu ms", "peak MB"} <= quantities.keys()
        assert all(len(values) == 2 and min(values) > 0 for values in quantities.values())
    assert archive["cloudedge convert to .jsonl"]["file MB"] == archive[PARSE]["file MB"]
    assert {"commit", "machine", "load", "left out", "ratios"} <= found.keys()
    assert found["rows"] == 300
    assert "cloudedge resume .jsonl / loop of keys: " in done.stdout
    assert run("compare", results, results).stdout.count("fewer than 5 rounds") == 20


def test_an_unknown_section_is_named() -> None:
    done = run("archives")
    assert done.returncode == 2
    assert done.stderr.endswith("error: unknown section: archives\n")


class Fake(Bench):
    """Measures made-up contenders."""

    def rounds(self, count: int, measures: dict[str, Any]) -> None:
        for self.number in range(count):
            self._measure("process", measures)


def fails(message: str) -> Any:
    def measure() -> dict[str, float]:
        raise subprocess.CalledProcessError(1, "script", stderr=f"Traceback\n{message}\n")

    return measure


def test_a_contender_that_fails_is_named_and_not_tried_again(tmp_path: Path) -> None:
    bench = Fake(tmp_path, 0)
    bench.rounds(3, {"cloudedge": lambda: {"ms": 1.0}, "C torch": fails("No module named 'torch'")})
    assert bench.failed == {"C torch": "No module named 'torch'"}
    assert bench.samples == {"process": {"cloudedge": {"ms": [1.0, 1.0, 1.0]}}}


def test_without_cloudedge_there_is_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="cloudedge cannot be measured: model is missing"):
        Fake(tmp_path, 0).rounds(1, {"cloudedge": fails("model is missing")})


def test_cloudedge_and_its_yardstick_run_in_every_round_and_in_turns(tmp_path: Path) -> None:
    order: list[str] = []
    measures = {name: lambda name=name: order.append(name) or {"ms": 1.0} for name in ("cloudedge", *CONTENDERS)}
    bench = Fake(tmp_path, 0)
    bench.rounds(OTHERS + 7, measures)
    counts = {name: len(quantities["ms"]) for name, quantities in bench.samples["process"].items()}
    assert counts == dict.fromkeys(CONTENDERS, OTHERS) | dict.fromkeys(("cloudedge", "A int8, draft"), OTHERS + 7)
    later = order[-12:]  # six rounds of two
    assert sorted(later[::2]) == ["A int8, draft"] * 3 + ["cloudedge"] * 3


def test_a_round_that_lacks_a_contender_keeps_its_place(tmp_path: Path) -> None:
    bench = Fake(tmp_path, 0)
    values = iter([{"ms": 1.0}, {}, {"ms": 3.0}])
    bench.rounds(3, {"cloudedge": lambda: next(values)})
    assert bench.samples["process"]["cloudedge"]["ms"] == [1.0, None, 3.0]
