from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cloudedge.sun import Location, Sun, position, sun_at

VIENNA = Location(48.21, 16.37)


def test_the_sun_stands_where_another_program_sees_it() -> None:
    astral = pytest.importorskip("astral", reason="needs astral, of the group `test`")
    sun = pytest.importorskip("astral.sun")
    rng = random.Random(1)
    for _ in range(5000):
        moment = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.uniform(0, 60 * 365 * 86400))
        place = Location(rng.uniform(-89, 89), rng.uniform(-180, 180))
        observer = astral.Observer(place.latitude, place.longitude)
        elevation, azimuth = position(moment, place)
        assert elevation == pytest.approx(sun.elevation(observer, moment, with_refraction=False), abs=0.1)
        around = abs(azimuth - sun.azimuth(observer, moment) + 180) % 360 - 180
        if abs(elevation) < 85:  # overhead, the azimuth is anything
            assert around == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("moment", "location", "elevation", "azimuth"),
    [
        # Reda and Andreas, Solar Position Algorithm, NREL/TP-560-34302, table A5.1; without its 0.016 of refraction.
        (
            datetime(2003, 10, 17, 12, 30, 30, tzinfo=timezone(timedelta(hours=-7))),
            Location(39.742476, -105.1786),
            39.872,
            194.340,
        ),
    ],
)
def test_the_sun_stands_where_a_published_example_says(
    moment: datetime, location: Location, elevation: float, azimuth: float
) -> None:
    found = position(moment, location)
    assert found == (pytest.approx(elevation, abs=0.01), pytest.approx(azimuth, abs=0.01))


@pytest.mark.parametrize(
    ("clock", "phase"),
    [("12:00", "day"), ("20:15", "civil"), ("20:50", "nautical"), ("21:40", "astronomical"), ("23:59", "night")],
)
def test_twilight_has_its_three_phases(clock: str, phase: str) -> None:
    found = sun_at(f"2024-06-01T{clock}:00+01:00", VIENNA)
    assert found
    assert found.phase == phase


def test_a_time_without_an_offset_is_never_guessed() -> None:
    assert sun_at("2024-06-01T12:00:00", VIENNA) is None
    assert sun_at(None, VIENNA) is None
    assert sun_at("2024-06-01T12:00:00+02:00", None) is None
    in_zone = sun_at("2024-06-01T12:00:00", Location(48.21, 16.37, ZoneInfo("Europe/Vienna")))
    assert in_zone == sun_at("2024-06-01T12:00:00+02:00", VIENNA) == Sun(61.9, 153.5, "day")


def test_the_ends_of_the_calendar_have_no_sun() -> None:
    assert sun_at("0001-01-01T00:00:00+14:00", VIENNA) is None
    assert sun_at("9999-12-31T23:59:59-14:00", VIENNA) is None


@pytest.mark.parametrize("place", [(90.1, 0), (0, -180.1), (float("nan"), 0)])
def test_a_place_that_does_not_exist_is_refused(place: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="is not a place"):
        Location(*place)
