"""The headers that go with every answer: what the page may do, and who may frame it."""

from __future__ import annotations

import re

NOBODY = "'none'"

_SOURCE = r"(\*|'self'|https?:(//[\w.*-]+(:(\d+|\*))?)?)"
_ANCESTORS = re.compile(rf"'none'|{_SOURCE}( {_SOURCE})*", re.ASCII)


def check_ancestors(ancestors: str) -> None:
    """Raise ValueError if this is not a source list of the directive `frame-ancestors` (CSP, level 3)."""
    if not _ANCESTORS.fullmatch(ancestors):
        raise ValueError(f"{ancestors} is not 'none', or one or more of 'self' and addresses like https://home.example")


def security_headers(frame_ancestors: str = NOBODY) -> dict[str, str]:
    """Return the headers by their names; only pages of `frame_ancestors` may show this one in a frame."""
    return {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        f"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {frame_ancestors}",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
