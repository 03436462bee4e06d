"""A camera's address, taken apart into what may be shown and what may not."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

# Parameters by which cameras take a user, a password or a session in the address itself, in lower case.
_SECRET = {
    "access_token", "api_key", "apikey", "auth", "key", "loginpas", "loginuse", "pass", "passwd", "password", "psw",
    "pwd", "sid", "token", "user", "username", "usr",
}  # fmt: skip

_ENCODE = (
    "write special characters in a user or password as %23 and so on, or give them with --user and --password-file"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address to fetch from, and how it is shown: `shown` has no user, no password and no token.

    `url` is without `user` and `password`, but may have a secret among its parameters.
    """

    shown: str
    url: str = field(repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def with_access(self, user: str | None, password: str | None) -> Address:
        """Return the same address with the user and the password, where they are given."""
        return Address(self.shown, self.url, user or self.user, password or self.password)


def parse_address(text: str) -> Address:
    """Take apart an address that begins with http:// or https://.

    Raises ValueError, with a text that does not repeat the address: what cannot be parsed may hold a password.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"the address cannot be read; {_ENCODE}") from error
    if not host or not text.isprintable() or " " in text:
        raise ValueError("the address has no host, or has characters that no address has; check it")
    if parts.fragment:  # a password with # in it ends up there
        raise ValueError(f"the address has a part after #; leave that out, or {_ENCODE}")
    host = f"[{host}]" if ":" in host else host
    netloc = host if port is None else f"{host}:{port}"
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    harmless = [(name, value) for name, value in parameters if name.lower() not in _SECRET]
    query = parts.query if harmless == parameters else urlencode(harmless)
    path = parts.path or "/"
    return Address(
        shown=urlunsplit((parts.scheme, netloc, path, query, "")),
        url=urlunsplit((parts.scheme, netloc, path, parts.query, "")),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
