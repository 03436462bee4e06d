"""Measure cloudedge and what one would use instead, side by side: `python -m benchmarks`, see README.md here.

`python -m benchmarks compare OLD.json NEW.json` compares the results of two commits.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import compare
from benchmarks.ratios import ratios
from benchmarks.report import as_text, goals, machine
from benchmarks.sections import ROOT, ROUNDS, Bench


def main() -> None:
    """Measure in rounds, each contender once in each, so that other work on the machine affects all of them."""
    if sys.argv[1:2] == ["compare"]:
        sys.exit(compare.main(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(ROUNDS)}; by default all")
    by_default = ", ".join(f"{section} {rounds}" for section, rounds in ROUNDS.items())
    parser.add_argument("--rounds", type=int, help=f"how often everything is measured ({by_default})")
    parser.add_argument("--rows", type=int, default=100_000, help="how many rows `archive` reads (100000)")
    parser.add_argument("--home", type=Path, default=ROOT / ".venvs/bench/home", help="where photos and networks lie")
    parser.add_argument("--json", type=Path, default=ROOT / ".venvs/bench/results.json", help="where the figures go")
    options = parser.parse_args()
    sections = options.sections or [*ROUNDS]
    if unknown := {*sections} - {*ROUNDS}:
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    rounds = {section: options.rounds or ROUNDS[section] for section in sections}
    bench = Bench(options.home.resolve(), options.rows)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {
        "commit": _commit(),
        "machine": machine(),
        "rows": options.rows if "archive" in sections else None,
        "samples": bench.samples,
        "left out": bench.failed,
        "load": [],  # before each round, and at the end
    }
    bench.prepare(sections)
    for number in range(max(rounds.values())):
        bench.number = number
        found["load"].append(os.getloadavg()[0])
        for section in sections:
            if number < rounds[section]:
                print(f"round {number + 1} of {rounds[section]}: {section}", file=sys.stderr, flush=True)
                getattr(bench, section)()
        options.json.write_text(json.dumps(found, indent=2))  # what there is, if the run does not get to its end
    found["load"].append(os.getloadavg()[0])
    found["ratios"] = [asdict(ratio) for ratio in ratios(bench.samples)]
    found["goals"] = goals(bench.samples)
    options.json.write_text(json.dumps(found, indent=2))
    print(as_text(found))


def _commit() -> str | None:
    """Return the commit of the checkout, with `-dirty` if files differ from it; None where there is no git."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


if __name__ == "__main__":
    main()
