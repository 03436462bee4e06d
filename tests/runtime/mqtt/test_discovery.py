"""What Home Assistant is told of a camera, and what its templates make of rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudedge.genera import GENERA
from cloudedge.mqtt.discovery import device
from cloudedge.mqtt.topics import Topics
from cloudedge.row import NAMELESS

GENUS_NAMES = [genus.name for genus in GENERA]
TOPICS = Topics("cloudedge", "garden", "homeassistant")
NAMED: dict[str, Any] = {
    "genus": "Cumulus",
    "reason": "low_confidence",
    "probability": 0.61234,
    "level": {"name": "low", "probability": 0.7},
    "certain": False,
}
DARK: dict[str, Any] = {"genus": None, "reason": "dark", "probability": None, "level": None, "certain": False}


def message(**options: Any) -> dict[str, Any]:
    options = {"with_picture": True, "expire": None, **options}
    return device(TOPICS, "resnet34 1.0.0", GENUS_NAMES, "0.1.0", **options)


def rendered(row: dict[str, Any]) -> dict[str, str]:
    """Return the state of each entity, by the template engine that Home Assistant uses."""
    jinja2 = pytest.importorskip("jinja2")
    return {
        key: jinja2.Template(component["value_template"]).render(value_json=row)
        for key, component in message()["components"].items()
        if "value_template" in component
    }


def test_one_message_describes_the_device() -> None:
    assert TOPICS.discovery == "homeassistant/device/cloudedge_garden/config"
    found = message()
    assert found["state_topic"] == "cloudedge/garden/state"
    assert found["availability_topic"] == "cloudedge/garden/status"
    assert found["device"]["identifiers"] == ["cloudedge_garden"]
    assert found["origin"]["name"] == "cloudedge"
    assert list(found["components"]) == ["sky", "probability", "level", "certain", "picture"]
    assert json.loads(json.dumps(found)) == found


def test_each_entity_has_a_platform_and_an_id_of_its_own() -> None:
    components = message()["components"].values()
    assert {component["platform"] for component in components} == {"sensor", "binary_sensor", "image"}
    assert len({component["unique_id"] for component in components}) == len(components)
    assert not any("object_id" in component for component in components)


def test_the_options_are_every_state_that_a_row_can_have() -> None:
    assert set(message()["components"]["sky"]["options"]) == {*GENUS_NAMES, *NAMELESS}
    assert {genus.level for genus in GENERA} == set(message()["components"]["level"]["options"])


def test_the_picture_is_an_entity_only_when_it_is_asked_for() -> None:
    assert "picture" not in message(with_picture=False)["components"]


def test_what_shows_a_row_expires() -> None:
    components = message(expire=900)["components"]
    assert {key for key, component in components.items() if component.get("expire_after") == 900} == {
        "sky",
        "probability",
        "level",
        "certain",
    }
    assert not any("expire_after" in component for component in message()["components"].values())


def test_a_row_with_a_genus_is_shown() -> None:
    assert rendered(NAMED) == {"sky": "Cumulus", "probability": "61.2", "level": "low", "certain": "OFF"}


def test_what_a_row_does_not_know_is_unknown() -> None:
    assert rendered(DARK) == {"sky": "dark", "probability": "None", "level": "None", "certain": "OFF"}
