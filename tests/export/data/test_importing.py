"""`data import`: manifests of drawn folders, and the archive."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.commands.data import data_commands
from export.data import importing
from export.data.catalogue import load_catalogue

from ..drawing import save, sky


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(data_commands, ["import", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def rows(root: Path) -> list[dict[str, str]]:
    with (root / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_folder_per_genus_becomes_a_catalogue(tmp_path: Path) -> None:
    save(sky(1), tmp_path / "Cirrus" / "a.png")
    save(sky(1).resize((150, 130)), tmp_path / "cu" / "2020" / "copy.png")
    save(sky(2), tmp_path / "cu" / "b.png")
    save(sky(2).transpose(0), tmp_path / "cu" / "c.png")
    save(sky(3), tmp_path / "Seagulls" / "d.png")
    save(sky(4), tmp_path / "loose.png")
    (tmp_path / "Cirrus" / "bad.jpg").write_bytes(b"nothing")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    code, output = run(tmp_path)
    assert code == 0, output
    found = {row["file"]: row for row in rows(tmp_path)}
    assert {file: row["genus"] for file, row in found.items()} == {
        "Cirrus/a.png": "Cirrus",
        "Seagulls/d.png": "Seagulls",
        "cu/2020/copy.png": "Cumulus",
        "cu/b.png": "Cumulus",
        "cu/c.png": "Cumulus",
    }
    groups = {file: row["photo_group"] for file, row in found.items()}
    assert groups["Cirrus/a.png"] == groups["cu/2020/copy.png"]
    assert groups["cu/b.png"] == groups["cu/c.png"]
    assert len(set(groups.values())) == 3
    assert [file for file, row in found.items() if row["label_conflict"] == "1"] == ["Cirrus/a.png", "cu/2020/copy.png"]
    assert found["cu/b.png"]["sha256"] == hashlib.sha256(before[tmp_path / "cu" / "b.png"]).hexdigest()
    assert "Seagulls: is not a genus" in output
    assert "5 photos, 2 of them under two genera" in output
    assert "For these only reviews count" in output
    assert "loose.png: is not in the folder of a genus; move it into one; left out" in output
    assert 'Cirrus/bad.jpg,"is not a photo' in (tmp_path / "left_out.csv").read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before
    assert len(load_catalogue(tmp_path)) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes, and links, are Linux's")
def test_what_cannot_be_catalogued_is_told_and_the_rest_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(sky(1), tmp_path / "Cumulus " / "a.png")
    data = save(sky(2), tmp_path / "Stratus" / "b.png").read_bytes()
    (tmp_path / "Stratus" / "w\udcf6lke.png").write_bytes(data)
    (tmp_path / "Stratus" / "two\rlines.png").write_bytes(data)
    save(sky(3), tmp_path / "Fog (old)" / "c.png")
    (tmp_path / "Cirrus").symlink_to(tmp_path / "Stratus")
    (tmp_path / "Ac").mkdir()
    (tmp_path / ".hidden").mkdir()
    save(sky(4), tmp_path / "Stratus" / "@eaDir" / "b.png")
    scandir = os.scandir

    def refusing(path: str) -> object:  # as of a folder that one may not read, which root may
        if str(path).endswith("Ac"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    code, output = run(tmp_path)
    assert code == 0, output
    assert [(row["file"], row["genus"]) for row in rows(tmp_path)] == [
        ("Cumulus /a.png", "Cumulus"),
        ("Stratus/b.png", "Stratus"),
    ]
    left_out = (tmp_path / "left_out.csv").read_text(encoding="utf-8")
    for problem in (
        "Ac,cannot be read (Permission",
        "Cirrus,is a link to a folder",
        "Fog (old)/c.png,",
        "Stratus/@eaDir,holds no photos",
    ):
        assert problem in left_out
    assert ".hidden" not in left_out
    assert left_out.count("has a name that a CSV file cannot hold; rename it") == 2
    assert "two\\rlines.png: has a name" in output
    assert len(load_catalogue(tmp_path)) == 2
    shutil.rmtree(tmp_path / "Fog (old)")
    (tmp_path / "manifest.csv").unlink()
    assert run(tmp_path)[0] == 0
    assert "Fog" not in (tmp_path / "left_out.csv").read_text(encoding="utf-8")


def test_a_manifest_is_never_overwritten(tmp_path: Path) -> None:
    save(sky(1), tmp_path / "Cirrus" / "a.png")
    (tmp_path / "manifest.csv").write_text("mine", encoding="utf-8")
    code, output = run(tmp_path)
    assert code == 2
    assert "exists" in output
    assert (tmp_path / "manifest.csv").read_text(encoding="utf-8") == "mine"


def test_a_folder_without_photos_is_told_in_one_line(tmp_path: Path) -> None:
    code, output = run(tmp_path)
    assert code == 1
    assert output.splitlines()[-1] == f"Error: {tmp_path}: holds no readable photos; put them into one folder per genus"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    photo = save(sky(1), tmp_path / "photo.jpg").read_bytes()
    other = save(sky(2), tmp_path / "other.jpg").read_bytes()
    path = tmp_path / "CCSN.zip"
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("CCSN_v2/Ci/Ci-N001.jpg", photo)
        members.writestr("CCSN_v2/Ct/Ct-N001.jpg", other)
        members.writestr("../../Ci/../Ci/Ci-N002.jpg", other)
        members.writestr("CCSN_v2/readme/x.jpg", other)
        members.writestr("__MACOSX/Ci/._Ci-N001.jpg", b"")
    return path


def test_the_archive_is_unpacked_where_it_is_told_and_nowhere_else(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CCSN_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    before = set(tmp_path.rglob("*"))
    code, output = run(archive, "--into", tmp_path / "deep" / "down" / "photos")
    assert code == 0, output
    root = tmp_path / "deep" / "down" / "photos"
    assert {row["file"]: row["genus"] for row in rows(root)} == {
        "Cirrus/Ci-N001.jpg": "Cirrus",
        "Cirrus/Ci-N002.jpg": "Cirrus",
        "Contrail/Ct-N001.jpg": "Contrail",
    }
    assert all(root in path.parents or path in (root, *root.parents) for path in set(tmp_path.rglob("*")) - before)


def test_another_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    code, output = run(archive)
    assert code == 1
    assert "is not the CCSN archive" in output
    assert not (tmp_path / "CCSN").exists()
