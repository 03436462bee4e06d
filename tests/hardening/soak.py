"""Hours of work with the memory and the open files of the program looked at: `python tests/hardening/soak.py`.

A folder of photos is classified with `--resume`, and beside that one is watched while captures come into it; a table
says what each program held from its start to its end. Fails where a row is missing.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cloudedge.bench.drawn_sky import draw_sky
from cloudedge.row_formats import read_rows

SHAPES = [(1280, 720), (640, 480), (512, 288), (400, 400), (300, 800)]
SHARES = (0.02, 0.25, 0.5, 0.75, 1.0)  # of a run, at which the table shows it


@dataclass(frozen=True)
class Sample:
    """What a program holds at a time: seconds since its start, resident memory in MiB, open files."""

    seconds: float
    mebibytes: float
    files: int


def main() -> None:
    """Run both parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=120, help="of watching")
    parser.add_argument("--every", type=float, default=0.5, help="seconds from one capture to the next")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cloudedge-soak-") as folder:
        originals = list(_originals(Path(folder) / "originals"))
        print("| run | rows | after, min | memory, MiB | open files |\n| --- | ---: | ---: | ---: | ---: |")
        with ThreadPoolExecutor(2) as pool:
            month = pool.submit(_classify, Path(folder) / "month", originals, options.photos)
            live = pool.submit(_watch, Path(folder) / "live", originals, options.minutes, options.every)
        month.result()
        live.result()


def _classify(month: Path, originals: list[Path], count: int) -> None:
    month.mkdir()
    for number in range(count):
        os.link(originals[number % len(originals)], month / f"{number:06}.jpg")
    output = month.with_suffix(".jsonl")
    program = subprocess.Popen([*_CLOUDEDGE, "classify", "--quiet", "-o", output, "--resume", month])
    samples = list(_samples(program))
    assert program.returncode == 1, program.returncode  # some are damaged
    _show("classify", output, samples, count)


def _watch(live: Path, originals: list[Path], minutes: float, every: float) -> None:
    live.mkdir()
    output = live.with_suffix(".jsonl")
    program = subprocess.Popen([*_CLOUDEDGE, "watch", "-o", output, live], stdout=subprocess.DEVNULL)
    time.sleep(5)
    samples, came = [], 0
    ends = time.monotonic() + 60 * minutes
    for sample in _samples(program, every):
        samples.append(sample)
        if time.monotonic() < ends:
            os.link(originals[came % len(originals)], live / f"{came:06}.jpg")
            came += 1
        elif sum(1 for _ in read_rows(str(output))) == came or time.monotonic() > ends + 60:
            program.send_signal(signal.SIGTERM)
            program.wait(60)
    assert program.returncode == 0, program.returncode
    _show("watch", output, samples, came)


_CLOUDEDGE = [sys.executable, "-m", "cloudedge"]


def _originals(folder: Path) -> Iterator[Path]:
    """Draw a hundred photos, of which each tenth is cut short."""
    folder.mkdir()
    for seed in range(100):
        path = folder / f"{seed}.jpg"
        draw_sky(*SHAPES[seed % len(SHAPES)], seed).save(path, quality=90)
        if seed % 10 == 9:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        yield path


def _samples(program: subprocess.Popen[bytes], every: float = 1.0) -> Iterator[Sample]:
    began = time.monotonic()
    while program.poll() is None:
        try:
            with open(f"/proc/{program.pid}/status") as lines:
                mebibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
            files = len(os.listdir(f"/proc/{program.pid}/fd"))
        except (OSError, StopIteration):  # it has just ended
            continue
        yield Sample(time.monotonic() - began, mebibytes, files)
        time.sleep(every)


def _show(name: str, output: Path, samples: list[Sample], count: int) -> None:
    rows = list(read_rows(str(output)))
    assert len({row["path"] for row in rows}) == len(rows) == count, (len(rows), count)
    assert sum(row["status"] == "error" for row in rows) == sum(number % 10 == 9 for number in range(count))
    for share in SHARES:
        sample = samples[round(share * (len(samples) - 1))]
        print(f"| {name} | {count} | {sample.seconds / 60:.1f} | {sample.mebibytes:.1f} | {sample.files} |", flush=True)


if __name__ == "__main__":
    main()
