"""The files of the page, and the folder that holds them.

The page is that of `serve`, with a worker in place of the server: it shares the styles, the cards and the words. Each
file that the page loads is pinned by its SHA-256, so that nobody gets an answer from half a model, or from files of two
versions.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from importlib.resources import files
from pathlib import Path

from cloudedge.errors import CloudEdgeError, ModelError
from cloudedge.files import replacing
from cloudedge.model import Model
from cloudedge.page.facts import facts

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)

_SHARED = ("app.css", "icon.svg", "card.js", "elements.js", "gallery.js", "overlay.js", "overview.js")
_OF_THE_PAGE = ("engine.js", "live.js", "page.js", "row.js")
_OF_THE_WORKER = ("exif.js", "photo.js", "preprocess.js", "resample.js", "worker.js")
_BESIDE = ("icon.png", "manifest.webmanifest", "page.css")
_RUNTIME = ("ort.bin", "ort.js")  # onnxruntime for browsers: the wasm, compressed, and what calls it
_LOADED_BY_THE_WORKER = ("model.bin", "ort.bin")
_LICENCES = "licences.txt"

_OURS = '<meta name="generator" content="cloudedge page">'

_RUNTIME_FOLDER = Path(__file__).parent / "runtime"


def write_page(model: Model, target: Path) -> Mapping[str, bytes]:
    """Write the page for a model into a folder, which is made if it is not there; return the files by their names.

    An earlier page is replaced, whole or not at all; other files stay. Raises ModelError where onnxruntime for browsers
    is missing, CloudEdgeError where the folder holds other files of these names, OSError where it cannot be written.
    """
    contents = make_page(model)
    target.mkdir(exist_ok=True)
    _refuse_other_files(target, contents)
    with ExitStack() as stack:  # it ends in the reverse order: the service worker and the page are replaced last
        for name in sorted(contents, key=["sw.js", "index.html"].__contains__, reverse=True):
            stack.enter_context(replacing(target / name)).write_bytes(contents[name])
    return contents


def make_page(model: Model) -> dict[str, bytes]:
    """Return the files of the page for a model, by their names."""
    shared, own = files("cloudedge.serve") / "static", files("cloudedge.page") / "static"
    found = {name: (shared / name).read_bytes() for name in _SHARED}
    found |= {name: (own / name).read_bytes() for name in (*_OF_THE_PAGE, *_OF_THE_WORKER, *_BESIDE)}
    found |= _runtime(_RUNTIME)
    found["model.bin"] = gzip.compress(Path(model.path).read_bytes(), mtime=0)
    pinned = {name: integrity(found[name]) for name in _LOADED_BY_THE_WORKER}
    size = sum(map(len, found.values()))
    found["facts.json"] = json.dumps({**facts(model.spec), "files": pinned, "bytes": size}, indent=1).encode()
    page = (shared / "index.html").read_text(encoding="utf-8")
    found["index.html"] = _index(page, {name: integrity(data) for name, data in found.items()}).encode()
    worker = (own / "sw.js").read_text(encoding="utf-8")
    found["sw.js"] = _service_worker(worker, {name: integrity(data) for name, data in found.items()}).encode()
    found[_LICENCES] = _licences(model, (own / _LICENCES).read_bytes())
    return found


def integrity(data: bytes) -> str:
    """Return the SHA-256 of data as browsers take it (Subresource Integrity)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(data).digest()).decode()}"


def _runtime(names: Iterable[str]) -> dict[str, bytes]:
    try:
        return {name: (_RUNTIME_FOLDER / name).read_bytes() for name in names}
    except FileNotFoundError as error:
        cure = "in a checkout run: make page-runtime; or install the wheel that `make wheel` builds"
        raise ModelError(f"onnxruntime for browsers is not part of this installation; {cure}") from error


def _index(page: str, pinned: Mapping[str, str]) -> str:
    """Turn the page of `serve` into this one."""
    modules = [name for name in pinned if name.endswith(".js") and name not in (*_OF_THE_WORKER, *_RUNTIME)]
    script = [
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        _OURS,
        '<link rel="manifest" href="manifest.webmanifest">',
        '<link rel="apple-touch-icon" href="icon.png">',
        '<link rel="stylesheet" href="page.css">',
        '<link rel="alternate" id="facts" type="application/json" href="facts.json">',
        *(f'<link rel="modulepreload" href="{name}">' for name in modules if name != "page.js"),
        '<script src="page.js" type="module"></script>',
    ]
    regions = {
        "script": "\n".join(script),
        "noscript": "This page needs JavaScript. All of it comes with this page.",
        "privacy": "Photos stay on this device: they are looked at in this browser, and sent nowhere.",
        "token": "",
        "live": "",
    }
    for name, text in regions.items():
        page = _replaced(rf"<!-- begin {name} -->.*<!-- end {name} -->", text, page)
    return re.sub(
        r'(<(?:link|script)\b[^>]* (?:href|src)="([^"]+)")',
        lambda match: f'{match[1]} integrity="{pinned[match[2]]}"',
        page,
    )


def _service_worker(script: str, pinned: Mapping[str, str]) -> str:
    kept = json.dumps(pinned, indent=1)
    version = hashlib.sha256(f"{kept}{POLICY}{script}".encode()).hexdigest()[:16]
    script = _replaced(r"const FILES = \{\};", f"const FILES = {kept};", script)
    script = _replaced(r'const VERSION = "";', f'const VERSION = "{version}";', script)
    return _replaced(r'const POLICY = "";', f'const POLICY = "{POLICY}";', script)


def _replaced(pattern: str, text: str, whole: str) -> str:
    result, number = re.subn(pattern, lambda match: text, whole, flags=re.DOTALL)
    if number != 1:
        raise ValueError(f"{pattern} is {number} times there")
    return result


def _licences(model: Model, own: bytes) -> bytes:
    """Return the licences of all that the folder holds."""
    parts = [own, f"The model {model.spec.name} {model.spec.version}: {model.spec.licence}\n".encode()]
    with suppress(FileNotFoundError):  # it lies beside the packaged models
        parts.append((Path(model.path).parent / "LICENSE.Apache-2.0").read_bytes())
    parts += _runtime(["onnxruntime-notices.txt"]).values()
    return b"\n\n".join(parts)


def _refuse_other_files(target: Path, names: Iterable[str]) -> None:
    there = [name for name in names if (target / name).exists()]
    page = target / "index.html"
    if there and not (page.is_file() and _OURS.encode() in page.read_bytes()):
        problem = f"holds {there[0]}, which `cloudedge page` has not written; choose another folder"
        raise CloudEdgeError(problem, str(target))
