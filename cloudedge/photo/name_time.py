"""The time that the names of a file and its folders carry, and what only looks like one.

Where digits may be a time or a counter, the other names in the folder decide; `Neighbours` lists them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime

_DATE = r"(?P<year>(?:19|20)[0-9]{2})(?P<dash>[-_.]?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
_HALF = r"(?:[ _\u202f]?(?P<half{0}>[AaPp])[Mm](?![A-Za-z]))"  # of the day, behind a clock of twelve hours
# Z, _UTC, +0200, +02:00, -04:00. A bare -0400 is an offset only behind ISO 8601's T; elsewhere it is a number.
_OFFSET = (
    r"(?P<offset>Z(?![A-Za-z])|[ _]?UTC(?![A-Za-z+]|-[0-9])|[+][0-9]{2}:?[0-9]{2}(?![0-9])|-[0-9]{2}:[0-9]{2}(?![0-9])"
    r"|(?:(?<=T[0-9]{6})|(?<=T[0-9]{2}[-.:][0-9]{2}[-.:][0-9]{2}))-(?:0[0-9]|1[0-2])(?:00|30)(?![0-9]))?"
)

# A date and a time of day in one name: 20240601_123045, 20240601123045, 2024-06-01T12:30:45Z, 2024-06-01_12-30-45,
# IMG_20240601_123045678 (milliseconds), 20240601-12304567 (hundredths), 2024-06-01@123045, 2024-06-01 - 12.30.45,
# 2024-06-01 at 12.30.45, 2024-06-01 um 12.30.45, 2024-06-01 at 1.30.45 PM, 2024-06-01_12h30m45, 2024-06-01_1230,
# 202406011230. A time that runs on into more digits is not trusted, nor one that is a resolution: 20240601_1920x1080,
# 20240601_1440p.
_TIME = re.compile(
    rf"(?<![0-9]){_DATE}(?:[-_T. @]| - | [^\W\d_]{{1,3}} |(?<=[0-9]{{8}}))"
    rf"(?P<hour>[0-9]{{2}}|(?<= )[0-9](?=[.][0-9]{{2}}[.]))(?P<colon>[-_.:h]?)(?P<minute>[0-9]{{2}})"
    rf"(?:(?:(?P=colon)|(?<=h[0-9]{{2}})m)(?P<second>[0-9]{{2}})"
    rf"(?:[0-9]{{3}}|(?<=[-_T. @][0-9]{{6}})[0-9]{{2}}|[.][0-9]{{1,9}}(?=[Z+-]|$))?"
    rf"|(?![xX][0-9]|[pPi](?![A-Za-z])))(?![0-9]){_HALF.format('')}?{_OFFSET}"
)

# A year of two digits, of this century: 240601_123045, and Axis's image24-06-01_12-30-45-12, with hundredths.
_SHORT_YEAR = re.compile(
    r"(?P<year>[1-3][0-9])(?P<month>[0-9]{2})(?P<day>[0-9]{2})_(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})"
    r"|image(?P<year2>[0-9]{2})-(?P<month2>[0-9]{2})-(?P<day2>[0-9]{2})"
    r"_(?P<hour2>[0-9]{2})-(?P<minute2>[0-9]{2})-(?P<second2>[0-9]{2})-[0-9]{2}"
)

# ZoneMinder's deep storage: events/1/24/06/01/12/30/45/00012-capture.jpg.
_ZONEMINDER = re.compile(
    r"/(?P<year>[0-9]{2})/(?P<month>[0-9]{2})/(?P<day>[0-9]{2})"
    r"/(?P<hour>[0-9]{2})/(?P<minute>[0-9]{2})/(?P<second>[0-9]{2})/[0-9]+-(?:capture|analyse)$"
)

# A date that a folder carries: 2024-06-01, 20240601, cam1_2024-06-01; or several folders: 2024/06/01, 2024/06-01,
# 2024-06/01, 2024/0601. Slashes at both ends, so that no folder is read in part where it is all digits.
_DATE_FOLDERS = re.compile(
    rf"(?:/|/[^/]*[^0-9/]){_DATE}(?=/|[^0-9/][^/]*/)"
    r"|/(?P<year2>(?:19|20)[0-9]{2})[-_/](?P<month2>[0-9]{2})[-_/](?P<day2>[0-9]{2})(?=/)"
    r"|/(?P<year3>(?:19|20)[0-9]{2})/(?P<month3>[0-9]{2})(?P<day3>[0-9]{2})(?=/)"
)

# A time of day below such a folder: 12-30-45, cam1_12-30-45, 12-30-45 PM, 12/30/45, 12/30-45, 12h30, 12-30, 1230_hd.
_CLOCK = re.compile(
    r"(?:/|/[^/]*[-_ ])(?P<hour>[0-9]{2})"
    r"(?:(?P<colon>[-_.:])(?P<minute>[0-9]{2})(?P=colon)(?P<second>[0-9]{2})"
    r"|h(?P<minute2>[0-9]{2})(?:m(?P<second2>[0-9]{2})s?)?"
    rf"|/(?P<minute3>[0-9]{{2}})(?:[-_./](?P<second3>[0-9]{{2}}))?)(?![0-9]){_HALF.format('')}?[^/]*$"
    rf"|/(?P<hour4>[0-9]{{2}})[-_.:](?P<minute4>[0-9]{{2}})(?![0-9]){_HALF.format('2')}?[^/]*$"
    rf"|/[^/]*[-_ ](?P<hour5>[0-9]{{2}})[-_.:](?P<minute5>[0-9]{{2}}){_HALF.format('3')}[^/]*$"
    r"|/(?P<hour6>[0-9]{2})(?P<minute6>[0-9]{2})(?=_[a-z]+$)"
)

# A time of day or a counter: 123045, frame_000123, Snap_123045_021_1; 0930; IMG_12-34. `_is_clock` tells which.
_DOUBTFUL = re.compile(
    r"(?P<prefix>(?:.*[^0-9A-Za-z])?)(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})(?![0-9A-Za-z])"
    r"|(?P<hour2>[0-9]{2})(?P<minute2>[0-9]{2})$"
    r"|(?P<prefix3>.*[-_ ])(?P<hour3>[0-9]{2})[-_.:](?P<minute3>[0-9]{2})(?![0-9])"
)
_ENOUGH = 4  # names with hours and minutes in one folder, to tell them from counters

# Seconds or milliseconds since 1970 at the end of a name: 1717245045, cam-1717245045123, 1717245045.5; Frigate adds an
# id: cam-1717245045.123456-k3jd9a. From 2010 to 2033: any wider, and every number of ten digits would be a time. Until
# 2009 they are also rpicam's month, day and clock: 1101123000.
_EPOCH = re.compile(
    r"(?:(?<![0-9A-Za-z])|mmexport)(?P<seconds>1[2-9][0-9]{8})"
    r"(?:[0-9]{3}|[.][0-9]{1,6}(?:-[0-9A-Za-z]+)*)?$"
)
_EPOCH_BEGINS = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp())

# The time of a copy is not that of the capture: Nextcloud and Dropbox, Syncthing, ownCloud, Syncthing's versions.
_COPY = re.compile(
    r"\([^()]*conflicted copy[^()]*\)|[._](?:sync-)?conflict-[0-9]{8}-[0-9]{6}(?:-[0-9A-Z]{7})?"
    r"|~[0-9]{8}-[0-9]{6}(?=[.]|$)"
)


class Neighbours:
    """The other names in a photo's folder; each folder is listed once, and again only after it has changed."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[int, dict[str, bool]]] = {}

    def are_clocks(self, path: str, place: str) -> bool | None:
        """Return whether the digits at a place in the names beside a photo are times of day; None if unknown."""
        folder = os.path.dirname(path) or os.curdir
        try:
            changed = os.stat(folder).st_mtime_ns
            if folder not in self._folders or self._folders[folder][0] != changed:
                self._folders[folder] = changed, _clocks_among(os.listdir(folder))
        except (OSError, ValueError):  # it is gone, or was never there; a name may hold a null character
            return None
        return self._folders[folder][1].get(place)


