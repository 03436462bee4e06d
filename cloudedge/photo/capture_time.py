"""When a photo was taken: from its EXIF data, else from the name of its file and folders, else from the file's time.

Times are ISO 8601 text. Without an offset in the source they are local to the camera and have none.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cloudedge.photo.name_time import Neighbours, is_reset, time_in_name

if TYPE_CHECKING:
    from PIL import Image

TimeSource: TypeAlias = Literal["exif", "name", "file", "fetched"]

# EXIF's 2024:06:01 12:30:45, and what devices write instead: dashes, a T, one digit, fractions of a second, an offset.
_STAMP = re.compile(
    r"([0-9]{4})[-:/.] ?([0-9]{1,2})[-:/.] ?([0-9]{1,2})(?: +|T)([0-9]{1,2}): ?([0-9]{1,2}): ?([0-9]{1,2})"
    r"(?:[.,][0-9]+)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


def time_of(
    path: str | None, exif: str | None = None, neighbours: Neighbours | None = None
) -> tuple[str | None, TimeSource | None]:
    """Return when a photo was taken and where that is known from: EXIF, else its name, else its file's time of change.

    `exif` is what `exif_time` returned; a photo without a path has no other time.
    """
    if exif:
        return exif, "exif"
    if path is None:
        return None, None
    if named := captured_at_from_name(path, neighbours):
        return named, "name"
    changed = _time_of_change(path)
    return changed, "file" if changed else None


def place_in_time(path: str, neighbours: Neighbours | None = None) -> tuple[str | None, bool]:
    """Return when a photo was taken, as its row will show, and whether that is its file's time of change."""
    if time := captured_at(path, neighbours):
        return time, False
    changed = _time_of_change(path)
    return changed, changed is not None


def _time_of_change(path: str) -> str | None:
    """Return when a file was last changed, with the offset of the local time, to the second.

    A time before 1990 is not real: it is where the clock of a file system or an archive starts.
    """
    try:
        changed = datetime.fromtimestamp(os.stat(path).st_mtime).astimezone()
    except (OSError, ValueError, OverflowError):
        return None
    return changed.isoformat(timespec="seconds") if changed.year >= 1990 else None


def captured_at(path: str, neighbours: Neighbours | None = None) -> str | None:
    """Return the time that a photo carries: from EXIF, else from its name.

    No pixel is decoded, except in a PNG whose EXIF data do not come before the pixels. For a file that cannot be read
    only the name counts.
    """
    from cloudedge.photo.bounded_file import open_file
    from cloudedge.photo.formats import read_exif

    try:
        with open_file(path) as stream:
            return exif_time(exif_tags(read_exif(stream))) or captured_at_from_name(path, neighbours)
    except Exception:  # on a damaged file a decoder may raise nearly anything; its row will say so
        return captured_at_from_name(path, neighbours)


def exif_tags(exif: Image.Exif) -> dict[int, Any]:
    """Return the tags of a photo's EXIF data that say when it was taken, and by what."""
    from PIL import ExifTags

    return {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}


def exif_time(tags: dict[int, Any]) -> str | None:
    """Return when EXIF says that a photo was taken, ISO 8601; None if it does not, or where the clock was reset.

    DateTimeOriginal comes first, then DateTimeDigitized. DateTime is when the file was changed: it counts where a
    camera may have written it, not in the file of a program that names itself but no camera.
    """
    from PIL import ExifTags

    base = ExifTags.Base
    stamps = [
        (base.DateTimeOriginal, base.OffsetTimeOriginal),
        (base.DateTimeDigitized, base.OffsetTimeDigitized),
    ]
    if base.Software not in tags or base.Make in tags or base.Model in tags:
        stamps.append((base.DateTime, base.OffsetTime))
    times = (_exif_moment(_text(tags.get(stamp)), _text(tags.get(offset))) for stamp, offset in stamps)
    return next(filter(None, times), None)


def captured_at_from_name(path: str, neighbours: Neighbours | None = None) -> str | None:
    """Return the time that the names of a file and of its folders carry, or None if they do not.

    Without `neighbours` nothing on the disk is read. A full time in the file's name comes first, then seconds or
    milliseconds since 1970 (these are UTC), then a date in the folders with a time of day below it. An offset in the
    name is kept.
    """
    return time_in_name(path, neighbours)


def instant(time: str) -> float:
    """Return a time as seconds since 1970, to sort by; one without an offset is taken as local, as files' times are."""
    moment = datetime.fromisoformat(time)
    try:
        return moment.timestamp()
    except (OverflowError, ValueError, OSError):  # at the ends of the calendar, the local time has no UTC
        return moment.replace(tzinfo=UTC).timestamp()


def is_before(time: datetime, other: datetime) -> bool:
    """Compare two times as instants if both have an offset, else by the clock time."""
    if time.tzinfo is None or other.tzinfo is None:
        return time.replace(tzinfo=None) < other.replace(tzinfo=None)
    return time < other


def _text(value: Any) -> str:
    return str(value if value is not None else "").strip(" \0")


def _exif_moment(stamp: str, offset: str) -> str | None:
    for text in (stamp + offset, stamp):  # a camera may write an offset that is not one
        if not (match := _STAMP.fullmatch(text)):
            continue
        *parts, zone = match.groups()
        year, month, day, hour, minute, second = (f"{int(part):02}" for part in parts)
        try:
            moment = datetime.fromisoformat(f"{year:0>4}-{month}-{day}T{hour}:{minute}:{second}{zone or ''}")
        except ValueError:  # zeros, say
            continue
        return None if is_reset(moment) else moment.isoformat()
    return None
