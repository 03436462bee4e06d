"""docs/page.md: its commands are run, and do what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..test_readme import alike, blocks
from .conftest import ROOT
from .sites import write_site

PAGE = ROOT / "docs" / "page.md"


def run(command: str, folder: Path, **variables: str) -> str:
    """Run a command as a reader does; return what it says on standard error."""
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_page_is_made_and_published_as_it_says(tmp_path):
    write_site(tmp_path / "other")  # skips the test where onnxruntime for browsers is missing
    make, publish = blocks(PAGE, "sh")
    (output,) = blocks(PAGE, "text")
    first, serve = make.splitlines()
    assert alike(run(first, tmp_path), output)
    assert serve in output
    repository = tmp_path / "sky.git"
    subprocess.run(["git", "init", "--quiet", "--bare", repository], check=True)
    who = {f"GIT_{role}_{key}": "nobody" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    run(publish.replace("ADDRESS", str(repository)), tmp_path, **who)
    tree = ["git", "-C", repository, "ls-tree", "--name-only", "gh-pages"]
    names = subprocess.run(tree, check=True, capture_output=True, text=True).stdout.split()
    assert set(names) == {path.name for path in (tmp_path / "site").iterdir()} - {".git"}
