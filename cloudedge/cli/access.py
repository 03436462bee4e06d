"""The options for getting to a camera, of each command that takes an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

PASSWORD_VARIABLE = "CLOUDEDGE_CAMERA_PASSWORD"


@dataclass(frozen=True, slots=True)
class Access:
    """How to get to a camera: user, password and trust in its certificate."""

    user: str | None
    password_file: str | None
    insecure: bool
    ca: str | None


def access_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for a camera's user and certificate; the command gets them as `access`."""

    @wraps(command)
    def with_access(
        *arguments: Any, user: str | None, password_file: str | None, insecure: bool, ca: str | None, **options: Any
    ) -> None:
        command(*arguments, access=Access(user, password_file, insecure, ca), **options)

    decorated: Callable[..., None] = with_access
    for option in (
        click.option("--ca", metavar="FILE", help="Trust this certificate (PEM), the camera's own or its signer's."),
        click.option("--insecure", is_flag=True, help="Trust any certificate of a camera."),
        click.option(
            "--password-file",
            metavar="FILE",
            help=f"The camera's password.  [default: the variable {PASSWORD_VARIABLE}]",
        ),
        click.option("--user", metavar="NAME", help="The user name for a camera that asks for a user and a password."),
    ):
        decorated = option(decorated)
    return decorated
