"""Rows of the page against those of Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cloudedge import CloudClassifier

NEAR = 0.03  # of a probability to its threshold: there the rounding of another runtime may decide


def check_rows(
    found: Sequence[dict[str, Any]], photos: Sequence[Path], classifier: CloudClassifier, most: Callable[[str], float]
) -> None:
    """Compare rows with those of Python, whose probabilities may differ by `most`."""
    assert [row["path"] for row in found] == [path.name for path in photos]
    for row, path in zip(found, photos, strict=True):
        expected = classifier.classify(path.read_bytes()).to_dict() | {"path": path.name}
        assert list(row) == list(expected)
        best, probability = expected["top"][0].values()
        guesses = {entry["genus"]: entry["probability"] for entry in row["top"]}
        assert guesses[best] == pytest.approx(probability, abs=most(path.name)), path
        threshold = classifier.model.spec.thresholds["low_confidence"]
        if row["reason"] != expected["reason"]:
            assert abs(probability - threshold) < NEAR, (path, row["reason"], expected["reason"])
            continue
        compared = set(row) - {"probability", "top", "level"}
        if row["level"]:
            (name, level), (wanted, expected_level) = row["level"].values(), expected["level"].values()
            assert level == pytest.approx(expected_level, abs=0.05)
            if name != wanted:
                assert level < 0.5 + NEAR  # two levels are even
                compared -= {"base"}
        assert {key: row[key] for key in compared} == {key: expected[key] for key in compared}
