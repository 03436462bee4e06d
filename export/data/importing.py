"""Make a manifest of photos in one folder per genus, or in the archive of the CCSN data set."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from cloudedge.archive.photos import photos_below
from cloudedge.errors import CloudEdgeError, ImageError, printable
from cloudedge.packaged_models import sha256
from cloudedge.photo.read import read
from export.data.catalogue import CLASSES, LABELS, MANIFEST_COLUMNS, label_of
from export.data.duplicates import find_duplicates, groups, thumbnail
from export.files import write_csv

CCSN_MD5 = "0787f50947a3f65630a7463206316fd3"
MAX_MEMBER_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What an import did: photos by the number of each genus, other folders' names, and why files were left out."""

    photos: int
    conflicts: int
    other_folders: tuple[str, ...]
    left_out: dict[str, str]


def catalogue(root: Path) -> Catalogued:
    """Write `manifest.csv` for the photos in the folders of `root`, which stay where they are.

    A photo's label is the name of the folder under `root` that it is in. Copies are found by their pixels, share a
    `photo_group`, and have `label_conflict` 1 if they are listed under two labels. Unreadable files, and
    those in other folders, are left out and listed in `left_out.csv`. Raises CloudEdgeError when no photo is found.
    """
    left_out: dict[str, str] = {}

    def pass_over(path: str) -> None:
        if os.path.islink(path) and os.path.isdir(path):
            left_out[os.path.relpath(path, root)] = "is a link to a folder; import the folder itself"

    def leave(path: str, pattern: str) -> None:
        left_out[os.path.relpath(path, root)] = f"holds no photos by its name ({pattern}); rename it if it does"

    def report(error: OSError) -> None:
        left_out[os.path.relpath(error.filename, root)] = f"cannot be read ({error.strerror}); check its permissions"

    labels, files, sums, thumbs = [], [], [], []
    found = photos_below(str(root), on_skipped=pass_over, on_error=report, on_passed_over=leave)
    for path in tqdm(list(map(Path, found)), desc="photos", unit=""):
        file = path.relative_to(root).as_posix()
        try:
            label, thumb = _label(file), thumbnail(read(path).pixels)
        except ImageError as error:
            left_out[file] = error.problem
            continue
        except ValueError as error:
            left_out[file] = str(error)
            continue
        files.append(file)
        labels.append(label)
        thumbs.append(thumb)
        sums.append(sha256(path))
    if not files:
        raise CloudEdgeError("holds no readable photos; put them into one folder per genus", str(root))
    numbers = groups(len(files), find_duplicates(thumbs)).tolist()
    conflicts = _conflicts(numbers, labels)
    write_csv(
        root / "manifest.csv",
        MANIFEST_COLUMNS,
        zip(files, labels, numbers, map(int, conflicts), sums, strict=True),
    )
    (root / "left_out.csv").unlink(missing_ok=True)  # of an earlier import
    if left_out:
        told = [(printable(file), problem) for file, problem in left_out.items()]
        write_csv(root / "left_out.csv", ("file", "problem"), told)
    known = {*CLASSES, "Contrail"}
    return Catalogued(len(files), sum(conflicts), tuple(sorted({*labels} - known)), left_out)


def _label(file: str) -> str:
    """Return the label of a photo by its folder; ValueError if it has none, or a manifest cannot name it."""
    folder, _, name = file.partition("/")
    if not name:
        raise ValueError("is not in the folder of a genus; move it into one")
    if "\r" in file or any("\ud800" <= sign <= "\udfff" for sign in file):  # what CSV, or UTF-8, cannot say
        raise ValueError("has a name that a CSV file cannot hold; rename it")
    return label_of(folder)


def _conflicts(numbers: Sequence[int], labels: Sequence[str]) -> list[bool]:
    """Return for each photo whether its group is listed under two labels."""
    of_group: dict[int, set[str]] = {}
    for number, label in zip(numbers, labels, strict=True):
        of_group.setdefault(number, set()).add(label)
    return [len(of_group[number]) > 1 for number in numbers]


def unpack_ccsn(archive: Path, root: Path) -> None:
    """Unpack the CCSN archive into one folder per genus under `root`; raises CloudEdgeError for any other file."""
    with archive.open("rb") as stream:
        digest = hashlib.md5(usedforsecurity=False)
        while block := stream.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != CCSN_MD5:
        problem = "is not the CCSN archive, or is damaged; download it again, or unpack another archive yourself"
        raise CloudEdgeError(f"{problem} (md5 {digest.hexdigest()}, not {CCSN_MD5})", str(archive))
    with zipfile.ZipFile(archive) as members:
        for member in tqdm(members.infolist(), desc="unpacking", unit=""):
            path = PurePosixPath(member.filename)
            genus = LABELS.get(path.parent.name.casefold())
            # Only the name of the file and of its folder are used, so that nothing lands outside of `root`.
            if member.is_dir() or genus is None or path.name.startswith(".") or member.file_size > MAX_MEMBER_BYTES:
                continue
            (root / genus).mkdir(parents=True, exist_ok=True)
            (root / genus / path.name).write_bytes(members.read(member))
