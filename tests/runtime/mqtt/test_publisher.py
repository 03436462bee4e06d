"""What a real broker is sent, whatever happens to it and to the connection."""

from __future__ import annotations

import io
import json
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cloudedge.mqtt import publisher
from cloudedge.mqtt.broker import Broker

from ...support.mosquitto import PASSWORD, USER, Mosquitto, free_port, mosquitto, observing, retained
from ...support.waiting import wait_for

CONFIG = "homeassistant/device/cloudedge_garden/config"
STATUS, STATE, CHANGE, ERROR, PICTURE = (
    f"cloudedge/garden/{name}" for name in ("status", "state", "change", "error", "picture")
)


def genera(payloads: list[bytes]) -> list[str]:
    return [json.loads(payload)["genus"] for payload in payloads]


@pytest.fixture(autouse=True)
def _quick_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "_DELAYS", (0.1, 0.5))


def test_the_device_comes_first_then_that_it_is_online_then_the_state(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer, camera(broker.port) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: observer.of(STATE))
    topics = [message.topic for message in observer.messages]
    assert topics[:3] == [CONFIG, STATUS, STATE]
    assert json.loads(observer.of(STATE)[0]) == {"path": "a.jpg", "status": "ok", "genus": "Cumulus"}
    kept = retained(broker.port)
    assert set(kept) == {CONFIG, STATUS, STATE}
    assert kept[STATUS] == b"offline"
    assert garden.said == []


def test_a_failure_goes_to_a_topic_of_its_own_and_is_not_kept(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer, camera(broker.port) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: observer.of(STATE))
        garden.fails()
        wait_for(lambda: observer.of(ERROR))
        assert json.loads(observer.of(ERROR)[0])["error"] == "is no photo"
        assert len(observer.of(STATE)) == 1
        assert ERROR not in retained(broker.port)


def test_a_change_is_an_event(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer, camera(broker.port) as garden:
        wait_for(lambda: observer.of(STATUS))
        garden.sees("Cumulus", has_changed=True)
        wait_for(lambda: observer.of(CHANGE))
        garden.sees("Stratus")
        wait_for(lambda: genera(observer.of(STATE))[-1:] == ["Stratus"])
        assert genera(observer.of(CHANGE)) == ["Cumulus"]
        assert CHANGE not in retained(broker.port)


def test_a_broker_that_comes_late_gets_the_newest_state(tmp_path: Path, camera: Any) -> None:
    late = Mosquitto(tmp_path)
    with camera(late.port) as garden:
        wait_for(lambda: garden.said)
        for genus in ("Cumulus", "Stratus", "Cirrus"):
            garden.sees(genus)
        late.start()
        try:
            wait_for(lambda: len(garden.said) == 2)
            wait_for(lambda: STATE in retained(late.port))
            with observing(late.port) as observer:
                garden.sees("Nimbostratus", has_changed=True)
                wait_for(lambda: observer.of(CHANGE))
                assert genera(observer.of(STATE)) == ["Cirrus", "Nimbostratus"]
                assert genera(observer.of(CHANGE)) == ["Nimbostratus"]
        finally:
            late.end()
    address = f"mqtt://127.0.0.1:{late.port}"
    assert garden.said[:2] == [
        f"{address}: cannot be reached (Connection refused); trying again",
        f"{address}: connected",
    ]


def test_events_of_before_the_connection_are_not_sent_late(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer:
        broker.send(signal.SIGSTOP)  # it can be reached, but accepts nobody yet
        with camera(broker.port) as garden:
            for genus in ("Cumulus", "Stratus"):
                garden.sees(genus, has_changed=True)
            garden.fails()
            broker.send(signal.SIGCONT)
            wait_for(lambda: genera(observer.of(STATE)) == ["Stratus"])
            garden.sees("Cirrus", has_changed=True)
            wait_for(lambda: observer.of(CHANGE))
            assert genera(observer.of(CHANGE)) == ["Cirrus"]
            assert observer.of(ERROR) == []


def test_a_broker_that_forgets_is_told_everything_again(broker: Mosquitto, camera: Any) -> None:
    with camera(broker.port) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: STATE in retained(broker.port))
        broker.end()
        wait_for(lambda: garden.said)
        garden.sees("Stratus")
        garden.sees("Cirrus")
        broker.start()
        wait_for(lambda: STATE in retained(broker.port))
        kept = retained(broker.port)
        assert set(kept) == {CONFIG, STATUS, STATE}
        assert kept[STATUS] == b"online"
        assert genera([kept[STATE]]) == ["Cirrus"]
    assert [text.partition(": ")[2] for text in garden.said] == ["connection lost; trying again", "connected"]


def test_a_broker_that_forgets_gets_the_last_state_and_picture_again_without_a_new_row(
    broker: Mosquitto, camera: Any, encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray]
) -> None:
    photo, everything = encode(draw_sky(), "JPEG"), {CONFIG, STATUS, STATE, PICTURE}
    with camera(broker.port, picture_of=lambda row: photo) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: set(retained(broker.port)) == everything)
        before = retained(broker.port)
        broker.end()
        wait_for(lambda: garden.said)
        broker.start()
        wait_for(lambda: set(retained(broker.port)) == everything)
        assert retained(broker.port) == before


