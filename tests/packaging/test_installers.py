"""pip, pipx and uv install cloudedge, and the command that a hint names then adds an extra; without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

PROGRAMS = "Scripts" if sys.platform == "win32" else "bin"
NEEDED = ("click", "numpy", "onnxruntime", "pillow", "tzdata", "python-multipart", "starlette", "uvicorn")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the hints are written for a POSIX shell")


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write empty packages with the names of those that cloudedge needs; they stand for an index."""
    folder = tmp_path_factory.mktemp("index")
    for name in NEEDED:
        module = name.replace("-", "_")
        with ZipFile(folder / f"{module}-99-py3-none-any.whl", "w") as archive:
            info = f"{module}-99.dist-info"
            archive.writestr(f"{module}.py", "")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 99\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
    return folder


@pytest.fixture
def environment(tmp_path: Path, index: Path) -> dict[str, str]:
    """Return variables by which the installers work in a folder of the test and ask no index for anything."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PIPX_", "UV_", "PYTHON"))}
    return ours | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(index),
        "PIP_NO_INDEX": "1",
        "PIPX_BIN_DIR": str(tmp_path / "programs"),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_FIND_LINKS": str(index),
        "UV_NO_CONFIG": "1",
        "UV_NO_INDEX": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_TOOL_BIN_DIR": str(tmp_path / "programs"),
        "UV_TOOL_DIR": str(tmp_path / "uv"),
    }


def install(installer: str, wheel: Path, folder: Path, environment: dict[str, str]) -> Path:
    """Install the wheel by `installer` alone; return the environment that it has made."""
    if installer == "pip":
        venv.create(folder / "venv", with_pip=True)
        command, made = [folder / "venv" / PROGRAMS / "python", "-m", "pip", "install", wheel], folder / "venv"
    elif installer == "pipx":
        command, made = ["pipx", "install", "--python", sys.executable, wheel], folder / "pipx" / "venvs" / "cloudedge"
    else:
        command, made = ["uv", "tool", "install", "--python", sys.executable, wheel], folder / "uv" / "cloudedge"
    program = shutil.which(command[0], path=environment["PATH"])
    assert program
    subprocess.run([program, *command[1:]], env=environment, check=True, timeout=300)
    return made


@pytest.mark.parametrize(
    ("installer", "start"), [("pip", "{python} -m pip"), ("pipx", "pipx inject"), ("uv", "uv pip")]
)
def test_a_hint_names_a_command_that_works(
    installer: str, start: str, wheel: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    copy = shutil.copy(wheel, tmp_path)
    python = install(installer, Path(copy), tmp_path, environment) / PROGRAMS / "python"
    Path(copy).unlink()  # who installs from a wheel seldom keeps it

    def run(code: str) -> str:
        command = [python, "-c", f"from importlib.util import find_spec; {code}"]
        return subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout.strip()

    served = "print(all(map(find_spec, ['starlette', 'uvicorn', 'python_multipart'])))"
    assert run(served) == "False"
    hint = run("from cloudedge.installation import command_to_add; print(command_to_add('serve'))")
    assert hint.startswith(start.format(python=python))
    assert "cloudedge[" not in hint
    subprocess.run(hint, shell=True, check=True, env=environment, timeout=300)
    assert run(served) == "True"
