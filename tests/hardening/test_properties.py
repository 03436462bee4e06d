"""What holds for any input, and not just for the examples that somebody thought of."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TINY
from corpus import encoded, photo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from resuming import resume

from cloudedge import CloudClassifier
from cloudedge.archive.photos import in_shard
from cloudedge.errors import printable
from cloudedge.genera import GENERA
from cloudedge.model import Outputs
from cloudedge.model_spec import ModelSpec
from cloudedge.photo.capture_time import captured_at_from_name
from cloudedge.photo.crop import crop_pixels
from cloudedge.photo.read import read
from cloudedge.preprocess import prepare
from cloudedge.report.captures import Captures
from cloudedge.report.page import make_page
from cloudedge.report.view import view_of
from cloudedge.row import NAMELESS
from cloudedge.row_formats import read_rows, to_csv, to_json, to_jsonl
from cloudedge.row_key import identity

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
UNIT = st.floats(0, 1)
POSITIVE = st.floats(1e-9, 1e9, exclude_max=True)  # the least and the most that a model may divide by
SKY = np.asarray(photo(24, 16))


@pytest.fixture(scope="module")
def classifier() -> CloudClassifier:
    return CloudClassifier(TINY, threads=1, top_k=10)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row as `Classification.to_dict` makes it."""
    path, captured_at = draw(TEXT), draw(st.none() | st.datetimes().map(datetime.isoformat))
    source = draw(st.sampled_from(["exif", "name", "file", "fetched"])) if captured_at else None
    if draw(st.integers(0, 4)) == 0:
        empty = dict.fromkeys(("genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain"))
        row = {"status": "error", "error": draw(TEXT.filter(bool)), **empty, "top": []}
    else:
        genus = draw(st.sampled_from(GENERA))
        reason = draw(st.sampled_from([None, "low_confidence", "unfamiliar", "dark", "clear"]))
        probability = draw(UNIT)
        row = {
            "status": "ok", "error": None, "genus": genus.name, "abbreviation": genus.abbreviation,
            "probability": probability, "certain": reason is None, "reason": reason,
            "level": {"name": genus.level, "probability": draw(UNIT)}, "base": genus.base, "rain": genus.rain,
            "top": [{"genus": genus.name, "probability": probability}],
        }  # fmt: skip
        if reason in NAMELESS:
            row |= dict.fromkeys(("genus", "abbreviation", "probability", "level", "base", "rain"))
    when = {"captured_at": captured_at, "time_source": source, "sun": None}
    return {"path": path, **row, **when, "model": "tiny 0.0.1"}


