from __future__ import annotations

import os
from datetime import datetime
from itertools import pairwise, product
from math import exp
from pathlib import Path
from typing import Any

import pytest

from cloudedge import phases as module
from cloudedge.genera import GENERA
from cloudedge.phases import (
    ALIKE_HOURS,
    CHANGES_PER_HOUR,
    DOUBT,
    SKIES,
    TRUST,
    Capture,
    Phase,
    Smoother,
    capture_of,
    phases_of,
)
from cloudedge.row import flatten
from cloudedge.row_formats import csv_line, read_rows, to_csv

from ..support.skies import row, rows_of

DATA = Path(os.environ.get("CLOUDEDGE_DATA", Path(__file__).parents[3] / "shared" / "data" / "ccsn")).parent


def runs(text: str, **options: Any) -> str:
    """Return the phases of skies such as "3 Cumulus 1 Stratus" in the same words."""
    words = text.split()
    skies = [sky for number, sky in zip(words[::2], words[1::2], strict=True) for _ in range(int(number))]
    return " ".join(f"{phase.captures} {phase.sky}" for phase in phases_of(rows_of(skies, **options)))


def captures_of(skies: list[str], **options: Any) -> list[Capture]:
    return list(filter(None, map(capture_of, rows_of(skies, **options))))


def test_a_phase_says_what_its_captures_show() -> None:
    first = list(rows_of(["Cumulus"] * 5, folder="cam/", minutes=10))
    first[1] = row("Cumulus", datetime.fromisoformat(first[1]["captured_at"]), "cam/weak.jpg", 0.3)
    first[3] = row("Cumulus", datetime.fromisoformat(first[3]["captured_at"]), "cam/best.jpg", 0.95)
    then = rows_of(["dark"] * 6, start="2024-06-01T00:50:00+00:00", minutes=10, folder="cam/night-")
    cumulus, dark = phases_of([*first, *then], "north")
    assert cumulus.probability is not None
    assert 0.9 < cumulus.probability < 1
    assert cumulus == Phase(
        sky="Cumulus",
        start=datetime.fromisoformat("2024-06-01T00:00:00+00:00"),
        end=datetime.fromisoformat("2024-06-01T00:40:00+00:00"),
        captures=5,
        certain=4,
        probability=cumulus.probability,
        path="cam/best.jpg",
        camera="north",
    )
    assert (dark.sky, dark.captures, dark.certain) == ("dark", 6, 0)


@pytest.mark.parametrize("minutes", [1, 5, 10])
@pytest.mark.parametrize("other", ["Stratus", "clear", "unfamiliar"])
def test_single_captures_do_not_flicker(minutes: int, other: str) -> None:
    assert runs(f"30 Cumulus 1 {other} 30 Cumulus", minutes=minutes) == "61 Cumulus"
    assert runs(f"1 {other} 30 Cumulus 1 {other}", minutes=minutes) == "32 Cumulus"


@pytest.mark.parametrize("minutes", [1, 5, 10])
def test_a_change_that_lasts_is_found_where_it_was(minutes: int) -> None:
    hour = 60 // minutes
    skies = f"{2 * hour} Cumulus {hour} Stratus {hour} dark {2 * hour} Cirrus"
    assert runs(skies, minutes=minutes) == skies


def test_captures_an_hour_apart_change_sooner_than_captures_a_minute_apart() -> None:
    assert runs("6 Cumulus 2 Stratus 6 Cumulus", minutes=60) == "6 Cumulus 2 Stratus 6 Cumulus"
    assert runs("6 Cumulus 2 Stratus 6 Cumulus", minutes=1) == "14 Cumulus"


def test_low_confidence_counts_by_its_probability() -> None:
    captures = [*rows_of(["Cumulus"] * 13, minutes=20)]
    for strength, expected in ((0.2, 1), (0.9, 3)):
        changed = list(captures)
        for place in (5, 6, 7, 8):
            moment = datetime.fromisoformat(captures[place]["captured_at"])
            changed[place] = row("Cirrus", moment, "b.jpg", strength)
        assert len(list(phases_of(changed))) == expected, strength


def test_a_gap_ends_a_phase_and_what_was_before_it_is_forgotten() -> None:
    evening = list(rows_of(["Cumulus"] * 10, minutes=10))
    for start, number in (("2024-06-01T03:30:00+00:00", 1), ("2024-06-01T03:31:00+00:00", 2)):
        morning = list(rows_of(["Cumulus"] * 3, start=start, minutes=10))
        assert len(list(phases_of([*evening, *morning]))) == number
    other = list(rows_of(["Stratus"], start="2024-06-02T00:00:00+00:00"))
    assert [phase.sky for phase in phases_of([*evening, *other])] == ["Cumulus", "Stratus"]


def test_errors_and_rows_without_a_time_are_left_out() -> None:
    captures = [
        *rows_of(["Cumulus", "error", "Cumulus"]),
        row("Stratus", None),
        {**row("Cirrus", None), "captured_at": "x"},
    ]
    (phase,) = phases_of(captures)
    assert (phase.captures, phase.sky) == (2, "Cumulus")
    assert list(phases_of([row("error", None)])) == []


def test_flat_rows_have_the_same_phases(tmp_path: Path) -> None:
    captures = [*rows_of(["Cumulus"] * 5 + ["clear"] * 5 + ["Cirrus"] * 5, minutes=20)]
    (tmp_path / "rows.csv").write_text("".join(to_csv(captures, 3)))
    assert list(phases_of(read_rows(str(tmp_path / "rows.csv")))) == list(phases_of(captures))


