"""The options that commands share, and the types of their values."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from cloudedge.genera import GENERA

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cloudedge.photo.crop import Box
    from cloudedge.sun import Location

    # Generic from click 8.2 and 8.4 on.
    _Choice: TypeAlias = click.Choice[str]  # type: ignore[type-arg, unused-ignore]
    _Type: TypeAlias = click.ParamType[Any]  # type: ignore[type-arg, unused-ignore]
else:
    _Choice, _Type = click.Choice, click.ParamType


class Crop(_Type):
    """Four fractions."""

    name = "crop"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Box:
        try:
            left, top, right, bottom = map(float, value.split(","))
        except ValueError:
            self.fail("give four fractions, such as 0,0,1,0.8", param, ctx)
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            self.fail("the fractions run from 0 to 1, left is less than right and top less than bottom", param, ctx)
        return left, top, right, bottom


class Coordinates(_Type):
    """A latitude and a longitude."""

    name = "coordinates"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        from cloudedge.sun import Location

        try:
            latitude, longitude = map(float, value.split(","))
            Location(latitude, longitude)
        except ValueError:
            self.fail("give latitude and longitude in degrees, such as 48.21,16.37 or -33.87,151.21", param, ctx)
        return latitude, longitude


class GenusName(_Choice):
    """The name of a genus, or its abbreviation, in upper or lower case; the value is the name."""

    def __init__(self) -> None:
        super().__init__([text for genus in GENERA for text in (genus.name, genus.abbreviation)], case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = super().convert(value, param, ctx)
        return next(genus.name for genus in GENERA if found in (genus.name, genus.abbreviation))


class Moment(_Type):
    """A day, or a day and a time of day, with an offset or without."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail("give a day or a time, such as 2024-06-01 or 2024-06-01T12:30", param, ctx)


class Shard(_Type):
    """One of a number of equal parts."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        number, _, parts = value.partition("/")
        if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
            self.fail("give I/N with 1 <= I <= N, such as 2/8", param, ctx)
        return int(number), int(parts)


class Zone(_Type):
    """A time zone by its name."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(value)
        except (OSError, ValueError, LookupError):
            self.fail("the time zone is unknown; give one such as Europe/Vienna or UTC", param, ctx)


class Glob(_Type):
    """A pattern for names."""

    name = "glob"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            PurePath("name").match(value)
        except ValueError:
            self.fail("give a pattern for names, such as '*_hd.jpg'", param, ctx)
        return str(value)


class Pattern(_Type):
    """A regular expression."""

    name = "pattern"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            re.compile(value)
        except re.error as error:
            self.fail(f"{value} is not a regular expression: {error}", param, ctx)
        return str(value)


class Finite(click.FloatRange):
    """A number that is neither infinite nor NaN, both of which `FloatRange` accepts."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


class Command(_Type):
    """A command line, split as a shell would, but never passed to one."""

    name = "command"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        import shlex
        import shutil

        try:
            command = shlex.split(value, posix=os.name == "posix")
            if os.name != "posix":  # there the quotes stay, because a backslash must
                command = [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in command]
        except ValueError as error:
            self.fail(f"{error}", param, ctx)
        if not command or not shutil.which(command[0]):
            self.fail(f"cannot find the program {command[0] if command else value!r}", param, ctx)
        return command


@dataclass(frozen=True, slots=True)
class Answer:
    """The options that change an answer."""

    top_k: int
    crop: Box | None
    min_confidence: float | None
    location: tuple[float, float] | None = None
    zone: ZoneInfo | None = None

    def __post_init__(self) -> None:
        if self.zone and not self.location:
            raise click.UsageError("--timezone needs --location, without which it changes nothing.")

    @property
    def place(self) -> Location | None:
        """The location of the camera, and the zone of its clock."""
        if self.location is None:
            return None
        from cloudedge.sun import Location

        return Location(*self.location, self.zone)


threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads to decode and to compute with.  [default: all usable cores]",
)


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose the model."""
    return click.option(
        "--model",
        default="resnet34",
        show_default=True,
        metavar="NAME|PATH",
        help="A packaged model, or an .onnx file.",
    )(threads_option(command))


crop_option = click.option(
    "--crop",
    type=Crop(),
    metavar="LEFT,TOP,RIGHT,BOTTOM",
    help="Look only at this part of each photo, in fractions; 0,0,1,0.8 leaves out the lowest fifth.",
)


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that change an answer."""
    for option in (
        click.option(
            "--timezone",
            "zone",
            type=Zone(),
            metavar="NAME",
            help="With --location, the zone of times without an offset, such as Europe/Vienna.",
        ),
        click.option(
            "--location",
            type=Coordinates(),
            metavar="LAT,LON",
            help="Where the camera stands: rows get the sun's place, and no cloud has a name at night.",
        ),
        click.option(
            "--min-confidence",
            type=Finite(0, 1),
            metavar="P",
            help="Below this probability an answer is not certain.  [default: the model's threshold]",
        ),
        crop_option,
        click.option(
            "--top-k",
            type=click.IntRange(1, len(GENERA)),
            default=3,
            show_default=True,
            help="How many genera a row names.",
        ),
    ):
        command = option(command)
    return command


camera_option = click.option(
    "--camera",
    "pattern",
    type=Pattern(),
    metavar="PATTERN",
    help="A regular expression that finds the camera's name in a path, in its group if it has one, such as "
    "'(north|south)_'.  [default: the folders that are not dates or numbers]",
)

shown_zone_option = click.option(
    "--timezone",
    "zone",
    type=Zone(),
    metavar="NAME",
    help="Convert times that have an offset to this zone, such as Europe/Vienna.  [default: unchanged]",
)

glob_option = click.option(
    "--glob", type=Glob(), metavar="PATTERN", help="In folders, only photos whose name matches, such as '*-noon.jpg'."
)

exclude_option = click.option(
    "--exclude",
    type=Glob(),
    multiple=True,
    metavar="PATTERN",
    help="In folders, no file or sub-folder whose name matches, such as keogram or '*-clean.*'; may be repeated.",
)
