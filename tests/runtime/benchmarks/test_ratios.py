"""The arithmetic of `make bench`: what is divided by what, and how sure a ratio is."""

from __future__ import annotations

import random
from statistics import median

import pytest

pytest.importorskip("benchmarks", reason="needs a checkout")
from benchmarks.ratios import KEYS, PARSE, Interval, measured, paired, quotient, ratios, yardstick


def test_rounds_are_paired_and_those_that_lack_one_are_left_out() -> None:
    assert paired([2.0, None, 6.0, 8.0], [1.0, 1.0, None, 4.0, 5.0]) == [2.0, 2.0]
    assert paired([0.0], [4.0]) == [0.0]
    assert measured([None, 1.0, None, 0.0]) == [1.0, 0.0]


def test_what_slows_down_a_whole_round_does_not_count() -> None:
    slow = [1.0, 5.0, 1.0, 3.0, 1.0]
    samples = {
        "process": {"cloudedge": {"ms": [11 * x for x in slow]}, "A int8, draft": {"ms": [10 * x for x in slow]}}
    }
    (found,) = ratios(samples)
    assert (found.ours, found.other, found.quantity) == ("cloudedge", "A int8, draft", "ms")
    assert (found.interval.ratio, found.interval.low, found.interval.high) == pytest.approx((1.1, 1.1, 1.1))
    assert found.interval.rounds == 5


def test_the_interval_of_a_few_values_reaches_from_the_least_to_the_greatest() -> None:
    found = quotient([5.0, 1.0, 3.0, 2.0, 4.0])
    assert found == Interval(3.0, 1.0, 5.0, 5)
    assert quotient([2.0]) == Interval(2.0, 2.0, 2.0, 1)
    assert str(found) == "3.000 [1.000, 5.000]"


def test_the_interval_holds_the_truth_in_about_95_of_100_cases() -> None:
    chance = random.Random(1)
    held = 0
    for _ in range(60):
        found = quotient([chance.lognormvariate(0, 0.1) for _ in range(21)])
        held += found.low <= 1 <= found.high
    assert 52 <= held <= 60


def test_the_quotient_of_two_runs_knows_the_spread_of_both() -> None:
    steady, spread = [1.0] * 9, [0.8, 0.9, 0.95, 1.0, 1.0, 1.0, 1.05, 1.1, 1.2]
    assert quotient([2.0] * 9, steady) == Interval(2.0, 2.0, 2.0, 9)
    assert quotient(steady, spread).low < 1 < quotient(steady, spread).high
    assert quotient([1.0] * 3, spread).rounds == 3
    assert quotient(spread, steady).ratio == median(spread)


def test_the_archive_is_held_against_its_yardsticks_alone() -> None:
    one = {"ms": [2.0]}
    samples = {"archive": dict.fromkeys((PARSE, KEYS, "cloudedge resume .db", "cloudedge report .db"), one)}
    assert [(ratio.ours, ratio.other) for ratio in ratios(samples)] == [
        ("cloudedge resume .db", KEYS),
        ("cloudedge report .db", PARSE),
    ]


def test_without_its_yardstick_a_section_has_no_ratio() -> None:
    assert [*ratios({"archive": {"cloudedge report .db": {"ms": [2.0]}}})] == []
    assert [*ratios({"process": {"cloudedge": {"ms": [2.0]}, "A int8": {"ms": [None]}}})] == []
    assert yardstick("a section of tomorrow", "cloudedge") is None
