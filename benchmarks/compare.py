"""Compare the results of two commits on one machine: `python -m benchmarks compare OLD.json NEW.json`.

Times and rates are compared as ratios to a yardstick that was measured in the same rounds (A with draft, the limit,
json.loads ...), because the speed of a machine drifts from one run to the next. Memory and sizes do not drift and are
compared as they are. SLOWER or LARGER marks a figure whose median is worse by 5 % or more and that is worse beyond
doubt: the interval of 95 % does not reach 1. Then the exit code is 1. `unsure` marks a figure that may be worse by 5 %;
more rounds would tell. What differs from run to run and does not affect the yardstick is not in the interval.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ratios import Interval, Samples, is_ours, measured, paired, quotient, yardstick

WORSE_BY = 1.05
_LEAST_ROUNDS = 5  # the bootstrap says too little of fewer


class ResultsError(Exception):
    """A file that `python -m benchmarks` did not write."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one quantity is in the second file over the first; `per` is the yardstick, None where there is none."""

    section: str
    contender: str
    quantity: str
    per: str | None
    interval: Interval

    @property
    def verdict(self) -> str:
        """`SLOWER` or `LARGER`, why that cannot be said, or nothing."""
        found, is_size = self.interval, self.quantity.endswith("MB")
        if self.per is None and not is_size:
            return "not judged: its yardstick is not in both files"
        if found.rounds < _LEAST_ROUNDS:
            return f"not judged: fewer than {_LEAST_ROUNDS} rounds"
        ratio, low, high = found.ratio, found.low, found.high
        if self.quantity.endswith("per_second"):
            ratio, low, high = 1 / ratio, 1 / high, 1 / low
        if ratio >= WORSE_BY and low > 1:
            return "LARGER" if is_size else "SLOWER"
        return "unsure" if high >= WORSE_BY else ""


def main(arguments: Sequence[str]) -> int:
    """Print each figure, and return the exit code: 1 if one is worse by 5 %, 2 for files that cannot be compared."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compare",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", metavar="OLD.json", type=Path)
    parser.add_argument("new", metavar="NEW.json", type=Path)
    options = parser.parse_args(arguments)
    try:
        old, new = load(options.old), load(options.new)
        found = figures(old["samples"], new["samples"])
        if not found:
            raise ResultsError(f"{options.old} and {options.new} have no figure in common; measure the same sections")
    except ResultsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    for line in _differences(old, new):
        print(line)
    return report(found)


def load(path: Path) -> dict[str, Any]:
    """Read a file of results; raise ResultsError for any other."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ResultsError(f"{path} is not JSON ({error}); give a file that `python -m benchmarks` wrote") from error
    try:
        sound = all(
            _is_sound(values)
            for contenders in found["samples"].values()
            for quantities in contenders.values()
            for values in quantities.values()
        )
        if not (sound and isinstance(found["machine"], dict)):
            raise TypeError
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ResultsError(f"{path} does not hold results; give a file that `python -m benchmarks` wrote") from error
    results: dict[str, Any] = found
    return results


def _is_sound(values: object) -> bool:
    return isinstance(values, list) and all(
        value is None or (type(value) in (int, float) and math.isfinite(value) and value >= 0) for value in values
    )


def figures(old: Samples, new: Samples) -> list[Figure]:
    """Return each figure of cloudedge that both files have."""
    return [
        figure
        for section in old.keys() & new.keys()
        for contender in old[section].keys() & new[section].keys()
        if is_ours(contender)
        for quantity in old[section][contender].keys() & new[section][contender].keys()
        if (figure := _figure(section, contender, quantity, old[section], new[section]))
    ]


def _figure(section: str, contender: str, quantity: str, old: Any, new: Any) -> Figure | None:
    for per in [None] if quantity.endswith("MB") else [yardstick(section, contender), None]:
        base, values = (_values(contenders, contender, quantity, per) for contenders in (old, new))
        if base and values and min(base) > 0:  # the rest of a warm photo may be nothing
            return Figure(section, contender, quantity, per, quotient(values, base))
    return None


def _values(contenders: Any, contender: str, quantity: str, per: str | None) -> list[float]:
    """Return the values of the rounds, over those of the yardstick; stages are held against its whole time."""
    ours = contenders[contender][quantity]
    if per is None:
        return measured(ours)
    theirs = contenders.get(per, {})
    return paired(ours, theirs.get(quantity, theirs.get("ms", [])))


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Say what is compared, and what besides cloudedge differs."""
    yield f"{old.get('commit')} -> {new.get('commit')}; new / old, with an interval of 95 %"
    names = sorted((old["machine"].keys() | new["machine"].keys()) - {"load", "cloudedge"})
    for name in names:
        before, after = old["machine"].get(name), new["machine"].get(name)
        if before != after:
            yield f"not the same in both: {name} ({before}, {after})"
    if old.get("rows") != new.get("rows"):
        yield f"not the same in both: rows ({old.get('rows')}, {new.get('rows')})"


def report(found: list[Figure]) -> int:
    """Print each figure with its verdict, and return the exit code."""
    for figure in sorted(found, key=lambda figure: (figure.section, figure.contender, figure.quantity)):
        name = f"{figure.section}: {figure.contender}, {figure.quantity}"
        name += f" / {figure.per}" if figure.per else ""
        print(f"{name:75} {figure.interval}  {figure.verdict}".rstrip())
    worse = sum(figure.verdict in ("SLOWER", "LARGER") for figure in found)
    unsure = sum(figure.verdict == "unsure" for figure in found)
    print(f"{worse} of {len(found)} figures worse by 5 % or more, {unsure} unsure")
    return 1 if worse else 0
