"""Find the photos in files and folders, and choose among them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import translate
from pathlib import PurePath

from cloudedge.files import TEMPORARY_PREFIX
from cloudedge.photo import capture_time
from cloudedge.photo.name_time import Neighbours

# A file whose name ends like this claims to be a photo.
PHOTO_EXTENSIONS = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif",
    ".tiff", ".webp",
)  # fmt: skip


# What is not a capture: thumbnails, deleted files, old versions and what a file system has found. By name, in any case;
# Synology, QNAP, Windows, Syncthing, Linux, Allsky and Frigate make them.
LEFTOVERS = (
    "@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "$RECYCLE.BIN", "System Volume Information",
    ".stversions", "lost+found", "thumbnails", "thumbs", "thumbnail-*",
)  # fmt: skip
_LEFTOVER = re.compile("|".join(f"({translate(name)})" for name in LEFTOVERS), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which photos of a folder are wanted; all of them by default.

    With `glob`, those whose name (or the end of whose path: `noon/*.jpg`) matches; not what a pattern of `exclude`
    fits (see `passed_over`); if not `recursive`, only those in the folder itself.
    """

    glob: str | None = None
    exclude: Sequence[str] = ()
    recursive: bool = True

    def matches(self, path: str) -> bool:
        """Return whether `glob` matches a path."""
        return not self.glob or PurePath(path).match(self.glob)


EVERY_PHOTO = Selection()


def find_photos(
    paths: Iterable[str],
    selection: Selection = EVERY_PHOTO,
    on_skipped: Callable[[str], object] = lambda path: None,
    on_error: Callable[[OSError], object] = lambda error: None,
    on_passed_over: Callable[[str, str], object] = lambda path, pattern: None,
) -> Iterator[str]:
    """Yield the path of each photo that `paths` name, lazily; a relative path stays relative.

    A file is yielded as it is given, whatever its name and whether it exists or not. A folder is read as by
    `photos_below`.
    """
    for path in paths:
        if os.path.isdir(path):
            yield from photos_below(path, selection, on_skipped, on_error, on_passed_over)
        else:
            yield path


def photos_below(
    folder: str,
    selection: Selection = EVERY_PHOTO,
    on_skipped: Callable[[str], object] = lambda path: None,
    on_error: Callable[[OSError], object] = lambda error: None,
    on_passed_over: Callable[[str, str], object] = lambda path, pattern: None,
    root: str | None = None,
) -> Iterator[str]:
    """Yield the photos in a folder and its sub-folders that are selected, sorted by name, lazily.

    Every file with a photo's extension counts, even if it turns out to be something else, so that its reader can
    report what is wrong with it. Hidden files, other files and links to folders (which may form loops) go to
    `on_skipped`. A file or a folder that is passed over goes to `on_passed_over` with the pattern (see `passed_over`);
    `root` is the folder that was given, if that is not `folder`. A folder that cannot be read goes to `on_error`.
    """
    root = root or folder
    if _lies_in_passed_over(folder, root, selection.exclude):
        return
    begin = len(os.path.join(root, ""))
    pending = _last_first(folder, on_error)  # a stack, not recursion: folders may nest deeper than Python's calls
    while pending:
        entry = pending.pop()
        if pattern := passed_over(entry.path[begin:], selection.exclude):
            on_passed_over(entry.path, pattern)
        elif entry.name.startswith("."):
            if not entry.name.startswith(TEMPORARY_PREFIX):
                on_skipped(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            if selection.recursive:
                pending += _last_first(entry.path, on_error)
        elif not claims_to_be_photo(entry.name) or (entry.is_symlink() and os.path.isdir(entry.path)):
            on_skipped(entry.path)
        elif selection.matches(entry.path):
            yield entry.path
        else:
            on_skipped(entry.path)


def passed_over(relative: str, exclude: Sequence[str] = ()) -> str | None:
    """Return the pattern by which a file or a folder, with all it holds, is not looked at; None if it is.

    `relative` is its path from the folder that was given. That is the name of a leftover, or one of `exclude`: a
    pattern that fits its name or the end of its path, or with a slash in front (`/noon`) the path as a whole.
    """
    if leftover := _LEFTOVER.fullmatch(os.path.basename(relative)):
        return LEFTOVERS[(leftover.lastindex or 1) - 1]
    return next((pattern for pattern in exclude if PurePath(f"/{relative}").match(pattern)), None)


def claims_to_be_photo(path: str) -> bool:
    """Return whether a file's extension is that of a photo."""
    return path.lower().endswith(PHOTO_EXTENSIONS)


def is_wanted(path: str, root: str, selection: Selection = EVERY_PHOTO) -> bool:
    """Return whether `photos_below(root, selection)` would yield an existing path."""
    names = os.path.relpath(path, root).split(os.sep)
    parents = (os.path.join(root, *names[:depth]) for depth in range(1, len(names)))
    return (
        claims_to_be_photo(path)
        and not os.path.isdir(path)
        and not any(name.startswith(".") for name in names)
        and (selection.recursive or len(names) == 1)
        and not _lies_in_passed_over(path, root, selection.exclude)
        and not any(os.path.islink(parent) for parent in parents)
        and selection.matches(path)
    )


def _lies_in_passed_over(path: str, root: str, exclude: Sequence[str]) -> bool:
    """Return whether a path below `root`, or a folder on the way to it, is passed over."""
    if path == root:
        return False
    names = os.path.relpath(path, root).split(os.sep)
    return any(passed_over(os.path.join(*names[:depth]), exclude) for depth in range(1, len(names) + 1))


def in_shard(path: str, number: int, count: int) -> bool:
    """Return whether a path is in the `number`-th (from 1) of `count` shards, by a hash that is the same anywhere."""
    import hashlib  # takes a while to load

    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count == number - 1


def taken_between(
    photos: Iterable[str],
    since: datetime | None,
    until: datetime | None,
    on_left_out: Callable[[str | None, bool], object] = lambda time, by_file: None,
) -> Iterator[str]:
    """Yield the photos with since <= captured_at < until.

    Of the others, the time or None goes to `on_left_out`, and whether it is the file's time of change.
    """
    neighbours = Neighbours()
    for path in photos:
        text, by_file = capture_time.place_in_time(path, neighbours)
        time = datetime.fromisoformat(text) if text else None
        if (
            time is None
            or (since and capture_time.is_before(time, since))
            or (until and not capture_time.is_before(time, until))
        ):
            on_left_out(text, by_file)
        else:
            yield path


def _last_first(folder: str, on_error: Callable[[OSError], object]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        on_error(error)
        return []