@given(
    pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3))),
    mean=st.tuples(*[st.floats(-1e9, 1e9, exclude_min=True, exclude_max=True)] * 3),
    std=st.tuples(*[POSITIVE] * 3),
)
def test_any_photo_becomes_a_finite_input_of_the_right_size(
    classifier: CloudClassifier, pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    spec = ModelSpec.from_json(json.dumps({**asdict(classifier.model.spec), "mean": mean, "std": std}))
    array = prepare(pixels, spec)
    assert (array.shape, array.dtype) == ((3, spec.input_size, spec.input_size), np.float32)
    assert np.isfinite(array).all()


@given(orientation=st.integers(0, 9), width=st.integers(1, 40), height=st.integers(1, 40))
def test_a_photo_is_upright_whatever_its_orientation(orientation: int, width: int, height: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.asarray(photo(width, height))
    found = read(encoded("PNG", Image.fromarray(pixels), exif=exif.tobytes())).pixels
    on_its_side = orientation in (5, 6, 7, 8)
    assert found.shape == ((width, height, 3) if on_its_side else (height, width, 3))
    assert sorted(found.reshape(-1, 3).tolist()) == sorted(pixels.reshape(-1, 3).tolist())


@given(box=st.tuples(UNIT, UNIT, UNIT, UNIT).filter(lambda box: box[0] < box[2] and box[1] < box[3]))
def test_a_crop_is_a_part_of_the_photo_and_never_empty(box: tuple[float, float, float, float]) -> None:
    part = crop_pixels(SKY, box)
    assert part.size > 0
    assert part.base is SKY or part is SKY or np.shares_memory(part, SKY)


@given(
    logits=hnp.arrays(np.float32, 10, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    temperature=POSITIVE,
)
def test_probabilities_add_up_and_are_in_order(
    classifier: CloudClassifier, logits: np.ndarray, temperature: float
) -> None:
    model = classifier.model

    class Stub:
        spec = ModelSpec.from_json(json.dumps({**asdict(model.spec), "temperature": temperature}))

        def run(self, batch: np.ndarray) -> Outputs:
            return Outputs(logits[np.newaxis], None, None, None)

    classifier.model = Stub()  # type: ignore[assignment]
    try:
        result = classifier.classify(SKY)
    finally:
        classifier.model = model
    probabilities = {entry.genus: entry.probability for entry in result.top}
    assert set(probabilities) == {genus.name for genus in GENERA}
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-9)
    assert list(probabilities.values()) == sorted(probabilities.values(), reverse=True)
    assert (result.genus, result.probability) == next(iter(probabilities.items()))
    levels = {genus.level: 0.0 for genus in GENERA}
    for genus in GENERA:
        levels[genus.level] += probabilities[genus.name]
    assert result.level is not None
    assert result.level.probability == pytest.approx(max(levels.values()), abs=1e-9)
    assert levels[result.level.name] == pytest.approx(max(levels.values()), abs=1e-9)
    assert result.level.probability >= result.probability - 1e-12


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(rows(), max_size=8))
def test_rows_come_back_from_json_lines_as_they_were(tmp_path: Path, written: list[dict[str, Any]]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(to_jsonl(written)), encoding="ascii")
    assert list(read_rows(str(path))) == written
    assert json.loads("".join(to_json(written))) == written


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(rows(), max_size=8))
def test_rows_come_back_from_csv_with_all_that_a_report_needs(tmp_path: Path, written: list[dict[str, Any]]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("".join(to_csv(written, 1)), encoding="utf-8", newline="")
    found = list(read_rows(str(path)))
    assert len(found) == len(written)
    for row, before in zip(found, written, strict=True):
        for name in ("status", "genus", "probability", "certain", "reason", "captured_at", "time_source", "model"):
            assert row[name] == before[name], name
        assert (row["path"] or "") == printable(before["path"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), written=st.lists(rows(), max_size=8, unique_by=lambda row: row["path"]))
def test_a_journal_cut_anywhere_and_resumed_any_number_of_times_is_the_same(
    tmp_path: Path, data: st.DataObject, written: list[dict[str, Any]]
) -> None:
    format_: Any = data.draw(st.sampled_from(["jsonl", "csv"]))

    whole, cut_short = tmp_path / f"whole.{format_}", tmp_path / f"cut.{format_}"
    for path in (whole, cut_short):
        path.unlink(missing_ok=True)
    expected = resume(whole, format_, written)
    cut_short.write_bytes(expected[: data.draw(st.integers(0, len(expected)))])
    assert resume(cut_short, format_, written) == expected
    assert resume(cut_short, format_, written) == expected


@given(paths=st.lists(TEXT, max_size=20), count=st.integers(1, 9))
def test_shards_are_a_partition(paths: list[str], count: int) -> None:
    shards = [[path for path in paths if in_shard(path, number, count)] for number in range(1, count + 1)]
    assert sorted(path for shard in shards for path in shard) == sorted(paths)


@settings(max_examples=30)  # the report of thousands of years takes a second
@given(written=st.lists(rows(), max_size=30, unique_by=lambda row: identity(row["path"])))
def test_a_report_counts_every_capture_once(written: list[dict[str, Any]]) -> None:
    captures = Captures()
    captures.extend(written)
    view = view_of(captures, lambda numbers: [written[number] for number in numbers])
    summaries = [camera.summary for camera in view.cameras]
    seen = [row for row in written if row["status"] == "ok"]
    dated = [row for row in seen if (row["captured_at"] or "9") < "4083"]
    assert (view.captures, view.failed) == (len(written), len(written) - len(seen))
    assert view.errors.total() == view.failed
    assert sum(summary.undated for summary in summaries) == len(seen) - len(dated)
    assert sum(summary.totals.sum() for summary in summaries) == len(seen)
    assert sum(summary.of_hour.sum() for summary in summaries) == len(dated)
    assert "<script" not in "".join(make_page(view, "rows"))


def name_parts() -> Iterator[st.SearchStrategy[str]]:
    yield st.text("0123456789", min_size=1, max_size=15)
    yield st.sampled_from(
        ["-", "_", "/", ".", ":", " ", "T", "h", "m", "+", "Z", "IMG_", "2024", "20240501", "1717245045"]
    )
    yield st.text(string.ascii_letters + "\ud800\n\0", max_size=3)


@given(parts=st.lists(st.one_of(*name_parts()), max_size=12))
def test_any_name_gives_a_time_or_none(parts: list[str]) -> None:
    time = captured_at_from_name("".join(parts) + ".jpg")
    assert time is None or datetime.fromisoformat(time).isoformat() == time
