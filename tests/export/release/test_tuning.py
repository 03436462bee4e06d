"""What a fine-tuning says before it begins, and whether it was worth it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloudedge.errors import CloudEdgeError
from export.data.catalogue import Photo
from export.data.data_set import DataSet
from export.data.elsewhere import Elsewhere
from export.data.folds import Split
from export.release import tuning
from export.release.tuning import Verdict
from export.training.recipe import Recipe

VERDICT = Verdict(captures=48, before=30, after=40, better=12, worse=2, certain=20)


def captures(**counts: int) -> DataSet:
    photos = tuple(
        Photo(f"{genus}/{k}.jpg", genus, k, False, {}) for genus, count in counts.items() for k in range(count)
    )
    nothing = np.zeros(len(photos), dtype=bool)
    split = Split(train=~nothing, validation=nothing, test=nothing)
    return DataSet(Path("captures"), photos, photos, split, Elsewhere(Path("elsewhere")))


def test_enough_captures_raise_no_warning() -> None:
    assert tuning.warnings(captures(Cumulus=40, Stratus=40)) == []


def test_few_captures_of_a_genus_are_told_before_any_training() -> None:
    (warning,) = tuning.warnings(captures(Cumulus=40, Stratus=12, Cirrus=12))
    assert warning.startswith("only 12 of Stratus, 12 of Cirrus: below 25 captures of a genus")


@pytest.mark.parametrize("counts", [{"Cumulus": 3, "Stratus": 3}, {"Cumulus": 200}, {"Cumulus": 12, "Stratus": 12}])
def test_too_few_to_tune_by_are_refused_in_a_sentence(counts: dict[str, int]) -> None:
    with pytest.raises(CloudEdgeError, match=r"captures: holds \d+ captures .* collect at least 25 of each of two"):
        tuning.warnings(captures(**counts))


def test_only_a_recipe_that_starts_from_a_released_model_is_a_tuning(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "lite0.onnx").touch()
    start = replace(recipe, weights=str(tmp_path / "lite0.safetensors"))
    assert tuning.released_start(start) == tmp_path / "lite0.onnx"
    assert tuning.released_start(replace(recipe, weights=str(tmp_path / "body.safetensors"))) is None
    assert tuning.released_start(recipe) is None


@pytest.mark.parametrize(
    ("verdict", "advice"),
    [
        (VERDICT, "it is worth using."),
        (replace(VERDICT, after=31, better=2, worse=1), "that may be chance: collect more captures, and tune again."),
        (replace(VERDICT, after=30, better=3, worse=3), "it is not worth using: keep the model as it was."),
        (replace(VERDICT, certain=0), "it is certain of none of them, so its answers are all doubts."),
    ],
)
def test_the_verdict_is_one_sentence(verdict: Verdict, advice: str) -> None:
    assert verdict.sentence.startswith("Of 48 captures kept apart, the model named 30 rightly before tuning and ")
    assert verdict.sentence.endswith(advice)
