"""The command line as a user meets it: what it prints where, and how it exits."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

import cloudedge
from cloudedge import ModelError
from cloudedge.cli.inputs import open_classifier, settings_of
from cloudedge.cli.main import main
from cloudedge.cli.options import Answer
from cloudedge.packaged_models import sha256

from ...support.waiting import wait_for

FIXTURES = Path(__file__).parents[1] / "fixtures"
TINY = str(FIXTURES / "tiny.onnx")
CLOUDEDGE = [sys.executable, "-m", "cloudedge"]

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals, pipes and names")


def run(*arguments: str | os.PathLike[str], **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.run(
        [*CLOUDEDGE, *arguments], env=environment, capture_output=True, encoding="utf-8", timeout=120, **options
    )


def classify(*arguments: str | os.PathLike[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return run("classify", "--model", TINY, *arguments, **options)


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def zoo(photos: list[Path]) -> Path:
    """A folder with good photos and files that only claim to be photos, and one that does not."""
    folder = photos[0].parent
    (folder / "cut.jpg").write_bytes(photos[0].read_bytes()[:400])
    (folder / "empty.jpg").touch()
    (folder / "page.jpg").write_text("<html>not found</html>")
    (folder / "text.jpg").write_text("no photo at all")
    (folder / "notes.txt").write_text("no photo, and no claim to be one")
    return folder


def test_a_row_for_each_photo_and_nothing_else_on_stdout(photos: list[Path]) -> None:
    done = classify("--format", "jsonl", photos[0].parent)
    assert done.returncode == 0
    assert [row["path"] for row in rows(done)] == [str(path) for path in photos]
    assert {row["status"] for row in rows(done)} == {"ok"}
    assert done.stderr.splitlines()[0] == "12 photos, 0 failed"


def test_rows_are_what_the_library_says(photos: list[Path]) -> None:
    classifier = cloudedge.CloudClassifier(TINY, top_k=2)
    done = classify("--format", "jsonl", "--top-k", "2", *photos[:3])
    assert rows(done) == [classifier.classify(path).to_dict() for path in photos[:3]]


def test_a_bad_photo_is_a_row_and_leaves_the_others_as_they_are(zoo: Path, photos: list[Path]) -> None:
    alone = rows(classify("--format", "jsonl", *photos))
    done = classify("--format", "jsonl", zoo, "no-such.jpg")
    good = [row for row in rows(done) if row["status"] == "ok"]
    bad = {Path(row["path"]).name: row["error"] for row in rows(done) if row["status"] == "error"}
    assert done.returncode == 1
    assert good == alone
    assert sorted(bad) == ["cut.jpg", "empty.jpg", "no-such.jpg", "page.jpg", "text.jpg"]
    assert all(error and "\n" not in error for error in bad.values())
    assert done.stderr.splitlines()[0] == "17 photos, 5 failed, 1 other file skipped"


@pytest.mark.slow
def test_every_format_holds_the_same_rows(zoo: Path) -> None:
    expected = rows(classify("--format", "jsonl", zoo))
    as_json = classify("--format", "json", zoo)
    as_csv = classify("--format", "csv", zoo)
    as_text = classify(zoo)
    assert json.loads(as_json.stdout) == expected
    table = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert [(row["path"], row["status"], row["genus"]) for row in table] == [
        (row["path"], row["status"], row["genus"] or "") for row in expected
    ]
    assert [line.split(": ")[0] for line in as_text.stdout.splitlines()] == [row["path"] for row in expected]
    assert {as_json.returncode, as_csv.returncode, as_text.returncode} == {1}


def test_a_relative_path_stays_relative(photos: list[Path]) -> None:
    done = classify("--format", "jsonl", "./00.jpg", ".", cwd=photos[0].parent)
    assert [row["path"] for row in rows(done)][:2] == ["./00.jpg", os.path.join(".", "00.jpg")]


def test_a_photo_on_stdin_is_a_row_of_the_path_given(photos: list[Path]) -> None:
    with photos[0].open("rb") as stream:
        done = classify("--format", "jsonl", "-", photos[1], stdin=stream)
    assert done.returncode == 0
    assert [row["path"] for row in rows(done)] == ["-", str(photos[1])]
    assert rows(done)[0]["captured_at"] is None
    assert {**rows(done)[0], "path": None} == cloudedge.CloudClassifier(TINY).classify(photos[0].read_bytes()).to_dict()


def test_nothing_on_stdin_is_an_error_row() -> None:
    done = classify("--format", "jsonl", "-", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert (rows(done)[0]["path"], rows(done)[0]["status"]) == ("-", "error")


@posix
def test_what_cannot_be_read_from_stdin_is_an_error_row(tmp_path: Path) -> None:
    with open(tmp_path / "for writing", "wb") as stdin:
        done = classify("--format", "jsonl", "-", stdin=stdin)
    assert done.returncode == 1
    assert rows(done)[0]["status"] == "error"
    assert "Traceback" not in done.stderr


@posix
def test_standard_input_without_an_end_is_an_error_row(photos: list[Path]) -> None:
    limit = "from cloudedge.cli import inputs; inputs.LARGEST_INPUT = 1 << 20"
    program = f"{limit}; from cloudedge.cli.main import main; main()"
    with open("/dev/zero", "rb") as stdin:
        command = [sys.executable, "-c", program, "classify", "--model", TINY, str(photos[0]), "-", str(photos[1])]
        done = subprocess.run(command, stdin=stdin, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "3 photos, 1 failed")
    assert done.stdout.splitlines()[1].startswith("-: error: is larger than 1 MB, or than the memory")


@posix
@pytest.mark.slow
def test_an_output_that_is_a_stream_is_written_to(photos: list[Path], tmp_path: Path) -> None:
    expected = classify("--format", "csv", photos[0]).stdout
    assert classify("-o", "/dev/stdout", "--format", "csv", photos[0]).stdout == expected
    command = shlex.join([*CLOUDEDGE, "classify", "--model", TINY, "--format", "csv", str(photos[0])])
    script = f"echo old > log; ({command} -o /dev/stdout; echo new) >> log; {command} -o >(cat > other)"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "log").read_text() == f"old\n{expected}new\n"
    wait_for(lambda: (tmp_path / "other").read_text() == expected)  # the shell does not wait for its `cat`


def test_a_photo_in_place_of_a_command_is_told_what_to_say(photos: list[Path]) -> None:
    done = run(photos[0])
    assert done.returncode == 2
    assert f"To name its cloud: cloudedge classify {photos[0]}" in done.stderr
    assert "classify" not in run("no-such").stderr.partition("Error")[2]


def test_no_photo_found_is_said_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = classify("--format", "json", tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout) == []
    assert done.stderr == "No photo found, 1 other file skipped.\n"


def test_quiet_says_nothing_beside_the_rows(zoo: Path) -> None:
    assert classify("--quiet", zoo).stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-", "-"),
        ("--top-k", "0", "a.jpg"),
        ("--threads", "0", "a.jpg"),
        ("--format", "xml", "a.jpg"),
        ("-o", "no-such-folder/rows.csv", "a.jpg"),
        ("-o", ".", "a.jpg"),
    ],
)
def test_wrong_usage_exits_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = classify(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["classify", "info"])
@pytest.mark.slow
def test_a_model_that_cannot_be_used_exits_3(command: str, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    for model in ("no-such-model", "no-such.onnx", "text.onnx"):
        photo = ["a.jpg"] if command == "classify" else []
        done = run(command, "--model", model, *photo, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("Error: ")
        assert len(done.stderr.splitlines()) == 1


def test_without_onnxruntime_a_line_says_so_and_the_exit_code_is_3(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libonnxruntime.so: no such file')")
    for command in (("classify", "a.jpg"), ("info",)):
        done = run(*command, "--model", TINY, env={"PYTHONPATH": str(tmp_path)})
        assert (done.returncode, done.stdout) == (3, "")
        assert "onnxruntime" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_an_output_file_holds_what_stdout_would(zoo: Path) -> None:
    target = zoo / "rows.csv"
    target.write_text("of an earlier run")
    expected = classify("--format", "csv", zoo).stdout
    done = classify("--format", "csv", "-o", target, zoo)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "16 photos, 4 failed, 2 other files skipped"  # rows.csv is one of the two
    assert target.read_text(encoding="utf-8") == expected
    assert not list(zoo.glob(".*"))


@posix
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interruption_keeps_the_output_as_it_was_and_exits_130(photos: list[Path], stop: str) -> None:
    folder = photos[0].parent
    target = folder / "rows.json"
    target.write_text("of an earlier run")
    command = [*CLOUDEDGE, "classify", "--model", TINY, "--format", "json", "-o", str(target), str(folder), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        while process.poll() is None and not list(folder.glob(".*")):  # until the output has been begun
            time.sleep(0.01)
        for _ in range(60):  # where it came just before the wait for standard input, only the next one is noticed
            process.send_signal(signal.Signals[stop])
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
                break
        stderr = process.stderr.read() if process.stderr else ""
    assert process.returncode == 130
    assert "rows.json is unchanged" in stderr
    assert "Traceback" not in stderr
    assert target.read_text() == "of an earlier run"
    assert not list(folder.glob(".*"))


@posix
def test_an_interruption_speaks_of_no_file_that_never_was(photos: list[Path]) -> None:
    folder = photos[0].parent
    command = [*CLOUDEDGE, "classify", "--model", TINY, "-o", str(folder / "rows.json"), str(folder), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        while process.poll() is None and not list(folder.glob(".*")):  # until the output has been begun
            time.sleep(0.01)
        for _ in range(60):
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
                break
        stderr = process.stderr.read() if process.stderr else ""
    assert process.returncode == 130
    assert "rows.json has not been made" in stderr
    assert not (folder / "rows.json").exists()


def test_an_error_of_the_system_names_what_failed(photos: list[Path], tmp_path: Path) -> None:
    program = (
        "import cloudedge.cli.classifying as classifying\n"
        "def fail(*arguments, **options): open('/no-such/list')\n"
        "classifying.find_photos = fail\n"
        "from cloudedge.cli.main import main\nmain()"
    )
    for output in ((), ("-o", str(tmp_path / "rows.csv"))):
        command = [sys.executable, "-c", program, "classify", "--model", TINY, str(photos[0]), *output]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
        assert (done.returncode, done.stderr) == (1, "Error: /no-such/list: No such file or directory\n")
        assert not (tmp_path / "rows.csv").exists()


@posix
@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "csv"])
def test_a_closed_pipe_ends_quietly(photos: list[Path], format_: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [*CLOUDEDGE, "classify", "--model", TINY, "--format", format_, *map(str, photos)]
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=120)
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode != 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a device that is always full")
def test_a_full_disk_is_one_line(photos: list[Path]) -> None:
    with open("/dev/full", "w") as full:
        command = [*CLOUDEDGE, "classify", "--model", TINY, str(photos[0])]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=120, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr == "Error: standard output: cannot be written: No space left on device\n"


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take only UTF-8")
@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "csv"])
@pytest.mark.slow
def test_names_of_any_bytes_are_rows(photos: list[Path], format_: str) -> None:
    folder = os.fsencode(photos[0].parent)
    names = [b"line\nend.jpg", b"not-utf8-\xff.jpg", "été 雲.jpg".encode()]
    for name in names:
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(photos[0].read_bytes())
    paths = [os.fsdecode(folder + b"/" + name) for name in names]
    done = classify("--quiet", "--format", format_, *paths)
    assert (done.returncode, done.stderr) == (0, "")
    if format_.startswith("json"):
        found = json.loads(done.stdout) if format_ == "json" else rows(done)
        assert [row["path"] for row in found] == paths
    else:
        assert len(done.stdout.splitlines()) == 3 + (format_ == "csv")


def test_text_reaches_a_stream_that_knows_only_ascii(photos: list[Path]) -> None:
    path = photos[0].with_name("été.jpg")
    path.write_bytes(photos[0].read_bytes())
    done = classify(path, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    assert r"\xe9t\xe9.jpg: " in done.stdout


def on_terminal(*arguments: str | Path, stdout: int | None = None, variables: dict[str, str] | None = None) -> str:
    """Run `classify` on a terminal, or with just its messages there if `stdout` is given; return what is shown."""
    return screen("classify", "--model", TINY, *arguments, stdout=stdout, variables=variables)


def screen(*arguments: str | Path, stdout: int | None = None, variables: dict[str, str] | None = None) -> str:
    """Run any command on a terminal of 80 columns."""
    import pty

    controller, terminal = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "", "COLUMNS": "80", **(variables or {})}
    command = [*CLOUDEDGE, *arguments]
    shown = b""
    with subprocess.Popen(command, stdout=terminal if stdout is None else stdout, stderr=terminal, env=env):
        os.close(terminal)
        with suppress(OSError):  # how Linux says that the other end is closed
            while data := os.read(controller, 65536):
                shown += data
    os.close(controller)
    return shown.decode()


@posix
def test_a_terminal_gets_colours_and_a_bar(photos: list[Path]) -> None:
    shown = on_terminal(photos[0])
    assert "\x1b[" in shown
    assert "█" in shown


@posix
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_none(photos: list[Path], variables: dict[str, str]) -> None:
    shown = on_terminal(photos[0], variables=variables)
    assert "\x1b[" not in shown
    assert "█" in shown


@posix
def test_progress_is_shown_where_the_rows_go_elsewhere(photos: list[Path]) -> None:
    assert "12/12" in on_terminal(photos[0].parent, stdout=subprocess.DEVNULL)
    assert "12/12" not in on_terminal(photos[0].parent)
    assert on_terminal("--quiet", photos[0].parent, stdout=subprocess.DEVNULL) == ""


def test_info_says_what_is_at_work() -> None:
    done = run("info", "--model", TINY, "--threads", "1", "--format", "json")
    facts = json.loads(done.stdout)
    assert done.returncode == 0
    assert facts["cloudedge"] == cloudedge.__version__
    assert facts["threads"] == 1
    assert "CPUExecutionProvider" in facts["providers"]
    assert {"python", "platform", "onnxruntime", "numpy", "pillow"} < set(facts)
    assert facts["model"]["path"] == TINY
    assert facts["model"]["name"] == "tiny"
    assert len(facts["model"]["classes"]) == 10
    assert facts["model"]["checksum"] == "not pinned"
    assert len(facts["model"]["sha256"]) == 64


@pytest.mark.parametrize(("pinned", "code"), [(sha256(TINY), 0), ("0" * 64, 3)])
def test_a_packaged_model_is_checked_against_its_pinned_checksum(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pinned: str, code: int
) -> None:
    monkeypatch.setattr("cloudedge.model.pinned_sha256", {"tiny": pinned}.get)
    monkeypatch.setattr("cloudedge.model.packaged", {"tiny": Path(TINY)}.get)
    monkeypatch.setattr("sys.argv", ["cloudedge", "info", "--model", "tiny", "--format", "json"])
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this process belongs to the tests
    with pytest.raises(SystemExit) as exit_:
        main()
    printed = capsys.readouterr()
    assert (exit_.value.code or 0) == code
    assert (code == 0) == (printed.err == "")
    if code:
        assert printed.out == ""
        assert "not the file that was released; reinstall cloudedge" in printed.err
    else:
        assert json.loads(printed.out)["model"]["checksum"] == "ok"


# The model is opened only when a photo has been made ready: a program that waited for it first would not end well.
EAGER = """
import sys, threading
from cloudedge import preprocess
from cloudedge.cli.main import main
from cloudedge.model import Model
is_ready, normalise, opened = threading.Event(), preprocess.normalise, Model._open
def signalled(*arguments):
    is_ready.set()
    return normalise(*arguments)
