"""Rows of a second camera are noticed once."""

from __future__ import annotations

import pytest

from cloudedge.mqtt.one_camera import OneCamera


@pytest.mark.parametrize(
    ("pattern", "paths", "pairs"),
    [
        (None, ["cam/2024/a.jpg", "cam/2025/b.jpg"], []),
        (None, ["cam/a.jpg", "roof/b.jpg", "hill/c.jpg", "cam/d.jpg"], ["cam/a.jpg and roof/b.jpg"]),
        ("(north|south)_", ["cam/north_1.jpg", "cam/north_2.jpg"], []),
        ("(north|south)_", ["cam/north_1.jpg", "cam/south_1.jpg"], ["cam/north_1.jpg and cam/south_1.jpg"]),
    ],
)
def test_a_second_camera_is_named_once(pattern: str | None, paths: list[str], pairs: list[str]) -> None:
    said: list[str] = []
    listen = OneCamera(said.append, pattern)
    for path in paths:
        listen({"path": path}, False)
    assert [text.partition(" are of two cameras")[0] for text in said] == pairs
