from __future__ import annotations

import gc
import io
import json
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image, ImageFile

from cloudedge import Classification, CloudClassifier, ImageError, ModelError
from cloudedge.errors import ImageTooLargeError
from cloudedge.genera import BASES, GENERA, by_name
from cloudedge.model import Outputs, usable_cpus
from cloudedge.photo.read import read
from cloudedge.sun import Location

THREADS = 2
AHEAD = 2 * THREADS  # how many photos classify_many decodes ahead


@pytest.fixture
def classifier(tiny):
    return CloudClassifier(tiny, THREADS)


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("cloudedge-classify")]


def answering(path, logits, **thresholds):
    """A classifier whose model gives these logits, a familiarity of 0.5 and a clear sky by 0.5, whatever the photo."""
    classifier = CloudClassifier(path, threads=1, top_k=10)
    thresholds = {"low_confidence": 0.0, "unfamiliar": 0.0, "clear": 1.0, **thresholds}
    spec = replace(classifier.model.spec, temperature=1.0, thresholds=thresholds)
    half = np.array([0.5], np.float32)
    outputs = Outputs(np.array([logits], np.float32), None, familiarity=half, clear=half)
    classifier.model = SimpleNamespace(spec=spec, run=lambda batch: outputs)
    return classifier


# One photo


def test_a_model_is_opened_with_as_many_threads_as_asked_for_or_may_be_open_already(tiny):
    model = CloudClassifier(tiny, threads=usable_cpus() + 1).model
    assert model.threads == usable_cpus() + 1
    assert CloudClassifier(model).model is model


def test_the_row_is_that_of_the_documentation(classifier, photos):
    row = classifier.classify(photos[0]).to_dict()
    assert " ".join(row) == (
        "path status error genus abbreviation probability certain reason level base rain top"
        " captured_at time_source sun model"
    )
    assert (row["path"], row["status"], row["error"], row["model"]) == (str(photos[0]), "ok", None, "tiny 0.0.1")
    genus = by_name(row["genus"])
    assert (row["abbreviation"], row["rain"]) == (genus.abbreviation, genus.rain)
    assert row["base"] == BASES[row["level"]["name"]]
    assert len(row["top"]) == 3
    assert row["top"][0] == {"genus": row["genus"], "probability": row["probability"]}
    assert set(row["level"]) == {"name", "probability"}
    assert json.loads(json.dumps(row)) == row  # plain types only


def test_results_are_frozen_and_survive_pickling(classifier, sky):
    result = classifier.classify(sky)
    with pytest.raises(FrozenInstanceError):
        result.genus = "Cirrus"
    assert pickle.loads(pickle.dumps(result)) == result
    assert [field.name for field in fields(Classification)] == list(result.to_dict())


def test_probabilities_are_the_softmax_of_the_logits_over_the_temperature(tiny, fixtures, metadata):
    golden = np.load(fixtures / "golden.npz")
    powers = np.exp(golden["logits"][0].astype(float) / metadata["temperature"])
    expected = dict(zip(metadata["classes"], powers / powers.sum(), strict=True))
    result = CloudClassifier(tiny, top_k=10).classify(golden["photo"])
    assert {entry.genus: entry.probability for entry in result.top} == pytest.approx(expected, abs=2e-3)
    assert sum(entry.probability for entry in result.top) == pytest.approx(1, abs=1e-12)
    levels = {level: sum(expected[g.name] for g in GENERA if g.level == level) for level in ("low", "middle", "high")}
    assert result.level.name == max(levels, key=levels.get)
    assert result.level.probability == pytest.approx(max(levels.values()), abs=2e-3)


@pytest.mark.parametrize("top_k", [1, 4, 10, 50])
def test_the_top_is_as_long_as_asked_for_and_sorted(tiny, sky, top_k):
    top = CloudClassifier(tiny, top_k=top_k).classify(sky).top
    assert len(top) == min(top_k, 10)
    assert list(top) == sorted(top, key=lambda entry: -entry.probability)


def test_a_top_of_nothing_is_refused(tiny):
    with pytest.raises(ValueError, match="at least 1"):
        CloudClassifier(tiny, top_k=0)


def test_a_model_of_two_genera_has_their_levels_alone(fixtures, make_model, metadata, sky):
    order = metadata["classes"]
    order[0], order[4] = "Cirrus", "Altocumulus"
    result = CloudClassifier(make_model(metadata), top_k=10).classify(sky)
    assert (result.genus, result.level.name, result.base) == ("Cirrus", "high", "> 6000 m")


