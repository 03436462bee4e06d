"""The rooms of the stage: what needs what, and nothing in a circle."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import export

ROOT = Path(export.__file__).parent
BELOW = {"data": {"data"}, "training": {"data", "training"}, "release": {"data", "training", "release"}}


def imports() -> dict[str, set[str]]:
    """Return for each module of the stage the modules of the stage that it imports."""
    found = {}
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        found[name] = needed = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "export":
                needed |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name: needed & found.keys() for name, needed in found.items()}


def test_no_module_needs_itself() -> None:
    graphlib.TopologicalSorter(imports()).prepare()  # it raises CycleError


def test_each_room_needs_only_those_before_it() -> None:
    for name, needed in imports().items():
        room = name.split(".")[1]
        if room in BELOW:
            rooms = {module.split(".")[1] for module in needed if module.count(".") > 1}
            assert rooms <= BELOW[room], name
    assert not imports()["export.files"]


def test_the_photos_need_no_torch() -> None:
    for path in (ROOT / "data").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import torch" not in text, path
        assert "from torch" not in text, path
