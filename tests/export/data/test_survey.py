"""`data show` on a drawn folder with a copy, a mirrored contradiction and a broken file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

from export.commands.data import data_commands
from export.data.contact_sheet import LINE, MARGIN, THUMBNAIL, Tile, contact_sheet

from ..drawing import save, sky


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(sky(1), tmp_path / "Cirrus" / "a.png")
    save(sky(1).resize((120, 100)), tmp_path / "Cirrus" / "b.png")
    save(sky(2), tmp_path / "Cumulus" / "c.png")
    save(ImageOps.mirror(sky(2)), tmp_path / "Stratus" / "d.png")
    save(sky(3), tmp_path / "Stratus" / "e.png")
    (tmp_path / "Stratus" / "f.png").write_bytes(b"no photo")
    rows = ["file,genus,photo_group,label_conflict,sha256"]
    rows += [f"{p.parent.name}/{p.name},{p.parent.name},{k},0," for k, p in enumerate(sorted(tmp_path.glob("*/*")))]
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path


def test_show_counts_finds_copies_and_contradictions_and_draws_sheets(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = CliRunner().invoke(data_commands, ["show", "--data", str(folder), "--run", str(run)])
    assert result.exit_code == 0, result.output
    assert "is not a photo" in result.stderr
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["genera"] == {"Cirrus": 2, "Cumulus": 1, "Stratus": 2}
    assert summary["sizes"] == {"96 x 80": 4, "120 x 100": 1}
    assert list(summary["unreadable"]) == ["Stratus/f.png"]
    assert (summary["duplicate_pairs"], summary["mirrored_pairs"], summary["contradicted_photos"]) == (2, 1, 2)
    with (run / "duplicates.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["first"], r["second"], r["mirrored"], r["contradiction"]) for r in rows] == [
        ("Cirrus/a.png", "Cirrus/b.png", "0", "0"),
        ("Cumulus/c.png", "Stratus/d.png", "1", "1"),
    ]
    assert len((run / "photos.csv").read_text(encoding="utf-8").splitlines()) == 6
    assert sorted(path.stem for path in run.glob("*.png")) == ["Cirrus", "Cumulus", "Stratus"]
    assert not list(run.glob(".*"))


def test_a_folder_without_a_manifest_is_told_how_to_get_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(data_commands, ["show", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "has no manifest.csv; make one with `python -m export data import" in result.output


def test_a_sheet_holds_every_tile_in_its_place(tmp_path: Path) -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    tiles = [Tile(np.full((300, 300, 3), colour, np.uint8), "a caption " * 20) for colour in colours]
    contact_sheet(tiles, tmp_path / "sheet.png", columns=2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    pitch, row = THUMBNAIL + MARGIN, THUMBNAIL + MARGIN + LINE
    assert sheet.shape == (2 * row + MARGIN, 2 * pitch + MARGIN, 3)
    for number, colour in enumerate(colours):
        left, top = MARGIN + number % 2 * pitch, MARGIN + number // 2 * row
        assert (sheet[top : top + THUMBNAIL, left : left + THUMBNAIL] == colour).all()
        caption = sheet[top + THUMBNAIL : top + THUMBNAIL + LINE, left : left + THUMBNAIL]
        assert caption.min() < 128
    assert (sheet[:, -MARGIN:] == 255).all()  # long captions are cut


def test_a_sheet_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a photo"):
        contact_sheet([], tmp_path / "sheet.png")
