"""The topics of one camera."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """Where a camera publishes: below `base/name`, and for Home Assistant below `prefix` (None: nowhere)."""

    base: str
    name: str
    prefix: str | None

    @property
    def device_id(self) -> str:
        """The name of the camera as Home Assistant's registry keeps it."""
        return f"cloudedge_{self.name}"

    @property
    def status(self) -> str:
        """`online` or `offline`; retained."""
        return self._below("status")

    @property
    def state(self) -> str:
        """The last row with status "ok"; retained."""
        return self._below("state")

    @property
    def picture(self) -> str:
        """The last photo; retained."""
        return self._below("picture")

    @property
    def change(self) -> str:
        """The row with which the sky has changed."""
        return self._below("change")

    @property
    def error(self) -> str:
        """Each row with status "error"."""
        return self._below("error")

    @property
    def discovery(self) -> str | None:
        """What the device is and which entities it has; retained."""
        return self.prefix and f"{self.prefix}/device/{self.device_id}/config"

    @property
    def birth(self) -> str | None:
        """Where Home Assistant says that it has started."""
        return self.prefix and f"{self.prefix}/status"

    def retained(self) -> list[str]:
        """Return the topics whose last message the broker keeps; the device before what its entities show."""
        return [topic for topic in (self.discovery, self.status, self.state, self.picture) if topic]

    def _below(self, name: str) -> str:
        return f"{self.base}/{self.name}/{name}"
