"""What README says of folders and webcams: commands that are accepted, and every option with an example or a word."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import click
import pytest

from cloudedge.cli.main import cli

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README[README.index("\n## Folders and webcams\n") : README.index("\n## In Python\n")]


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).splitlines()
    return [line[line.index("cloudedge ") :] for line in lines if re.search("(^|/)cloudedge ", line)]


def command_of(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


@pytest.mark.parametrize("line", commands())
def test_a_command_is_accepted(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    name, *arguments = shlex.split(line.partition(" >>")[0], comments=True)[1:]
    command_of(name).make_context(name, arguments)


@pytest.mark.parametrize("name", ["classify", "watch", "report"])
def test_every_option_is_named(name: str) -> None:
    elsewhere = {"--output", "--format", "--model", "--threads", "--top-k", "--quiet"}  # or by the short form
    options = {
        option
        for parameter in command_of(name).params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    }
    assert {option for option in options - elsewhere if option not in SECTION} == set()


def test_the_systemd_unit_runs_a_command_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "examples" / "cloudedge-watch.service")
    program, name, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "cloudedge"
    context = command_of(name).make_context(name, arguments)
    assert context.params["target"].startswith(f"/var/lib/{unit['Service']['StateDirectory']}/")
