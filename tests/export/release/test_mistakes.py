"""Where a model is wrong, on cases that can be worked out by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from export.data.catalogue import CLASSES, Photo
from export.data.contact_sheet import Tile
from export.release import mistakes
from export.release.evaluation import Answers
from export.release.mistakes import Confusion, clear, losses, most_confused, write

from ..drawing import save, sky

FIRST, SECOND, THIRD = CLASSES[:3]


def test_the_most_confused_pairs_come_first_and_rare_ones_not_at_all() -> None:
    counts = np.zeros((10, 10), dtype=np.int64)
    counts[0] = [7, 2, 1, 0, 0, 0, 0, 0, 0, 0]
    counts[2, 1] = 5
    assert most_confused(counts) == [Confusion(THIRD, SECOND, 5, 5), Confusion(FIRST, SECOND, 2, 10)]
    assert len(most_confused(counts, min_val=1)) == 3


def test_the_loss_is_the_cross_entropy() -> None:
    probabilities = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    found = losses(probabilities, np.array([0, 2]))
    assert found[0] == pytest.approx(np.log(2))
    assert 20 < found[1] < 30


def test_the_photos_with_the_highest_losses_are_listed_and_shown(tmp_path: Path) -> None:
    photos = [Photo(f"{FIRST}/{k}.png", FIRST, k, False, {}) for k in range(3)]
    for k, photo in enumerate(photos):
        save(sky(k), tmp_path / photo.file)
    probabilities = np.full((3, 10), 0.02)
    probabilities[np.arange(3), [0, 1, 2]] = [0.9, 0.6, 0.8]
    labels = np.zeros(3, dtype=np.int64)
    probabilities[2, 0] = 0.001
    answers = Answers(probabilities, np.array(["", "unfamiliar", ""]))
    write(tmp_path, "review", tmp_path, photos, answers, labels)
    with (tmp_path / "losses-review.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], row["predicted"]) for row in rows] == [
        (f"{FIRST}/2.png", THIRD),
        (f"{FIRST}/1.png", SECOND),
        (f"{FIRST}/0.png", FIRST),
    ]
    assert (tmp_path / "top-losses-review.png").stat().st_size > 2000
    with (tmp_path / "genera-review.csv").open(newline="", encoding="utf-8") as stream:
        genera = list(csv.DictReader(stream))
    assert [row["genus"] for row in genera] == list(CLASSES)
    assert (genera[0]["recall"], genera[0]["recall_n"]) == ("0.3333", "3")
    assert (genera[0]["certain"], genera[0]["certain_precision"]) == ("0.6667", "1.0000")
    assert (genera[0]["unfamiliar"], genera[0]["clear"]) == ("0.3333", "0.0000")
    assert (tmp_path / "confused-review.csv").read_text(encoding="utf-8") == "label,predicted,count,of\n"


def test_a_sheet_says_what_a_photo_is_taken_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Tile] = []
    monkeypatch.setattr(mistakes, "contact_sheet", lambda tiles, path, columns: shown.extend(tiles))
    photo = Photo("a.png", "Cirrus", 0, False, {})
    save(sky(0), tmp_path / photo.file)
    probabilities = np.full((1, 10), 0.03)
    probabilities[0, CLASSES.index("Cumulus")] = 0.73
    labels = np.array([CLASSES.index("Cirrus")])
    write(tmp_path, "review", tmp_path, [photo], Answers(probabilities, np.array([""])), labels)
    assert [tile.caption for tile in shown] == ["a, loss 3.5\nCirrus taken for\nCumulus, 73%"]


def test_what_a_former_run_wrote_of_a_column_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    for name in ("losses-review.csv", "top-losses-review.png", "losses-agreed.csv", "notes-review.csv"):
        (tmp_path / name).touch()
    clear(tmp_path, "review")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["losses-agreed.csv", "notes-review.csv"]


def test_without_a_mistake_there_is_no_sheet(tmp_path: Path) -> None:
    photo = Photo("a.png", FIRST, 0, False, {})
    save(sky(0), tmp_path / photo.file)
    write(tmp_path, "review", tmp_path, [photo], Answers(np.eye(10)[:1], np.array([""])), np.array([0]))
    assert not (tmp_path / "top-losses-review.png").exists()
