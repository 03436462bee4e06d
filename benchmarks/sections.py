"""What is measured in a round, section by section."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.ratios import KEYS, PARSE, Samples, is_ours, yardstick

ROOT = Path(__file__).parent.parent
CONTENDERS = {
    "A int8": "onnx_script",
    "A int8, draft": "onnx_draft_script",
    "B fp32": "onnx_script",
    "C torch": "torch_script",
    "D fastai": "fastai_script",
}
FOLDERS = {
    "12 MP JPEG": (48, 4032, 3024, ".jpg"),
    "1080p JPEG": (64, 1920, 1080, ".jpg"),
    "1080p PNG": (32, 1920, 1080, ".png"),
}
ENGINES = (
    "cloudedge int8", "onnxruntime int8", "onnxruntime fp32", "OpenVINO int8", "OpenVINO fp32", "ncnn fp32", "torch",
    "torch.compile",
)  # fmt: skip
ROUNDS = {"process": 21, "warm": 5, "folder": 11, "inference": 5, "archive": 5}
Measures = dict[str, Callable[[], dict[str, float]]]  # by contender

_CLOUDEDGE = Path(sys.executable).with_name("cloudedge")
OTHERS = 5  # rounds, of the contenders that are not the yardstick


class Bench:
    """The files in `home`, and the samples so far. A contender that fails once is left out from then on."""

    def __init__(self, home: Path, rows: int) -> None:
        self.home, self.files, self.rows = home, home / "networks", rows
        self.samples: Samples = {}
        self.failed: dict[str, str] = {}
        self.number = 0  # of the round

    def prepare(self, sections: Sequence[str]) -> None:
        """Make what the sections need: networks and rows, and photos where they are not there from an earlier run."""
        self.home.mkdir(parents=True, exist_ok=True)
        if "archive" in sections:
            _run("rows", [sys.executable, "-m", "benchmarks.rows", self.home / "rows.jsonl", self.rows])
        if {*sections} == {"archive"}:
            return
        self.failed.update(json.loads(_run("networks", [sys.executable, "-m", "benchmarks.networks", self.files])))
        for name, (count, width, height, suffix) in FOLDERS.items():
            if not (self.photos(name) / f"{count - 1:03}{suffix}").exists():
                _worker("photos", "photos", self.photos(name), count, width, height, suffix)

    def photos(self, name: str) -> Path:
        """Return the folder of these photos."""
        return self.home / name.replace(" ", "-")

    def process(self) -> None:
        """One photo from the command line, from nothing to the answer."""
        photo = self.photos("12 MP JPEG") / "000.jpg"
        commands: dict[str, list[Any]] = {"cloudedge": [_CLOUDEDGE, "classify", "--quiet", photo]}
        for name, module in CONTENDERS.items():
            commands[name] = [sys.executable, ROOT / f"benchmarks/contenders/{module}.py", self.files, photo]
        self._measure("process", {name: partial(_process, name, command) for name, command in commands.items()})

    def warm(self) -> None:
        """One photo, warm: cloudedge by its stages, the others as a whole."""
        photos = self.photos("1080p JPEG")
        measures: Measures = {"cloudedge": partial(_worker, "cloudedge", "stages", self.files, "-", photos)}
        for name, module in CONTENDERS.items():
            measures[name] = partial(_worker, name, "single", self.files, module, photos)
        self._measure("warm", measures)

    def folder(self) -> None:
        """Folders of photos, and the limit: how many a second decoding and inference alone would allow."""
        for kind in FOLDERS:
            photos = self.photos(kind)
            bounds: Measures = {
                "cloudedge": partial(_worker, "cloudedge", "folder", self.files, "cloudedge_script", photos),
                "limit": partial(_worker, "limit", "limit", self.files, "-", photos),
            }
            others: Measures = {
                name: partial(_worker, name, "folder", self.files, module, photos)
                for name, module in CONTENDERS.items()
            }
            self._measure(f"folder of {kind}", bounds | others)
            if hasattr(os, "sched_setaffinity"):  # Linux
                with _one_core():
                    self._measure(f"folder of {kind}, one core", bounds)

    def inference(self) -> None:
        """The network alone."""
        for threads in (1, 2):
            measures: Measures = {
                name: partial(_worker, name, "inference", self.files, f"{name},{threads}", "-") for name in ENGINES
            }
            self._measure(f"inference, {threads} threads", measures)

    def archive(self) -> None:
        """Rows as a file and as a database: convert, report, the start of --resume."""
        lines, database, back, page = (self.home / f"rows{end}" for end in (".jsonl", ".db", ".back.jsonl", ".html"))
        script = [sys.executable, "-m", "benchmarks.archive_script"]
        for source, target in ((lines, database), (database, back)):  # the others read what this has written
            target.unlink(missing_ok=True)
            name, command = f"cloudedge convert to {target.suffix}", [_CLOUDEDGE, "convert", source, target]
            self._measure("archive", {name: partial(_process, name, command, target)})
        commands: dict[str, list[Any]] = {KEYS: [*script, "keys", lines]}
        for path in (lines, database):
            commands[f"cloudedge resume {path.suffix}"] = [*script, "resume", path]
            commands[f"cloudedge report {path.suffix}"] = [_CLOUDEDGE, "report", path, "-o", page]
        measures: Measures = {name: partial(_process, name, command) for name, command in commands.items()}
        self._measure("archive", {PARSE: partial(_process, PARSE, [*script, "parse", lines], lines), **measures})

    def _measure(self, section: str, measures: Measures) -> None:
        found = {name: self._attempt(name, measures[name]) for name in self._turns(section, measures)}
        for name in (name for name in measures if found.get(name)):  # the results have one order in all rounds
            for quantity, value in found[name].items():
                values = self.samples.setdefault(section, {}).setdefault(name, {}).setdefault(quantity, [])
                values.extend([None] * (self.number - len(values)))
                values.append(value)

    def _attempt(self, name: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        try:
            return measure()
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip() or f"exit status {error.returncode}").splitlines()[-1][:200]
            if is_ours(name):
                raise SystemExit(f"{name} cannot be measured: {reason}") from error
            self.failed[name] = reason
            return {}

    def _turns(self, section: str, names: Iterable[str]) -> list[str]:
        """Return who is measured in this round, in an order that the next round reverses."""
        must = {yardstick(section, name) for name in names if is_ours(name)}
        order = [
            name
            for name in names
            if name not in self.failed and (is_ours(name) or name in must or self.number < OTHERS)
        ]
        random.Random(self.number // 2).shuffle(order)
        return order[:: -1 if self.number % 2 else 1]


@contextmanager
def _one_core() -> Iterator[None]:
    """Let this process, and those that it starts, use one core alone."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _worker(contender: str, *arguments: Any) -> dict[str, float]:
    found: dict[str, float] = json.loads(_run(contender, [sys.executable, "-m", "benchmarks.worker", *arguments]))
    return found


def _run(contender: str, command: list[Any]) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, env=_environment(contender), check=True, capture_output=True, text=True
    )
    return done.stdout.rpartition("\n")[0].rpartition("\n")[2]


def _environment(contender: str) -> dict[str, str]:
    network = {"CLOUDEDGE_BENCH_NETWORK": "fp32"} if contender.startswith("B") else {}
    return {**os.environ, **network}


def _process(contender: str, command: list[Any], file: Path | None = None) -> dict[str, float]:
    """Wall time and peak memory of a whole program; this process stays small, for a child starts with its peak."""
    with tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        program = subprocess.Popen(
            [*map(str, command)], cwd=ROOT, env=_environment(contender), stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(program.pid, 0)
        elapsed = time.perf_counter() - began
        program.returncode = os.waitstatus_to_exitcode(status)
        if program.returncode:
            errors.seek(0)
            raise subprocess.CalledProcessError(program.returncode, command, stderr=errors.read())
    return {
        "ms": 1e3 * elapsed,
        "cpu ms": 1e3 * (usage.ru_utime + usage.ru_stime),
        "peak MB": usage.ru_maxrss * 1024 / 1e6,
        **({"file MB": file.stat().st_size / 1e6} if file else {}),
    }
