"""Any file is a journal that can be resumed and has a report, or is refused with an error and left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import atheris
import numpy as np
from harness import FIXTURES, fuzz, one_line, scratch

with atheris.instrument_imports(include=["cloudedge", "json"]):
    from resuming import resume  # which loads the journal

    from cloudedge import CloudClassifier
    from cloudedge.errors import CloudEdgeError, ImageError
    from cloudedge.report.captures import COLUMNS, KIND, Captures
    from cloudedge.report.page import make_page
    from cloudedge.report.view import view_of
    from cloudedge.row_file import RowFile
    from cloudedge.row_formats import to_csv, to_jsonl

PATH = scratch()
FORMATS: tuple[Any, ...] = ("jsonl", "csv")
CLASSIFIER = CloudClassifier(FIXTURES / "tiny.onnx", threads=1, top_k=1)
ROWS = [
    {**CLASSIFIER.classify(np.full((8, 8, 3), 128, np.uint8)).to_dict(), "path": "sky.jpg"},
    CLASSIFIER.error_row("no-such.jpg", ImageError("the file does not exist")).to_dict(),
]


def try_one(data: bytes) -> None:
    if not data:
        return
    format_, data = FORMATS[data[0] % 2], data[1:]
    PATH.write_bytes(data)
    captures = Captures()
    try:
        with open(PATH, "rb") as stream:
            rows = RowFile(stream, str(PATH), lambda number: None)
            for table in rows.tables(COLUMNS, KIND):
                captures.add(table)
            report = "".join(make_page(view_of(captures, rows.again), "rows")).encode()
    except CloudEdgeError as error:
        one_line(str(error))
    else:
        assert b"<script" not in report
    try:
        resumed = resume(PATH, format_, ROWS)
    except CloudEdgeError as error:
        one_line(str(error))
        assert PATH.read_bytes() == data, "was refused, but has changed"
    else:
        assert resume(PATH, format_, ROWS) == resumed, "does not stay as it is"


def seeds() -> Iterator[bytes]:
    for mark, format_ in enumerate(FORMATS):
        PATH.write_bytes(b"")
        whole = resume(PATH, format_, ROWS)
        for end in (0, 1, 10, len(whole) // 2, len(whole) - 1, len(whole)):
            yield bytes([mark]) + whole[:end]
        yield bytes([mark]) + whole * 2
        yield bytes([mark]) + whole.replace(b"no-such", b"other") * 2
        yield bytes([1 - mark]) + whole
        yield bytes([mark]) + whole.replace(b"no-such", b"<script>&\\ud800")
        yield bytes([mark]) + whole.replace(b'"captured_at": null', b'"captured_at": "0001-01-01T00:00:00+01:00"')
    yield b"\1" + "".join(to_csv(ROWS, 1)).encode()
    yield b"\0" + "".join(to_jsonl(ROWS)).encode()


if __name__ == "__main__":
    fuzz(try_one, seeds())
