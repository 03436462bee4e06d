"""The page of doubtful labels, and what the decisions made on it change."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cloudedge.errors import CloudEdgeError
from export.commands.clean import clean
from export.data import cleaning, decisions
from export.data.catalogue import CLASSES, DROPPED, Photo, corrected, load_catalogue
from export.data.folds import assign_folds
from export.data.targets import soft_target
from export.release.evaluation import columns

from ..drawing import save, sky

SURE = {"1": {"Cumulus": 0.9}, "2": {"Cumulus": 0.8, "Stratus": 0.2}}
PHOTOS = [
    Photo("a", "Cumulus", 0, False, SURE),
    Photo("b", "Cirrus", 1, False, SURE),
    Photo("c", "Stratus", 2, True, {"1": {"Stratus": 1.0}}),
    Photo("d", "Cumulus", 2, True, {}),
    Photo("e", "Stratus", 3, False, {"1": {"ClearSky": 0.5, "Stratus": 0.4}}),
    Photo("f", "Cirrus", 4, False, {}),
    Photo("g", "Cirrus", 4, False, {}),
]


def files(entries: list[cleaning.Entry]) -> str:
    return "".join(entry.photo.file for entry in entries)


def test_each_queue_holds_its_photos_the_clearest_first() -> None:
    assert files(cleaning.disagreements(PHOTOS)) == "be"
    assert cleaning.disagreements(PHOTOS)[0].why == "reviews: Cumulus 85%, Stratus 10%"
    assert files(cleaning.contradictions(PHOTOS)) == "cd"
    assert cleaning.contradictions(PHOTOS)[0].why == "same picture as d"
    assert files(cleaning.near_duplicates(PHOTOS)) == "fg"
    assert files(cleaning.highest_losses(PHOTOS, {"a": 0.1, "f": 3.0, "unknown": 9.0})) == "fa"


def test_a_photo_is_in_one_queue_only_and_queues_are_limited() -> None:
    queues = cleaning.queues_of(PHOTOS, {"b": 2.0, "g": 1.0, "a": 0.5}, limit=2)
    assert {title: files(entries) for title, entries in queues.items()} == {
        "Highest loss": "bg",
        "Contradictions": "cd",
        "Reviews disagree": "e",
        "Copies": "f",
    }
    assert cleaning.queues_of(PHOTOS[:1], {}, limit=2) == {}


def test_losses_are_read_and_a_bad_one_told(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("file,label,loss\na,Cirrus,1.5\n", encoding="utf-8")
    bad.write_text("file,loss\n\n\na,much\n", encoding="utf-8")
    assert cleaning.read_losses([good], PHOTOS) == {"a": 1.5}
    with pytest.raises(CloudEdgeError, match="line 4: 'much' is not a number"):
        cleaning.read_losses([good, bad], PHOTOS)


NAME = "Cirrus/<b> & 'x', y.png"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Draw a small data set; decisions go to a file beside it."""
    monkeypatch.setattr(decisions, "PATH", tmp_path / "corrections" / "decisions.csv")
    root = tmp_path / "photos"
    names = (NAME, "Cirrus/2.png", "Stratus/3.png", "Stratus/4.png")
    rows = ["file,genus,photo_group,label_conflict,sha256"]
    for k, name in enumerate(names):
        save(sky(k, (800, 600)), root / name)
        rows.append(f'"{name}",{name.split("/")[0]},{min(k, 2)},{int(k >= 2)},{k}{k}')
    (root / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    reviews = ["file,reviewer,first,p1,second,p2,third,p3", f'"{NAME}",1,Cumulus,.9,,,,']
    (root / "review.csv").write_text("\n".join(reviews), encoding="utf-8")
    return root


def run(*arguments: object) -> Result:
    return CliRunner().invoke(clean, [*map(str, arguments)], catch_exceptions=False)


def test_the_page_holds_the_photos_and_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    decisions.merge({(NAME, "00"): "keep"}, decisions.PATH)
    assert run("--data", folder, "--run", tmp_path / "run").exit_code == 0
    page = (tmp_path / "run" / "clean.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=\"(?!data:)", page)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data
    content = json.loads(data[1])
    assert content["genera"] == list(CLASSES)
    assert [(queue["title"], len(queue["photos"])) for queue in content["queues"]] == [
        ("Contradictions", 2),
        ("Reviews disagree", 1),
    ]
    item = content["queues"][1]["photos"][0]
    assert (item["file"], item["sha256"], item["genus"], item["decision"]) == (NAME, "00", "Cirrus", "keep")
    image = Image.open(io.BytesIO(base64.b64decode(item["image"].partition(",")[2])))
    assert (image.format, image.size) == ("JPEG", (320, 240))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_page_tells_how_to_apply_what_was_decided_to_these_photos(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "DATA <b> & 'APPLY' \udcff")
    assert run("--data", moved, "--run", tmp_path / "run").exit_code == 0
    page = (tmp_path / "run" / "clean.html").read_text(encoding="utf-8")
    command = re.search(r"<code>(.*?)</code>", page)
    assert command
    assert "<b>" not in command[1]
    path = str(moved).replace("\udcff", "\\udcff")
    assert shlex.split(html.unescape(command[1]))[3:] == ["clean", "apply", "decisions.csv", "--data", path]


def apply(folder: Path, *rows: str) -> Result:
    made = folder.parent / "decisions.csv"
    made.write_text("\n".join(["file,sha256,decision", *rows]), encoding="utf-8")
    return run("apply", made, "--data", folder)


def read_corrected(folder: Path) -> list[Photo]:
    return corrected(load_catalogue(folder), decisions.read_decisions(decisions.PATH))


def test_decisions_are_merged_honoured_and_taken_back(folder: Path) -> None:
    apply(folder, f'"{NAME}",00,Cumulus', "Cirrus/2.png,11,drop")
    result = apply(folder, "Stratus/3.png,22,keep", "Stratus/4.png,33,drop")
    assert result.exit_code == 0
    assert "4 decisions" in result.output
    found = read_corrected(folder)
    assert [(p.genus, p.stratum, p.conflict) for p in found] == [
        ("Cumulus", "Cirrus", False),
        (DROPPED, "Cirrus", False),
        ("Stratus", "Stratus", False),
        (DROPPED, "Stratus", False),
    ]
    assert [soft_target(p, {"manifest": 1.0, "1": 0.0}) is not None for p in found] == [True, False, True, False]
    assert columns(found)["manifest"].tolist() == [CLASSES.index("Cumulus"), -1, CLASSES.index("Stratus"), -1]
    apply(folder, f'"{NAME}",00,', "Cirrus/2.png,11,keep", "Stratus/3.png,22,", "Stratus/4.png,33,")
    assert read_corrected(folder) == load_catalogue(folder)
    assert decisions.PATH.read_text(encoding="utf-8") == "file,sha256,decision\nCirrus/2.png,11,keep\n"


@pytest.mark.parametrize(
    ("row", "problem"),
    [("Cirrus/2.png,11,Cumulos", "line 2: 'Cumulos' is not keep"), ("Cirrus/2.png,99,drop", "is not in ")],
)
def test_a_decision_that_cannot_be_meant_changes_nothing(row: str, problem: str, folder: Path) -> None:
    result = apply(folder, "Stratus/3.png,22,keep" if "99" in row else row, row)
    assert result.exit_code == 1
    assert problem in result.output
    assert not decisions.PATH.exists()


def test_a_decision_is_for_the_photo_and_not_for_its_name(folder: Path) -> None:
    decisions.merge({("Cirrus/2.png", "another"): "drop"}, decisions.PATH)
    assert read_corrected(folder) == load_catalogue(folder)


def test_a_correction_moves_no_photo_to_another_fold() -> None:
    rng = np.random.default_rng(2)
    photos = [Photo(f"{k}", str(rng.choice(CLASSES)), int(rng.integers(0, 150)), False, {}) for k in range(200)]
    dropped = [replace(p, genus=DROPPED, listed=p.genus) if k % 7 == 0 else p for k, p in enumerate(photos)]
    assert (assign_folds(photos, 5, seed=0) == assign_folds(dropped, 5, seed=0)).all()


def test_losses_of_other_photos_are_told_be_there_other_doubts_or_not(folder: Path, tmp_path: Path) -> None:
    mine, others = tmp_path / "mine.csv", tmp_path / "others.csv"
    mine.write_text("file,loss\nCirrus/2.png,1.5\n", encoding="utf-8")
    others.write_text("file,loss\nCirrus/elsewhere.png,1.5\n", encoding="utf-8")
    result = run("--losses", mine, "--losses", others, "--data", folder, "--run", tmp_path / "run")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert f"{others}: lists other photos than these" in result.output
    assert not (tmp_path / "run").exists()


def test_without_doubt_there_is_no_page(folder: Path, tmp_path: Path) -> None:
    rows = (folder / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (folder / "manifest.csv").write_text("\n".join([rows[0], rows[2]]), encoding="utf-8")
    result = run("--data", folder, "--run", tmp_path / "run")
    assert result.exit_code == 1
    assert "no label is doubtful" in result.output
