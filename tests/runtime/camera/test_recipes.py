"""What docs/cameras.md and examples/ advise is tried out, with other addresses and shorter times."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from cloudedge import CloudClassifier
from cloudedge.photo.capture_time import captured_at_from_name
from cloudedge.row import row_of

from ...support.cameras import camera, picture, stream
from ...support.serving import served
from ...support.waiting import wait_for

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cameras.md").read_text(encoding="utf-8")
UNITS = sorted((ROOT / "examples").glob("*.service"))

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")


def block(language: str, words: str) -> str:
    """Return the only block of a language that holds some words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (found,) = [text for text in blocks if words in text]
    return found


@pytest.fixture
def jpeg(draw_sky, encode):
    return encode(draw_sky(), "JPEG")


@pytest.fixture
def row(tiny, jpeg):
    return row_of(CloudClassifier(tiny, threads=1).classify(jpeg))


@posix
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
def test_ffmpeg_writes_pictures_of_an_mjpeg_stream(tmp_path, tiny, jpeg):
    (tmp_path / "sky").mkdir()
    with camera(stream(jpeg)) as server:
        command = block("sh", "mpjpeg").replace("http://camera.local/video.mjpg", server.url)
        command = "exec " + command.replace("fps=1/60", "fps=1").replace("ffmpeg ", "ffmpeg -re ")
        with subprocess.Popen(command, shell=True, cwd=tmp_path) as process:
            try:
                wait_for(lambda: len(list((tmp_path / "sky").iterdir())) > 2)
            finally:
                process.send_signal(signal.SIGTERM)
    photos = sorted((tmp_path / "sky").iterdir())[:2]
    assert all(captured_at_from_name(str(photo)) for photo in photos)
    assert CloudClassifier(tiny, threads=1).classify(photos[0]).status == "ok"


def test_ffmpeg_takes_the_options_for_rtsp():
    if not shutil.which("ffmpeg"):
        pytest.skip("needs ffmpeg")
    command = block("sh", "rtsp://").replace("rtsp://camera.local/stream", "rtsp://127.0.0.1:1/stream").split()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Connection refused" in done.stderr
    assert "option" not in done.stderr.lower()


def test_the_names_of_rpicam_still_have_the_time(tmp_path):
    command = block("sh", "rpicam-still").split()
    assert {"--timestamp", "--timelapse"} <= set(command)
    assert (
        captured_at_from_name(f"{command[command.index('--output') + 1]}1782297000.jpg") == "2026-06-24T10:30:00+00:00"
    )


@posix
def test_home_assistant_reads_the_last_row(tmp_path, row):
    yaml, jinja2 = pytest.importorskip("yaml"), pytest.importorskip("jinja2")
    (entry,) = yaml.safe_load(block("yaml", "command_line"))["command_line"]
    sensor = entry["sensor"]
    (tmp_path / "sky.jsonl").write_text(
        "".join(json.dumps({**row, "genus": name}) + "\n" for name in ("Cirrus", "Stratus"))
    )
    command = sensor["command"].replace("/config", str(tmp_path))
    value = json.loads(subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout)
    template = jinja2.Template(sensor["value_template"])
    assert template.render(value_json=value) == "Stratus"
    assert template.render(value_json={**value, "genus": None, "reason": "clear"}) == "clear"
    assert template.render(value_json={**value, "genus": None, "reason": None, "status": "error"}) == "error"
    assert set(sensor["json_attributes"]) <= set(value)


def test_home_assistant_reads_the_latest_answer(tmp_path, tiny, jpeg):
    yaml, jinja2 = pytest.importorskip("yaml"), pytest.importorskip("jinja2")
    pytest.importorskip("starlette", reason="the server needs the extra `serve`")
    from cloudedge.cli.live import LiveReport

    (entry,) = yaml.safe_load(block("yaml", "rest:"))["rest"]
    (sensor,) = entry["sensor"]
    classifier, rows = CloudClassifier(tiny, threads=1), tmp_path / "sky.jsonl"
    row = row_of(classifier.classify(jpeg)) | {"path": "a.jpg", "captured_at": "2024-06-01T12:00:00"}
    rows.write_text(json.dumps(row) + "\n")
    with served(classifier, source=LiveReport(str(rows))) as client:
        latest = client.get("/latest").json
    assert jinja2.Template(sensor["value_template"]).render(value_json=latest) == (row["genus"] or row["reason"])
    assert set(sensor["json_attributes"]) <= set(latest[0])  # Home Assistant takes those of the first of a list


