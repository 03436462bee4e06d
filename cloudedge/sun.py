"""Where the sun stands, so that a night sky is not given a cloud's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from math import asin, atan2, cos, degrees, radians, sin, tan
from typing import Literal, TypeAlias

DayPhase: TypeAlias = Literal["day", "civil", "nautical", "astronomical", "night"]

# The twilights by the lowest elevation of each: https://aa.usno.navy.mil/faq/twilight. Day ends when the upper edge of
# the sun sets: its radius is 0.267 degrees, and the air lifts it by 0.567 degrees at the horizon.
_PHASES: tuple[tuple[float, DayPhase], ...] = ((-0.833, "day"), (-6, "civil"), (-12, "nautical"), (-18, "astronomical"))
DARK_BELOW = -6.0  # degrees; the end of civil twilight, from where on clouds are not told apart by daylight
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a camera stands: latitude (-90..90, north is positive) and longitude (-180..180, east), in degrees.

    `zone` is the time zone of its clock, for times without an offset. Without it, these do not tell where the sun was.
    Raises ValueError for a place that does not exist.
    """

    latitude: float
    longitude: float
    zone: tzinfo | None = None

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise ValueError(f"{self.latitude},{self.longitude} is not a place; give latitude,longitude")


@dataclass(frozen=True, slots=True)
class Sun:
    """The sun at the time of a capture: the elevation of its centre and its azimuth from north over east, in degrees.

    The elevation is geometric: the air, which lifts the sun by up to half a degree near the horizon, is left out.
    """

    elevation: float
    azimuth: float
    phase: DayPhase


def sun_at(captured_at: str | None, location: Location | None) -> Sun | None:
    """Return the sun at a time, ISO 8601, to a tenth of a degree; None where the time or the place is not known.

    A time without an offset is in the zone of the location; one that this zone's clocks showed twice is the first.
    """
    if captured_at is None or location is None:
        return None
    moment = datetime.fromisoformat(captured_at)
    if moment.tzinfo is None:
        if location.zone is None:
            return None
        moment = moment.replace(tzinfo=location.zone)
    try:
        elevation, azimuth = position(moment, location)
    except OverflowError:  # at the ends of the calendar
        return None
    elevation, azimuth = round(elevation, 1), round(azimuth, 1) % 360
    return Sun(elevation, azimuth, _phase_of(elevation))


def position(moment: datetime, location: Location) -> tuple[float, float]:
    """Return the elevation and the azimuth of the sun's centre, in degrees, without refraction.

    As NOAA's solar calculator does it (https://gml.noaa.gov/grad/solcalc/calcdetails.html), after Jean Meeus,
    Astronomical Algorithms (1998), chapter 25; good to 0.01 degrees from 1900 to 2100.
    """
    days = (moment - _J2000).total_seconds() / 86400
    century = days / 36525
    mean_longitude = (280.46646 + century * (36000.76983 + century * 0.0003032)) % 360
    anomaly = radians(357.52911 + century * (35999.05029 - century * 0.0001537))
    eccentricity = 0.016708634 - century * (0.000042037 + century * 0.0000001267)
    centre = (
        sin(anomaly) * (1.914602 - century * (0.004817 + century * 0.000014))
        + sin(2 * anomaly) * (0.019993 - century * 0.000101)
        + sin(3 * anomaly) * 0.000289
    )
    node = radians(125.04 - 1934.136 * century)
    longitude = radians(mean_longitude + centre - 0.00569 - 0.00478 * sin(node))  # apparent
    seconds = 21.448 - century * (46.815 + century * (0.00059 - century * 0.001813))
    obliquity = radians(23 + (26 + seconds / 60) / 60 + 0.00256 * cos(node))
    declination = asin(sin(obliquity) * sin(longitude))
    y, mean = tan(obliquity / 2) ** 2, radians(mean_longitude)
    equation_of_time = 4 * degrees(  # minutes
        y * sin(2 * mean)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(2 * mean)
        - y * y / 2 * sin(4 * mean)
        - 1.25 * eccentricity**2 * sin(2 * anomaly)
    )
    clock = moment.astimezone(UTC)
    minutes = clock.hour * 60 + clock.minute + (clock.second + clock.microsecond / 1e6) / 60
    hour_angle = radians((minutes + equation_of_time) / 4 + location.longitude - 180)
    latitude = radians(location.latitude)
    height = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
    elevation = asin(max(-1.0, min(1.0, height)))
    east = -cos(declination) * sin(hour_angle)
    north = sin(declination) * cos(latitude) - cos(declination) * sin(latitude) * cos(hour_angle)
    return degrees(elevation), degrees(atan2(east, north)) % 360


def _phase_of(elevation: float) -> DayPhase:
    return next((phase for lowest, phase in _PHASES if elevation >= lowest), "night")
