"""What the live page of `cloudedge serve` shows: the report of a file of rows that grows."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import click

from cloudedge.cli.formats import DATABASE, format_of
from cloudedge.errors import CloudEdgeError, ImageError
from cloudedge.phases import Phase
from cloudedge.report.captures import Captures
from cloudedge.report.page import body, style
from cloudedge.report.pictures import SMALL, thumbnail
from cloudedge.report.view import View, state_of, view_of
from cloudedge.row import Row, guesses_of
from cloudedge.row_tail import RowTail

if TYPE_CHECKING:
    from cloudedge.archive.database_tail import DatabaseTail

_KEPT_PICTURES = 400


class LiveReport:
    """The report of a file of rows; it changes when `look` finds that the file has changed."""

    def __init__(self, results: str, pattern: str | None = None) -> None:
        self.style = style()
        self._results, self._pattern = results, pattern
        self._tail = _tail_of(results)
        self._lock = threading.Lock()  # the captures change in one thread, and are shown in others
        self._captures = Captures(pattern)
        self._short: View | None = None  # without the phases of all days
        self._whole: View | None = None
        self._names: dict[str, tuple[str, tuple[int, int]]] = {}  # of pictures -> path and size
        self._thumbnail = lru_cache(_KEPT_PICTURES)(self._make_thumbnail)

    def look(self) -> bool:
        """Read what is new in the file, and return whether anything is.

        Raises OSError or CloudEdgeError for a file that cannot be read.
        """
        with self._lock:  # the numbers of rows that captures and file have must be the same
            news = self._tail.news()
            if news is None:
                return False
            is_new, rows = news
            if is_new:
                self._captures = Captures(self._pattern)
            self._captures.extend(rows)
            self._short = self._whole = None
        return True

    def latest(self) -> list[dict[str, Any]]:
        """Return the newest row of each camera, the camera, the state of its sky in one word, and since when."""
        view = self._view(every_phase=False)
        return [
            {
                "camera": camera.name,
                "state": state_of(camera.newest),
                "since": camera.since and camera.since.isoformat(),
                **_nested(camera.newest),
            }
            for camera in view.cameras
            if camera.newest
        ]

    def phases(self, day: date | None = None, hours: float | None = None) -> list[dict[str, Any]]:
        """Return the phases that lie at least partly in a day, or in the hours before the newest capture."""
        view = self._view(every_phase=day is not None or (hours or 0) > 24)
        found = [phase for camera in view.cameras for phase in camera.phases]
        if not found:
            return []
        if day:
            start = datetime.combine(day, datetime.min.time())
            end = start + timedelta(days=1)
        else:
            end = max(view.clock(phase.end) for phase in found) + timedelta(seconds=1)
            start = end - timedelta(hours=hours or 24)
        return [_plain(phase) for phase in found if view.clock(phase.start) < end and view.clock(phase.end) >= start]

    def page(self) -> str:
        """Return what the page shows, as HTML."""
        view = self._view(every_phase=True)
        return "".join(body(view, os.path.basename(self._results), self._picture))

    def picture(self, name: str) -> bytes | None:
        """Return a picture that the page names, JPEG, or None if the photo is gone."""
        if name not in self._names:
            return None
        try:
            return self._thumbnail(name)
        except ImageError:
            return None

    def _view(self, every_phase: bool) -> View:
        with self._lock:
            if every_phase:
                self._whole = self._whole or view_of(self._captures, self._tail.again)
                return self._whole
            self._short = self._short or view_of(self._captures, self._tail.again, every_phase=False)
            return self._short

    def _picture(self, path: str, size: tuple[int, int] = SMALL) -> str | None:
        try:
            changed = os.stat(path).st_mtime_ns
        except (OSError, ValueError):
            return None
        name = hashlib.sha256(f"{path}\0{changed}\0{size}".encode(errors="surrogatepass")).hexdigest()[:24]
        self._names[name] = path, size
        return f'data-picture="live/picture/{name}"'

    def _make_thumbnail(self, name: str) -> bytes:
        return thumbnail(*self._names[name])


def _tail_of(results: str) -> RowTail | DatabaseTail:
    if format_of(results, None) != DATABASE:
        return RowTail(results, _complain)
    from cloudedge.archive.database_tail import DatabaseTail  # it loads sqlite3

    return DatabaseTail(results)


def _nested(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it, without its key; one of a CSV is flat."""
    fields = {name: value for name, value in row.items() if name != "key"}
    if "top" in row:
        return fields
    level = {"name": row["level_name"], "probability": row["level_probability"]} if row.get("level_name") else None
    plain = {name: value for name, value in fields.items() if not name.startswith(("level_", "top", "sun_"))}
    top = [{"genus": genus, "probability": probability} for genus, probability in guesses_of(row)]
    names = ("elevation", "azimuth", "phase")
    sun = {name: row[f"sun_{name}"] for name in names} if row.get("sun_phase") else None
    return {**plain, "level": level, "top": top, "sun": sun}


def _plain(phase: Phase) -> dict[str, Any]:
    return {**asdict(phase), "start": phase.start.isoformat(), "end": phase.end.isoformat()}


def _complain(error: CloudEdgeError) -> None:
    click.echo(f"{error}; it is left out.", err=True)
