"""Addresses of brokers, and what is said of those that are not accepted."""

from __future__ import annotations

import pytest

from cloudedge.mqtt.broker import Broker, parse


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mqtt://homeassistant.local", Broker("mqtt", "homeassistant.local", 1883)),
        ("mqtt://me@192.0.2.7:1884/", Broker("mqtt", "192.0.2.7", 1884, "me")),
        ("mqtts://broker.example", Broker("mqtts", "broker.example", 8883)),
        ("mqtts://a%40b@[2001:db8::1]:8884", Broker("mqtts", "2001:db8::1", 8884, "a@b")),
    ],
)
def test_an_address_says_which_broker_and_which_user(address: str, expected: Broker) -> None:
    assert parse(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "homeassistant.local",
        "http://homeassistant.local",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://host:0",
        "mqtt://host:65536",
        "mqtt://host:port",
        "mqtt://host/cloudedge",
        "mqtt://host?topic=cloudedge",
        "mqtt://host#state",
        "mqtt://[::1",
        "mqtt://a..b",
        f"mqtt://{'a' * 64}",
    ],
)
def test_another_text_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"has the wrong form|does not begin with"):
        parse(address)


@pytest.mark.parametrize(
    "secret", ["s3cr3t", "s3cr3t:x", "12#s3cr3t", "12/s3cr3t", "s3cr3t/x", "s3cr3t@x", "s3[cr3t", ""]
)
def test_a_password_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"has the wrong form|has a password") as error:
        parse(f"mqtt://me:{secret}@host")
    shown = f"{error.value}{error.value.__cause__}"
    assert not any(part in shown for part in ("s3cr3t", "s3", "cr3t", "me", "12", "host"))


def test_what_is_printed_of_a_broker_names_no_account() -> None:
    broker = Broker("mqtt", "::1", 1883, "me", "s3cr3t")
    assert str(broker) == "mqtt://[::1]:1883"
    assert "s3cr3t" not in repr(broker)
