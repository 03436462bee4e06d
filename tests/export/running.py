"""Run a command of the stage, and a data set without reviews to run it on."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from export.__main__ import main


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def plain(root: Path, tmp_path: Path) -> Path:
    """Return the drawn data set without its reviews."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for path in root.iterdir():
        if path.name != "review.csv":
            (folder / path.name).symlink_to(path)
    return folder
