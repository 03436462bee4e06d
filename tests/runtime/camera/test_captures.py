from __future__ import annotations

import gc
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from cloudedge import CloudClassifier
from cloudedge.archive.journal import Journal
from cloudedge.archive.ledger import Ledger
from cloudedge.row import row_of
from cloudedge.row_formats import read_rows

from ...support.cameras import camera, cut_short, dripping, in_turn, picture, redirect, with_etag
from ...support.waiting import wait_for

pytest.importorskip("httpx2", reason="cameras by their addresses need the extra `camera`")

from cloudedge.camera.address import parse_address
from cloudedge.camera.captures import FROZEN_AFTER, Camera
from cloudedge.camera.fetch import Fetcher, Limits
from cloudedge.camera.keep import Keep
from cloudedge.signals import Stop
from cloudedge.sun import Location

START = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def minutes(self, number):
        """Pass the time, a minute at a time."""
        for _ in range(number):
            yield
            self.seconds += 60


@pytest.fixture
def classifier(tiny):
    return CloudClassifier(tiny, threads=1)


@pytest.fixture
def jpegs(draw_sky, encode):
    return (encode(draw_sky(seed=number), "JPEG") for number in count())


class Station:
    """A camera that is watched, what it says, and the rows that it gives."""

    def __init__(self, server, classifier, ledger=None, every=60.0, keep=None):
        self.clock, self.stop, self.said, self.rows = Clock(), Stop(), [], []
        self.ledger = ledger or Ledger("settings")
        fetcher = Fetcher(parse_address(server.url), False, Limits(seconds=0.5))
        self.camera = Camera(
            fetcher, classifier, self.ledger, every, self.stop, self.said.append, keep, self.clock, self.clock.now
        )

    def run(self, minutes):
        """Watch for some minutes more."""
        end = self.clock.seconds + 60 * minutes
        captures = self.camera.captures(self.clock.minutes(minutes))
        for result, key in captures:
            row = row_of(result)
            self.ledger.write(row, key)
            self.rows.append(row)
        self.clock.seconds = end
        return self.rows


def test_each_new_picture_is_a_capture(classifier, jpegs):
    pictures = [next(jpegs) for _ in range(3)]
    with camera(in_turn(*map(picture, pictures))) as server:
        station = Station(server, classifier)
        rows = station.run(5)
    assert [row["path"] for row in rows] == [server.url] * 3
    assert station.camera.picture == pictures[-1]
    assert [row["captured_at"] for row in rows] == [f"2026-11-28T12:0{minute}:00+00:00" for minute in range(3)]
    assert {row["time_source"] for row in rows} == {"fetched"}
    assert len(server.requests) == 5


def test_the_time_in_the_picture_comes_first_and_last_modified_never(classifier, draw_sky, encode):
    from PIL import Image

    exif = Image.Exif()
    exif[306] = "2026:11:28 11:59:58"
    with camera(
        picture(encode(draw_sky(), "JPEG", exif=exif), Last_Modified="Sat, 28 Nov 2026 03:00:00 GMT")
    ) as server:
        (row,) = Station(server, classifier).run(1)
    assert (row["captured_at"], row["time_source"]) == ("2026-11-28T11:59:58", "exif")


def test_the_sun_counts_for_the_time_of_fetching(tiny, jpegs):
    classifier = CloudClassifier(
        tiny, threads=1, location=Location(0.0, 180.0, UTC)
    )  # where it is midnight at noon UTC
    with camera(in_turn(picture(next(jpegs)), lambda request: request.send(status=404))) as server:
        rows = Station(server, classifier).run(2)
    assert [row["sun"]["phase"] for row in rows] == ["night", "night"]
    assert [row["reason"] for row in rows] == ["dark", None]


def test_what_has_not_changed_has_no_row(classifier, jpegs):
    data = next(jpegs)
    for answer in (picture(data), with_etag(data)):
        with camera(answer) as server:
            assert len(Station(server, classifier).run(5)) == 1
            assert len(server.requests) == 5


def test_what_was_answered_before_a_restart_is_not_answered_again(classifier, jpegs, tmp_path):
    with camera(picture(next(jpegs))) as server:
        for keep in (None, Keep(str(tmp_path / "kept"), server.url)):
            for expected in (1, 0):
                with Journal(str(tmp_path / f"{keep is None}.jsonl"), "jsonl", 3, "settings") as journal:
                    assert len(Station(server, classifier, journal, keep=keep).run(3)) == expected


def test_a_frozen_camera_is_reported_once_and_when_it_moves_again(classifier, jpegs):
    same = picture(next(jpegs))
    with camera(in_turn(*[same] * (FROZEN_AFTER + 40), picture(next(jpegs)))) as server:
        station = Station(server, classifier)
        station.run(FROZEN_AFTER)
        assert station.said == []
        station.run(20)
        assert station.said == [f"has sent the same picture {FROZEN_AFTER + 1} times; it may be frozen"]
        assert len(station.run(60)) == 2
        assert station.said[1:] == ["sends new pictures again"] or len(station.said) == 3


