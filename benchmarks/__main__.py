"""Measure cloudedge and what one would use instead, side by side: `python -m benchmarks`, see README.md here."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.report import as_text, goals, machine

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
SECTIONS = ("process", "warm", "folder", "inference")

Samples = dict[tuple[str, str, str], list[float]]  # section, contender, quantity


_SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Bench:
    """The files in `home`, and the samples so far."""

    def __init__(self, home: Path) -> None:
        self.home, self.files = home, home / "networks"
        self.samples: Samples = defaultdict(list)
        self.failed: dict[str, str] = {}
        self.order = random.Random(0)

    def prepare(self) -> None:
        """Draw the photos and make the networks, where that is not done."""
        self.failed.update(json.loads(_run([sys.executable, "-m", "benchmarks.networks", self.files])))
        for name, (count, width, height, suffix) in FOLDERS.items():
            if not self.photos(name).exists():
                self._worker("photos", self.photos(name), count, width, height, suffix)

    def photos(self, name: str) -> Path:
        """Return the folder of these photos."""
        return self.home / name.replace(" ", "-")

    def process(self) -> None:
        """(a) One photo from the command line, from nothing to the answer."""
        photo = self.photos("12 MP JPEG") / "000.jpg"
        cloudedge = Path(sys.executable).with_name("cloudedge")
        commands: dict[str, list[Any]] = {"cloudedge": [cloudedge, "classify", "--quiet", photo]}
        for name, module in CONTENDERS.items():
            commands[name] = [sys.executable, ROOT / f"benchmarks/contenders/{module}.py", self.files, photo]
        order = self.order.sample(list(commands), len(commands))  # what runs after torch starts more slowly
        found = {name: _process(name, commands[name]) for name in order}
        for name in commands:
            self._add("process", name, found[name])

    def warm(self) -> None:
        """(b) One photo, warm: cloudedge by its stages, the others as a whole."""
        photos = self.photos("1080p JPEG")
        self._add("warm", "cloudedge", self._worker("stages", self.files, "-", photos))
        for name, module in CONTENDERS.items():
            self._add("warm", name, self._worker("single", self.files, module, photos, name=name))

    def folder(self) -> None:
        """(c) Folders of photos, and how many a second decoding and inference alone would allow."""
        for kind in FOLDERS:
            section, photos = f"folder of {kind}", self.photos(kind)
            self._add(section, "limit", self._worker("limit", self.files, "-", photos))
            for name, module in {"cloudedge": "cloudedge_script", **CONTENDERS}.items():
                self._add(section, name, self._worker("folder", self.files, module, photos, name=name))
        command = [Path(sys.executable).with_name("cloudedge"), "classify", "--quiet", self.photos("12 MP JPEG")]
        self._add("folder of 12 MP JPEG", "cloudedge", {"peak MB": _process("cloudedge", command)["peak MB"]})

    def inference(self) -> None:
        """The network alone."""
        for threads in (1, 2):
            for name in ENGINES:
                key = f"{name},{threads}"
                self._add(
                    f"inference, {threads} threads", name, self._worker("inference", self.files, key, "-", name=name)
                )

    def _add(self, section: str, contender: str, found: dict[str, float]) -> None:
        for quantity, value in found.items():
            self.samples[section, contender, quantity].append(value)

    def _worker(self, *arguments: Any, name: str = "cloudedge") -> dict[str, float]:
        try:
            found: dict[str, float] = json.loads(_run([sys.executable, "-m", "benchmarks.worker", *arguments], name))
            return found
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip() or "no message").splitlines()[-1]
            self.failed[f"{name}, {arguments[0]}"] = last[:200]
            return {}


def _run(command: list[Any], contender: str = "") -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, env=_environment(contender), check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()[-1]


def _environment(contender: str) -> dict[str, str]:
    network = {"CLOUDEDGE_BENCH_NETWORK": "fp32"} if contender.startswith("B") else {}
    return {**os.environ, **network}


def _process(contender: str, command: list[Any]) -> dict[str, float]:
    """Wall time and peak memory of a whole program; this process stays small, for a child starts with its peak."""
    began = time.perf_counter()
    program = subprocess.Popen([*map(str, command)], env=_environment(contender), **_SILENT)
    _, status, usage = os.wait4(program.pid, 0)
    elapsed = time.perf_counter() - began
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        return {}
    return {
        "ms": 1e3 * elapsed,
        "cpu ms": 1e3 * (usage.ru_utime + usage.ru_stime),
        "peak MB": usage.ru_maxrss * 1024 / 1e6,
    }


def main() -> None:
    """Measure in rounds, each contender once in each, so that other work on the machine affects all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; by default all")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (5)")
    parser.add_argument("--home", type=Path, default=ROOT / ".venvs/bench/home", help="where photos and networks lie")
    parser.add_argument("--json", type=Path, default=ROOT / ".venvs/bench/results.json", help="where the figures go")
    options = parser.parse_args()
    unknown = set(options.sections) - {*SECTIONS}
    if unknown:
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    bench = Bench(options.home.resolve())
    bench.prepare()
    before = machine()
    for number in range(options.rounds):
        for section in options.sections or SECTIONS:
            print(f"round {number + 1} of {options.rounds}: {section}", file=sys.stderr, flush=True)
            getattr(bench, section)()
    medians: dict[str, dict[str, dict[str, float]]] = {}
    for (section, contender, quantity), values in bench.samples.items():
        medians.setdefault(section, {}).setdefault(contender, {})[quantity] = statistics.median(values)
    found = {
        "machine": before,
        "load afterwards": os.getloadavg()[0],
        "rounds": options.rounds,
        "medians": medians,
        "samples": {" / ".join(key): values for key, values in bench.samples.items()},
        "left out": bench.failed,
        "goals": goals(medians),
    }
    options.json.write_text(json.dumps(found, indent=2))
    print(as_text(found))


if __name__ == "__main__":
    main()
