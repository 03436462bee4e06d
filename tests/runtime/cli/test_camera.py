"""`watch` and `classify` with the address of a camera: rows, lines and secrets, with the program itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from cloudedge import signals
from cloudedge.cli.main import cli

from ...support.cameras import (
    PASSWORD,
    USER,
    basic,
    camera,
    digest,
    dripping,
    in_turn,
    make_certificate,
    picture,
    redirect,
)
from ...support.waiting import wait_for

pytest.importorskip("httpx2", reason="cameras by their addresses need the extra `camera`")

CLOUDEDGE = [sys.executable, "-m", "cloudedge"]
QUOTED = "s3cret%3Ap%C3%A4ssword"  # the password as it stands in an address

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def jpeg(draw_sky, encode):
    return encode(draw_sky(), "JPEG")


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("CLOUDEDGE_CAMERA_PASSWORD", raising=False)


def run(*arguments, **environment):
    """Run a command in this process, as the program would; signals are handled as before in the end."""
    handlers = {number: signal.getsignal(number) for number in signals.SIGNALS}
    try:
        return CliRunner().invoke(cli, list(map(str, arguments)), env=environment, prog_name="cloudedge")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def watching(tiny, *arguments, **environment):
    """Run `watch`; its standard output and error go to the files out and err."""
    command = [*CLOUDEDGE, "watch", *map(str, arguments), "--model", str(tiny), "--format", "jsonl"]
    environment = {**os.environ, **environment}
    with (
        open("out", "w") as out,
        open("err", "w") as err,
        subprocess.Popen(command, stdout=out, stderr=err, env=environment) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def classified(tiny, url, *options, **environment):
    done = run("classify", url, "--model", tiny, "--format", "jsonl", *options, **environment)
    return (*rows_of(done.stdout), done)


def test_a_camera_is_classified_like_a_file(tiny, jpeg, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg)
    with camera(picture(jpeg, Last_Modified="Sat, 28 Nov 2020 03:00:00 GMT")) as server:
        done = run("classify", server.url, "a.jpg", "--model", tiny, "--format", "jsonl")
    fetched, read = rows_of(done.stdout)
    assert done.exit_code == 0
    assert (fetched["path"], fetched["time_source"]) == (server.url, "fetched")
    assert not fetched["captured_at"].startswith("2020")
    assert {**fetched, "path": 0, "captured_at": 0, "time_source": 0} == {
        **read, "path": 0, "captured_at": 0, "time_source": 0,
    }  # fmt: skip


@pytest.mark.parametrize("ask", [basic, digest])
@pytest.mark.parametrize("way", ["variable", "file", "address"])
def test_the_password_comes_in_three_ways(tiny, jpeg, tmp_path, ask, way):
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    with camera(ask(jpeg)) as server:
        if way == "address":
            address = server.url.replace("://", f"://{USER}:{QUOTED}@")
            row, done = classified(tiny, address)
        elif way == "file":
            row, done = classified(tiny, server.url, "--user", USER, "--password-file", "password")
        else:
            row, done = classified(tiny, server.url, "--user", USER, CLOUDEDGE_CAMERA_PASSWORD=PASSWORD)
    assert (row["path"], row["status"], done.stderr) == (server.url, "ok", "")


def test_a_journal_takes_a_picture_once_and_a_failure_too(tiny, jpeg):
    command = ["classify", "-o", "sky.jsonl", "--resume", "--model", tiny]
    with camera(in_turn(picture(jpeg), picture(jpeg), lambda request: request.send(status=404))) as server:
        done = [run(*command, server.url) for _ in range(4)]
    assert [result.exit_code for result in done] == [0, 0, 1, 0]
    assert [row["status"] for row in rows_of(Path("sky.jsonl").read_text())] == ["ok", "error"]


def test_a_certificate_is_checked_unless_asked_otherwise(tiny, jpeg, tmp_path):
    with camera(picture(jpeg), make_certificate(tmp_path)) as server:
        row, done = classified(tiny, server.url)
        assert done.exit_code == 1
        assert "is not trusted" in row["error"]
        for options in (["--insecure"], ["--ca", "certificate.pem"]):
            row, _ = classified(tiny, server.url, *options)
            assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["http://admin:hush#1@cam/"], "write special characters in a user or password as %23"),
        (["http://cam/", "--user", "a"], "--user needs a password"),
        (["http://cam/", "--password-file", "none"], "none cannot be read: No such file or directory"),
        (["http://cam/", "--password-file", "empty"], "empty is empty"),
        (["http://cam/", "--ca", "none"], "none cannot be used: No such file or directory"),
        (["http://cam/", "--ca", "empty"], "empty cannot be used: it is not a certificate in PEM"),
        (["http://cam/", "--ca", "empty", "--insecure"], "--insecure trusts any certificate"),
        (["http://cam/", "--glob", "*.jpg"], "--glob is for a folder"),
        (["http://cam/", "--poll", "3"], "--poll is for a folder"),
        (["http://cam/", "--keep-days", "3"], "--keep-days needs --keep DIR"),
        (["http://cam/", "--keep", "empty/kept"], "empty/kept cannot be made: Not a directory"),
        ([".", "--poll", "1", "--every", "3"], "--every is for a camera's address"),
        ([".", "--poll", "1", "--user", "a"], "--user is for a camera's address"),
        ([".", "--poll", "1", "--metrics", "sky.txt"], "sky.txt must end in .prom"),
        ([".", "--poll", "1", "--metrics", "none/sky.prom"], "none/sky.prom cannot be written: its folder does not"),
    ],
)
def test_wrong_usage_is_told_without_the_password(tiny, arguments, problem):
    Path("empty").touch()
    done = run("watch", *arguments, "--model", tiny)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr


@posix
@pytest.mark.slow
def test_each_picture_is_a_row_and_secrets_are_nowhere(tiny, jpeg, draw_sky, encode):
    """The password, in the environment, reaches only the camera, and the user only it and the command line."""
    with camera(picture(encode(draw_sky(seed=2), "JPEG"))) as other:
        asks, leads_away, page = digest(jpeg), redirect(other.url), digest(b"<html>")
        with camera(in_turn(asks, asks, asks, leads_away, page)) as server:  # two requests for each picture
            options = ["--every", "1", "-o", "sky.jsonl", "--keep", "kept", "--metrics", "sky.prom", "--user", USER]
            with watching(tiny, server.url, *options, CLOUDEDGE_CAMERA_PASSWORD=PASSWORD) as process:
                wait_for(lambda: Path("sky.jsonl").exists() and len(rows_of(Path("sky.jsonl").read_text())) == 3)
                command_line = Path(f"/proc/{process.pid}/cmdline")
                shown = command_line.read_text() if command_line.exists() else ""
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
    assert server.shown_credentials
    assert [row["status"] for row in rows_of(Path("sky.jsonl").read_text())] == ["ok", "ok", "error"]
    assert other.shown_credentials == []
    for file in (path for path in Path().rglob("*") if path.is_file()):
        assert PASSWORD.encode() not in file.read_bytes(), file
        assert QUOTED.encode() not in file.read_bytes(), file
    assert PASSWORD not in shown


@posix
@pytest.mark.slow
def test_a_password_in_the_address_is_in_no_output(tiny, jpeg):
    secret = f"{USER}:{QUOTED}@"
    answers = in_turn(basic(jpeg), basic(jpeg), lambda request: request.send(status=404))
    with camera(answers) as server:
        address = server.url.replace("://", f"://{secret}")
        options = ["--every", "1", "-o", "sky.csv", "--metrics", "sky.prom", "--exec", f"{sys.executable} dump.py"]
        Path("dump.py").write_text("import sys; open('given', 'a').write(sys.stdin.read())")
        with watching(tiny, address, *options) as process:
            wait_for(lambda: Path("given").exists() and len(Path("given").read_text().splitlines()) == 2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    assert [row["path"] for row in rows_of(Path("out").read_text())] == [server.url] * 2
    for file in (path for path in Path().rglob("*") if path.is_file()):
        assert "s3cret" not in file.read_text(encoding="utf-8"), file
        assert USER not in file.read_text(encoding="utf-8"), file


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_in_the_middle_of_a_fetch(tiny, number, code):
    with camera(dripping(bytes(100_000), 0.5)) as server, watching(tiny, server.url) as process:
        wait_for(lambda: server.requests)
        process.send_signal(number)
        assert process.wait(25) == code  # a fetch may take 30 seconds
    assert Path("out").read_text() + Path("err").read_text() == ""


@posix
@pytest.mark.slow
def test_classify_ends_in_the_middle_of_a_fetch(tiny):
    with camera(dripping(bytes(100_000), 0.5)) as server:
        command = [*CLOUDEDGE, "classify", server.url, "--model", str(tiny)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            wait_for(lambda: server.requests)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=25)
    assert process.returncode == 130
    assert error == "Interrupted after 0 photos.\n"


@pytest.mark.slow
def test_metrics_are_written_with_each_row(tiny, jpeg):
    parser = pytest.importorskip("prometheus_client.parser", reason="it comes with the group `test`")
    answers = in_turn(picture(jpeg), lambda request: request.send(status=404))
    with camera(answers) as server, watching(tiny, server.url, "--every", "1", "--metrics", "sky.prom"):
        wait_for(lambda: Path("sky.prom").exists() and 'status="error"} 1.0' in Path("sky.prom").read_text())
    families = {family.name: family for family in parser.text_string_to_metric_families(Path("sky.prom").read_text())}
    counts = {sample.labels["status"]: sample.value for sample in families["cloudedge_captures"].samples}
    assert counts == {"ok": 1, "error": 1}
    assert {sample.labels["source"] for family in families.values() for sample in family.samples} == {server.url}
    assert sum(sample.value for sample in families["cloudedge_sky_state"].samples) == 1