def test_a_broker_that_remembers_keeps_the_state_while_nobody_publishes(tmp_path: Path, camera: Any) -> None:
    with mosquitto(tmp_path, "persistence true", f"persistence_location {tmp_path}/") as broker:
        with camera(broker.port) as garden:
            garden.sees("Cumulus")
            wait_for(lambda: STATE in retained(broker.port))
            broker.end(gently=True)
            broker.start()
            wait_for(lambda: garden.said[-1].endswith(": connected"))
            wait_for(lambda: retained(broker.port)[STATUS] == b"online")
        broker.end(gently=True)
        broker.start()
        kept = retained(broker.port)
        assert (kept[STATUS], genera([kept[STATE]])) == (b"offline", ["Cumulus"])


def test_a_wrong_password_is_reported_once_and_tried_again(tmp_path: Path, camera: Any) -> None:
    broker = Mosquitto(tmp_path, f"password_file {tmp_path}/passwords", anonymous=False)
    broker.set_password("another")
    broker.start()
    try:
        with camera(Broker("mqtt", "127.0.0.1", broker.port, USER, PASSWORD)) as garden:
            log = tmp_path / "mosquitto.log"
            wait_for(lambda: log.read_text().count("not authorised") >= 3)
            (line,) = garden.said
            assert "refuses the connection (Not authorized); check the user and the password; trying again" in line
            assert PASSWORD not in line
            broker.set_password(PASSWORD)
            broker.send(signal.SIGHUP)  # it reads its passwords again
            wait_for(lambda: garden.said[-1].endswith(": connected"))
    finally:
        broker.end()


