"""What `classify` counts, and says at the end of a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from cloudedge.cli.formats import STDOUT
from cloudedge.cli.outputs import count
from cloudedge.errors import printable
from cloudedge.row import Row

_SHOWN_FAILURES = 10


@dataclass
class Tally:
    """Counts of what happened to the files of one run."""

    photos: int = 0
    failed: int = 0
    failed_before: int = 0  # of these, with a row in the journal that says the same
    done_before: int = 0
    skipped: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)  # by the pattern that their names fit
    left_out: int = 0  # by --since and --until, those without a time among them
    undated: int = 0
    dated_by_file: int = 0  # by its time of change, among all of them
    of_other_shards: int = 0
    unreadable_folders: int = 0
    skies: Counter[str] = field(default_factory=Counter)  # by genus, else by the reason why it is null
    failures: list[str] = field(default_factory=list)  # the first ones
    began: float = field(default_factory=time.monotonic)

    def add(self, row: Row) -> None:
        self.photos += 1
        self.dated_by_file += row["time_source"] == "file"
        if row["status"] == "ok":
            self.skies[row["genus"] or row["reason"]] += 1
            return
        self.failed += 1
        if len(self.failures) < _SHOWN_FAILURES:
            self.failures.append(f"{printable(row['path'])}: {printable(row['error'])}")

    def skip(self, path: str) -> None:
        self.skipped += 1

    def pass_over(self, path: str, pattern: str) -> None:
        self.passed_over[pattern] += 1

    def leave_out(self, time: str | None, by_file: bool) -> None:
        self.left_out += 1
        self.undated += time is None
        self.dated_by_file += by_file

    def report_folder(self, error: OSError) -> None:
        self.unreadable_folders += 1
        click.echo(f"Error: {printable(str(error.filename))}: cannot be read: {error.strerror}", err=True)

    def rate(self) -> str:
        return f"{self.photos / max(time.monotonic() - self.began, 1e-3):.1f} photos/s"

    def __str__(self) -> str:
        before = f", {self.done_before} done before" if self.done_before else ""
        return f"{count(self.photos, 'photo')}, {self._failed_in_words}{before}{self.rest}"

    @property
    def _failed_in_words(self) -> str:
        if not self.failed_before:
            return f"{self.failed} failed"
        if self.failed == self.failed_before:
            return f"{self.failed} failed as before"
        return f"{self.failed} failed ({self.failed_before} as before)"

    @property
    def rest(self) -> str:
        undated = f" ({self.undated} without a time)" if self.undated else ""
        left_out = f", {self.left_out} taken at another time{undated}" if self.left_out else ""
        skipped = f", {count(self.skipped, 'other file')} skipped" if self.skipped else ""
        if not self.passed_over:
            return left_out + skipped
        number = count(self.passed_over.total(), "file or folder", "files and folders")
        return f"{left_out}{skipped}, {number} passed over ({', '.join(map(printable, self.passed_over))})"

    def summary(self, target: str | None, by_time: bool) -> Iterator[str]:
        """Yield what happened, how many photos show what, what failed, and where the rows are."""
        yield str(self)
        if self.skies:
            yield ", ".join(f"{sky} {number}" for sky, number in self.skies.most_common())
        yield from (f"failed: {failure}" for failure in self.failures)
        if others := self.failed - len(self.failures):
            yield f"failed: {others} more"
        if by_time and self.dated_by_file:
            yield f"{count(self.dated_by_file, 'photo')} placed by the file's time of change"
        if target not in (None, STDOUT):
            yield f"rows in {printable(str(target))}"
