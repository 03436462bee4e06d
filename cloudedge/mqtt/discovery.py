"""Home Assistant's MQTT discovery: one message that describes a device and its entities (2024.11 and later).

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cloudedge.mqtt.topics import Topics

# A template that renders `None` makes its entity unknown. An entity gets no time of its own: Home Assistant refuses a
# time without an offset, as most cameras give it.
_SKY = "{{ value_json.genus or value_json.reason }}"
_PROBABILITY = "{{ none if value_json.probability is none else (value_json.probability * 100) | round(1) }}"
_LEVEL = "{{ none if value_json.level is none else value_json.level.name }}"
_CERTAIN = "{{ none if value_json.certain is none else 'ON' if value_json.certain else 'OFF' }}"


def device(
    topics: Topics, model: str, genera: Sequence[str], version: str, *, with_picture: bool, expire: int | None
) -> dict[str, Any]:
    """Return the discovery message of a camera.

    `model` is the name and version of the model, `genera` are its classes, `version` is that of cloudedge. After
    `expire` seconds without a new row the entities become unavailable.
    """
    return {
        "device": {
            "identifiers": [topics.device_id],
            "name": f"cloudedge {topics.name}",
            "manufacturer": "cloudedge",
            "model": model,
            "sw_version": version,
        },
        "origin": {"name": "cloudedge", "sw_version": version},
        "state_topic": topics.state,
        "availability_topic": topics.status,
        "qos": 1,
        "components": dict(_components(topics, genera, with_picture, expire)),
    }


def _components(
    topics: Topics, genera: Sequence[str], with_picture: bool, expire: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    def component(key: str, platform: str, name: str, **options: Any) -> tuple[str, dict[str, Any]]:
        return key, {"platform": platform, "unique_id": f"{topics.device_id}_{key}", "name": name, **options}

    expiry = {} if expire is None else {"expire_after": expire}
    yield component(
        "sky",
        "sensor",
        "Sky",
        device_class="enum",
        options=[*genera, "dark", "clear", "unfamiliar"],
        icon="mdi:clouds",
        value_template=_SKY,
        json_attributes_topic=topics.state,
        **expiry,
    )
    yield component(
        "probability",
        "sensor",
        "Probability",
        state_class="measurement",
        unit_of_measurement="%",
        suggested_display_precision=0,
        icon="mdi:percent",
        value_template=_PROBABILITY,
        **expiry,
    )
    yield component(
        "level",
        "sensor",
        "Cloud level",
        device_class="enum",
        options=["low", "middle", "high"],
        icon="mdi:layers",
        value_template=_LEVEL,
        **expiry,
    )
    yield component("certain", "binary_sensor", "Certain", value_template=_CERTAIN, **expiry)
    if with_picture:
        yield component("picture", "image", "Picture", image_topic=topics.picture, content_type="image/jpeg")
