"""A file appears as a whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cloudedge.files import replacing_text


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("before")
    with replacing_text(str(target)) as stream:
        stream.write("été\n")
        stream.flush()
        assert target.read_text() == "before"
    assert target.read_bytes() == "été\n".encode()
    assert os.listdir(tmp_path) == ["rows.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_after_an_exception_the_file_is_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("before")

    def write_half() -> None:
        with replacing_text(str(target)) as stream:
            stream.write("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_a_file_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "no-such-folder" / "rows.csv"):
        with pytest.raises((FileNotFoundError, IsADirectoryError, PermissionError)), replacing_text(str(target)):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions, links and devices")
def test_permissions_links_and_devices_are_left_as_they_are(tmp_path: Path) -> None:
    target, link, fresh = tmp_path / "rows.csv", tmp_path / "link.csv", tmp_path / "fresh.csv"
    target.touch()
    target.chmod(0o640)
    link.symlink_to(target)
    (tmp_path / "plain.csv").touch()
    for path in (str(link), str(fresh), os.devnull):
        with replacing_text(path) as stream:
            stream.write("row\n")
            assert all(file.stat().st_mode & 0o7 == 0 for file in tmp_path.glob(".*") if path == str(link))
    assert link.is_symlink()
    assert target.read_text() == "row\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert fresh.stat().st_mode == (tmp_path / "plain.csv").stat().st_mode
    assert Path(os.devnull).is_char_device()
