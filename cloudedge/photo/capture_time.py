"""When a photo was taken: from its EXIF data, else from the name of its file and folders, else from the file's time.

Times are ISO 8601 text. Without an offset in the source they are local to the camera and have none.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

TimeSource: TypeAlias = Literal["exif", "name", "file", "fetched"]

_DATE = r"(?P<year>(?:19|20)[0-9]{2})(?P<dash>[-_.]?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
_HALF = r"(?:[ _\u202f]?(?P<half>[AaPp])[Mm](?![A-Za-z]))?"  # of the day, behind a clock of twelve hours
_OFFSET = r"(?P<offset>Z(?![A-Za-z])|[+][0-9]{2}:?[0-9]{2}(?![0-9])|-[0-9]{2}:[0-9]{2}(?![0-9]))?"

# A date and a time of day in one name: 20240601_123045, 20240601123045, 2024-06-01T12:30:45Z, 2024-06-01_12-30-45,
# IMG_20240601_123045678 (milliseconds), 2024-06-01 at 12.30.45, 2024-06-01 um 12.30.45, 2024-06-01 at 1.30.45 PM,
# 2024-06-01_12h30m45, 2024-06-01_1230, 202406011230. A time that runs on into more digits is not trusted, nor one that
# is a resolution: 20240601_1920x1080, 20240601_1440p.
_TIME = re.compile(
    rf"(?<![0-9]){_DATE}(?:[-_T. ]| [^\W\d_]{{1,3}} |(?<=[0-9]{{8}}))"
    rf"(?P<hour>[0-9]{{2}}|(?<= )[0-9](?=[.][0-9]{{2}}[.]))(?P<colon>[-_.:h]?)(?P<minute>[0-9]{{2}})"
    rf"(?:(?:(?P=colon)|(?<=h[0-9]{{2}})m)(?P<second>[0-9]{{2}})(?:[0-9]{{3}}|[.][0-9]{{1,9}}(?=[Z+-]|$))?"
    rf"|(?![xX][0-9]|[pPi](?![A-Za-z])))(?![0-9]){_HALF}{_OFFSET}"
)

# A date that a folder carries: 2024-06-01, 20240601, cam1_2024-06-01; or several folders: 2024/06/01, 2024/06-01,
# 2024-06/01, 2024/0601. Slashes at both ends, so that no folder is read in part where it is all digits.
_DATE_FOLDERS = re.compile(
    rf"(?:/|/[^/]*[^0-9/]){_DATE}(?=/|[^0-9/][^/]*/)"
    r"|/(?P<year2>(?:19|20)[0-9]{2})[-_/](?P<month2>[0-9]{2})[-_/](?P<day2>[0-9]{2})(?=/)"
    r"|/(?P<year3>(?:19|20)[0-9]{2})/(?P<month3>[0-9]{2})(?P<day3>[0-9]{2})(?=/)"
)

# A time of day below such a folder: 12-30-45, cam1_12-30-45, 12-30-45 PM, 123045, 12/30/45, 12/30-45, 12h30, 12-30,
# 1230_hd. Four bare digits (0930.jpg, IMG_0930.jpg) are a camera's counter more often than not, so they are left alone.
_CLOCK = re.compile(
    r"(?:/|/[^/]*[-_ ])(?P<hour>[0-9]{2})"
    r"(?:(?P<colon>[-_.:])(?P<minute>[0-9]{2})(?:(?P=colon)(?P<second>[0-9]{2}))?"
    r"|h(?P<minute2>[0-9]{2})(?:m(?P<second2>[0-9]{2})s?)?"
    rf"|/(?P<minute3>[0-9]{{2}})(?:[-_./](?P<second3>[0-9]{{2}}))?)(?![0-9]){_HALF}[^/]*$"
    r"|(?:/|/[^/]*[^0-9A-Za-z/])(?P<hour4>[0-9]{2})(?P<minute4>[0-9]{2})(?P<second4>[0-9]{2})(?![0-9A-Za-z])[^/]*$"
    r"|/(?P<hour5>[0-9]{2})(?P<minute5>[0-9]{2})(?=_[a-z]+$)"
)

# Seconds or milliseconds since 1970 at the end of a name: 1717245045, cam-1717245045123, 1717245045.5. From 2004 to
# 2033; any wider, and every number of ten digits would be a time.
_EPOCH = re.compile(r"(?<![0-9A-Za-z])(1[1-9][0-9]{8})(?:[0-9]{3}|[.][0-9]{1,6})?$")


def time_of(path: str | None, exif: str | None = None) -> tuple[str | None, TimeSource | None]:
    """Return when a photo was taken and where that is known from: EXIF, else its name, else its file's time of change.

    `exif` is what `exif_time` returned; a photo without a path has no other time.
    """
    if exif:
        return exif, "exif"
    if path is None:
        return None, None
    if named := captured_at_from_name(path):
        return named, "name"
    changed = _time_of_change(path)
    return changed, "file" if changed else None


def place_in_time(path: str) -> tuple[str | None, bool]:
    """Return when a photo was taken, as its row will show, and whether that is its file's time of change."""
    if time := captured_at(path):
        return time, False
    changed = _time_of_change(path)
    return changed, changed is not None


