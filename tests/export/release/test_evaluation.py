"""Metrics on cases that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.data.catalogue import CLASSES, Photo
from export.data.targets import trusted, trusted_target
from export.files import plain
from export.release.card import card_table, genera_table, write_card
from export.release.evaluation import (
    Answers,
    calibration_bins,
    calibration_error,
    columns,
    confusion,
    evaluate,
    outcomes,
    per_genus,
    share,
    softmax,
    summarise,
)


def test_a_share_has_wilsons_interval() -> None:
    figure = share(np.array([True] * 8 + [False] * 2))
    assert (figure.value, figure.n) == (0.8, 10)
    assert figure.low == pytest.approx(0.4902, abs=1e-4)
    assert figure.high == pytest.approx(0.9433, abs=1e-4)


def test_a_share_of_nothing_is_unknown() -> None:
    figure = share(np.array([], dtype=bool))
    assert np.isnan(figure.value)
    assert (figure.low, figure.high) == (0, 1)
    assert str(figure) == "of no photo"
    assert plain({"strange": [figure]}) == {"strange": [{"value": None, "low": 0.0, "high": 1.0, "n": 0}]}


def test_softmax_sums_to_one_and_survives_large_logits() -> None:
    probabilities = softmax(np.array([[1000.0, 0.0], [0.0, 0.0]]))
    assert probabilities.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.75, 0.25]] * 4)
    assert calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert calibration_error(probabilities, np.array([1, 1, 1, 1])) == pytest.approx(0.75)


def test_photos_are_put_into_bins_by_their_first_choice() -> None:
    found = calibration_bins(np.array([[0.72, 0.28], [0.78, 0.22], [0.0, 1.0]]), np.array([0, 1, 1]))
    assert [(b.number, b.right, b.photos) for b in found] == [(7, 0.5, 2), (9, 1.0, 1)]
    assert [b.confidence for b in found] == pytest.approx([0.75, 1.0])


def test_confusion_counts_by_label_then_prediction() -> None:
    counts = confusion(np.array([1, 1, 0]), np.array([0, 0, 0]))
    assert counts[0, 1] == 2
    assert counts[0, 0] == 1
    assert counts.sum() == 3


def test_figures_of_a_small_case() -> None:
    probabilities = np.full((4, len(CLASSES)), 0.01)
    cirrus, cumulus = CLASSES.index("Cirrus"), CLASSES.index("Cumulus")
    probabilities[:, cirrus] = [0.9, 0.9, 0.5, 0.4]
    probabilities[:, cumulus] = [0.02, 0.02, 0.42, 0.5]
    labels = np.array([cirrus, CLASSES.index("Cirrocumulus"), cirrus, cirrus])
    reasons = np.where(probabilities.max(axis=1) > 0.6, "", "low_confidence")
    figures = summarise(Answers(probabilities, reasons), labels)
    assert figures["top1"].value == 0.5
    assert figures["top3"].value == 1.0
    assert figures["level"].value == pytest.approx(0.75)
    assert figures["balanced"].value == pytest.approx((2 / 3 + 0) / 2)
    assert figures["coverage"].value == 0.5
    assert figures["precision"].value == 0.5


def test_each_genus_has_its_recall_its_precision_and_its_doubts() -> None:
    probabilities = np.full((4, 10), 0.01)
    probabilities[np.arange(4), [0, 0, 1, 1]] = 0.9
    probabilities[2, 0] = 0.05
    answers = Answers(probabilities, np.array(["", "unfamiliar", "", "clear"]))
    first, second, third = per_genus(answers, np.array([0, 0, 0, 1]))[:3]
    assert (first.genus, first.recall.n) == (CLASSES[0], 3)
    assert first.recall.value == pytest.approx(2 / 3)
    assert (first.top3.value, first.precision.value) == (1.0, 1.0)
    assert (first.certain.value, first.certain_precision) == (pytest.approx(2 / 3), share(np.array([True])))
    assert {reason: figure.value for reason, figure in first.doubted.items() if figure.value} == {
        "unfamiliar": pytest.approx(1 / 3)
    }
    assert (second.recall.value, second.precision.value, second.precision.n) == (1.0, 0.5, 2)
    assert second.precision.low == pytest.approx(0.0945, abs=1e-4)
    assert (second.certain.value, second.certain_precision.value, second.doubted["clear"].value) == (0.0, 0.0, 1.0)
    assert third.recall.n == 0


def test_photos_without_a_label_count_for_no_genus() -> None:
    answers = Answers(np.eye(10)[np.zeros(3, dtype=int)], np.full(3, ""))
    first, *others = per_genus(answers, np.array([0, -1, -1]))
    assert first.precision == first.certain_precision == first.recall == share(np.array([True]))
    assert not any(row.recall.n for row in others)


def test_each_photo_is_trusted_to_its_reviews_and_without_them_to_the_data_set() -> None:
    photos = [Photo(str(k), "Cumulus", k, k == 2, {}) for k in range(3)]
    photos += [Photo("3", "Cumulus", 3, False, {"1": {"Stratus": 0.9}})]
    photos += [Photo("4", "Cumulus", 4, False, {"1": {"ClearSky": 0.9}})]
    cumulus, stratus = CLASSES.index("Cumulus"), CLASSES.index("Stratus")
    assert trusted(photos).tolist() == [cumulus, cumulus, -1, stratus, -1]


def test_the_columns_judge_by_their_own_labels() -> None:
    review = {"1": {"Cumulus": 1.0}, "2": {"Cumulus": 1.0}}
    photos = [
        Photo("a", "Cumulus", 0, False, review),
        Photo("b", "Stratus", 1, False, review),
        Photo("c", "Cumulus", 2, True, review),
        Photo("d", "Contrail", 3, False, review),
    ]
    cumulus, stratus = CLASSES.index("Cumulus"), CLASSES.index("Stratus")
    found = columns(photos)
    assert found["agreed"].tolist() == [cumulus, -1, -1, -1]
    assert found["guided"].tolist() == [cumulus, cumulus, cumulus, -1]
    assert found["sure"].tolist() == [cumulus, cumulus, cumulus, -1]
    assert found["manifest"].tolist() == [cumulus, stratus, -1, -1]


def test_agreed_does_not_count_guided_reviewers_and_guided_prefers_them() -> None:
    older, guided = {"Cumulus": 1.0}, {"Stratus": 0.8, "Altostratus": 0.2}
    photos = [
        Photo("older", "Cumulus", 0, False, {"1": older, "2": older}),
        Photo("guided", "Cumulus", 1, False, {"1": older, "3": guided}),
        Photo("guided alone", "Stratus", 2, False, {"3": guided, "4": guided}),
    ]
    cumulus, stratus = CLASSES.index("Cumulus"), CLASSES.index("Stratus")
    found = columns(photos)
    assert found["agreed"].tolist() == [cumulus, cumulus, -1]
    assert found["guided"].tolist() == [cumulus, stratus, stratus]


def test_sure_needs_two_trusted_reviews_of_one_first_choice() -> None:
    stratus, cumulus = {"Stratus": 0.6, "Cumulus": 0.4}, {"Cumulus": 1.0}
    photos = [
        Photo("both", "Cumulus", 0, False, {"1": cumulus, "3": stratus, "4": stratus}),
        Photo("one", "Cumulus", 1, False, {"1": stratus, "2": stratus, "3": stratus}),
        Photo("torn", "Cumulus", 2, False, {"3": stratus, "4": cumulus}),
        Photo("none", "Cumulus", 3, False, {}),
    ]
    assert columns(photos)["sure"].tolist() == [CLASSES.index("Stratus"), -1, -1, -1]


def test_settings_are_made_by_the_reviewers_own_probabilities() -> None:
    photo = Photo("a", "Cumulus", 0, False, {"1": {"Cumulus": 1.0}, "3": {"Stratus": 0.6, "Cumulus": 0.4}})
    target = trusted_target(photo)
    assert target is not None
    assert target[CLASSES.index("Stratus")] == pytest.approx(0.6)
    assert target[CLASSES.index("Cumulus")] == pytest.approx(0.4)


def test_the_outcomes_of_a_sight_are_shares_of_certain_answers_and_of_each_doubt() -> None:
    found = outcomes(np.array(["", "clear", "clear", "dark"]))
    assert {name: figure.value for name, figure in found.items() if figure.value} == {
        "certain": 0.25,
        "clear": 0.5,
        "dark": 0.25,
    }


def test_a_card_table_has_a_row_for_each_column_with_labels() -> None:
    photos = [Photo(str(k), CLASSES[k % 10], k, False, {}) for k in range(40)]
    reasons = np.where(np.arange(40) < 10, "", "unfamiliar")
    figures = evaluate(Answers(np.eye(10)[np.arange(40) % 10], reasons), photos)
    figures["elsewhere"] = figures["manifest"]
    sights = {"contrail": outcomes(reasons), "fog": outcomes(reasons[:0])}
    steady = {"2 grey levels": share(np.arange(40) < 30)}
    table = card_table(plain({"test": figures, "sights": sights, "steady": steady}))
    assert table.splitlines()[0].startswith("| labels | n | top-1 ")
    assert "| manifest | 40 | 100.0% [" in table
    assert "| elsewhere | 40 | 100.0% [" in table
    assert "| what it shows | n | certain | clear | unfamiliar |" in table
    contrail = next(line for line in table.splitlines() if line.startswith("| contrail | 40 |"))
    assert [cell.split()[0] for cell in contrail.strip("| ").split(" | ")[2:]] == ["25.0%", "0.0%", "75.0%"]
    assert "| fog | 0 | - | - | - |" in table
    assert "| 2 grey levels | 40 | 75.0% [" in table


def test_the_card_tells_how_each_genus_fares() -> None:
    reasons = np.where(np.arange(12) % 4 == 0, "unfamiliar", "")
    rows = per_genus(Answers(np.eye(10)[np.zeros(12, dtype=int)], reasons), np.arange(12) % 2)
    table = genera_table(plain(rows)).splitlines()
    assert table[0] == "| genus | n | top-1 | certain | unfamiliar | named for certain | rightly |"
    assert len(table) == 12
    assert table[2].startswith(f"| {CLASSES[0]} | 6 | 100.0% [")
    assert [cell.split()[0] for cell in table[2].split(" | ")[2:]] == ["100.0%", "50.0%", "50.0%", "9", "33.3%"]
    assert table[4] == f"| {CLASSES[2]} | 0 | - | - | - | 0 | - |"


CARD = """# Card
<!-- figures of a.b -->
old
<!-- end of figures -->
<!-- figures of axb -->
<!-- end of figures -->
text
<!-- cross-validation of axb -->
older
<!-- end of cross-validation -->
"""


def test_tables_replace_what_stands_in_their_place_of_the_card_and_nothing_else(tmp_path: Path) -> None:
    card = tmp_path / "MODEL_CARD.md"
    card.write_text(CARD, encoding="utf-8")
    write_card(card, "figures", "axb", "new \\1")
    expected = CARD.replace("of axb -->\n<!-- end of f", "of axb -->\nnew \\1\n<!-- end of f")
    assert card.read_text(encoding="utf-8") == expected
    write_card(card, "cross-validation", "axb", "newer")
    assert card.read_text(encoding="utf-8") == expected.replace("older", "newer")


def test_a_card_without_a_place_for_the_model_stays_as_it_is(tmp_path: Path) -> None:
    card = tmp_path / "MODEL_CARD.md"
    write_card(card, "figures", "camera", "new")
    assert not card.exists()
    card.write_text(CARD, encoding="utf-8")
    write_card(card, "figures", "camera", "new")
    write_card(card, "cross-validation", "a.b", "new")
    assert card.read_text(encoding="utf-8") == CARD
