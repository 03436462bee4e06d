"""Measure whether smoothing helps: `python -m benchmarks.phases ../shared/data`, on simulated days of real photos.

The sky of a day is drawn: gamma-distributed durations, any other sky next. Each capture is a photo of that sky, by the
guided reviews, whose row a released model made. A real camera's successive captures are more alike than photos drawn
one by one, so that their errors repeat: in part of the days one photo stands for a stretch of minutes. The model has
trained on none of the photos. `choose` takes those of the validation fold, where the constants of `cloudedge.phases`
were chosen, `report` those of the test fold.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from cloudedge.archive.watch import Changes
from cloudedge.phases import phases_of
from cloudedge.row import Row, row_of
from export.data.catalogue import CLASSES, load_catalogue
from export.data.elsewhere import clear_skies, load_elsewhere
from export.data.folds import split
from export.data.targets import review_target

MODELS = ("resnet34", "lite0")
STEPS = (1, 5, 10)  # minutes between captures
STRETCHES = (0, 10, 30)  # minutes for which one photo stands, on average
HOURS = 14  # of a day
MEAN_HOURS = 2.0  # of a sky
Photos = dict[str, list[Row]]  # by their true sky
Day = list[tuple[str, Row]]  # the true sky, and the row of a capture


@dataclass
class Figures:
    """What the days add up to."""

    captures: int = 0
    raw_right: int = 0
    right: int = 0
    days: int = 0
    raw_false: int = 0
    false: int = 0
    phases: int = 0
    changes: int = 0
    missed: int = 0
    announced_wrongly: int = 0
    offsets: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def photos_of(data: Path, model: str, part: str) -> Photos:
    """Classify the photos of one half, and return them by their sky; copies of one photo are in one half."""
    from cloudedge import CloudClassifier

    catalogue = load_catalogue(data / "ccsn")
    parts = split(catalogue, folds=6, test_fold=0, validation_fold=1, seed=1)  # as in the recipes
    kept = parts.validation if part == "choose" else parts.test
    paths = []
    for photo in (photo for photo, keep in zip(catalogue, kept, strict=True) if keep):
        target = review_target(photo)
        if target is not None:
            paths.append((CLASSES[int(target.argmax())], data / "ccsn" / photo.file))
    elsewhere = load_elsewhere(data / "elsewhere")
    half = elsewhere.calibration if part == "choose" else elsewhere.test
    paths += [("clear", data / "elsewhere" / photo.file) for photo in clear_skies(half)]
    rows = map(row_of, CloudClassifier(model).classify_many(path for _, path in paths))
    found: Photos = defaultdict(list)
    for (sky, _), row in zip(paths, rows, strict=True):
        if row["status"] == "ok":
            found[sky].append(row)
    return dict(found)


def simulated(photos: Photos, step: float, stretch: float, rng: random.Random) -> Day:
    """Draw a day: a capture each `step` minutes, one photo for `stretch` minutes on average, if more than a step."""
    start = datetime(2024, 6, 1, 6, tzinfo=UTC)
    sky, until, day = rng.choice(list(photos)), 0.0, []
    shown: Row | None = None
    for number in range(int(HOURS * 60 / step)):
        minute = number * step
        if minute >= until:
            if number:
                sky = rng.choice([other for other in photos if other != sky])
            until, shown = minute + 60 * rng.gammavariate(2, MEAN_HOURS / 2), None
        if shown is None or rng.random() < step / max(stretch, step):
            shown = rng.choice(photos[sky])
        moment = start + timedelta(minutes=minute)
        day.append((sky, {**shown, "path": "a.jpg", "captured_at": moment.isoformat()}))
    return day


def add(figures: Figures, day: Day, agree: int = 3) -> None:
    """Add up a day."""
    truth = [sky for sky, _ in day]
    rows = [row for _, row in day]
    raw = [row["genus"] or row["reason"] for row in rows]
    found = list(phases_of(rows))
    smoothed = [phase.sky for phase in found for _ in range(phase.captures)]
    figures.days += 1
    figures.captures += len(day)
    figures.raw_right += sum(map(str.__eq__, raw, truth))
    figures.right += sum(map(str.__eq__, smoothed, truth))
    figures.raw_false += _false_runs(raw, truth)
    figures.false += _false_runs(smoothed, truth)
    figures.phases += len(found)
    live = [None, *_announced(rows, agree)]
    announced = live[1:]
    figures.announced_wrongly += sum(
        now != before and now != sky for before, now, sky in zip(live, announced, truth, strict=False)
    )
    first = 0
    for sky, run in groupby(truth):
        last = first + len(list(run))
        if first:
            figures.changes += 1
            after = _minutes(rows, first, _first(smoothed, sky, first, last))
            figures.missed += after is None
            if after is not None:
                figures.offsets.append(after)
            if (delay := _minutes(rows, first, _first(announced, sky, first, last))) is not None:
                figures.delays.append(delay)
        first = last


def _announced(rows: Iterable[Row], agree: int) -> Iterator[str | None]:
    """Yield after each capture the sky that `watch --changes-only` announced last."""
    changes = Changes(agree)
    for row in rows:
        changes.changed(row)
        yield changes.skies.get(None)


def _false_runs(skies: Sequence[str], truth: Sequence[str]) -> int:
    """Return the number of runs of which less than half is right."""
    number = index = 0
    for sky, run in groupby(skies):
        length = len(list(run))
        number += truth[index : index + length].count(sky) < length / 2
        index += length
    return number


def _first(skies: Sequence[str | None], sky: str, first: int, last: int) -> int | None:
    return next((index for index in range(first, last) if skies[index] == sky), None)


def _minutes(rows: Sequence[Row], first: int, found: int | None) -> float | None:
    if found is None:
        return None
    return (_moment(rows[found]) - _moment(rows[first])).total_seconds() / 60


def _moment(row: Row) -> datetime:
    return datetime.fromisoformat(row["captured_at"])


def measure(photos: Photos, days: int, step: float, stretch: float, seed: int = 1) -> Figures:
    """Return the figures of a number of days."""
    rng, figures = random.Random(f"{seed} {step} {stretch}"), Figures()
    for _ in range(days):
        add(figures, simulated(photos, step, stretch, rng))
    return figures


def line(model: str, step: float, stretch: float, f: Figures) -> str:
    """Return a line of the table."""

    def spread(values: list[float]) -> str:
        return (
            f"{statistics.median(values):.0f}, {statistics.quantiles(values, n=10)[8]:.0f}" if len(values) > 1 else ""
        )

    cells = (
        model,
        f"{step} min",
        f"{stretch} min" if stretch else "each its own",
        f"{f.raw_right / f.captures:.1%}",
        f"{f.right / f.captures:.1%}",
        f"{f.raw_false / f.days:.1f}",
        f"{f.false / f.days:.1f}",
        f"{f.missed / f.changes:.0%}",
        spread(f.offsets),
        spread(f.delays),
        f"{f.announced_wrongly / f.days:.1f}",
    )
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| model | a capture each | one photo for | right, raw | right, smoothed | false runs a day, raw "
    "| false phases a day | changes missed | delay, minutes: median, 90 % | live: median, 90 % | live: false a day |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="the folder that holds ccsn and elsewhere")
    parser.add_argument("--part", choices=["choose", "report"], default="report")
    parser.add_argument("--days", type=int, default=200)
    arguments = parser.parse_args()
    print(HEADER)
    for model in MODELS:
        photos = photos_of(arguments.data, model, arguments.part)
        for step in STEPS:
            days = arguments.days * min(step, 5) // 5  # enough, where a day has many captures
            for stretch in STRETCHES:
                print(line(model, step, stretch, measure(photos, days, step, stretch)), flush=True)


if __name__ == "__main__":
    main()
