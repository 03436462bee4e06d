"""Which camera a capture belongs to, from its path."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from cloudedge.genera import GENERA
from cloudedge.phases import Capture, capture_of, instant_of
from cloudedge.row import Row
from cloudedge.row_key import capture_id, identity

# A folder that only counts or dates: 2024, 05, 2024-05-01, 20240501_1230, 12h30m, 01.05.2024.
_NUMBERS = re.compile(r"[0-9][0-9TZhms_.:@ +-]*")
# A date, and perhaps a time, in a folder with a name too: cam1_2024-06-01.
_DATE = re.compile(
    r"[-_. @]*(?<![0-9])(?:19|20)[0-9]{2}([-_.]?)[0-9]{2}\1[0-9]{2}"
    r"(?:[-_T. @]?[0-9]{2}([-_.:h]?)[0-9]{2}(?:\2[0-9]{2})?)?(?![0-9])[-_. @]*"
)
_MOST_RETURNS = 2

# The columns of flat rows that `captures_by_camera` needs; a source that can leave out the others is faster.
COLUMNS = (
    *("path", "status", "genus", "probability", "certain", "reason", "captured_at", "time_source", "key"),
    *(f"top{rank}_{part}" for rank in range(1, len(GENERA) + 1) for part in ("genus", "probability")),
)
_CARD = re.compile(r"(?<=DCIM/)[1-9][0-9]{2}(?=[0-9A-Z_]{5}(?:/|$))")  # a memory card's folders count from 100 on


def camera_of(path: str, pattern: str | None = None) -> str | None:
    """Return which camera a capture belongs to: its folders, without what is a date, a time or a number in them.

    With a `pattern`, a regular expression that is searched for in the path (with / between folders), it is the text of
    its group `camera`, else of its first group, else of the whole match. None for a path without such folders, or where
    the pattern does not match. The address of a camera is a camera of its own.
    """
    path = path.replace("\\", "/")
    if pattern is not None:
        return _matched(re.search(pattern, path))
    if "://" in path:
        return path
    folders = _CARD.sub("", path).split("/")[:-1]
    named = [_DATE.sub("", folder) for folder in folders if not _NUMBERS.fullmatch(folder)]
    return "/".join(folder for folder in named if folder not in ("", ".")) or None


def captures_by_camera(rows: Iterable[Row], pattern: str | None = None) -> dict[str | None, list[Capture]]:
    """Return the captures of each camera in order of time, by a short name, the cameras in order of their names.

    The rows may come in any order. Of a capture that was classified again, the last row counts; errors and rows without
    a time are left out. Without a `pattern`, a single camera has the name None.
    """
    found: dict[str | None, dict[int | None, Capture]] = {}
    for row in rows:
        if capture := capture_of(row):
            path = row["path"] if pattern or "://" in row["path"] else identity(row["path"])
            found.setdefault(camera_of(path, pattern), {})[capture_id(row)] = capture
    names = {camera: camera for camera in found} if pattern else short_names(found)
    order = sorted(found, key=lambda camera: names[camera] or "")
    return {names[camera]: sorted(found[camera].values(), key=instant_of) for camera in order}


def short_names(cameras: Iterable[str | None]) -> dict[str | None, str | None]:
    """Return a name to show for each camera: its folders, without those at the start and the end that all share.

    A single camera has no name: None.
    """
    found = {camera: (camera or "").split("/") for camera in cameras}
    if len(found) < 2:
        return dict.fromkeys(found)
    start = _shared([*found.values()])
    rest = {camera: folders[start:] for camera, folders in found.items()}
    end = _shared([folders[::-1] for folders in rest.values()])
    return {camera: "/".join(folders[: len(folders) - end]) or None for camera, folders in rest.items()}


def alternating(captures: Sequence[Capture]) -> tuple[str, str] | None:
    """Return two paths of one camera that look like two cameras, whose captures take turns; or None.

    `captures` are in order of time. The folders and the beginnings of names of one camera change now and then, as dated
    folders do, but do not come back again and again.
    """
    last: dict[str, str] = {}  # folder and beginning of the name -> path of the last capture there
    place, returns = "", 0
    for capture in captures:
        before, place = place, _place(capture.path)
        if place != before and place in last:
            returns += 1
            if returns > _MOST_RETURNS:
                return last[before], capture.path
        last[place] = capture.path
    return None


def _place(path: str) -> str:
    folder, name = posixpath.split(path.replace("\\", "/"))
    return f"{folder}/{re.split('[0-9]', name, maxsplit=1)[0]}"


def _matched(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    named = match.groupdict().get("camera")
    return named or (match[1] if match.re.groups else match[0])


def _shared(lists: list[list[str]]) -> int:
    """Return the number of first entries that all lists have in common."""
    number = 0
    for entries in zip(*lists, strict=False):
        if len(set(entries)) > 1:
            break
        number += 1
    return number
