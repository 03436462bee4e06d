"""How much of a photo may be missing: decoders fill in what never arrived, and raise no error."""

from __future__ import annotations

from cloudedge.errors import ImageError

MAX_MISSING = 0.05  # of a photo; less is a strip at its edge, and every viewer shows the rest


def check_missing(share: float) -> None:
    """Raise ImageError if more than `MAX_MISSING` of a photo never arrived."""
    if share > MAX_MISSING:
        raise ImageError(f"is damaged or cut short ({share:.0%} of it never arrived); copy or download it again")