def test_each_kind_of_failure_is_one_row_until_the_camera_is_back(classifier, jpegs):
    def gone(request):
        request.send(status=404)

    def page(request):
        request.send(b"<html>Please log in", kind="text/html")

    half = next(jpegs)
    answers = [
        picture(next(jpegs)),
        gone,
        gone,
        page,
        gone,
        picture(half[: len(half) // 2]),
        picture(next(jpegs)),
        gone,
    ]
    with camera(in_turn(*answers)) as server:
        station = Station(server, classifier)
        rows = station.run(60)
    assert [row["status"] for row in rows] == ["ok", "error", "error", "error", "ok", "error"]
    assert ["(404)" in (row["error"] or "") for row in rows] == [False, True, False, False, False, True]
    assert "is a web page" in rows[2]["error"]
    assert "is damaged or cut short" in rows[3]["error"]
    assert {row["path"] for row in rows} == {server.url}
    assert station.said == ["is back"]


def test_a_failure_is_tried_less_and_less_often(classifier):
    with camera(lambda request: request.send(status=404)) as server:
        station = Station(server, classifier)
        station.run(1 + 1 + 2 + 4 + 8)
        assert len(server.requests) == 5
        station.run(100)
        assert len(server.requests) == 15


def test_a_picture_that_comes_too_late_is_not_caught_up_with(classifier, jpegs):
    with camera(lambda request: request.send(next(jpegs))) as server:
        station = Station(server, classifier, every=60)
        captures = station.camera.captures(station.clock.minutes(20))
        next(captures)
        station.clock.seconds += 5 * 60 + 30  # as after a long command
        next(captures)
        next(captures)
    assert len(server.requests) == 3


def test_a_kept_picture_is_what_its_row_names(classifier, jpegs, tmp_path):
    with camera(in_turn(picture(next(jpegs)), lambda request: request.send(status=404))) as server:
        station = Station(server, classifier, keep=Keep(str(tmp_path), server.url))
        rows = station.run(2)
    kept = tmp_path / "2026-11-28" / "20261128T120000+0000.jpg"
    assert [row["path"] for row in rows] == [str(kept), server.url]
    assert classifier.classify(kept).top == classifier.classify(kept.read_bytes()).top


def test_a_picture_that_cannot_be_kept_still_has_its_row(classifier, jpegs, tmp_path):
    (tmp_path / "2026-11-28").touch()
    with camera(lambda request: request.send(next(jpegs))) as server:
        station = Station(server, classifier, keep=Keep(str(tmp_path), server.url))
        assert [row["path"] for row in station.run(3)] == [server.url] * 3
        assert len(station.said) == 1
        assert "its pictures cannot be kept" in station.said[0]
        (tmp_path / "2026-11-28").unlink()
        assert station.run(1)[-1]["path"].startswith(str(tmp_path))


def test_it_ends_during_a_fetch(classifier):
    with camera(dripping(bytes(600), 0.1)) as server:
        station = Station(server, classifier)
        station.stop.set()
        assert station.run(1) == []


@pytest.mark.slow
def test_a_day_of_minutes_with_a_camera_that_fails_at_random(classifier, jpegs, tmp_path):
    """Whatever the camera does, each picture that it sends whole is in the journal, and the memory does not grow."""
    dice, sent, skies = random.Random(0), [], [next(jpegs) for _ in range(10)]

    def good(request):
        sent.append(dice.choice(skies) + len(sent).to_bytes(4))  # no two have the same bytes
        request.send(sent[-1], ETag=f'"{len(sent)}"')

    bad = [
        lambda request: request.send(sent[-1]),
        lambda request: request.send(status=304),
        lambda request: request.send(status=404),
        lambda request: request.send(status=503),
        lambda request: request.send(b"<html>", kind="text/html"),
        lambda request: request.send(skies[0][:300]),
        cut_short(bytes(1000)),
        dripping(bytes(100), 0.2),
        redirect("/elsewhere"),
    ]

    def answer(request):
        (good if not sent or dice.random() < 0.9 else dice.choice(bad))(request)

    target, blocks = str(tmp_path / "sky.jsonl"), []
    with camera(answer) as server, Journal(target, "jsonl", 3, "settings") as journal:
        station = Station(server, classifier, journal, keep=Keep(str(tmp_path / "kept"), server.url, 2))
        for _ in range(24):
            station.run(60)
            station.rows.clear()
            server.requests.clear()
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    rows = list(read_rows(target))
    pictures = [row for row in rows if row["status"] == "ok"]
    assert len(pictures) == len(sent) > 900
    assert [Path(row["path"]).read_bytes() for row in pictures] == sent
    assert classifier.classify(sent[-1]).genus == pictures[-1]["genus"]
    assert len(rows) - len(pictures) > 30
    assert (blocks[-1] - blocks[3]) / len(sent) < 8, blocks  # per picture two numbers in the ledger, and one in `sent`


@pytest.mark.slow
def test_a_broker_that_comes_and_goes_has_the_last_sky_at_the_end(classifier, jpegs, tmp_path, monkeypatch):
    pytest.importorskip("paho.mqtt", reason="MQTT needs the extra `mqtt`")
    from cloudedge.mqtt import publisher
    from cloudedge.mqtt.broker import Broker
    from cloudedge.mqtt.topics import Topics

    from ...support.mosquitto import mosquitto, retained

    monkeypatch.setattr(publisher, "_DELAYS", (0.1, 0.5))
    dice, target = random.Random(0), str(tmp_path / "sky.jsonl")

    def answer(request):
        request.send(next(jpegs)) if dice.random() < 0.8 else request.send(status=404)

    with (
        camera(answer) as server,
        mosquitto(tmp_path) as broker,
        Journal(target, "jsonl", 3, "settings") as journal,
        publisher.Publisher(
            Broker("mqtt", "127.0.0.1", broker.port), Topics("cloudedge", "garden", None), None, lambda text: None
        ) as publish,
    ):
        station = Station(server, classifier, journal)
        for hour in range(6):
            (broker.end if hour % 2 == 0 else broker.start)()
            before = len(station.rows)
            for row in station.run(10)[before:]:
                publish(row, False)
        rows = [row for row in station.rows if row["status"] == "ok"]
        wait_for(lambda: json.loads(retained(broker.port).get("cloudedge/garden/state", "{}")) == rows[-1])
    assert [row["captured_at"] for row in read_rows(target)] == [row["captured_at"] for row in station.rows]
