from __future__ import annotations

import pytest

from cloudedge.camera.address import parse_address


def test_user_and_password_are_taken_out():
    address = parse_address("http://admin:p%40ss%3Aw%C3%B6rd@cam.local:8080/snap.jpg?channel=1")
    assert (address.user, address.password) == ("admin", "p@ss:wörd")
    assert address.shown == address.url == "http://cam.local:8080/snap.jpg?channel=1"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://cam", "http://cam/"),
        ("HTTPS://Cam.Local/A.jpg", "https://cam.local/A.jpg"),
        ("http://[::1]:81/a", "http://[::1]:81/a"),
        ("http://cam/api.cgi?cmd=Snap&channel=0&user=admin&password=hush", "http://cam/api.cgi?cmd=Snap&channel=0"),
        ("http://cam/a?Token=hush", "http://cam/a"),
        ("http://cam/a?b=c%2Fd&empty=", "http://cam/a?b=c%2Fd&empty="),
    ],
)
def test_what_is_shown_has_no_secret(text, shown):
    assert parse_address(text).shown == shown


def test_parameters_still_go_to_the_camera():
    url = "http://cam/api.cgi?cmd=Snap&user=admin&password=hush"
    assert parse_address(url).url == url
    assert "hush" not in repr(parse_address(url))


@pytest.mark.parametrize(
    "text",
    [
        "http://admin:hush#1@cam/a",
        "http://admin:hush/1@cam:x/a",
        "http://admin:hush@cam:port/a",
        "http://admin:hush@[::1/a",
        "http:///hush",
        "http://cam/hush a",
        "http://cam/hush\n",
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(text):
    with pytest.raises(ValueError, match="address") as caught:
        parse_address(text)
    assert "hush" not in str(caught.value)
