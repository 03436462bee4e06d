"""Download labelled photos from a list of addresses, in parallel, and write down what became of each."""

from __future__ import annotations

import hashlib
import http.client
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cloudedge import __version__
from cloudedge.errors import CloudEdgeError, ImageError, printable
from cloudedge.photo.read import read
from export.data.catalogue import LABELS
from export.data.duplicates import find_duplicates, thumbnail
from export.files import numbered_rows, read_csv, write_csv

PARALLEL = 8
ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt, twice as long before each further one
TIMEOUT = 20.0  # seconds without a byte
MAX_BYTES = 25_000_000
MIN_SIDE = 128  # pixels: what is smaller is a thumbnail or an icon
RETRIED = {408, 425, 429, 500, 502, 503, 504}
# By the first bytes that `cloudedge.photo.formats` opens; servers' own words on types are often wrong.
EXTENSIONS = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"RIFF": ".webp",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II": ".tif",
    b"MM": ".tif",
}
HEADER = ("url", "genus", "file", "problem")
COPY = "same photo as "
MAX_PROBLEM = 200  # characters: a server may answer with pages


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one address: either `file`, under the folder, or `problem`."""

    url: str
    genus: str
    file: str = ""
    problem: str = ""

    @property
    def copy(self) -> bool:
        """Whether it was dropped as a copy of another photo."""
        return self.problem.startswith(COPY)


class _Refused(Exception):  # noqa: N818  # carries the problem of one address to its outcome
    pass


def read_list(path: Path) -> list[tuple[str, str]]:
    """Read the (url, genus) pairs of a CSV file; raises CloudEdgeError for an empty list or a bad row."""
    wanted: dict[str, str] = {}
    for number, row in numbered_rows(path, ("url", "genus")):
        url, genus = row["url"].strip(), LABELS.get(row["genus"].strip().casefold())
        if not url.lower().startswith(("http://", "https://")):
            raise CloudEdgeError(f"line {number}: {url!r} does not begin with http:// or https://", str(path))
        if genus is None:
            raise CloudEdgeError(f"line {number}: {row['genus']!r} is not a genus", str(path))
        if wanted.setdefault(url, genus) != genus:
            raise CloudEdgeError(f"line {number}: {url} is listed under two genera", str(path))
    if not wanted:
        raise CloudEdgeError("lists no photo; write the address and the genus of one in each line", str(path))
    return list(wanted.items())


def fetch(wanted: Sequence[tuple[str, str]], root: Path) -> list[Outcome]:
    """Download what `root` does not hold yet into one folder per genus; return the outcome of every address.

    `fetched.csv` in `root` keeps the outcomes: the next run retries what is missing or failed, and moves photos that
    are now wanted under another genus.
    """
    journal, genera = root / "fetched.csv", dict(wanted)
    here = [o for o in _read_journal(journal) if o.copy or (o.file and (root / o.file).exists())]
    done = {o.url: _moved(o, genera.get(o.url, o.genus), root) for o in here}
    missing = [(url, genus) for url, genus in wanted if url not in done]
    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            news = pool.map(lambda pair: _fetch_one(pair[0], pair[1], root), missing)
            for outcome in tqdm(news, total=len(missing), desc="photos", unit=""):
                done[outcome.url] = outcome
        finally:  # also when interrupted
            pool.shutdown(cancel_futures=True)
            _write_journal(journal, done.values())
    outcomes = _without_copies(list(done.values()), root)
    _write_journal(journal, outcomes)
    return outcomes


def _read_journal(path: Path) -> Iterator[Outcome]:
    if path.exists():
        for row in read_csv(path, HEADER):
            yield Outcome(*(row[name] for name in HEADER))


def _moved(outcome: Outcome, genus: str, root: Path) -> Outcome:
    """Move a photo into the folder of its genus, if it is in another."""
    if genus == outcome.genus or not outcome.file:
        return replace(outcome, genus=genus)
    moved = replace(outcome, genus=genus, file=f"{genus}/{Path(outcome.file).name}")
    (root / genus).mkdir(exist_ok=True)
    (root / outcome.file).replace(root / moved.file)
    return moved


def _write_journal(path: Path, outcomes: Iterable[Outcome]) -> None:
    write_csv(path, HEADER, [(o.url, o.genus, o.file, o.problem) for o in outcomes])


def _fetch_one(url: str, genus: str, root: Path) -> Outcome:
    try:
        data = _download(url)
        _check(data)
    except _Refused as error:
        return Outcome(url, genus, problem=_one_line(str(error)))
    extension = next((ext for head, ext in EXTENSIONS.items() if data.startswith(head)), ".heic")
    file = f"{genus}/{hashlib.sha256(data).hexdigest()[:16]}{extension}"
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.partial")
    partial.write_bytes(data)
    partial.replace(path)
    return Outcome(url, genus, file=file)


def _one_line(words: str) -> str:
    """Make one printable line of what a server may have said."""
    return printable(textwrap.shorten(words, MAX_PROBLEM, placeholder=" …"))


def _download(url: str) -> bytes:
    """Return the bytes at an address, after retries if these may help; raises _Refused with the reason."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            return _request(url)
        except urllib.error.HTTPError as error:
            problem = f"the server answered {error.code} {error.reason}"
            if error.code not in RETRIED:
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"cannot be downloaded ({error})"
    raise _Refused(problem)


def _request(url: str) -> bytes:
    # Many servers refuse the library's own name.
    request = urllib.request.Request(url, headers={"User-Agent": f"cloudedge/{__version__}", "Accept": "image/*"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        kind = answer.headers.get_content_type()
        if not kind.startswith("image/") and kind not in ("application/octet-stream", "text/plain"):
            raise _Refused(f"is {kind}, not a photo")
        data: bytes = answer.read(MAX_BYTES + 1)
        expected = answer.headers.get("Content-Length")
    if len(data) > MAX_BYTES:
        raise _Refused(f"is larger than {MAX_BYTES // 1_000_000} MB")
    if expected and expected.isdigit() and len(data) < int(expected):
        raise OSError(f"only {len(data)} of {expected} bytes arrived")
    return data


def _check(data: bytes) -> None:
    try:
        height, width = read(data).pixels.shape[:2]
    except ImageError as error:
        raise _Refused(error.problem) from error
    if min(width, height) < MIN_SIDE:
        raise _Refused(f"is only {width} x {height} pixels, less than {MIN_SIDE}")


def _without_copies(outcomes: list[Outcome], root: Path) -> list[Outcome]:
    """Delete copies of photos, of whatever genus, and say so in their outcomes."""
    first_of: dict[str, Outcome] = {}
    for number, outcome in enumerate(outcomes):
        if outcome.file and (first := first_of.setdefault(outcome.file, outcome)) is not outcome:
            outcomes[number] = Outcome(outcome.url, outcome.genus, problem=f"{COPY}{first.url}")
    here = [number for number, outcome in enumerate(outcomes) if outcome.file]
    thumbs: list[npt.NDArray[np.uint8]] = [thumbnail(read(root / outcomes[k].file).pixels) for k in here]
    for pair in find_duplicates(thumbs):
        first, copy = outcomes[here[pair.first]], outcomes[here[pair.second]]
        if first.file and copy.file:
            (root / copy.file).unlink()
            problem = f"{COPY}{first.url}, {first.genus}"
            outcomes[here[pair.second]] = Outcome(copy.url, copy.genus, problem=problem)
    return outcomes
