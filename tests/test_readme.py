"""README.md and docs/ show what the program really prints: every command and every line of Python in them is run."""

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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHER_PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob(".github/**/*.md")),
    *(ROOT / name for name in ("models/MODEL_CARD.md", "models/CHANGELOG.md")),
    *(ROOT / name for name in ("benchmarks/README.md", "export/corrections/README.md")),
]
LINKING_PAGES = sorted({*PAGES, *OTHER_PAGES})
TOLERANCE = 0.03  # of a probability: integer arithmetic differs a little from one CPU to another


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def steps() -> list[tuple[str, str, str]]:
    """Return the commands of the `console` blocks: page, command, and the output that stands below it."""
    found = []
    for page in PAGES:
        for block in blocks(page, "console"):
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = step.partition("\n")
                found.append((name_of(page), command, output))
    return found


@pytest.fixture(autouse=True)
def _in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)


def on_terminal(command: str) -> str:
    """Run a command as a reader runs it: on a terminal, here one without colours."""
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


def test_the_pages_have_what_is_run() -> None:
    assert {page for page, _, _ in steps()} >= {"README.md", "docs/cli.md"}
    assert {name_of(page) for page in PAGES if blocks(page, "pycon")} >= {"README.md", "docs/python.md"}


@pytest.mark.skipif(sys.platform == "win32", reason="the pages are written for a POSIX shell")
@pytest.mark.parametrize(("page", "command", "written"), steps())
def test_a_command_prints_what_the_page_says(page: str, command: str, written: str) -> None:
    shown = on_terminal(command)
    assert alike(shown, written), f"{page}: {shown}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=name_of)
def test_the_python_prints_what_the_page_says(page: Path) -> None:
    session = "".join(blocks(page, "pycon"))  # later blocks of a page use the names of earlier ones
    test = doctest.DocTestParser().get_doctest(session, {}, name_of(page), str(page), 0)
    failures: list[str] = []
    result = doctest.DocTestRunner().run(test, out=failures.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(failures)


def test_the_command_line_page_explains_every_exit_code() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    usage = on_terminal("cloudedge classify --help")
    codes = re.findall(r"\b(\d+) [a-z]", " ".join(usage.partition("Exit codes:")[2].split()))
    assert set(codes) >= {"0", "1", "2", "3", "130"}
    assert [code for code in codes if f"| {code} |" not in page] == []


def test_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= 6_000


def anchors(page: Path) -> set[str]:
    """Return what a link may name after `#`: the headings, as GitHub turns them into anchors."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKING_PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in re.findall(r"""\]\(([^)\s]+)\)|\bsrc="([^"]+)\"""", text):
        target, _, anchor = "".join(link).partition("#")
        if re.match(r"\w+:", target):
            continue
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append("".join(link))
    assert broken == []


def test_the_link_check_knows_anchors(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# On a Pi: fast!\n```sh\n# no heading\n```\n## `watch`, `serve`\n", encoding="utf-8")
    assert anchors(page) == {"on-a-pi-fast", "watch-serve"}


def test_the_first_commands_are_targets_of_the_makefile() -> None:
    assert make_targets(ROOT / "README.md") == ["demo", "test"]


@pytest.mark.parametrize("page", sorted({*PAGES, *ROOT.glob("CONTRIBUTING.md")}), ids=name_of)
def test_make_has_the_targets_that_a_page_names(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    defined = {name for names in re.findall(r"^([\w -]+):(?!=)", makefile, re.MULTILINE) for name in names.split()}
    assert [target for target in make_targets(page) if target not in defined] == []


def make_targets(page: Path) -> list[str]:
    return re.findall(r"^make ([\w-]+)", "\n".join(blocks(page, "sh")), re.MULTILINE)