def late(*arguments):
    if not is_ready.wait(60):
        raise TimeoutError
    return opened(*arguments)
preprocess.normalise, Model._open = signalled, late
main()
"""


def test_the_first_photo_is_read_while_the_model_is_opened(photos: list[Path]) -> None:
    command = [sys.executable, "-c", EAGER, "classify", "--model", TINY, "--format", "jsonl", str(photos[0])]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["status"] == "ok"


def test_a_long_run_looks_for_garbage_although_opening_the_model_does_not() -> None:
    assert gc.isenabled()
    open_classifier(TINY, 1, Answer(3, None, None))
    assert gc.isenabled()
    with pytest.raises(ModelError):
        open_classifier("no-such.onnx", 1, Answer(3, None, None))
    assert gc.isenabled()


def test_info_is_readable_too() -> None:
    lines = run("info", "--model", TINY).stdout.splitlines()
    assert f"cloudedge: {cloudedge.__version__}" in lines
    assert "  name: tiny" in lines


@posix
@pytest.mark.parametrize("model", ["resnet34", "lite0"])
@pytest.mark.slow
def test_info_and_genera_fit_a_screen_and_break_no_word(model: str) -> None:
    shown = screen("info", "--model", model).splitlines()
    assert len(shown) <= 23  # and the prompt
    assert any(line.startswith("(--verbose adds") for line in shown)
    genera = screen("genera").splitlines()
    assert len(genera) == 20
    assert "Continuous rain or snow likely." in genera[11]
    assert max(map(len, shown + genera)) <= 80
    whole = run("info", "--model", model, "--verbose").stdout
    assert len(whole.splitlines()) > 24
    assert "  recipe:\n" in whole


def test_a_figure_of_no_photo_is_null_and_a_dash_to_read(
    make_model: Callable[..., Path], metadata: dict[str, Any]
) -> None:
    model = make_model({**metadata, "metrics": {"fog": {"value": None, "n": 0}}})
    facts = json.loads(run("info", "--model", model, "--format", "json").stdout)
    assert facts["model"]["metrics"] == {"fog": {"value": None, "n": 0}}
    lines = run("info", "--model", model, "--verbose").stdout.splitlines()
    assert lines[lines.index("    fog:") :][1:3] == ["      value: -", "      n: 0"]


def test_genera_shows_the_ten(tmp_path: Path) -> None:
    table = run("genera").stdout.splitlines()
    assert len(table) == 11
    assert [line.split()[0] for line in table[1:]] == [genus.name for genus in cloudedge.GENERA]
    assert [genus["name"] for genus in json.loads(run("genera", "--format", "json").stdout)] == [
        genus.name for genus in cloudedge.GENERA
    ]


@pytest.mark.slow
def test_version_and_help() -> None:
    assert run("--version").stdout == f"cloudedge {cloudedge.__version__}\n"
    for command in ((), ("classify",), ("info",), ("genera",)):
        done = run(*command, "-h")
        assert done.returncode == 0
        assert done.stdout == run(*command, "--help").stdout
        assert done.stdout.startswith("Usage: ")


def test_help_loads_nothing_heavy() -> None:
    program = """