def _time_of_change(path: str) -> str | None:
    """Return when a file was last changed, with the offset of the local time, to the second.

    A time before 1990 was set by nobody: it is the start of a file system's or an archive's count.
    """
    try:
        changed = datetime.fromtimestamp(os.stat(path).st_mtime).astimezone()
    except (OSError, ValueError, OverflowError):
        return None
    return changed.isoformat(timespec="seconds") if changed.year >= 1990 else None


def captured_at(path: str) -> str | None:
    """Return the time that a photo carries: from EXIF, else from its name.

    No pixel is decoded, except in a PNG whose EXIF data do not come before the pixels. For a file that cannot be read
    only the name counts.
    """
    from PIL import ExifTags

    from cloudedge.photo.bounded_file import open_file
    from cloudedge.photo.formats import read_exif

    try:
        with open_file(path) as stream:
            tags = read_exif(stream).get_ifd(ExifTags.IFD.Exif)
            return exif_time(tags) or captured_at_from_name(path)
    except Exception:  # on a damaged file a decoder may raise nearly anything; its row will say so
        return captured_at_from_name(path)


def exif_time(tags: dict[int, Any]) -> str | None:
    """Return when EXIF says that a photo was taken, ISO 8601; None if it does not."""
    from PIL import ExifTags

    if ExifTags.Base.DateTimeOriginal not in tags:
        return None
    stamp = str(tags[ExifTags.Base.DateTimeOriginal]).strip(" \0")
    offset = str(tags.get(ExifTags.Base.OffsetTimeOriginal, "")).strip(" \0")
    for text, form in ((stamp + offset, "%Y:%m:%d %H:%M:%S%z"), (stamp, "%Y:%m:%d %H:%M:%S")):
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return None


def captured_at_from_name(path: str) -> str | None:
    """Return the time that the names of a file and of its folders carry, or None if they do not.

    Nothing on the disk is read. A full time in the file's name comes first, then seconds or milliseconds since 1970
    (these are UTC), then a date in the folders with a time of day below it. An offset in the name is kept.
    """
    *folders, name = path.replace(os.sep, "/").split("/")
    return _time_in(name) or _epoch_in(name) or _time_below_date("/".join(["", *folders, ""]), name)


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


def _time_in(name: str) -> str | None:
    return next(filter(None, (_moment(match) for match in _TIME.finditer(name))), None)


def _epoch_in(name: str) -> str | None:
    match = _EPOCH.search(_stem(name))
    if not match or re.search("[0-9]{5}", name[: match.start()]):  # beside another long number it is one of many
        return None
    return datetime.fromtimestamp(int(match[1]), UTC).isoformat()


def _time_below_date(folders: str, name: str) -> str | None:
    dates = list(_DATE_FOLDERS.finditer(folders))
    if not dates:
        return None
    clock = _CLOCK.search(folders[dates[-1].end() :].removesuffix("/") + "/" + _stem(name))
    return _moment(dates[-1], clock) if clock else None


def _stem(name: str) -> str:
    """Cut off the extension; a number after a dot, as in 1717245045.5, is not one."""
    return re.sub(r"[.][A-Za-z][A-Za-z0-9]*$", "", name)


def _moment(*matches: re.Match[str]) -> str | None:
    """Join the parts that the matches have found (`minute2` is a `minute`) if there is such a day and time of day."""
    parts = {
        name.rstrip("0123456789"): value for match in matches for name, value in match.groupdict().items() if value
    }
    offset = parts.get("offset", "").replace("Z", "+00:00")
    day = f"{parts['year']}-{parts['month']}-{parts['day']}"
    try:
        hour = _of_24(int(parts["hour"]), parts.get("half", ""))
        clock = f"{hour:02}:{parts['minute']}:{parts.get('second', '00')}"
        return datetime.fromisoformat(f"{day}T{clock}{offset}").isoformat()
    except ValueError:  # the digits have the shape of a time, but there is no such day or hour
        return None


def _of_24(hour: int, half: str) -> int:
    """Turn an hour that is followed by AM or PM into one of 24; 12 PM is noon."""
    return hour % 12 + 12 * (half in "Pp") if half and 1 <= hour <= 12 else hour
