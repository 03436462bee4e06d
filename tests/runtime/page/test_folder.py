"""The folder of the page: whole, pinned, and with what Python knows. Browsers meet it in tests/browser."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cloudedge.errors import CloudEdgeError, ModelError
from cloudedge.genera import GENERA
from cloudedge.model import Model
from cloudedge.page import folder
from cloudedge.page.folder import integrity, make_page, write_page
from cloudedge.row import NAMELESS


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    """What stands for onnxruntime for browsers, which a checkout may lack."""
    place = tmp_path / "runtime"
    place.mkdir()
    for name in ("ort.bin", "ort.js", "onnxruntime-notices.txt"):
        (place / name).write_text(f"// {name}", encoding="utf-8")
    monkeypatch.setattr(folder, "_RUNTIME_FOLDER", place)
    return place


@pytest.fixture
def model(tiny):
    return Model(tiny, 1)


def test_each_file_that_the_page_loads_is_there_and_pinned(model):
    page = make_page(model)
    html = page["index.html"].decode()
    loads = re.findall(r'<(?:link|script)\b[^>]* (?:href|src)="([^"]+)" integrity="([^"]+)"', html)
    assert {"page.js", "app.css", "facts.json", "card.js", "row.js"} <= {name for name, _ in loads}
    assert len(loads) == len(re.findall(r"<link|<script", html))
    kept = json.loads(re.search(r"const FILES = ({.*?});", page["sw.js"].decode(), re.DOTALL)[1])
    assert set(kept) == set(page) - {"sw.js", "licences.txt"}
    for name, pinned in [*loads, *kept.items(), *json.loads(page["facts.json"])["files"].items()]:
        assert pinned == integrity(page[name]), name


def test_a_module_that_is_imported_is_in_the_folder(model):
    page = make_page(model)
    scripts = {name: data.decode() for name, data in page.items() if name.endswith(".js")}
    imported = {name: re.findall(r'from "\./([^"]+)"', text) for name, text in scripts.items()}
    assert {other for others in imported.values() for other in others} <= set(scripts)
    html = page["index.html"].decode()
    for name in imported["page.js"]:
        assert f'href="{name}"' in html  # or the browser would load it unpinned


def test_nothing_comes_from_elsewhere(model):
    page = make_page(model)
    page.pop("licences.txt")
    for name, data in page.items():
        if name.endswith((".js", ".css", ".html", ".webmanifest")):
            assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", data.decode()), name
    html = page["index.html"].decode()
    assert f'content="{folder.POLICY}"' in html
    assert "unsafe-inline" not in folder.POLICY
    assert not re.findall(r"<style|<script>| style=| on\w+=", html)


def test_the_page_is_that_of_the_server_without_what_needs_one(model):
    html = make_page(model)["index.html"].decode()
    assert "Drop photos anywhere on this page" in html
    assert "Photos stay on this device" in html
    for words in ("token", "this server", "this cloudedge", "app.js", "begin", "end -->"):
        assert words not in html


def test_the_facts_are_those_of_python(model):
    facts = json.loads(make_page(model)["facts.json"])
    assert [genus["name"] for genus in facts["genera"]] == [genus.name for genus in GENERA]
    assert facts["nameless"] == NAMELESS
    assert facts["model"]["thresholds"] == model.spec.thresholds
    assert facts["model"]["resize"]["size"] == model.spec.resize.size
    assert facts["seen"] == pytest.approx([2 / 36, 2 / 36, 34 / 36, 34 / 36])


def test_the_model_is_in_it_whole(model, tiny):
    page = make_page(model)
    assert gzip.decompress(page["model.bin"]) == tiny.read_bytes()
    assert page["model.bin"] == make_page(model)["model.bin"]  # no time of day in it


def test_the_licences_go_along(model):
    text = make_page(model)["licences.txt"].decode()
    assert "Permission is hereby granted" in text
    assert "onnxruntime-notices.txt" in text


def test_another_model_makes_another_version(model, make_model, metadata, tiny):
    other = {**metadata, "temperature": 2.0}
    versions = [
        re.search(r'VERSION = "(\w+)"', make_page(one)["sw.js"].decode())[1]
        for one in (model, Model(make_model(other), 1), model)
    ]
    assert versions[0] == versions[2] != versions[1]


def test_an_earlier_page_is_replaced_and_other_files_stay(model, tmp_path):
    target = tmp_path / "site"
    write_page(model, target)
    (target / "CNAME").write_text("sky.example\n")
    (target / "row.js").write_text("old")
    written = write_page(model, target)
    assert {path.name for path in target.iterdir()} == {*written, "CNAME"}
    assert all((target / name).read_bytes() == data for name, data in written.items())


def test_a_page_of_somebody_else_is_not_replaced(model, tmp_path):
    (tmp_path / "index.html").write_text("<h1>Mine</h1>")
    with pytest.raises(CloudEdgeError, match=r"holds index\.html, which `cloudedge page` has not written"):
        write_page(model, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "runtime"}


def test_what_fails_leaves_the_earlier_page_whole(model, tmp_path, monkeypatch):
    target = tmp_path / "site"
    before = write_page(model, target)
    monkeypatch.setattr(folder, "make_page", lambda model: {**before, "app.css": b"new", "worker.js": None})
    with pytest.raises(TypeError):
        write_page(model, target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_without_the_runtime_it_says_how_to_get_it(model, tmp_path, runtime):
    (runtime / "ort.bin").unlink()
    with pytest.raises(ModelError, match="in a checkout run: make page-runtime"):
        write_page(model, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def run(runtime: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command with another folder for onnxruntime."""
    code = f"""
import sys
from pathlib import Path
from cloudedge.page import folder
folder._RUNTIME_FOLDER = Path({str(runtime)!r})
from cloudedge.cli.main import main
sys.argv = ["cloudedge", "page", *{list(map(str, arguments))!r}]
main()
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120, check=False)


def test_the_command_says_what_it_has_written(tmp_path, tiny, runtime):
    target = tmp_path / "my site"
    done = run(runtime, "-o", target, "--model", tiny)
    assert (done.returncode, done.stdout) == (0, "")
    first, second = done.stderr.splitlines()
    size = sum(path.stat().st_size for path in target.iterdir()) / 1e6
    assert first == f"{target}: {len(list(target.iterdir()))} files, {size:.1f} MB, with tiny 0.0.1."
    assert second == f"To look at it: python3 -m http.server --directory '{target}'"


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda place: place / "no" / "site", 2, "cannot be written: its folder does not exist"),
        (lambda place: place / "taken", 2, "cannot be written"),
        (lambda place: place / "theirs", 2, "holds index.html, which `cloudedge page` has not written"),
    ],
)
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, tiny, runtime, make, code, words):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "index.html").write_text("theirs")
    done = run(runtime, "-o", make(tmp_path), "--model", tiny)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_without_the_runtime_ends_with_3(tmp_path, tiny):
    done = run(tmp_path / "nowhere", "-o", tmp_path / "site", "--model", tiny)
    assert done.returncode == 3
    assert done.stderr.startswith("Error: onnxruntime for browsers is not part of this installation; in a checkout")
    assert len(done.stderr.splitlines()) == 1
