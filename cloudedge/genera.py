"""What is known of each of the ten cloud genera (WMO International Cloud Atlas)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["low", "middle", "high"]


@dataclass(frozen=True, slots=True)
class Genus:
    """One cloud genus: its name, its abbreviation, and where it floats, how it looks and what falls from it."""

    name: str
    abbreviation: str
    level: Level
    base: str
    look: str
    rain: str


BASES: dict[Level, str] = {"low": "< 2000 m", "middle": "2000 - 6000 m", "high": "> 6000 m"}


def _genus(name: str, abbreviation: str, level: Level, look: str, rain: str) -> Genus:
    return Genus(name, abbreviation, level, BASES[level], look, rain)


GENERA: tuple[Genus, ...] = (
    _genus("Cirrus", "Ci", "high", "Light and spindly, like hair or feathers", "No rain"),
    _genus("Cirrocumulus", "Cc", "high", "Small white grains or ripples without shading", "No rain"),
    _genus("Cirrostratus", "Cs", "high", "Thin, smooth veil, often with a halo around the sun", "No rain"),
    _genus("Altocumulus", "Ac", "middle", "Patches or rolls with shaded sides", "No rain"),
    _genus("Altostratus", "As", "middle", "Grey-blue sheet, the sun as through ground glass", "No rain"),
    _genus("Nimbostratus", "Ns", "middle", "Thick, dark layer that hides the sun", "Continuous rain or snow likely"),
    _genus("Stratocumulus", "Sc", "low", "Lumpy layer or rolls with gaps between them", "Light drizzle possible"),
    _genus("Stratus", "St", "low", "Smooth grey blanket, like fog off the ground", "Light drizzle possible"),
    _genus("Cumulus", "Cu", "low", "Fluffy, with cauliflower tops and a flat base", "Occasional showers"),
    _genus("Cumulonimbus", "Cb", "low", "Towering, with an anvil and a dark base", "Heavy rain and thunderstorms"),
)

_BY_NAME = {genus.name: genus for genus in GENERA}


_FULL_NAMES = {genus.abbreviation: genus.name for genus in GENERA}


def by_name(name: str) -> Genus:
    """Return the genus of that name; raise KeyError for any other name."""
    return _BY_NAME[name]


def full_name(text: str) -> str:
    """Return the name of the genus with this abbreviation, such as Cu; any other text as it is."""
    return _FULL_NAMES.get(text, text)
