"""The argument RECIPE of several commands."""

from __future__ import annotations

from pathlib import Path

import click

from export.training.recipe import Recipe, load_recipe


class _Recipe(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    name = "recipe"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Recipe:
        try:
            return load_recipe(Path(value))
        except (OSError, ValueError) as error:
            self.fail(f"{value}: {error}", param, ctx)


recipe_argument = click.argument("recipe", type=_Recipe())
