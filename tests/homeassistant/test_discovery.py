"""What a real Home Assistant makes of `cloudedge watch --mqtt`. Run by `make test-homeassistant`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ..support.homeassistant import COMMAND, HomeAssistant, homeassistant
from ..support.mosquitto import Mosquitto, mosquitto, observing
from ..support.waiting import wait_for

pytestmark = pytest.mark.skipif(not COMMAND, reason="CLOUDEDGE_HASS does not say how to start Home Assistant")

SUNNY = Path(__file__).parents[2] / "examples" / "cumulus.jpg"
CLOUDEDGE = [sys.executable, "-m", "cloudedge"]
SKY, PROBABILITY, LEVEL = (f"sensor.cloudedge_garden_{name}" for name in ("sky", "probability", "cloud_level"))
CERTAIN, PICTURE = "binary_sensor.cloudedge_garden_certain", "image.cloudedge_garden_picture"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[HomeAssistant]:
    with homeassistant(tmp_path_factory.mktemp("home")) as running:
        running.connect_to_broker(broker.port)
        yield running


@pytest.fixture
def camera(tmp_path: Path, broker: Mosquitto) -> Iterator[Path]:
    """The folder of a camera that `watch` looks at."""
    folder = tmp_path / "garden"
    folder.mkdir()
    with watching(folder, broker):
        yield folder


@contextmanager
def watching(folder: Path, broker: Mosquitto) -> Iterator[None]:
    command = [*CLOUDEDGE, "watch", str(folder), "--model", "lite0", "--settle", "0.2", "--poll", "0.2"]
    command += ["-o", str(folder.parent / "sky.jsonl")]  # what lies there already counts too
    command += ["--mqtt", f"mqtt://127.0.0.1:{broker.port}", "--mqtt-name", "garden", "--mqtt-picture"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def shows(home: HomeAssistant, **expected: Any) -> bool:
    """Return whether the entities have these states."""
    names = {"sky": SKY, "probability": PROBABILITY, "level": LEVEL, "certain": CERTAIN}
    states = {name: home.state(names[name]) or {} for name in expected}
    return {name: state.get("state") for name, state in states.items()} == expected


def test_the_device_shows_each_row_and_forgets(home: HomeAssistant, camera: Path, broker: Mosquitto) -> None:
    wait_for(lambda: shows(home, sky="unknown", probability="unknown", level="unknown", certain="unknown"))

    (camera / "1.jpg").write_bytes(SUNNY.read_bytes())
    wait_for(lambda: shows(home, sky="Cumulus", level="low", certain="on"))
    sky, probability = home.state(SKY), home.state(PROBABILITY)
    assert sky
    assert probability
    assert sky["attributes"]["device_class"] == "enum"
    assert {"Cumulus", "Cirrus", "dark", "clear", "unfamiliar"} <= set(sky["attributes"]["options"])
    assert sky["attributes"]["rain"] == "Occasional showers"
    assert sky["attributes"]["path"] == str(camera / "1.jpg")
    assert 50 < float(probability["state"]) <= 100
    assert probability["attributes"]["unit_of_measurement"] == "%"
    wait_for(lambda: (home.state(PICTURE) or {}).get("state") not in ("unknown", "unavailable", None))
    assert home.fetch(f"api/image_proxy/{PICTURE}").startswith(b"\xff\xd8")

    Image.new("RGB", (640, 480)).save(camera / "3.png")
    wait_for(lambda: shows(home, sky="dark", probability="unknown", level="unknown", certain="off"))


def test_a_failure_leaves_the_state_as_it_was(home: HomeAssistant, camera: Path, broker: Mosquitto) -> None:
    with observing(broker.port) as observer:
        (camera / "1.jpg").write_bytes(SUNNY.read_bytes())
        wait_for(lambda: shows(home, sky="Cumulus"))
        (camera / "2.jpg").write_bytes(b"no photo")
        wait_for(lambda: observer.of("cloudedge/garden/error"), 180)  # after a minute without change
        (camera / "3.jpg").write_bytes(SUNNY.read_bytes())
        wait_for(lambda: (home.state(SKY) or {}).get("attributes", {}).get("path") == str(camera / "3.jpg"))
    assert shows(home, sky="Cumulus")


def test_it_is_unavailable_while_nothing_watches(home: HomeAssistant, tmp_path: Path, broker: Mosquitto) -> None:
    folder = tmp_path / "garden"
    folder.mkdir()
    with watching(folder, broker):
        (folder / "1.jpg").write_bytes(SUNNY.read_bytes())
        wait_for(lambda: shows(home, sky="Cumulus"))
    wait_for(lambda: shows(home, sky="unavailable", certain="unavailable"))


def test_a_broker_that_starts_again_with_nothing_is_told_everything(
    home: HomeAssistant, camera: Path, broker: Mosquitto
) -> None:
    (camera / "1.jpg").write_bytes(SUNNY.read_bytes())
    wait_for(lambda: shows(home, sky="Cumulus"))
    broker.end()
    wait_for(lambda: shows(home, sky="unavailable"))
    broker.start()  # it has kept nothing
    wait_for(lambda: shows(home, sky="Cumulus", certain="on"), 120)


def test_a_forgotten_camera_is_gone(home: HomeAssistant, tmp_path: Path, broker: Mosquitto) -> None:
    folder = tmp_path / "garden"
    folder.mkdir()
    with watching(folder, broker):
        (folder / "1.jpg").write_bytes(SUNNY.read_bytes())
        wait_for(lambda: shows(home, sky="Cumulus"))
    command = [*CLOUDEDGE, "mqtt-forget", "garden", "--mqtt", f"mqtt://127.0.0.1:{broker.port}"]
    subprocess.run(command, check=True)
    wait_for(lambda: home.state(SKY) is None and home.state(PICTURE) is None)
