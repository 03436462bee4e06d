"""Keep the pictures of a camera for some days: a folder for each day, and in it a list of what was written there.

Only what stands in such a list is ever deleted. The list's name is made of the camera's address, so that cameras with
the same folder do not delete each other's pictures.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import suppress
from datetime import date, datetime, timedelta

from cloudedge.files import TEMPORARY_PREFIX, replacing

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "HEIF": "heic"}  # by Pillow's name of the format; else that is it


class Keep:
    """Saves pictures in a folder, and deletes those that are older than a number of days (None: never)."""

    def __init__(self, folder: str, address: str, days: int | None = None) -> None:
        import hashlib  # takes a while to load

        self._folder, self._days = folder, days
        self._list = f"{TEMPORARY_PREFIX}{hashlib.blake2b(address.encode(), digest_size=4).hexdigest()}.kept"
        self._pruned: date | None = None

    def save(self, data: bytes, moment: datetime) -> str:
        """Save a picture under its time, and return its path; raises OSError."""
        if self._pruned != moment.date():
            self._prune(moment.date())
            self._pruned = moment.date()
        folder = os.path.join(self._folder, f"{moment:%Y-%m-%d}")
        os.makedirs(folder, exist_ok=True)
        path = _free(os.path.join(folder, f"{moment:%Y%m%dT%H%M%S%z}"), _extension(data))
        with open(os.path.join(folder, self._list), "a", encoding="utf-8") as names:
            names.write(f"{os.path.basename(path)}\n")  # first: after a kill, the picture is still known
        with replacing(path) as temporary:
            temporary.write_bytes(data)
        return path

    def latest(self) -> str | None:
        """Return the path of the newest picture that was saved, or None."""
        for day in reversed(self._day_folders()):
            for name in reversed(self._names(day)):
                if os.path.exists(path := os.path.join(self._folder, day, name)):
                    return path
        return None

    def _prune(self, today: date) -> None:
        if self._days is None:
            return
        first = (today - timedelta(days=self._days)).isoformat()
        for day in self._day_folders():
            if day < first:
                self._remove(day)

    def _remove(self, day: str) -> None:
        """Delete what was written on a day, then the folder if nothing else is in it."""
        folder = os.path.join(self._folder, day)
        with suppress(OSError):  # whatever cannot be deleted is tried again the next day, by its list
            for name in self._names(day):
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))
            os.unlink(os.path.join(folder, self._list))
            os.rmdir(folder)

    def _day_folders(self) -> list[str]:
        """Return the folders that hold a list of this camera, the oldest first."""
        try:
            days = [name for name in os.listdir(self._folder) if _DAY.fullmatch(name)]
        except OSError:
            return []
        return sorted(day for day in days if os.path.isfile(os.path.join(self._folder, day, self._list)))

    def _names(self, day: str) -> list[str]:
        with open(os.path.join(self._folder, day, self._list), encoding="utf-8", errors="replace") as names:
            return [name for name in names.read().splitlines() if name and name == os.path.basename(name)]


def _free(stem: str, extension: str) -> str:
    """Return a path that does not exist yet."""
    path, number = f"{stem}.{extension}", 1
    while os.path.lexists(path):
        number += 1
        path = f"{stem}-{number}.{extension}"
    return path


def _extension(data: bytes) -> str:
    from cloudedge.photo.formats import open_image  # loads Pillow

    kind = open_image(io.BytesIO(data)).format or "HEIF"
    return _EXTENSIONS.get(kind, kind.lower())
