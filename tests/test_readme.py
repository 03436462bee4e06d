"""README.md shows what the program really prints: every command and every line of Python in it is run."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOLERANCE = 0.03  # of a probability: integer arithmetic differs a little from one CPU to another


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    """Return the commands of the `console` blocks, each with the output that stands below it."""
    found = []
    for block in blocks("console"):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            found.append((command, output))
    return found


@pytest.fixture(autouse=True)
def _in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)


def on_terminal(command: str) -> str:
    """Run a command as somebody who reads README runs it: on a terminal, here one without colours."""
    import pty

    controller, terminal = pty.openpty()
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    shown = b""
    with subprocess.Popen(
        command, shell=True, stdout=terminal, stderr=terminal, env={**os.environ, "PATH": path, "NO_COLOR": "1"}
    ):
        os.close(terminal)
        with suppress(OSError):  # how Linux says that the other end is closed
            while data := os.read(controller, 65536):
                shown += data
    os.close(controller)
    return shown.decode().replace("\r\n", "\n")


def numbers(text: str) -> list[float]:
    """Return the probabilities in a text: percentages, and numbers that JSON would write with a point."""
    found = re.findall(r"([<>]?)([0-9]+(?:\.[0-9]+)?)(%?)", text)
    return [float(value) / (100 if percent else 1) / (2 if sign == "<" else 1) for sign, value, percent in found]


def words(text: str) -> list[str]:
    return re.sub(r"[<>]?[0-9]+(\.[0-9]+)?(e-[0-9]+)?(%?)", "0", re.sub("[█░]+", "bar", text)).split()


def alike(shown: str, written: str) -> bool:
    pairs = zip(numbers(shown), numbers(written), strict=False)
    return words(shown) == words(written) and all(abs(a - b) <= TOLERANCE for a, b in pairs)


def test_the_comparison_sees_what_differs() -> None:
    assert alike("Cumulus ███░ 87%, 0.8714", "Cumulus ██░░ 86%, 0.86")
    assert alike("Cirrus <1%", "Cirrus 1%")
    assert alike("Cumulus >99%", "Cumulus 99%")
    assert not alike("Cumulus 87%", "Stratus 87%")
    assert not alike("Cumulus 87%", "Cumulus 77%")
    assert not alike("0.871", "0.771")
    assert not alike("base < 2000 m", "base < 3000 m")
    assert not alike("cloudedge 0.1.0", "cloudedge 0.2.0")


@pytest.mark.skipif(sys.platform == "win32", reason="README is written for a POSIX shell")
@pytest.mark.parametrize(("command", "written"), steps())
def test_a_command_prints_what_readme_says(command: str, written: str) -> None:
    shown = on_terminal(command)
    assert alike(shown, written), shown


@pytest.mark.parametrize("block", blocks("pycon"))
def test_the_python_prints_what_readme_says(block: str) -> None:
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", "README.md", 0)
    failures: list[str] = []
    result = doctest.DocTestRunner().run(test, out=failures.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(failures)


def test_readme_names_every_option_and_every_exit_code() -> None:
    for command in ("classify", "watch", "report"):
        for option in re.findall(r"--[a-z-]+", on_terminal(f"cloudedge {command} --help")):
            assert option in README or option == "--output"  # named by its short form
    usage = on_terminal("cloudedge classify --help")
    for code in re.findall(r"\b(\d+) (?:every|some|wrong|the model|interrupted)", " ".join(usage.split())):
        assert f"| {code} |" in README


def test_readme_names_only_files_that_exist() -> None:
    for link in re.findall(r"\]\(([^):]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_first_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\S+)", "\n".join(blocks("sh")), re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
