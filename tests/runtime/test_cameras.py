from __future__ import annotations

import pytest

from cloudedge.cameras import camera_of, short_names


@pytest.mark.parametrize(
    ("path", "camera"),
    [
        ("a.jpg", None),
        ("./2024-05-01/123000.jpg", None),
        ("2024/05/01/12/30/00.jpg", None),
        ("north/2024-05-01/123000.jpg", "north"),
        ("/data/cams/garden/2024/05/a.jpg", "/data/cams/garden"),
        ("Cam/20241101/Cam-20241101-083000-1730449800.jpg", "Cam"),
        ("cam1_2024-06-01/a.jpg", "cam1"),
        ("2024-06-01 garden/a.jpg", "garden"),
        ("20240601_night/a.jpg", "night"),
        ("cam1/a.jpg", "cam1"),
        ("cams\\garden\\2024\\a.jpg", "cams/garden"),
        ("DCIM/100MEDIA/a.jpg", "DCIM/MEDIA"),
        ("DCIM/101MEDIA/a.jpg", "DCIM/MEDIA"),
        ("http://nas/cam1.jpg", "http://nas/cam1.jpg"),
        ("12h30/a.jpg", None),
        ("01.05.2024/a.jpg", None),
    ],
)
def test_the_folders_that_are_no_dates_and_no_numbers_name_the_camera(path: str, camera: str | None) -> None:
    assert camera_of(path) == (camera.lstrip("/") if camera else None)


@pytest.mark.parametrize(
    ("pattern", "camera"),
    [
        (r"/(\w+)_[0-9]", "north"),
        (r"([0-9]+)\.jpg|(?P<camera>no\w+?)_", "north"),
        ("north|south", "north"),
        ("(east)", None),
    ],
)
def test_a_pattern_names_the_camera(pattern: str, camera: str | None) -> None:
    assert camera_of("all/north_20240501.jpg", pattern) == camera


def test_names_are_as_short_as_they_can_be() -> None:
    assert short_names(["a/cams/north/jpg", "a/cams/south/jpg"]) == {
        "a/cams/north/jpg": "north",
        "a/cams/south/jpg": "south",
    }
    assert short_names(["a/cams"]) == {"a/cams": None}
    assert short_names([None, "north"]) == {None: None, "north": "north"}
