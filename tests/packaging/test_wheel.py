"""The wheel, alone in a fresh environment, as somebody installs it who has never seen this repository."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


def test_the_same_sources_give_the_same_bytes(
    tmp_path: Path, build_wheel: Callable[..., Path], copy_sources: Callable[[Path], Path]
) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    sources = [copy_sources(tmp_path / name / "source") for name in ("first", "second")]
    wheels = [build_wheel(source, env=environment) for source in sources]
    assert wheels[0].name == wheels[1].name
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_the_wheel_carries_its_licence_and_says_that_it_is_typed(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        card = archive.read("cloudedge/models/MODEL_CARD.md").decode()
    assert any(name.endswith("LICENSE") and ".dist-info/" in name for name in names)
    assert "cloudedge/py.typed" in names
    assert "CC0" in card  # what is known of the photos that the models were trained on


def test_every_model_in_the_wheel_is_pinned_by_its_checksum(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        models = [name for name in archive.namelist() if name.endswith(".onnx")]
        held = {name.rpartition("/")[2]: hashlib.sha256(archive.read(name)).hexdigest() for name in models}
        sums = archive.read("cloudedge/models/SHA256SUMS").decode("ascii").splitlines()
    assert held == {file: digest for digest, file in map(str.split, sums)}
    assert held


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone; return the folder of the environment's programs."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True)
    return programs


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def test_the_wheel_holds_the_runtime_and_the_models_and_nothing_else(wheel: Path) -> None:
    sources = (path for path in (ROOT / "cloudedge").rglob("*") if path.is_file() and path.suffix != ".pyc")
    runtime = {path.relative_to(ROOT).as_posix() for path in sources}
    models = {f"cloudedge/models/{path.name}" for path in (ROOT / "models").glob("*.onnx")}
    beside = ("__init__.py", "CHANGELOG.md", "LICENSE.Apache-2.0", "MODEL_CARD.md", "SHA256SUMS")
    models |= {f"cloudedge/models/{name}" for name in beside}
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == runtime | models
    assert {"cloudedge/models/resnet34.onnx", "cloudedge/serve/static/index.html"} <= held


def test_the_wheel_is_below_40_mb(wheel: Path) -> None:
    assert wheel.stat().st_size < 40_000_000


def test_nothing_of_the_export_stage_or_of_an_extra_comes_along(programs: Path, tmp_path: Path) -> None:
    program = (
        "from importlib.util import find_spec\n"
        "names = ('torch', 'torchvision', 'onnx', 'export', 'pytest', 'httpx2', 'starlette', 'watchfiles')\n"
        "print([name for name in names if find_spec(name)])"
    )
    assert run(programs / "python", "-c", program, cwd=tmp_path).stdout == "[]\n"


@pytest.mark.parametrize("arguments", [None, ["--help"], ["classify", "--help"], ["genera"]])
def test_nothing_heavy_is_loaded_before_it_is_needed(
    programs: Path, tmp_path: Path, arguments: list[str] | None
) -> None:
    program = f"""
import sys
import cloudedge
if {arguments!r} is not None:
    from cloudedge.cli.main import main
    sys.argv = ["cloudedge", *{arguments!r}]
    try:
        main()
    except SystemExit as exit_:
        assert not exit_.code, exit_.code
print(sorted({{"numpy", "onnxruntime", "PIL"}} & set(sys.modules)), file=sys.stderr)
"""
    assert run(programs / "python", "-c", program, cwd=tmp_path).stderr == "[]\n"


def test_it_classifies_a_photo_with_the_model_that_it_brings(programs: Path, tmp_path: Path) -> None:
    photo = ROOT / "examples" / "cumulus.jpg"
    done = run(programs / "cloudedge", "classify", "--format", "jsonl", photo, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    row = json.loads(done.stdout)
    assert (row["path"], row["status"], row["error"]) == (str(photo), "ok", None)
    assert row["model"].startswith("resnet34 ")
    assert row["top"][0] == {"genus": row["genus"], "probability": row["probability"]}


def test_the_model_that_it_brings_is_the_one_that_was_released(programs: Path, tmp_path: Path) -> None:
    done = run(programs / "cloudedge", "info", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["model"]["checksum"] == "ok"
