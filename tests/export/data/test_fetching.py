"""`data fetch` against a server on this machine."""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result

from export.commands.data import data_commands
from export.data import fetching

from ..drawing import sky


def jpeg(seed: int, size: tuple[int, int] = (200, 160)) -> bytes:
    stream = io.BytesIO()
    sky(seed, size).save(stream, "JPEG", quality=90)
    return stream.getvalue()


ANSWERS = {
    "/good.jpg": (200, "image/jpeg", jpeg(1)),
    "/mistyped": (200, "application/octet-stream", jpeg(2)),
    "/copy.jpg": (200, "image/jpeg", jpeg(1, (300, 240))),
    "/page": (200, "text/html", b"<html>"),
    "/cut.jpg": (200, "image/jpeg", jpeg(3)[:1500]),
    "/small.jpg": (200, "image/jpeg", jpeg(4, (64, 64))),
    "/large.jpg": (200, "image/jpeg", b"\xff\xd8\xff" + bytes(60_000)),
    "/short.jpg": (200, "image/jpeg", jpeg(6)),
    "/gone.jpg": (404, "text/plain", b""),
    "/busy.jpg": (503, "text/plain", b""),
    "/loop.jpg": (302, "text/plain", b""),
    "/rude.jpg": (404, "text/plain", b""),
}