def test_home_assistants_start_has_everything_published_again(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer:
        observer.publish("homeassistant/status", "online", retain=True)  # an old one is no start
        with camera(broker.port) as garden:
            garden.sees("Cumulus")
            wait_for(lambda: observer.of(STATE))
            assert len(observer.of(CONFIG)) == 1
            observer.publish("homeassistant/status", "offline")
            observer.publish("homeassistant/status", "online")
            wait_for(lambda: len(observer.of(STATE)) == 2)
            assert len(observer.of(CONFIG)) == 2
            assert observer.of(STATUS) == [b"online", b"online"]


def test_a_broker_that_hangs_neither_delays_rows_nor_collects_them(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer, camera(broker.port) as garden:
        wait_for(lambda: observer.of(STATUS))
        broker.send(signal.SIGSTOP)
        for number in range(5000):
            garden.sees(f"{number}", has_changed=True)
        broker.send(signal.SIGCONT)
        wait_for(lambda: genera(observer.of(STATE))[-1:] == ["4999"])
        wait_for(lambda: genera(observer.of(CHANGE))[-1:] == ["4999"])
        assert len(observer.of(CHANGE)) <= 121
    assert garden.said == []


@pytest.mark.slow
def test_a_broker_that_hangs_gets_no_second_state_before_it_has_taken_the_first(broker: Mosquitto, camera: Any) -> None:
    with observing(broker.port) as observer, camera(broker.port) as garden:
        wait_for(lambda: observer.of(STATUS))
        broker.send(signal.SIGSTOP)
        for number in range(5):
            garden.sees(f"{number}")
            time.sleep(0.7)
        broker.send(signal.SIGCONT)
        wait_for(lambda: genera(observer.of(STATE))[-1:] == ["4"])
        assert len(observer.of(STATE)) <= 2


def test_the_end_does_not_wait_for_a_broker_that_hangs(
    broker: Mosquitto, camera: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_FAREWELL", 0.4)
    with observing(broker.port) as observer, camera(broker.port) as garden:
        wait_for(lambda: observer.of(STATUS))
        broker.send(signal.SIGSTOP)
        garden.sees("Cumulus")
    assert garden.said == []


def test_a_state_that_has_expired_is_not_published_again(
    broker: Mosquitto, camera: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with observing(broker.port) as observer, camera(broker.port, expire=900) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: observer.of(STATE))
        row, when = garden.publisher._newest
        garden.publisher._newest = row, when - 900
        observer.publish("homeassistant/status", "online")
        wait_for(lambda: len(observer.of(STATUS)) == 2)
        garden.fails()
        wait_for(lambda: observer.of(ERROR))
        assert len(observer.of(STATE)) == 1


def test_the_picture_is_small_and_kept(
    broker: Mosquitto, camera: Any, encode: Callable[..., bytes], draw_sky: Callable[..., np.ndarray]
) -> None:
    photo = encode(draw_sky(800, 600), "JPEG")
    with observing(broker.port) as observer, camera(broker.port, picture_of=lambda row: photo) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: observer.of(PICTURE))
        assert Image.open(io.BytesIO(retained(broker.port)[PICTURE])).size == (640, 480)


def test_a_photo_that_is_gone_costs_its_picture_alone(broker: Mosquitto, camera: Any, tmp_path: Path) -> None:
    with observing(broker.port) as observer:
        with camera(broker.port, picture_of=lambda row: str(tmp_path / "gone.jpg")) as garden:
            for genus in ("Cumulus", "Stratus"):
                garden.sees(genus)
                wait_for(lambda genus=genus: genera(observer.of(STATE))[-1:] == [genus])
        assert observer.of(PICTURE) == []
    assert garden.said == []


SILENT = """
import sys, time
import cloudedge.mqtt.connection
from cloudedge.mqtt.broker import Broker
from cloudedge.mqtt.publisher import Publisher
from cloudedge.mqtt.topics import Topics

cloudedge.mqtt.connection.KEEPALIVE = 2
topics = Topics("cloudedge", "garden", None)
with Publisher(Broker("mqtt", "127.0.0.1", int(sys.argv[1])), topics, None, print):
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.slow
def test_a_program_that_hangs_is_offline_and_online_when_it_runs_again(broker: Mosquitto) -> None:
    command = [sys.executable, "-c", SILENT, str(broker.port)]
    with observing(broker.port) as observer, subprocess.Popen(command) as process:
        try:
            wait_for(lambda: observer.of(STATUS) == [b"online"])
            process.send_signal(signal.SIGSTOP)
            wait_for(lambda: observer.of(STATUS) == [b"online", b"offline"])
            process.send_signal(signal.SIGCONT)
            wait_for(lambda: observer.of(STATUS) == [b"online", b"offline", b"online"])
        finally:
            process.kill()


def openssl(*arguments: object, folder: Path) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return make_authority(tmp_path, "home")


def make_authority(folder: Path, name: str) -> Path:
    """Make an authority, and a certificate of it for 127.0.0.1; return the authority's."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", f"{name}.pem", folder=folder)
    openssl(
        *("req", "-x509", *key, "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-CA", f"{name}.pem", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.pem"),
        folder=folder,
    )
    return folder / f"{name}.pem"


def test_tls_needs_the_right_authority_and_the_right_name(tmp_path: Path, authority: Path, camera: Any) -> None:
    (tmp_path / "other").mkdir()
    other = make_authority(tmp_path / "other", "other")
    with mosquitto(tmp_path, f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.key") as broker:

        def secure(host: str, ca: Path) -> Broker:
            return Broker("mqtts", host, broker.port, tls=ssl.create_default_context(cafile=str(ca)))

        with camera(secure("127.0.0.1", authority)) as garden:
            wait_for(lambda: "as auto-" in (tmp_path / "mosquitto.log").read_text())
        assert garden.said == []
        for host, ca, problem in (
            ("127.0.0.1", other, "unable to get local issuer certificate"),
            ("localhost", authority, "Hostname mismatch, certificate is not valid for 'localhost'."),
        ):
            with camera(secure(host, ca)) as garden:
                wait_for(lambda garden=garden: garden.said)
            assert problem in garden.said[0]
        with camera(broker.port) as garden:  # without TLS
            wait_for(lambda: garden.said)
        assert garden.said[0].endswith(": connection lost; trying again")


def test_an_address_where_nobody_is_ends_at_once(camera: Any) -> None:
    with camera(free_port()) as garden:
        garden.sees("Cumulus")
        wait_for(lambda: garden.said)
