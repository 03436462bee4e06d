"""How this cloudedge was installed, and with that the command that adds what is missing."""

from __future__ import annotations

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path


def command_to_add(extra: str) -> str:
    """Return the shell command that adds an extra to this installation.

    It names the packages that the extra stands for. These are on every index, while cloudedge itself may come from a
    checkout, a wheel or a repository that is no longer where it was.
    """
    return command_to_install(*_packages(extra))


def command_to_install(*packages: str) -> str:
    """Return the shell command that installs packages beside this cloudedge."""
    return shlex.join([*_installer(), *packages])


def _installer() -> list[str]:
    """Return the command that installs packages into the environment of this Python."""
    environment = Path(sys.prefix)
    if (environment / "pipx_metadata.json").exists():
        return ["pipx", "inject", environment.name]
    if find_spec("pip") is None:  # as in the environments that uv makes
        return ["uv", "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]


def _packages(extra: str) -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires  # takes a while to load

    try:
        lines = requires("cloudedge") or []
    except PackageNotFoundError:  # a checkout that runs without having been installed
        return ["--editable", f"{Path(__file__).parents[1]}[{extra}]"]
    return [line.partition(";")[0].strip() for line in lines if re.search(rf"""extra == ['"]{extra}['"]""", line)]
