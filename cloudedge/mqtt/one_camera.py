"""Whether the rows that are published are of one camera."""

from __future__ import annotations

from collections.abc import Callable

from cloudedge.cameras import camera_of
from cloudedge.row import Row


class OneCamera:
    """A listener for rows that says once when a row of a second camera comes: both have the same topics."""

    def __init__(self, say: Callable[[str], object], pattern: str | None = None) -> None:
        """`pattern` tells cameras apart, see `cloudedge.cameras.camera_of`."""
        self._say, self._pattern = say, pattern
        self._paths: dict[str | None, str] = {}  # of the first row of each camera

    def __call__(self, row: Row, has_changed: bool) -> None:
        """Take the next row."""
        if len(self._paths) > 1:
            return
        self._paths.setdefault(camera_of(row["path"], self._pattern), row["path"])
        if len(self._paths) > 1:
            first, second = self._paths.values()
            self._say(
                f"{first} and {second} are of two cameras, but are published on the same MQTT topics; "
                "run one watch for each camera, with its own --mqtt-name"
            )