import sys
sys.argv = ["cloudedge", "--help"]
from cloudedge.cli.main import main
from cloudedge.cli.options import Answer
from cloudedge.cli.inputs import open_classifier
try:
    main()
except SystemExit:
    print(sorted({"numpy", "onnxruntime", "PIL", "torch"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=120)
    assert done.stderr == "[]\n"
    assert "classify" in done.stdout


def test_the_example_is_a_photo_of_useful_size() -> None:
    photo = Path(__file__).parents[3] / "examples" / "cumulus.jpg"
    with Image.open(photo) as image:
        assert min(image.size) >= 512
    assert photo.stat().st_size < 100_000


def test_a_location_is_a_setting_of_a_journal_and_without_one_the_settings_are_those_of_before() -> None:
    options: dict[str, Any] = {"top_k": 3, "crop": None, "min_confidence": None}
    classifier = open_classifier(TINY, 1, Answer(**options))
    before = json.loads(settings_of(classifier, Answer(**options)))
    assert {name: before[name] for name in options} == options
    assert set(before) == {*options, "name", "version", "sha256"}
    zones = (None, ZoneInfo("UTC"))
    there = [settings_of(classifier, Answer(**options, location=(48.21, 16.37), zone=zone)) for zone in zones]
    assert len({json.dumps(before, sort_keys=True), *there}) == 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--timezone", "Europe/Vienna"), "--timezone needs --location, without which it changes nothing."),
        (("--location", "48.21"), "give latitude and longitude in degrees, such as 48.21,16.37 or -33.87,151.21"),
        (("--location", "91,0"), "give latitude and longitude in degrees, such as 48.21,16.37 or -33.87,151.21"),
        (("--location", "nan,0"), "give latitude and longitude in degrees, such as 48.21,16.37 or -33.87,151.21"),
    ],
)
def test_a_location_that_does_not_exist_is_refused(options: tuple[str, ...], problem: str) -> None:
    done = run("classify", "--model", TINY, "a.jpg", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in " ".join(done.stderr.split())
