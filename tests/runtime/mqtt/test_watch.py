"""`cloudedge watch --mqtt` and `cloudedge mqtt-forget`, as a user runs them, with a real broker."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cloudedge.cli.main import cli
from cloudedge.installation import command_to_add

from ...support.mosquitto import PASSWORD, USER, Mosquitto, free_port, observing, retained
from ...support.waiting import wait_for

TINY = str(Path(__file__).parents[1] / "fixtures" / "tiny.onnx")
CLOUDEDGE = [sys.executable, "-m", "cloudedge"]
STATUS, STATE, ERROR = "cloudedge/garden/status", "cloudedge/garden/state", "cloudedge/garden/error"
CONFIG = "homeassistant/device/cloudedge_garden/config"

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def photo(draw_sky: Callable[..., np.ndarray], encode: Callable[..., bytes]) -> bytes:
    return encode(draw_sky(), "JPEG")


def watch_command(root: Path, port: int, *options: object, user: str = "") -> list[str]:
    command = [*CLOUDEDGE, "watch", root, "--model", TINY, "--threads", "1", "--settle", "0.1", "--poll", "0.1"]
    command += ["--mqtt", f"mqtt://{user}127.0.0.1:{port}", *options]
    return [str(argument) for argument in command]


@contextmanager
def watching(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, encoding="utf-8", env={**os.environ, **environment}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*CLOUDEDGE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, env={**os.environ, **environment})


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130), ("SIGHUP", 0), ("SIGKILL", -9)])
def test_however_it_ends_it_is_offline(tmp_path: Path, broker: Mosquitto, name: str, code: int, photo: bytes) -> None:
    root = tmp_path / "cam"
    root.mkdir()
    with observing(broker.port) as observer:
        with watching(watch_command(root, broker.port, "--mqtt-name", "garden", "--agree", "1")) as process:
            wait_for(lambda: observer.of(STATUS) == [b"online"])
            (root / "a.jpg").write_bytes(photo)
            wait_for(lambda: observer.of(STATE))
            process.send_signal(signal.Signals[name])
            assert process.wait(timeout=60) == code
            assert process.stderr
            assert process.stderr.read() == ""
        wait_for(lambda: observer.of(STATUS) == [b"online", b"offline"])
        (state,) = observer.of(STATE)
        assert observer.of("cloudedge/garden/change") == [state]
        assert json.loads(state)["path"] == str(root / "a.jpg")
        assert [text for text in observer.of(CONFIG) if json.loads(text)["device"]["model"] == "tiny 0.0.1"]
    assert retained(broker.port)[STATUS] == b"offline"


@posix
@pytest.mark.slow
def test_without_a_broker_no_row_is_lost_or_late(tmp_path: Path, photo: bytes) -> None:
    root, journal = tmp_path / "cam", tmp_path / "rows.jsonl"
    root.mkdir()
    for number in range(20):
        (root / f"{number}.jpg").write_bytes(photo)
    port = free_port()
    with watching(watch_command(root, port, "-o", journal)) as process:
        wait_for(lambda: journal.exists() and journal.read_text().count("\n") == 20)
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=60)
        assert process.returncode == 0
    assert out.count("\n") == 20
    assert said == f"mqtt://127.0.0.1:{port}: cannot be reached (Connection refused); trying again\n"


@posix
@pytest.mark.slow
def test_a_full_disk_ends_it_as_ever_and_offline(tmp_path: Path, broker: Mosquitto, photo: bytes) -> None:
    import resource

    root, journal = tmp_path / "cam", tmp_path / "rows.jsonl"
    root.mkdir()
    for number in range(20):
        (root / f"{number}.jpg").write_bytes(photo)

    def limit() -> None:  # stands for the full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    for port, status in ((free_port(), None), (broker.port, b"offline")):
        journal.unlink(missing_ok=True)
        command = watch_command(root, port, "-o", journal, "--mqtt-name", "garden")
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, preexec_fn=limit)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == f"Error: {journal}: cannot be written: File too large"
        assert all(json.loads(line) for line in journal.read_text().splitlines())
        assert retained(broker.port).get(STATUS) == status


@pytest.mark.slow
def test_two_cameras_are_two_names_and_one_can_be_forgotten(tmp_path: Path, broker: Mosquitto, photo: bytes) -> None:
    for name in ("garden", "roof"):
        root = tmp_path / name
        root.mkdir()
        with watching(watch_command(root, broker.port, "--mqtt-name", name, "--mqtt-picture")) as process:
            wait_for(lambda name=name: f"cloudedge/{name}/status" in retained(broker.port))
            (root / "a.jpg").write_bytes(photo)
            wait_for(lambda name=name: f"cloudedge/{name}/picture" in retained(broker.port))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    of_roof = {f"cloudedge/roof/{name}" for name in ("status", "state", "picture")}
    of_roof.add("homeassistant/device/cloudedge_roof/config")
    of_garden = {topic.replace("roof", "garden") for topic in of_roof}
    assert set(retained(broker.port)) == of_roof | of_garden
    done = run("mqtt-forget", "garden", "--mqtt", f"mqtt://127.0.0.1:{broker.port}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "garden: forgotten\n")
    assert set(retained(broker.port)) == of_roof
    broker.end()
    done = run("mqtt-forget", "roof", "--mqtt", f"mqtt://127.0.0.1:{broker.port}")
    refused = f"Error: mqtt://127.0.0.1:{broker.port}: cannot be reached (Connection refused)\n"
    assert (done.returncode, done.stderr) == (1, refused)


@posix
@pytest.mark.slow
def test_two_cameras_in_one_watch_share_a_topic_which_is_said_once(
    tmp_path: Path, broker: Mosquitto, photo: bytes
) -> None:
    root, said = tmp_path / "cams", "are of two cameras, but are published on the same MQTT topics"
    for place in ("north/2024-06-01", "north/2024-06-02", "south"):
        (root / place).mkdir(parents=True)
    command = watch_command(root, broker.port, "--mqtt-name", "garden")
    with observing(broker.port) as observer, watching(command) as process:
        wait_for(lambda: observer.of(STATUS))
        paths = [root / place for place in ("north/2024-06-01/a.jpg", "north/2024-06-02/b.jpg", "south/c.jpg")]
        for path in (*paths, root / "south" / "d.jpg"):
            path.write_bytes(photo)
            wait_for(lambda path=path: [json.loads(state)["path"] for state in observer.of(STATE)][-1:] == [str(path)])
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[1] == (
            f"{paths[0]} and {paths[2]} {said}; run one watch for each camera, with its own --mqtt-name\n"
        )


@pytest.mark.slow
def test_topics_and_discovery_are_where_the_user_wants_them(tmp_path: Path, broker: Mosquitto) -> None:
    command = watch_command(tmp_path, broker.port, "--mqtt-topic", "home/sky", "--discovery", "off")
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in platform.node())
    with watching(command):
        wait_for(lambda: retained(broker.port) == {f"home/sky/{name}/status": b"online"})


@pytest.mark.slow
@pytest.mark.parametrize("place", ["environment", "file"])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_password_is_nowhere_to_be_seen(tmp_path: Path, photo: bytes, place: str) -> None:
    broker = Mosquitto(tmp_path, f"password_file {tmp_path}/passwords", anonymous=False)
    broker.set_password(PASSWORD if place == "file" else "another")
    broker.start()
    root, journal, secret = tmp_path / "cam", tmp_path / "rows.jsonl", tmp_path / "secret"
    root.mkdir()
    (root / "a.jpg").write_bytes(photo)
    secret.write_text(PASSWORD + "\n")
    options = ["-o", journal, *(["--mqtt-password-file", secret] if place == "file" else [])]
    environment = {"CLOUDEDGE_MQTT_PASSWORD": PASSWORD if place == "environment" else "overruled"}
    log = tmp_path / "mosquitto.log"
    try:
        with watching(watch_command(root, broker.port, *options, user=f"{USER}@"), **environment) as process:
            wait_for(
                lambda: f"u'{USER}'" in log.read_text() if place == "file" else "not authorised" in log.read_text()
            )
            wait_for(lambda: journal.exists() and "a.jpg" in journal.read_text())
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
            process.send_signal(signal.SIGTERM)
            shown += "".join(process.communicate(timeout=60)) + journal.read_text()
    finally:
        broker.end()
    assert PASSWORD not in shown
    assert "overruled" not in shown
    assert ("Not authorized" in shown) == (place == "environment")


HERE = "mqtt://127.0.0.1:1"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--mqtt", "mqtt://me:s3cr3t@host"], "'--mqtt': the address has a password"),
        (["--mqtt", "mqtt://me:s3cr3t/x@host"], "'--mqtt': the address has the wrong form"),
        (["--mqtt", "host"], "'--mqtt': the address does not begin with mqtt:// or mqtts://"),
        (["--mqtt", HERE, "--mqtt-name", "a/b"], "'--mqtt-name': use only the letters"),
        (["--mqtt", HERE, "--mqtt-topic", "a/#"], "'--mqtt-topic': give a topic such as"),
        (["--mqtt", HERE, "--mqtt-topic", "$SYS"], "'--mqtt-topic': give a topic such as"),
        (["--mqtt", HERE, "--discovery", "/"], "'--discovery': give a topic such as"),
        (["--mqtt", HERE, "--mqtt-expire", "0"], "'--mqtt-expire': 0 is not in the range"),
        (["--mqtt", HERE, "--mqtt-ca", "ca.pem"], "--mqtt-ca: only mqtts:// checks certificates."),
        (["--mqtt", "mqtts://host", "--mqtt-ca", "gone.pem"], "gone.pem cannot be read: No such file or directory."),
        (["--mqtt", "mqtts://host", "--mqtt-ca", TINY], "tiny.onnx holds no certificate."),
        (["--mqtt", "mqtt://me@host", "--mqtt-password-file", "gone"], "gone cannot be read: No such file"),
        (["--mqtt", "mqtt://me@host", "--mqtt-password-file", os.devnull], "null is empty."),
        (["--mqtt", "mqtt://me@host", "--mqtt-password-file", TINY], "tiny.onnx cannot be read: it is not UTF-8."),
        (["--mqtt", HERE, "--mqtt-password-file", __file__], "a password needs a user: --mqtt mqtt://USER@HOST."),
        (["--mqtt-picture"], "--mqtt-picture needs --mqtt ADDRESS."),
        (["--discovery", "off"], "--discovery needs --mqtt ADDRESS."),
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, options: list[str], problem: str) -> None:
    done = CliRunner().invoke(cli, ["watch", str(tmp_path), "--model", TINY, "--poll", "1", *options])
    assert done.exit_code == 2
    assert problem in done.output
    assert "s3cr3t" not in done.output


def test_without_the_extra_a_line_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "paho.py").write_text("raise ImportError('there is no paho')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for arguments in (["watch", tmp_path, "--poll", "1"], ["mqtt-forget", "garden"]):
        done = run(*arguments, "--mqtt", HERE, PYTHONPATH=path)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"for --mqtt, run: {command_to_add('mqtt')}\n" in done.stderr


@pytest.mark.parametrize("arguments", [["--mqtt", HERE], ["a/b", "--mqtt", HERE], ["garden"]])
def test_a_broker_and_a_name_are_needed_to_forget_one(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["mqtt-forget", *arguments]).exit_code == 2
