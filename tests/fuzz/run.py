"""Run every fuzzer for some minutes, one after the other, and say what each has come to.

    python tests/fuzz/run.py MINUTES [NAME...]

libFuzzer ends with the first input that breaks a promise; the fuzzer is then started again until its time is up.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
CRASHES = HERE / "found" / "crashes"
NAMES = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


def run(name: str, minutes: float) -> tuple[int, float, set[Path]]:
    """Return the executions, the minutes and the inputs that broke something."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    before, executions, began = set(CRASHES.iterdir()), 0, time.monotonic()
    while (left := began + 60 * minutes - time.monotonic()) > 1:
        command = [sys.executable, str(HERE / f"fuzz_{name}.py"), f"-max_total_time={left:.0f}"]
        options = [f"-artifact_prefix={CRASHES}/{name}-", "-print_final_stats=1"]
        with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, errors="replace") as process:
            assert process.stderr
            for line in process.stderr:
                print(line, end="", flush=True)
                if found := re.match(r"stat::number_of_executed_units: *(\d+)", line):
                    executions += int(found[1])
    return executions, (time.monotonic() - began) / 60, set(CRASHES.iterdir()) - before


def main(minutes: float, names: list[str]) -> int:
    figures = {name: run(name, minutes) for name in names}
    print("== summary")
    for name, (executions, spent, crashes) in figures.items():
        print(f"{name:<12} {executions:>9} executions in {spent:.1f} minutes, {len(crashes)} crashes")
        for path in sorted(crashes):
            print(f"    {path}")
    return any(crashes for _, _, crashes in figures.values())


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:] or NAMES))
