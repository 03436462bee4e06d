"""Run every fuzzer for some minutes, as many at a time as there are processors, and print what each has done.

    python tests/fuzz/run.py MINUTES [NAME...]

libFuzzer ends with the first input that breaks a promise; the fuzzer is then started again until its time is up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CRASHES = HERE / "found" / "crashes"
NAMES = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


class Figures(NamedTuple):
    """What a fuzzer has done; `crashes` are the inputs that broke something, `lost` says why it ended early."""

    executions: int
    minutes: float
    crashes: set[Path]
    lost: str


def run(name: str, minutes: float) -> Figures:
    """Run a fuzzer that long, and again where it has found something new; what it prints begins with its name."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    before, executions, began, lost = crashes(name), 0, time.monotonic(), ""
    while not lost and (left := began + 60 * minutes - time.monotonic()) > 1:
        command = [sys.executable, str(HERE / f"fuzz_{name}.py"), f"-max_total_time={left:.0f}"]
        options = [f"-artifact_prefix={CRASHES}/{name}-", "-print_final_stats=1"]
        known = crashes(name)
        with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, errors="replace") as process:
            assert process.stderr
            for line in process.stderr:
                print(f"{name}: {line}", end="", flush=True)
                if found := re.match(r"stat::number_of_executed_units: *(\d+)", line):
                    executions += int(found[1])
        if process.returncode and crashes(name) == known:  # it would be the same again
            lost = f"ended with {process.returncode}, and nothing new"
    return Figures(executions, (time.monotonic() - began) / 60, crashes(name) - before, lost)


def crashes(name: str) -> set[Path]:
    """Return all the inputs that have ever broken something."""
    return set(CRASHES.glob(f"{name}-*"))


def main(minutes: float, names: list[str]) -> int:
    """Run fuzzers, and print a table of what they have done; return 1 unless all is well."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        figures = dict(zip(names, pool.map(partial(run, minutes=minutes), names), strict=True))
    print("| fuzzer | executions | minutes | inputs that broke something |\n| --- | ---: | ---: | ---: |")
    for name, found in figures.items():
        print(f"| {name} | {found.executions:,} | {found.minutes:.1f} | {len(found.crashes)} | {found.lost}")
        print("".join(f"    {path}\n" for path in sorted(found.crashes)), end="")
    return any(found.crashes or found.lost for found in figures.values())


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:] or NAMES))
