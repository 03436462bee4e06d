"""The wheel, which several tests install."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "runs", "__pycache__", "*.egg-info")


def copy_sources(target: Path) -> Path:
    """Copy the tree, with new times of change: what earlier builds have left must not get into a wheel."""
    return Path(shutil.copytree(ROOT, target, ignore=NOT_SOURCE, copy_function=shutil.copyfile))


def build_wheel(source: Path, **options: dict[str, str]) -> Path:
    """Build the wheel beside its source, with the setuptools of this environment, so without a network."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--wheel-dir", source.parent, source]
    subprocess.run(command, check=True, **options)
    (wheel,) = source.parent.glob("*.whl")
    return wheel


@pytest.fixture(name="build_wheel", scope="session")
def _build_wheel() -> Callable[..., Path]:
    return build_wheel


@pytest.fixture(name="copy_sources", scope="session")
def _copy_sources() -> Callable[[Path], Path]:
    return copy_sources


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(copy_sources(tmp_path_factory.mktemp("wheel") / "source"))