class _Handler(BaseHTTPRequestHandler):
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        code, kind, body = ANSWERS.get(self.path, (404, "text/plain", b""))
        if self.path == "/flaky.jpg":  # comes at the third attempt
            code, kind, body = (200, "image/jpeg", jpeg(5)) if self.asked[self.path] == 3 else (503, "text/plain", b"")
        self.send_response(code, "\x1b[31mGone " + "!" * 5000 if self.path == "/rude.jpg" else None)
        if code == 302:
            self.send_header("Location", self.path)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + (999 if self.path == "/short.jpg" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    monkeypatch.setattr(fetching, "MAX_BYTES", 50_000)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    _Handler.asked.clear()
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()
    thread.join()
    listener.server_close()


def fetch(tmp_path: Path, pairs: list[tuple[str, str]]) -> Result:
    urls = tmp_path / "urls.csv"
    urls.write_text("".join(f"{url},{genus}\n" for url, genus in [("url", "genus"), *pairs]), encoding="utf-8")
    result = CliRunner().invoke(data_commands, ["fetch", str(urls), str(tmp_path / "photos")])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def outcomes(tmp_path: Path) -> dict[str, dict[str, str]]:
    with (tmp_path / "photos" / "fetched.csv").open(newline="", encoding="utf-8") as stream:
        return {row["url"].rpartition("/")[2]: row for row in csv.DictReader(stream)}


def test_good_photos_come_and_every_failure_is_written_down(server: str, tmp_path: Path) -> None:
    result = fetch(
        tmp_path,
        [(f"{server}{path}", "Cirrus") for path in (*ANSWERS, "/flaky.jpg")]
        + [("http://127.0.0.1:9/x.jpg", "Cumulus")],
    )
    assert result.exit_code == 0, result.output
    found = outcomes(tmp_path)
    assert [name for name, row in found.items() if row["file"]] == ["good.jpg", "mistyped", "flaky.jpg"]
    for name, problem in {
        "copy.jpg": "same photo as",
        "page": "is text/html, not a photo",
        "cut.jpg": "cut short",
        "small.jpg": "is only 64 x 64",
        "large.jpg": "is larger than",
        "short.jpg": "bytes arrived",
        "gone.jpg": "answered 404",
        "busy.jpg": "answered 503",
        "loop.jpg": "infinite loop. The last",
        "x.jpg": "cannot be downloaded",
    }.items():
        assert problem in found[name]["problem"]
        assert problem in result.stderr
    assert _Handler.asked["/flaky.jpg"] == _Handler.asked["/busy.jpg"] == 3
    assert _Handler.asked["/gone.jpg"] == 1
    photos = sorted(path.relative_to(tmp_path / "photos").as_posix() for path in (tmp_path / "photos").glob("*/*"))
    assert photos == sorted(row["file"] for row in found.values() if row["file"])
    assert len((tmp_path / "photos" / "manifest.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_where_no_photo_came_the_command_fails_and_no_words_of_others_reach_the_terminal(
    server: str, tmp_path: Path
) -> None:
    result = fetch(tmp_path, [(f"{server}/{name}", "Cirrus") for name in ("rude.jpg", "loop.jpg", "\x1b.jpg")])
    assert result.exit_code == 1
    rude, loop, odd, last = result.output.splitlines()[-4:]  # below the progress bar
    assert rude == f"{server}/rude.jpg: the server answered 404 \\x1b[31mGone …"
    assert loop.endswith("The last 30x error message was: Found")
    assert odd.startswith(f"{server}/\\x1b.jpg: cannot be downloaded")
    assert last == f"Error: 0 of 3 photos were downloaded; {tmp_path / 'photos' / 'fetched.csv'} says why"
    assert not (tmp_path / "photos" / "manifest.csv").exists()


def test_started_again_it_asks_only_for_what_failed(server: str, tmp_path: Path) -> None:
    pairs = [(f"{server}/{name}", "Cirrus") for name in ("good.jpg", "copy.jpg", "gone.jpg")]
    fetch(tmp_path, pairs)
    _Handler.asked.clear()
    result = fetch(tmp_path, [*pairs, (f"{server}/mistyped", "cu")])
    assert dict(_Handler.asked) == {"/gone.jpg": 1, "/mistyped": 1}
    assert "2 of 4 photos were downloaded" in result.output
    assert outcomes(tmp_path)["mistyped"]["file"].startswith("Cumulus/")


def test_a_photo_whose_genus_was_corrected_moves_and_is_not_asked_for_again(server: str, tmp_path: Path) -> None:
    names = ("good.jpg", "copy.jpg", "mistyped")
    fetch(tmp_path, [(f"{server}/{name}", "Cirrus") for name in names])
    before = outcomes(tmp_path)
    _Handler.asked.clear()
    result = fetch(
        tmp_path, [(f"{server}/{name}", genus) for name, genus in zip(names, ("Cu", "Cu", "Ci"), strict=True)]
    )
    assert result.exit_code == 0, result.output
    assert not _Handler.asked
    found = outcomes(tmp_path)
    assert [found[name]["genus"] for name in names] == ["Cumulus", "Cumulus", "Cirrus"]
    assert found["good.jpg"]["file"] == before["good.jpg"]["file"].replace("Cirrus", "Cumulus")
    assert found["mistyped"]["file"] == before["mistyped"]["file"]
    photos = {path.relative_to(tmp_path / "photos").as_posix() for path in (tmp_path / "photos").glob("*/*")}
    assert photos == {found["good.jpg"]["file"], found["mistyped"]["file"]}
    assert f"{found['good.jpg']['file']},Cumulus," in (tmp_path / "photos" / "manifest.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([("file:///etc/passwd", "Cirrus")], "line 2: 'file:///etc/passwd' does not begin with http"),
        ([], "lists no photo"),
        ([("http://a/b", "Fog bank")], "line 2: 'Fog bank' is not a genus"),
        ([("\n\nhttp://a/b", "Fog bank")], "line 4: 'Fog bank' is not a genus"),  # after blank lines
        ([("http://a/b", "Ci"), ("http://a/b", "Cu")], "line 3: http://a/b is listed under two genera"),
    ],
)
def test_a_bad_list_is_refused_in_one_line(pairs: list[tuple[str, str]], problem: str, tmp_path: Path) -> None:
    result = fetch(tmp_path, pairs)
    assert result.exit_code == 1
    assert problem in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "photos").exists()


def test_a_list_without_its_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text("address\nhttp://a/b\n", encoding="utf-8")
    result = CliRunner().invoke(data_commands, ["fetch", str(tmp_path / "urls.csv"), str(tmp_path / "photos")])
    assert result.exit_code == 1
    assert "has no column 'url'" in result.output


def test_a_data_set_of_another_origin_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "manifest.csv").write_text("mine", encoding="utf-8")
    assert fetch(tmp_path, [("http://127.0.0.1:9/x.jpg", "Cirrus")]).exit_code == 2