def time_in_name(path: str, neighbours: Neighbours | None = None) -> str | None:
    """Return the time in the names of a file and its folders, ISO 8601, or None.

    Without `neighbours` nothing on the disk is read, and a time that only they could bear out does not count.
    """
    *folders, name = path.replace(os.sep, "/").split("/")
    name = _COPY.sub("", name)
    parents = "/".join(["", *folders, ""])
    return (
        _time_in(name)
        or _short_year_in(name)
        or _epoch_in(name)
        or _zoneminder_in(parents + name)
        or _time_below_date(parents, name, path, neighbours)
    )


def is_reset(day: date) -> bool:
    """Return whether a day is where a camera's clock starts that has lost its power: 1970, 1980, 2000-01-01."""
    return day.year in (1970, 1980) or (day.year, day.month, day.day) == (2000, 1, 1)


def _time_in(name: str) -> str | None:
    offset = "Z" if name.startswith("PXL_") else ""  # a Pixel names its photos in UTC
    return next(filter(None, (_moment(match, offset=offset) for match in _TIME.finditer(name))), None)


def _short_year_in(name: str) -> str | None:
    match = _SHORT_YEAR.fullmatch(_stem(name))
    return _moment(match, century="20") if match else None


def _epoch_in(name: str) -> str | None:
    match = _EPOCH.search(_stem(name))
    if not match or re.search("[0-9]{5}", name[: match.start()]):  # beside another long number it is one of many
        return None
    seconds = int(match["seconds"])
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds >= _EPOCH_BEGINS else None


