"""Where uploads become rows: a few threads, and the status that a row's error stands for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from cloudedge.classifier import CloudClassifier, with_sun
from cloudedge.errors import ImageError, ImageTooLargeError, UnknownFormatError
from cloudedge.photo.capture_time import captured_at_from_name
from cloudedge.row import Classification, row_of
from cloudedge.serve.upload import Upload

WORKERS = 2  # one decodes while the other computes; more would only take more memory

_STATUS = {UnknownFormatError: 415, ImageTooLargeError: 413, ImageError: 422}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The row of one photo, and the HTTP status that it would have on its own."""

    row: dict[str, Any]
    status: int


class Workers:
    """Classifies uploads in threads of its own."""

    def __init__(self, classifier: CloudClassifier) -> None:
        self._classifier = classifier
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="cloudedge-serve")

    async def answers(self, uploads: Iterable[Upload], with_evidence: bool) -> list[Answer]:
        """Classify uploads, one at a time so that other requests get their turn; ModelError when the model fails."""
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(self._pool, self._answer, upload, with_evidence) for upload in uploads]

    def close(self) -> None:
        """Wait for the photos being classified, drop the others, and end the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _answer(self, upload: Upload, with_evidence: bool) -> Answer:
        try:
            result, status = self._classifier.classify(upload.data), 200
        except ImageError as error:
            result, status = self._classifier.error_row(upload.data, error), _STATUS[type(error)]
        row = row_of(with_sun(_named(result, upload.name), self._classifier.location))
        return Answer({**row, "evidence": _evidence(result)} if with_evidence and status == 200 else row, status)


def _named(result: Classification, name: str | None) -> Classification:
    """Add the name of an upload, and the time in it; no file of that name here is looked at."""
    if result.captured_at is None and name and (time := captured_at_from_name(name)):
        result = replace(result, captured_at=time, time_source="name")
    return replace(result, path=name)


def _evidence(result: Classification) -> dict[str, Any] | None:
    """The maps of the row's genera as plain numbers, and the part of the upright photo that they cover."""
    if result.maps is None:
        return None
    values = dict(zip(result.maps.classes, result.maps.values, strict=True))
    maps = {entry.genus: [[round(float(v), 3) for v in line] for line in values[entry.genus]] for entry in result.top}
    return {"box": list(result.maps.box), "maps": maps}
