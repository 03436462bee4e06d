from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cloudedge

HEAVY = {
    "numpy",
    "onnxruntime",
    "PIL",
    "torch",
    "torchvision",
    "onnx",
    "export",
    "pi_heif",
    "starlette",
    "uvicorn",
    "httpx2",
    "paho",
    "sqlite3",
}


ROOT = Path(cloudedge.__file__).parent
# From the ground up; every other module stands on the third floor, and rooms on one floor do not know each other.
FLOORS = (
    {"errors", "genera", "files", "signals", "installation", "systemd"},
    {"photo"},
    set(),
    {"archive", "report", "bench", "serve", "camera", "mqtt"},
    {"cli"},
)


def modules_after(code: str) -> set[str]:
    """Return the heavy packages that a fresh interpreter has loaded after some code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(Path(cloudedge.__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return HEAVY & set(result.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import cloudedge",
        "import cloudedge; cloudedge.__version__, dir(cloudedge), cloudedge.GENERA, cloudedge.ModelError",
        "from cloudedge import CloudEdgeError, ImageError, Genus",
        "import cloudedge.cli.main",
        "import cloudedge.cli.classify, cloudedge.cli.convert, cloudedge.cli.report, cloudedge.cli.watch",
        "import cloudedge.cli.mqtt, cloudedge.cli.phases",
        "import cloudedge.row, cloudedge.row_formats, cloudedge.files, cloudedge.archive.journal",
    ],
)
def test_importing_loads_nothing_heavy(code):
    assert modules_after(code) == set()


def test_the_runtime_needs_numpy_pillow_and_onnxruntime_alone(tiny):
    code = f"from cloudedge import CloudClassifier; CloudClassifier({str(tiny)!r})"
    assert modules_after(code) == {"numpy", "PIL", "onnxruntime"}


def test_every_public_name_is_there():
    assert set(cloudedge.__all__) <= set(dir(cloudedge))
    for name in cloudedge.__all__:
        assert getattr(cloudedge, name) is not None


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'Cloud'"):
        _ = cloudedge.Cloud


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", cloudedge.__version__)


def imports_of_each_module():
    """Return what each module imports, at its top or in a function: modules of cloudedge by their full names."""
    paths = [path for path in ROOT.rglob("*.py") if not path.name.startswith("__")]  # those hold the public names
    names = [".".join(["cloudedge", *path.relative_to(ROOT).with_suffix("").parts]) for path in paths]
    found = {}
    for path, name in zip(paths, names, strict=True):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        found[name] = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                submodules = {f"{node.module}.{alias.name}" for alias in node.names}.intersection(names)
                found[name] |= submodules or {node.module}
    return found


def floor(room):
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), 2)


def test_no_circle_and_no_arrow_upward():
    imports = imports_of_each_module()
    graph = {name: imported & set(imports) for name, imported in imports.items()}
    assert len(list(TopologicalSorter(graph).static_order())) > 40  # raises CycleError
    for name, other in ((name, other) for name, imported in graph.items() for other in imported):
        room, other_room = name.split(".")[1], other.split(".")[1]
        below, same = floor(other_room) < floor(room), floor(other_room) == floor(room)
        assert below or room == other_room or (same and floor(room) in (0, 2)), f"{name} imports {other}"


def test_click_is_for_the_command_line_alone_and_the_export_stage_for_nobody():
    for name, imported in imports_of_each_module().items():
        packages = {other.partition(".")[0] for other in imported}
        assert not packages & {"export", "torch", "torchvision", "onnx"}, name
        assert "click" not in packages or name.startswith("cloudedge.cli."), name