def _zoneminder_in(path: str) -> str | None:
    match = _ZONEMINDER.search(_stem(path))
    return _moment(match, century="20") if match else None


def _time_below_date(parents: str, name: str, path: str, neighbours: Neighbours | None) -> str | None:
    dates = list(_DATE_FOLDERS.finditer(parents))
    if not dates:
        return None
    stem = _stem(name)
    if clock := _CLOCK.search(parents[dates[-1].end() :].removesuffix("/") + "/" + stem):
        return _moment(dates[-1], clock)
    if not (doubtful := _DOUBTFUL.match(stem)):
        return None
    place, digits = _place_and_digits(doubtful)
    are_clocks = neighbours.are_clocks(path, place) if neighbours else None
    if are_clocks is None:
        are_clocks = _is_clock({digits})
    return _moment(dates[-1], doubtful) if are_clocks else None


def _clocks_among(names: Iterable[str]) -> dict[str, bool]:
    """Return, for each place where names have doubtful digits, whether these are times of day."""
    digits_at: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        if match := _DOUBTFUL.match(_stem(_COPY.sub("", name))):
            place, digits = _place_and_digits(match)
            digits_at[place].add(digits)
    return {place: _is_clock(digits) for place, digits in digits_at.items()}


def _place_and_digits(doubtful: re.Match[str]) -> tuple[str, str]:
    """Return what comes before the digits and how many there are, and the digits."""
    parts = _parts(doubtful)
    digits = parts["hour"] + parts["minute"] + parts.get("second", "")
    return parts.get("prefix", "") + "0" * len(digits), digits


def _is_clock(digits: set[str]) -> bool:
    """Return whether all of these digits are times of day, and too far apart for a counter.

    A counter has sixty to ninety-nine in it sooner or later, and begins with zeros. One of four digits is common, so
    hours and minutes need more names to bear them out.
    """
    if not all(number[:2] < "24" and all(number[i : i + 2] < "60" for i in (2, 4)) for number in digits):
        return False
    hours = {number[:2] for number in digits}
    is_long = all(len(number) == 6 for number in digits)
    return hours != {"00"} if is_long else len(digits) >= _ENOUGH and len(hours) > 1


def _stem(name: str) -> str:
    """Cut off the extension; a number after a dot, as in 1717245045.5, is not one."""
    return re.sub(r"[.][A-Za-z][A-Za-z0-9]*$", "", name)


def _parts(*matches: re.Match[str]) -> dict[str, str]:
    """Return the named parts that the matches have found; `minute2` is a `minute`."""
    return {name.rstrip("0123456789"): value for match in matches for name, value in match.groupdict().items() if value}


def _moment(*matches: re.Match[str], century: str = "", offset: str = "") -> str | None:
    """Join the parts that the matches have found; None if the day or the time of day does not exist."""
    parts = _parts(*matches)
    offset = re.sub("Z|[ _]?UTC", "+00:00", parts.get("offset", offset))
    day = f"{century}{parts['year']}-{parts['month']}-{parts['day']}"
    try:
        hour = _of_24(int(parts["hour"]), parts.get("half", ""))
        clock = f"{hour:02}:{parts['minute']}:{parts.get('second', '00')}"
        moment = datetime.fromisoformat(f"{day}T{clock}{offset}")
    except ValueError:  # the digits have the shape of a time, but that day or hour does not exist
        return None
    return None if is_reset(moment) else moment.isoformat()


def _of_24(hour: int, half: str) -> int:
    """Turn an hour that is followed by AM or PM into one of 24; 12 PM is noon."""
    return hour % 12 + 12 * (half in "Pp") if half and 1 <= hour <= 12 else hour