def test_a_csv_without_its_guesses_counts_by_the_genus(tmp_path: Path) -> None:
    captures = list(rows_of(["Cumulus"] * 5 + ["Cirrus"] * 5, minutes=30))
    columns = ["path", "status", "error", "genus", "probability", "certain", "reason", "captured_at", "model"]
    lines = [csv_line(columns), *(csv_line(flatten(row, columns)) for row in captures)]
    (tmp_path / "rows.csv").write_text("".join(lines))
    assert list(phases_of(read_rows(str(tmp_path / "rows.csv")))) == list(phases_of(captures))


def test_times_with_and_without_an_offset_may_be_mixed() -> None:
    with_offset = list(rows_of(["Cumulus"] * 3))
    without = list(rows_of(["Cumulus"] * 3, start="2024-06-01T03:00:00"))
    (phase,) = phases_of([*with_offset, *without])
    assert phase.captures == 6


def evidence(capture: dict[str, Any], sky: str, weight: float) -> float:
    """How much a row with one guess speaks for a sky, by the definition in docs/phases.md."""
    own, ((guess, probability),) = capture["genus"] or capture["reason"], [tuple(e.values()) for e in capture["top"]]
    trust = TRUST.get(own, 0.0)
    if sky in TRUST:
        share = trust if sky == own else 0.0
    else:
        share = (1 - trust) * (probability if sky == guess else (1 - probability) / (len(GENERA) - 1))
    return float((DOUBT / len(SKIES) + (1 - DOUBT) * share) ** weight)


@pytest.mark.parametrize("skies", [["Cumulus", "Stratus", "Stratus"], ["Cirrus", "unfamiliar", "dark"]])
def test_the_probabilities_are_those_of_all_sequences_of_skies_added_up(skies: list[str]) -> None:
    """Three captures, 20 minutes apart: each of the 13^3 sequences, by the definition."""
    probability, step = 0.75, 1 / 3  # three quarters have an exact place in a capture
    captures = list(rows_of(skies, minutes=20, probability=probability))
    stay = exp(-CHANGES_PER_HOUR * step)
    weight = round(1 - exp(-step / ALIKE_HOURS), 3)
    sums = [dict.fromkeys(SKIES, 0.0) for _ in captures]
    for sequence in product(SKIES, repeat=3):
        joint = 1 / len(SKIES)
        for before, now in pairwise(sequence):
            joint *= (1 - stay) / len(SKIES) + stay * (before == now)
        for number, sky in enumerate(sequence):
            joint *= evidence(captures[number], sky, weight if number else 1.0)
        for number, sky in enumerate(sequence):
            sums[number][sky] += joint
    smoother = Smoother(lag=3)
    for capture in captures_of(skies, minutes=20, probability=probability):
        smoother.add(capture)
    for found, of_sky in zip(smoother.finish(), sums, strict=True):
        best = max(of_sky, key=lambda sky: of_sky[sky])
        assert found.sky == best
        assert found.probability == pytest.approx(of_sky[best] / sum(of_sky.values()))


def test_a_long_series_is_smoothed_in_pieces_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    skies = (["Cumulus"] * 97 + ["Stratus"] * 61 + ["Cirrus"] * 3 + ["dark"] * 43) * 4
    captures = list(rows_of(skies, minutes=1))
    whole = list(phases_of(captures))
    monkeypatch.setattr(module, "_BATCH", 100)
    monkeypatch.setattr(module, "_LOOK_AHEAD", 150)
    in_pieces = list(phases_of(captures))
    assert [(p.sky, p.start, p.captures, p.path) for p in whole] == [
        (p.sky, p.start, p.captures, p.path) for p in in_pieces
    ]


def test_a_smoother_holds_few_captures_and_decides_each_once() -> None:
    captures = captures_of(["Cumulus"] * 50 + ["Stratus"] * 50, minutes=5)
    smoother, decided = Smoother(lag=4), []
    for number, capture in enumerate(captures, start=1):
        decided += smoother.add(capture)
        assert len(smoother.waiting()) == min(number, 4)
    decided += smoother.finish()
    assert [found.capture for found in decided] == captures
    assert smoother.waiting() == []


def test_without_a_lag_only_the_past_counts() -> None:
    smoother = Smoother(lag=0)
    captures = captures_of(["Cumulus"] * 6 + ["Stratus"] * 6, minutes=10)
    skies = [found.sky for capture in captures for found in smoother.add(capture)]
    assert skies[:7] == ["Cumulus"] * 7  # at the first Stratus it is not known yet
    assert skies[-1] == "Stratus"


@pytest.mark.slow
def test_smoothing_helps_on_days_of_real_photos() -> None:
    if not (DATA / "ccsn" / "manifest.csv").exists() or not (DATA / "elsewhere").exists():
        pytest.skip(f"no photos at {DATA}; set CLOUDEDGE_DATA to the folder with ccsn's manifest.csv")
    benchmark = pytest.importorskip("benchmarks.phases", reason="needs a checkout")
    photos = benchmark.photos_of(DATA, "lite0", "report")
    for stretch in (0, 10):
        figures = benchmark.measure(photos, days=10, step=5, stretch=stretch)
        assert figures.right > 1.1 * figures.raw_right
        assert figures.false < figures.raw_false / 4