def test_extreme_logits_give_probabilities(make_model, metadata, sky):
    result = CloudClassifier(make_model({**metadata, "temperature": 1e-6})).classify(sky)
    assert result.probability == 1.0
    assert result.level.probability <= 1.0


def test_equally_probable_genera_come_in_the_order_of_the_model(tiny, sky):
    classifier = answering(tiny, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    classes = list(classifier.model.spec.classes)
    expected = [classes.pop(3), classes.pop(6), *classes]
    assert [entry.genus for entry in classifier.classify(sky).top] == expected


@pytest.mark.parametrize("low", [(0, 0, 0, 3), (1, 1, 1, 4), (2, 1, 4, 1), (4, 2, 2, 2)])
def test_the_probability_of_a_level_is_never_more_than_one(low, tiny, sky):
    logits = dict.fromkeys(CloudClassifier(tiny).model.spec.classes, -1000.0)
    logits |= zip(("Stratocumulus", "Stratus", "Cumulus", "Cumulonimbus"), low, strict=True)
    level = answering(tiny, list(logits.values())).classify(sky).level
    assert level.name == "low"
    assert 1 - 1e-9 < level.probability <= 1  # the four add up to slightly more


# Doubt


@pytest.mark.parametrize(
    ("thresholds", "reason"),
    [
        ({"low_confidence": 0.0}, None),
        ({"low_confidence": 1.0}, "low_confidence"),
        ({"low_confidence": 0.0, "dark": 256}, "dark"),
        ({"low_confidence": 0.0, "dark": 1}, None),
        ({"low_confidence": 0.0, "unfamiliar": 1e6}, "unfamiliar"),
        ({"low_confidence": 0.0, "unfamiliar": -1e6}, None),
        ({"low_confidence": 1.0, "unfamiliar": 1e6}, "unfamiliar"),
        ({"low_confidence": 0.0, "clear": 0.0}, "clear"),
        ({"low_confidence": 1.0, "clear": 0.0}, "clear"),
        ({"low_confidence": 0.0, "clear": 1.1}, None),
        ({"low_confidence": 1.0, "clear": 0.0, "unfamiliar": 1e6}, "unfamiliar"),
        ({"low_confidence": 1.0, "unfamiliar": 1e6, "dark": 256}, "dark"),
    ],
)
def test_the_gravest_reason_for_doubt_is_given(thresholds, reason, make_model, metadata, sky):
    result = CloudClassifier(make_model({**metadata, "thresholds": thresholds}, "outputs")).classify(sky)
    assert (result.reason, result.certain) == (reason, reason is None)
    of_a_genus = {result.genus, result.abbreviation, result.probability, result.level, result.base, result.rain}
    assert (of_a_genus == {None}) == (reason in ("dark", "clear", "unfamiliar"))
    assert (None in of_a_genus) == (of_a_genus == {None})
    assert len(result.top) == 3  # the guesses are there all the same
    assert result.state == (result.genus or reason)


def test_the_base_is_that_of_the_level_even_where_the_genus_is_of_another(tiny, sky):
    logits = dict.fromkeys(CloudClassifier(tiny).model.spec.classes, -1000.0)
    logits |= {"Altocumulus": 1.0, "Stratocumulus": 0.9, "Cumulus": 0.9}
    result = answering(tiny, list(logits.values())).classify(sky)
    assert (result.genus, result.level.name, result.base) == ("Altocumulus", "low", "< 2000 m")


@pytest.mark.parametrize(
    ("threshold", "value", "reason"),
    [("low_confidence", 0.1, None), ("dark", 0.0, None), ("unfamiliar", 0.5, None), ("clear", 0.5, "clear")],
)
def test_what_reaches_a_threshold_counts_as_above_it(threshold, value, reason, tiny):
    classifier = answering(tiny, [0.0] * 10, **{threshold: value})
    assert classifier.classify(np.zeros((40, 40, 3), np.uint8)).reason == reason


@pytest.mark.parametrize(
    ("thresholds", "least", "reason"),
    [
        ({"low_confidence": 1.0}, 0.0, None),
        ({"low_confidence": 0.0}, 1.0, "low_confidence"),
        ({"low_confidence": 0.0}, 0.0, None),
        ({"low_confidence": 0.0, "dark": 256}, 0.0, "dark"),
    ],
)
def test_who_asks_for_a_confidence_decides_what_is_certain(thresholds, least, reason, make_model, metadata, sky):
    model = make_model({**metadata, "thresholds": thresholds})
    result = CloudClassifier(model, min_confidence=least).classify(sky)
    assert (result.reason, result.certain) == (reason, reason is None)


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(least, tiny):
    with pytest.raises(ValueError, match="from 0 to 1"):
        CloudClassifier(tiny, min_confidence=least)


def test_dark_is_a_matter_of_luminance(make_model, metadata):
    classifier = CloudClassifier(make_model({**metadata, "thresholds": {"low_confidence": 0.0, "dark": 60}}))
    grey = np.full((40, 40, 3), 59, np.uint8)
    assert classifier.classify(grey).reason == "dark"
    assert classifier.classify(grey + np.uint8(2)).reason is None
    blue = np.zeros((40, 40, 3), np.uint8)
    blue[..., 2] = 255  # bright in its channel, dark to the eye
    assert classifier.classify(blue).reason == "dark"


# Sources and times


def test_every_kind_of_source_gives_the_same_cloud(classifier, sky, encode, tmp_path):
    data = encode(sky, "PNG")
    (tmp_path / "sky.png").write_bytes(data)
    sources = [tmp_path / "sky.png", str(tmp_path / "sky.png"), data, io.BytesIO(data), Image.fromarray(sky), sky]
    rows = list(classifier.classify_many(sources))
    assert len({row.probability for row in rows}) == 1
    assert [row.path for row in rows] == [str(tmp_path / "sky.png")] * 2 + [None] * 4
    assert [classifier.classify(source).probability for source in [data, sky]] == [row.probability for row in rows[:2]]


def test_paths_stay_as_they_are_given(classifier, photos, monkeypatch):
    monkeypatch.chdir(photos[0].parent)
    assert classifier.classify("./00.jpg").path == "./00.jpg"


def test_the_time_of_capture_comes_from_exif_or_else_from_the_name(classifier, sky, encode, tmp_path):
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2023:01:02 03:04:05"}
    named = tmp_path / "cam_20240601_123045.jpg"
    named.write_bytes(encode(sky, "JPEG"))
    assert time_of(classifier.classify(named)) == ("2024-06-01T12:30:45", "name")
    named.write_bytes(encode(sky, "JPEG", exif=exif.tobytes()))
    assert time_of(classifier.classify(named)) == ("2023-01-02T03:04:05", "exif")
    assert time_of(classifier.classify(named.read_bytes())) == ("2023-01-02T03:04:05", "exif")


def time_of(result):
    return result.captured_at, result.time_source


@pytest.fixture
def vienna(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Vienna")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set on this system")
def test_a_photo_that_carries_no_time_has_that_of_its_file_with_the_local_offset(classifier, photos, vienna):
    latest = photos[0].rename(photos[0].with_name("latest.jpg"))
    cut = photos[0].with_name("cut.jpg")
    cut.write_bytes(latest.read_bytes()[:400])
    for path in (latest, cut):
        os.utime(path, (0, datetime(2024, 6, 1, 10, 30, 45, 999_000, UTC).timestamp()))
    good, bad, missing = classifier.classify_many([latest, cut, "missing.jpg"])
    assert time_of(good) == ("2024-06-01T12:30:45+02:00", "file")
    assert (bad.status, *time_of(bad)) == ("error", "2024-06-01T12:30:45+02:00", "file")
    assert time_of(missing) == (None, None)


def test_what_is_not_a_file_has_no_time(classifier, photos):
    with photos[0].open("rb") as file:
        for source in (photos[0].read_bytes(), file, Image.open(photos[1]), np.asarray(Image.open(photos[2]))):
            assert time_of(classifier.classify(source)) == (None, None)


@pytest.mark.parametrize("seconds", [0, 1, 315_532_800])  # 1970, and 1980 as FAT and ZIP count
def test_the_start_of_a_count_is_not_the_time_of_a_photo(classifier, photos, seconds):
    os.utime(photos[0], (seconds, seconds))
    assert time_of(classifier.classify(photos[0])) == (None, None)


def test_a_photo_that_cannot_be_read_is_an_error(classifier, tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        classifier.classify(tmp_path / "missing.jpg")


def test_a_photo_with_more_pixels_than_allowed_is_an_error(tiny, photos):
    assert CloudClassifier(tiny, max_pixels=96 * 64).classify(photos[0]).status == "ok"
    with pytest.raises(ImageTooLargeError):
        CloudClassifier(tiny, max_pixels=96 * 64 - 1).classify(photos[0])


def test_of_a_photo_only_the_crop_is_looked_at(classifier, tiny, sky):
    cropped = CloudClassifier(tiny, threads=1, crop=(0.25, 0.5, 0.75, 1.0)).classify(sky)
    assert cropped == classifier.classify(sky[32:, 24:72])
    assert cropped != classifier.classify(sky)


def test_a_large_jpeg_gives_nearly_the_row_of_its_whole_pixels(classifier, draw_sky, encode):
    data = encode(draw_sky(1200, 900), "JPEG", quality=92)
    reduced = classifier.classify(data)
    whole = classifier.classify(np.asarray(Image.open(io.BytesIO(data))))
    assert reduced.genus == whole.genus
    assert reduced.probability == pytest.approx(whole.probability, abs=0.02)


# The library


def test_grey_and_rgba_arrays_are_taken_as_their_pil_images_are(classifier, sky):
    grey = sky[..., 0]
    alpha = np.tile(np.linspace(0, 255, 96, dtype=np.uint8), (64, 1))
    for array in (grey, np.dstack([sky, alpha])):
        assert classifier.classify(array) == classifier.classify(Image.fromarray(array))
    assert classifier.classify(np.dstack([sky, alpha])) != classifier.classify(sky)


@pytest.mark.parametrize("shape", [(4, 4, 2), (4, 4, 1), (4,), (0, 4), (2, 4, 4, 3)])
def test_an_array_of_another_shape_is_refused_with_the_shapes_that_are_taken(classifier, shape):
    with pytest.raises(ImageError, match=r"\(height, width, 4\) RGBA or \(height, width\) grey"):
        classifier.classify(np.zeros(shape, np.uint8))


def test_one_photo_where_several_are_asked_for_is_a_mistake_that_is_named(classifier, photos, sky):
    with photos[0].open("rb") as file:
        one = [str(photos[0]), photos[0], photos[0].read_bytes(), file, sky, sky[..., 0], Image.fromarray(sky)]
        for source in one:
            with pytest.raises(TypeError, match=r"takes several photos, not one \(.+\); use classify"):
                classifier.classify_many(source)
    assert len(list(classifier.classify_many(np.stack([sky, sky])))) == 2  # a stack of frames


def test_a_result_is_its_row_for_those_who_turn_dataclasses_into_something_else(make_model, metadata, sky):
    """As pandas and FastAPI do: both go by `dataclasses.asdict` or the fields."""
    result = CloudClassifier(make_model(metadata, "outputs")).classify(sky)
    assert result.maps is not None
    assert {**asdict(result), "top": list(asdict(result)["top"])} == result.to_dict()
    json.dumps(asdict(result))


def test_the_evidence_survives_pickling_and_is_not_compared(make_model, metadata, sky):
    result = CloudClassifier(make_model(metadata, "outputs")).classify(sky)
    copy = pickle.loads(pickle.dumps(result))
    assert copy == result == result.with_maps(None)
    assert np.array_equal(copy.evidence(), result.evidence())


def test_a_result_is_one_line_of_text(tiny, make_model, metadata, photos):
    dark = CloudClassifier(make_model({**metadata, "thresholds": {"low_confidence": 0.0, "dark": 256}}))
    sure = CloudClassifier(tiny, min_confidence=0)
    good, bad = sure.classify_many([photos[0], "no\nsuch.jpg"])
    assert str(good).startswith(f"{photos[0]}: {good.genus} ")
    assert f", base {good.base}, " in str(good)
    assert str(bad) == "no\\nsuch.jpg: error: the file does not exist; check the path"
    night = dark.classify(photos[0].read_bytes())
    assert str(night).startswith(f"-: Too dark: too little light to tell (best guess {night.top[0].genus} ")
    assert (good.state, night.state, bad.state) == (good.genus, "dark", "error")


def test_programs_that_use_the_library_pass_a_strict_type_check_without_asserts(tmp_path):
    pytest.importorskip("mypy", reason="mypy is a tool of developers")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", program],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout.strip()) == (0, "Success: no issues found in 1 source file")


PROGRAM = """
import numpy as np
from cloudedge import Box, Classification, CloudClassifier, ImageError, Reason, Source

crop: Box = (0, 0, 1, 0.8)
classifier = CloudClassifier(threads=1, crop=crop)


def look(photo: Source) -> str:
    try:
        cloud = classifier.classify(photo)
    except ImageError as error:
        return str(error)
    guess = cloud.top[0]
    why: Reason | None = cloud.reason
    if cloud.level:  # None where no cloud can be named
        print(cloud.level.name.upper(), round(cloud.level.probability, 2))
    print(cloud, guess.genus.upper(), round(guess.probability, 2), why, cloud.evidence("Cu").max())
    return cloud.state.upper()


look("a.jpg")
look(np.zeros((4, 4, 3), np.uint8))
skies: list[str] = [cloud.state for cloud in classifier.classify_many(["a.jpg", b""])]
rows: list[Classification] = list(classifier.classify_many(["a.jpg"]))
"""


# Many photos


def test_rows_come_in_order_and_bad_photos_are_rows(classifier, photos, tmp_path):
    (tmp_path / "text_20240601_123045.jpg").write_text("no photo")
    bad = [tmp_path / "text_20240601_123045.jpg", tmp_path, "missing.jpg", b"", np.zeros((2, 2)), None]  # floats
    mixed = [source for pair in zip(photos, bad, strict=False) for source in pair]
    rows = list(classifier.classify_many(mixed))
    assert [row.status for row in rows] == ["ok", "error"] * len(bad)
    assert rows[::2] == [classifier.classify(path) for path in photos[: len(bad)]]
    for row in rows[1::2]:
        assert row.error
        assert len(row.error.splitlines()) == 1
        assert row.genus is row.probability is row.certain is row.reason is row.level is row.base is row.rain is None
        assert row.top == ()
        assert row.model == "tiny 0.0.1"
    assert rows[1].captured_at == "2024-06-01T12:30:45"
    assert rows[1].to_dict()["top"] == []
    assert [row.path for row in rows[1::2]] == [str(bad[0]), str(tmp_path), "missing.jpg", None, None, None]


def test_a_bad_photo_is_let_go_with_its_row(classifier, sky, encode):
    encoded = encode(sky, "JPEG")
    cut = Image.open(io.BytesIO(encoded[: len(encoded) // 2]))
    remains = weakref.ref(cut)
    gc.disable()  # photos are large, and Python looks for cycles rarely
    try:
        (row,) = classifier.classify_many(iter([cut]))
        del cut
        assert row.status == "error"
        assert remains() is None
    finally:
        gc.enable()


def test_nothing_is_read_before_the_first_row_is_asked_for(classifier):
    def sources():
        raise AssertionError("too early")
        yield

    classifier.classify_many(sources())


def test_only_a_few_photos_are_taken_ahead(classifier, photos):
    taken = 0

    def sources():
        nonlocal taken
        while True:  # an endless source: constant memory or none at all
            taken += 1
            yield photos[taken % len(photos)]

    rows = classifier.classify_many(sources())
    for number in range(1, 40):
        next(rows)
        assert taken == number + AHEAD
    rows.close()


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (3, 3), (16, 8)])
def test_as_many_photos_are_classified_at_a_time_as_there_are_threads_but_eight_at_most(
    tiny, photos, monkeypatch, threads, most
):
    meeting = threading.Barrier(most)

    def together(*arguments):
        meeting.wait(timeout=60)
        return read(*arguments)

    monkeypatch.setattr("cloudedge.classifier.read", together)
    for row in CloudClassifier(tiny, threads=threads).classify_many(photos[:1] * 24):
        assert row.status == "ok"
        assert len(own_threads()) <= most


def test_what_its_owner_may_close_or_overwrite_is_read_at_once(classifier, photos, draw_sky):
    def files():
        for path in photos:
            with path.open("rb") as file:
                yield file

    def frames():
        frame = np.empty((64, 96, 3), np.uint8)
        for seed in range(len(photos)):
            frame[:] = draw_sky(seed=seed)
            yield frame

    expected = [classifier.classify(path).probability for path in photos]
    assert [row.probability for row in classifier.classify_many(files())] == expected
    expected = [classifier.classify(draw_sky(seed=seed)).probability for seed in range(len(photos))]
    assert [row.probability for row in classifier.classify_many(frames())] == expected


def test_a_consumer_that_stops_early_leaves_no_threads(classifier, photos):
    for row in classifier.classify_many(photos * 20):
        assert row.status == "ok"
        assert own_threads()
        break
    assert not own_threads()


def test_an_error_of_the_source_reaches_the_consumer_and_leaves_no_threads(classifier, photos):
    def sources():
        yield photos[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(classifier.classify_many(sources()))
    assert not own_threads()


def test_an_error_of_the_model_reaches_the_consumer(make_model, metadata, photos):
    classifier = CloudClassifier(make_model(metadata, "not_finite"))
    with pytest.raises(ModelError, match="not finite"):
        list(classifier.classify_many(photos))
    assert not own_threads()


# Threads and processes


def test_one_classifier_serves_several_threads(classifier, photos):
    expected = list(classifier.classify_many(photos))
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(classifier.classify, photos * 3)) == expected * 3
        assert list(pool.map(lambda _: list(classifier.classify_many(photos)), range(3))) == [expected] * 3


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's advice against forking with threads
def test_process_pools_carry_a_classifier(method, classifier, photos):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    with multiprocessing.get_context(method).Pool(2) as pool:
        rows = pool.map(classifier.classify, [str(path) for path in photos[:4]])
    assert rows == [classifier.classify(str(path)) for path in photos[:4]]


def test_settings_of_the_program_stay_as_they_are(tiny, photos, tmp_path):
    def settings():
        return (
            Image.MAX_IMAGE_PIXELS,
            ImageFile.LOAD_TRUNCATED_IMAGES,
            list(warnings.filters),
            dict(os.environ),
            list(logging.getLogger().handlers),
            logging.getLogger().level,
            np.geterr(),
        )

    before = settings()
    list(CloudClassifier(tiny).classify_many([*photos[:2], tmp_path, b"text"]))
    assert settings() == before


def test_a_photo_for_which_there_is_no_memory_is_a_row_wherever_that_shows(tiny, photos, monkeypatch):
    def full(*_: object) -> None:
        raise MemoryError

    classifier = CloudClassifier(tiny)
    for function in (
        "cloudedge.photo.read.open_image",
        "cloudedge.preprocess.resize",
        "cloudedge.preprocess.normalise",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(function, full)
            (row,) = classifier.classify_many(photos[:1])
            assert (row.status, row.error) == ("error", "does not fit into memory; scale it down")
            with pytest.raises(ImageError, match="does not fit into memory"):
                classifier.classify(photos[0])


# Day and night

VIENNA = Location(48.21, 16.37, ZoneInfo("Europe/Vienna"))


@pytest.mark.parametrize(
    ("clock", "reason", "phase"),
    [("123000", None, "day"), ("211500", None, "civil"), ("223045", "dark", "astronomical")],
)
def test_no_cloud_has_a_name_at_night_however_bright_the_photo(tiny, photos, clock, reason, phase):
    photo = photos[0].rename(photos[0].with_name(f"cam_20240601_{clock}.jpg"))
    plain = CloudClassifier(tiny, THREADS, min_confidence=0.0).classify(photo)
    result = CloudClassifier(tiny, THREADS, min_confidence=0.0, location=VIENNA).classify(photo)
    assert (plain.sun, plain.reason) == (None, None)
    assert (result.reason, result.certain, result.sun.phase) == (reason, reason is None, phase)
    nameless = (result.genus, result.abbreviation, result.probability, result.level, result.base, result.rain)
    assert nameless == (None,) * 6 if reason else nameless == tuple(getattr(plain, name) for name in NAMED)
    assert result.top == plain.top
    assert (result.maps is None) == (plain.maps is None)


NAMED = ("genus", "abbreviation", "probability", "level", "base", "rain")


def test_without_the_instant_there_is_no_sun_and_no_night(tiny, photos):
    photo = photos[0].rename(photos[0].with_name("cam_20240601_223045.jpg"))
    result = CloudClassifier(tiny, THREADS, min_confidence=0.0, location=Location(48.21, 16.37)).classify(photo)
    assert (result.sun, result.reason) == (None, None)


def test_an_error_has_the_sun_of_its_time_and_no_row_has_the_location(tiny, tmp_path):
    classifier = pickle.loads(pickle.dumps(CloudClassifier(tiny, THREADS, location=VIENNA)))
    (row,) = classifier.classify_many([str(tmp_path / "cam_20240601_123000.jpg")])
    assert (row.status, row.sun.phase) == ("error", "day")
    assert not {"location", "latitude", "longitude"} & set(row.to_dict())
    assert list(row.to_dict()["sun"]) == ["elevation", "azimuth", "phase"]
