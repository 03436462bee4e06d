"""The results for each kind of input, for the table that is printed at the end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Figures:
    """The results for one kind of input."""

    inputs: int = 0
    rows: int = 0
    errors: int = 0
    failures: int = 0
    seconds: float = 0.0  # of computing, the worst
    mebibytes: float = 0.0  # above what the process needs anyway, the worst; nan where it is not measured

    def take(self, cost: dict[str, float]) -> None:
        """Keep the worst."""
        self.seconds = max(self.seconds, cost["seconds"])
        self.mebibytes = max(self.mebibytes, cost["mebibytes"])


FIGURES: dict[str, Figures] = {}