def test_allsky_asks_a_running_server(tmp_path, tiny, jpeg, monkeypatch):
    pytest.importorskip("starlette", reason="the server needs the extra `serve`")
    saved, logged = {}, []
    shared = types.ModuleType("allsky_shared")
    shared.CURRENTIMAGEPATH = str(tmp_path / "image.jpg")
    shared.saveExtraData = saved.__setitem__
    shared.log = lambda level, text: logged.append(text)
    monkeypatch.setitem(sys.modules, "allsky_shared", shared)
    module = runpy.run_path(str(ROOT / "examples" / "allsky_cloudedge.py"))
    (tmp_path / "image.jpg").write_bytes(jpeg)
    with served(CloudClassifier(tiny, threads=1), token="sesame") as client:
        params = {**module["metaData"]["arguments"], "address": f"http://127.0.0.1:{client.port}", "token": "sesame"}
        answer = module["cloudedge"](params, "day")
        assert module["cloudedge"]({**params, "token": "wrong"}, "day") == "cloudedge does not answer"
    sky = saved["cloudedge.json"]["CLOUDEDGE_SKY"]
    assert answer == f"cloudedge: {sky['value']}"
    assert sky["expires"] == 600
    assert saved["cloudedge.json"]["CLOUDEDGE_PROBABILITY"]["value"].endswith("%")
    assert module["cloudedge"](params, "day") == "cloudedge does not answer"  # it has ended
    assert len(logged) == 2


@posix
def test_the_overlay_gets_the_sky_of_each_row(tmp_path, row):
    (tmp_path / "overlay.py").write_text(block("python", "CLOUDEDGE_SKY"))
    target = tmp_path / "cloudedge.json"
    for answer in ({**row, "genus": "Cirrus"}, {**row, "status": "error", "genus": None}):
        command = [sys.executable, "overlay.py", str(target)]
        subprocess.run(command, input=json.dumps(answer), text=True, cwd=tmp_path, check=True)
        assert json.loads(target.read_text()) == {"CLOUDEDGE_SKY": {"value": "Cirrus", "expires": 600}}


@posix
def test_a_mail_is_sent_once_when_the_sky_turns(tmp_path, row):
    """Cron would mail the output; cloudedge is replaced by what prints the rows that stand in a file."""
    (tmp_path / "cloudedge" / "bin").mkdir(parents=True)
    program = tmp_path / "cloudedge" / "bin" / "cloudedge"
    program.write_text('#!/bin/sh\n[ "$1" = classify ] && cat "$HOME/row"\n')
    program.chmod(0o755)
    script = tmp_path / "sky-mail"
    script.write_text(block("bash", "Cumulonimbus"))
    script.chmod(0o755)

    def said(genus, certain=True, status="ok"):
        answer = {**row, "status": status, "genus": genus, "certain": certain}
        (tmp_path / "row").write_text(json.dumps(answer) + "\n")
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run([script], capture_output=True, text=True, check=False, env=environment).stdout

    assert said("Cumulus") == ""
    assert json.loads(said("Cumulonimbus"))["genus"] == "Cumulonimbus"
    assert said("Cumulonimbus") == ""
    assert said(None, None, "error") == ""
    assert said("Cumulonimbus") == ""
    assert said("Cumulonimbus", certain=False) == ""
    assert said("Cumulonimbus") != ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_give_few_rights(unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=40", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


@posix
@pytest.mark.slow
def test_systemd_hears_when_watch_is_ready_and_that_it_is_alive(tmp_path, tiny, jpeg):
    import socket

    pytest.importorskip("httpx2", reason="cameras by their addresses need the extra `camera`")
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver, camera(picture(jpeg)) as server:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(60)
        command = [sys.executable, "-m", "cloudedge", "watch", server.url, "--model", str(tiny)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "NO_PROXY": "127.0.0.1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                while heard.count(b"WATCHDOG=1") < 4:  # the next picture would be fetched after a minute
                    heard.append(receiver.recv(100))
            finally:
                process.kill()
    assert heard[0] == b"READY=1"
    assert set(heard) == {b"READY=1", b"WATCHDOG=1"}
