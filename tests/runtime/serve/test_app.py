"""`cloudedge serve`: the rows of the command line, errors with their status, and limits that hold."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from cloudedge import CloudClassifier
from cloudedge.genera import GENERA
from cloudedge.installation import command_to_add
from cloudedge.row import REASONS
from cloudedge.sun import Location

from ...support.serving import form, program, served
from ...support.waiting import wait_for

pytest.importorskip("starlette", reason="the server needs the extra `serve`")

from starlette.exceptions import HTTPException
from starlette.requests import Request

from cloudedge import explain
from cloudedge.serve import addresses, server
from cloudedge.serve.addresses import other_addresses
from cloudedge.serve.app import make_app
from cloudedge.serve.headers import check_ancestors
from cloudedge.serve.upload import Limits, receive

STATIC = Path(explain.__file__).parent / "serve" / "static"


@pytest.fixture
def explaining(make_model, metadata):
    return make_model(metadata, "outputs")


@pytest.fixture
def classifier(explaining):
    return CloudClassifier(explaining, threads=1)


@pytest.fixture
def client(classifier):
    with served(classifier) as client:
        yield client


@pytest.fixture
def jpeg(draw_sky, encode):
    return encode(draw_sky(320, 240), "JPEG")


def rows_of_the_command_line(model, photos, folder):
    names = [path.name for path in photos]
    command = [sys.executable, "-m", "cloudedge", "classify", "--format", "jsonl", "--quiet", "--model", str(model)]
    done = subprocess.run([*command, *names], cwd=folder, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_form_gives_the_rows_of_the_command_line(client, explaining, photos):
    dated = photos[0].rename(photos[0].with_name("cam_20240601_123045.jpg"))
    broken = photos[1]
    broken.write_bytes(broken.read_bytes()[:300])
    chosen = [dated, broken, *photos[2:5]]
    reply = client.form(*((path.name, path.read_bytes()) for path in chosen))
    assert reply.status == 200
    expected = rows_of_the_command_line(explaining, chosen, dated.parent)
    uploaded = [
        row if row["time_source"] == "name" else row | {"captured_at": None, "time_source": None} for row in expected
    ]
    assert reply.json == uploaded  # an upload has no file whose time could count
    assert reply.json[0]["captured_at"] == "2024-06-01T12:30:45"
    assert reply.json[1]["status"] == "error"


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded", None])
def test_the_body_may_be_a_photo(client, classifier, jpeg, kind):
    reply = client.post(jpeg, **({"content_type": kind} if kind else {}))
    expected = classifier.classify(jpeg).to_dict()
    assert reply.json == [{**json.loads(json.dumps(expected)), "path": "-"}]


def test_evidence_comes_only_when_asked_for(client, jpeg, classifier):
    assert "evidence" not in client.post(jpeg).json[0]
    (row,) = client.post(jpeg, "?evidence=true").json
    result = classifier.classify(jpeg)
    assert set(row["evidence"]["maps"]) == {entry.genus for entry in result.top}
    values = result.maps.values[result.maps.classes.index(result.genus)]
    assert row["evidence"]["maps"][result.genus][0] == pytest.approx(values[0].tolist(), abs=1e-3)
    assert row["evidence"]["box"] == pytest.approx(result.maps.box)


def test_no_file_of_the_server_is_looked_at_for_the_name_of_an_upload(client, jpeg, photos):
    for body in (jpeg, b"no photo"):
        (row,) = client.form((str(photos[0]), body), ("b.jpg", jpeg)).json[:1]
        assert (row["captured_at"], row["time_source"]) == (None, None)


def test_a_photo_without_a_cloud_to_name_is_a_row_with_guesses_and_their_evidence(make_model, metadata, jpeg):
    model = make_model({**metadata, "thresholds": {"low_confidence": 0.0, "dark": 256}}, "outputs")
    with served(CloudClassifier(model, threads=1)) as client:
        (row,) = client.post(jpeg, "?evidence=true").json
    assert (row["genus"], row["level"], row["base"], row["rain"], row["reason"]) == (None, None, None, None, "dark")
    assert set(row["evidence"]["maps"]) == {entry["genus"] for entry in row["top"]}


def test_a_model_without_evidence_says_so_with_null(tiny, jpeg):
    with served(CloudClassifier(tiny, threads=1)) as client:
        assert client.post(jpeg, "?evidence=1").json[0]["evidence"] is None


def test_errors_are_json_with_the_right_status(client, jpeg, encode, draw_sky):
    cases = {
        "no photo": (client.post(), 400),
        "an empty form": (client.form(), 400),
        "no form": (client.post(b"nothing", content_type="multipart/form-data; boundary=limit"), 400),
        "no boundary": (client.post(b"nothing", content_type="multipart/form-data"), 400),
        "a strange charset": (
            client.post(
                form(("a\xff.jpg", jpeg)), content_type="multipart/form-data; boundary=limit; charset=undefined"
            ),
            400,
        ),
        "too many files": (client.form(*(("a.jpg", b"x") for _ in range(21))), 400),
        "a wrong flag": (client.post(jpeg, "?evidence=maybe"), 400),
        "text": (client.form(("a.jpg", b"This is text.")), 415),
        "an empty file": (client.form(("a.jpg", b"")), 422),
        "half a photo": (client.form(("a.jpg", encode(draw_sky(), "PNG")[:200])), 422),
        "unknown page": (client.get("/no-such"), 404),
        "a wrong method": (client.get("/classify"), 405),
    }
    for name, (reply, status) in cases.items():
        assert reply.status == status, (name, reply)
        assert reply.headers["content-type"] == "application/json", name
        assert isinstance(reply.json["error"], str), name


def test_a_bad_photo_beside_a_good_one_is_a_row(client, jpeg):
    reply = client.form(("a.jpg", b"text"), ("b.jpg", jpeg))
    assert reply.status == 200
    assert [row["status"] for row in reply.json] == ["error", "ok"]


def test_where_no_photo_can_be_read_each_has_its_row_all_the_same(client):
    reply = client.form(("a.jpg", b"text"), ("b.jpg", b""))
    assert reply.status == 415
    assert reply.json["error"] == reply.json["rows"][0]["error"]
    assert [row["path"] for row in reply.json["rows"]] == ["a.jpg", "b.jpg"]


def test_too_many_pixels_are_not_decoded(explaining, draw_sky, encode):
    limits = Limits(photo_pixels=10_000)
    with served(CloudClassifier(explaining, threads=1, max_pixels=limits.photo_pixels), limits=limits) as client:
        for kind in ("JPEG", "PNG", "TIFF"):
            reply = client.post(encode(draw_sky(200, 100), kind))
            assert (reply.status, reply.json["rows"][0]["status"]) == (413, "error")
            assert "pixels" in reply.json["error"]
        assert client.post(encode(draw_sky(100, 100), "PNG")).status == 200


@pytest.mark.parametrize("declared", [True, False])
def test_a_large_body_is_refused_and_the_server_continues(classifier, jpeg, declared):
    with served(classifier, limits=Limits(body_bytes=100_000)) as client:
        body = bytes(5_000_000)
        reply = client.post(body if declared else iter([body[:70_000]] * 60))  # an iterator is sent in chunks
        assert (reply.status, list(reply.json)) == (413, ["error"])
        assert client.post(jpeg).status == 200


@pytest.mark.parametrize("digits", [19, 4299, 5000, 50_000])
def test_a_declared_length_of_any_number_of_digits_is_refused_as_too_large(digits):
    request = Request({"type": "http", "headers": [(b"content-length", b"9" * digits)]})
    with pytest.raises(HTTPException, match="send at most 64 MB") as refused:
        asyncio.run(receive(request, Limits(), lambda size: None))
    assert refused.value.status_code == 413


def test_a_server_that_is_told_such_a_length_answers_and_continues(client, jpeg):
    with head(client, "9" * 5000) as connection:
        assert connection.recv(1000).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert client.post(jpeg).status == 200


class Stuck(CloudClassifier):
    """A classifier that waits until it may continue."""

    def classify(self, source):
        assert self.may_go.wait(30)
        return super().classify(source)


def test_beyond_the_bound_the_answer_is_503_and_then_it_continues(explaining, jpeg):
    classifier = Stuck(explaining, threads=1)
    classifier.may_go = threading.Event()
    with served(classifier, limits=Limits(requests=3)) as client:
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(client.post(jpeg))) for _ in range(3)]
        for thread in threads:
            thread.start()
        while client.get("/healthz").json["requests"] < 3:
            time.sleep(0.01)
        refused = client.post(jpeg)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        classifier.may_go.set()
        for thread in threads:
            thread.join()
        assert [reply.status for reply in replies] == [200] * 3
        assert client.post(jpeg).status == 200


def test_who_hangs_up_while_others_wait_is_not_worked_for(explaining, jpeg):
    asked = []

    class Counting(Stuck):
        def classify(self, source):
            asked.append(source)
            return super().classify(source)

    classifier = Counting(explaining, threads=1)
    classifier.may_go = threading.Event()
    with served(classifier) as client:
        body = form(*[(f"{number}.jpg", jpeg) for number in range(20)])
        for _ in range(4):
            with head(client, len(body), "multipart/form-data; boundary=limit") as connection:
                connection.sendall(body)
                wait_for(lambda: client.get("/healthz").json["requests"] == 1)
            wait_for(lambda: client.get("/healthz").json["requests"] == 0)
        client.get("/healthz")  # the last one is out of the queue when the server's loop has gone round once more
        classifier.may_go.set()
        assert client.post(jpeg).status == 200
    assert len(asked) <= 3  # the two that were at work when their clients left, and the last one


def test_another_site_cannot_make_it_work(client, jpeg):
    refused = client.post(jpeg, sec_fetch_site="cross-site")
    assert refused.status == 403
    assert "another site" in refused.json["error"]
    assert client.post(jpeg, sec_fetch_site="same-origin").status == 200
    assert client.post(jpeg, origin="http://evil.example").status == 403  # as to an address of a home network
    assert client.post(jpeg, origin="null").status == 403
    assert client.post(jpeg, origin=f"http://127.0.0.1:{client.port}").status == 200
    assert client.post(jpeg, origin="https://proxy.example", sec_fetch_site="same-origin").status == 200


def test_behind_a_proxy_the_refusal_names_the_host_and_the_option_that_allows_it(classifier, jpeg):
    with served(classifier) as client:
        refused = client.post(jpeg, origin="https://sky.example:8443", host="10.0.0.5:8000")
        assert refused.status == 403
        assert "a page at sky.example:8443, and asks the host 10.0.0.5:8000" in refused.json["error"]
        assert "--allow-host sky.example:8443" in refused.json["error"]
        assert "page without an address" in client.post(jpeg, origin="null").json["error"]
        hostile = client.post(jpeg, origin="http://" + "x" * 5000).json["error"]
        assert len(hostile) < 1000
    with served(classifier, allowed_hosts=["sky.example:8443"]) as client:
        assert client.post(jpeg, origin="https://sky.example:8443", host="10.0.0.5:8000").status == 200
        assert client.post(jpeg, origin="https://sky.example", host="10.0.0.5:8000").status == 403
        elsewhere = client.post(jpeg, origin="https://sky.example:8443", sec_fetch_site="cross-site")
        assert elsewhere.status == 403


def test_a_name_of_any_length_is_refused(client, jpeg):
    refused = client.form(("x" * 1021 + ".jpg", jpeg))
    assert refused.status == 400
    assert refused.json["error"] == "a file's name has more than 1024 characters; send a shorter one"
    assert client.form(("/20240601" + "/-12-30" * 10_000 + ".jpg", jpeg)).status == 400
    assert client.form(("x" * 250 + ".jpg", jpeg)).status == 200


def test_all_that_is_at_work_is_bounded_in_bytes_too(explaining, jpeg):
    classifier = Stuck(explaining, threads=1)
    classifier.may_go = threading.Event()
    with served(classifier, limits=Limits(held_bytes=3 * len(jpeg) // 2)) as client:
        first = threading.Thread(target=client.post, args=(jpeg,))
        first.start()
        while client.get("/healthz").json["requests"] < 1:
            time.sleep(0.01)
        time.sleep(0.2)
        assert client.post(jpeg).status == 503
        classifier.may_go.set()
        first.join()
        assert client.post(jpeg).status == 200


def head(client, length, kind="image/jpeg"):
    start = f"POST /classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", client.port), timeout=20)
    connection.sendall(start.encode())
    return connection


def answer(connection):
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def test_a_slow_sender_gets_408_and_makes_room(classifier, jpeg):
    limits = Limits(body_seconds=0.3, requests=1)
    with served(classifier, limits=limits) as client, head(client, len(jpeg)) as connection:
        connection.sendall(jpeg[:100])
        received = answer(connection)
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b'{"error": "the photo came too slowly' in received
        assert client.post(jpeg).status == 200


def drip(connection):
    for _ in range(400):
        connection.sendall(b"x")
        time.sleep(0.05)


def test_a_sender_that_drips_is_slow_too(classifier, jpeg):
    limits = Limits(body_seconds=0.5, bytes_per_second=10_000)
    with served(classifier, limits=limits) as client, head(client, len(jpeg)) as connection:
        with pytest.raises(OSError, match=r"reset|Broken pipe|aborted"):
            drip(connection)
        assert client.post(jpeg).status == 200


@pytest.mark.parametrize(
    "start", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET"]
)
def test_headers_must_come_in_time(classifier, start):
    with served(classifier, limits=Limits(header_seconds=0.4)) as client:
        connection = socket.create_connection(("127.0.0.1", client.port), timeout=20)
        connection.sendall(start)
        received = answer(connection)  # it ends
        connection.close()
        assert (b'"status": "ok"' in received) == (b"healthz" in start)
        assert client.get("/healthz").status == 200


def test_who_hangs_up_midway_makes_room(classifier, jpeg, caplog):
    with served(classifier, limits=Limits(requests=1)) as client:
        head(client, 1000).close()
        while client.get("/healthz").json["requests"]:
            time.sleep(0.01)
        assert client.post(jpeg).status == 200
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.slow
def test_nothing_is_opened_or_written_for_a_request(client, jpeg, monkeypatch, draw_sky, encode):
    def refuse(*arguments, **options):
        raise AssertionError("a temporary file")

    large = encode(draw_sky(2000, 1500), "BMP")
    assert len(large) > 5_000_000
    client.post(jpeg)  # what is imported on first use is open by now
    opened = []
    watching = True
    sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if watching and event == "open" else None)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    names = ["/etc/passwd", "../../setup.cfg", "~/a.jpg", "%2e%2e/a", "-"]
    reply = client.form(*((name, jpeg) for name in names), ("large.bmp", large))
    pages = [
        client.get(path).status for path in ("/", "/app.js", "/../setup.cfg", "/static/index.html", "//etc/passwd")
    ]
    watching = False
    assert [row["path"] for row in reply.json][:3] == ["/etc/passwd", "../../setup.cfg", "~/a.jpg"]
    assert [row["status"] for row in reply.json] == ["ok"] * 6
    assert pages == [200, 200, 404, 404, 404]
    assert opened == []


def test_the_page_may_use_this_server_and_nothing_else(client):
    for path in ("/", "/app.css", "/app.js", "/overlay.js", "/icon.svg", "/genera", "/no-such"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.|style=|\son[a-z]+=", text), file.name
        if file.suffix == ".js":
            assert not re.search("innerHTML|insertAdjacentHTML|document.write|eval", text)


POLICY = {
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
    "x-content-type-options",
    "cache-control",
}


def test_every_answer_has_the_security_headers(make_model, metadata, jpeg, monkeypatch):
    model = CloudClassifier(make_model(metadata, "fails"), threads=1)
    with served(model, token="sesame") as client:
        replies = [(client.get(path), code) for path, code in (("/", 200), ("/no-such", 401), ("/genera", 401))]
        known = {"authorization": "Bearer sesame"}
        replies += [
            (client.get("/no-such", **known), 404),
            (client.post(jpeg, **known), 500),
            (client.post(b"text", **known), 415),
        ]
        monkeypatch.setattr("cloudedge.serve.app.receive", None)  # a fault in the program
        replies.append((client.post(jpeg, **known), 500))
    for reply, code in replies:
        assert reply.status == code
        assert set(reply.headers) >= POLICY, (code, reply)
        assert reply.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    assert replies[-1][0].json == {"error": "something went wrong in the server; its log says what"}


def test_what_is_not_http_is_answered_with_them_too(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(b"This is not HTTP.\r\n\r\n")
        head, _, body = answer(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    names = {line.partition(b":")[0].strip().lower().decode() for line in head.splitlines()[1:]}
    assert names >= POLICY
    assert body == b"Invalid HTTP request received."


@pytest.mark.parametrize("sources", ["'self'", "https://home.example:8123 'self'", "http://*.local"])
def test_an_option_names_who_may_frame_the_page(sources, explaining, tmp_path):
    with program(tmp_path / "log", "--model", explaining, "--frame-ancestors", sources) as server:
        for path in ("/", "/no-such"):
            policy = server.client.get(path).headers["content-security-policy"]
            assert policy.endswith(f"; frame-ancestors {sources}")
            assert policy.startswith("default-src 'none';")


@pytest.mark.parametrize(
    "sources", ["", "self", "'self'; script-src *", "'self', x", "a\r\nb: c", "'none' 'self'", "https://a b"]
)
def test_other_words_cannot_get_into_the_policy(sources):
    with pytest.raises(ValueError, match="is not 'none'"):
        check_ancestors(sources)


def test_photos_of_phones_with_fifty_megapixels_are_accepted(explaining, encode, draw_sky):
    limits = Limits()
    with served(CloudClassifier(explaining, threads=1, max_pixels=limits.photo_pixels), limits=limits) as client:
        for size in ((8160, 6144), (8192, 6144)):
            photo = Image.fromarray(draw_sky(512, 384)).resize(size, Image.Resampling.NEAREST)
            assert client.post(encode(photo, "JPEG", quality=50)).status == 200
        refused = client.post(encode(Image.new("L", (10_000, 5_101)), "JPEG"))
        assert (refused.status, refused.json["error"]) == (
            413,
            "has 51.01 million pixels, more than 51.00 million; scale it down",
        )


def test_the_page_knows_what_the_library_knows():
    page = (STATIC / "card.js").read_text(encoding="utf-8")
    doubts = re.search(r"DOUBTS = \{(.*?)\};", page, re.DOTALL)[1]
    assert re.findall(r"^  (\w+):", doubts, re.MULTILINE) == list(REASONS)
    overlay = (STATIC / "overlay.js").read_text(encoding="utf-8")
    assert re.search(r'"((?:[0-9a-f]{6} ?)+)"', overlay)[1] == explain._VIRIDIS
    assert re.search(r"OPACITY = \[(.*?)\]", overlay)[1] == ", ".join(map(str, explain._OPACITY))
    for name in ("FULL", "CONTOUR"):
        assert float(re.search(rf"{name} = (\S+);", overlay)[1]) == getattr(explain, name)


def test_genera_model_and_health(client, classifier):
    assert [genus["name"] for genus in client.get("/genera").json] == [genus.name for genus in GENERA]
    model = client.get("/model").json
    assert (model["name"], model["classes"]) == ("tiny", list(classifier.model.spec.classes))
    assert model["limits"] == {"bytes": 67108864, "photos": 20, "pixels": 51_000_000}
    assert str(classifier.model.path.parent) not in json.dumps(model)
    assert client.get("/healthz").json == {"status": "ok", "requests": 0}


def test_the_description_names_every_path(client):
    document = client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {"/classify", "/genera", "/model", "/healthz", "/metrics"}


def test_an_address_with_a_slash_too_many_is_not_found_whatever_its_query(client, classifier):
    """h11 refuses these bytes; another server may not."""
    assert client.get("/model/").status == 404
    messages = []

    async def send(message):
        messages.append(message)

    scope = {"type": "http", "method": "GET", "path": "/model/", "query_string": b"\xff", "headers": []}
    asyncio.run(make_app(classifier)(scope, None, send))
    assert messages[0]["status"] == 404


def test_with_a_token_only_who_has_it_may_classify(classifier, jpeg):
    with served(classifier, token="sesame") as client:
        for path in ("/genera", "/model"):
            assert client.get(path).status == 401
            assert client.get(path, authorization="Bearer sesame").status == 200
        refused = client.post(jpeg, authorization="Bearer wrong\xff")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert "token" in refused.json["error"]
        assert client.post(jpeg, authorization="Bearer sesame").status == 200
        assert client.get("/").status == client.get("/healthz").status == 200


def test_a_model_that_fails_gives_500_without_its_path(make_model, metadata, jpeg, caplog):
    path = make_model(metadata, "fails")
    with served(CloudClassifier(path, threads=1)) as client:
        reply = client.post(jpeg)
        assert reply.status == 500
        assert "fails on a photo" in reply.json["error"]
        assert str(path) not in reply.json["error"]
        assert client.get("/healthz").status == 200


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130), ("SIGHUP", 0)])
@pytest.mark.slow
def test_a_signal_lets_what_is_at_work_get_its_answer(explaining, jpeg, tmp_path, name, code):
    with program(tmp_path / "log", "--model", explaining) as server, head(server.client, len(jpeg)) as connection:
        connection.sendall(jpeg[:1000])
        while server.client.get("/healthz").json["requests"] < 1:
            time.sleep(0.01)
        server.process.send_signal(signal.Signals[name])
        time.sleep(0.5)
        connection.sendall(jpeg[1000:])
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(20) == code
        assert "Traceback" not in server.log_text()
        assert "Warning" not in server.log_text()


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130), ("SIGHUP", 0)])
@pytest.mark.parametrize("moment", ["cloudedge.cli.serve.open_classifier", "uvicorn.Server.run"])
def test_a_signal_before_it_serves_ends_it_too(explaining, name, code, moment):
    where, _, what = moment.rpartition(".")
    program = (
        "import cloudedge.cli.serve, signal, sys, uvicorn\n"
        f"function = {moment}\n"
        "def interrupted(*arguments, **options):\n"
        f"    signal.raise_signal(signal.{name})\n"
        "    return function(*arguments, **options)\n"
        f"setattr({where}, {what!r}, interrupted)\n"
        f"sys.argv = ['cloudedge', 'serve', '--port', '0', '--model', {str(explaining)!r}]\n"
        "from cloudedge.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_leaving_this_machine_is_warned_of(explaining, tmp_path):
    with program(tmp_path / "log", "--model", explaining, "--host", "0.0.0.0") as server:
        assert server.client.get("/healthz").status == 200
        assert "Warning: everybody on this network can reach it" in server.log_text()
        assert "--token" in server.log_text()


def test_on_all_addresses_it_names_those_that_a_phone_can_open(explaining, tmp_path):
    with program(tmp_path / "log", "--model", explaining, "--host", "0.0.0.0") as server:
        said, port = server.log_text(), server.client.port
        assert f"Serving on http://127.0.0.1:{port}/ " in said
        assert "0.0.0.0" not in said
        for address in (others := other_addresses(socket.AF_INET)):
            assert f"http://{address}:{port}/" in said
            with socket.create_connection((address, port), timeout=30):
                pass
        assert ("From other devices" in said) == bool(others)


def test_several_networks_are_all_named_the_usual_one_first_and_none_is_no_fault(monkeypatch):
    monkeypatch.setattr(addresses, "_address_of_route", lambda family: "10.0.0.5")
    monkeypatch.setattr(addresses, "_addresses_of_interfaces", lambda: ["127.0.0.1", "192.168.1.7", "10.0.0.5"])
    assert other_addresses(socket.AF_INET) == ["10.0.0.5", "192.168.1.7"]
    monkeypatch.setattr(addresses, "_address_of_route", lambda family: None)
    monkeypatch.setattr(addresses, "_addresses_of_interfaces", lambda: ["127.0.0.1"])
    assert other_addresses(socket.AF_INET) == []


@pytest.mark.slow
def test_what_keeps_it_from_serving_is_said_in_one_line(explaining, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            (2, f"cannot listen on 127.0.0.1, port {port}", ["--port", port, "--model", str(explaining)]),
            (
                2,
                "cannot listen on no.such.host.invalid",
                ["--host", "no.such.host.invalid", "--model", str(explaining)],
            ),
            (3, "is not a packaged model", ["--model", "nosuch"]),
            (2, "--token may contain", ["--token", "ünï"]),
            (2, "--token may contain", ["--token", "open sesame"]),
            (2, "--token may contain", ["--token", ""]),
            (2, "--frame-ancestors", ["--frame-ancestors", "self"]),
        ]
        for code, words, arguments in cases:
            command = [sys.executable, "-m", "cloudedge", "serve", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stdout) == (code, "")
            assert words in done.stderr
            assert "Traceback" not in done.stderr


def test_without_the_extra_it_says_what_to_install(explaining):
    code = (
        "import sys; sys.modules['starlette'] = None; sys.argv = ['cloudedge', 'serve']\n"
        "from cloudedge.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"to serve, run: {command_to_add('serve')}\n" in done.stderr


def test_limits_are_those_that_are_documented():
    assert replace(Limits()) == Limits(64 << 20, 20, 51_000_000, 32, 256 << 20, 20.0, 16_384, 15.0, 1024)


def test_the_sun_counts_for_the_time_in_the_name_of_an_upload(tiny, jpeg):
    classifier = CloudClassifier(tiny, threads=1, location=Location(48.21, 16.37, ZoneInfo("Europe/Vienna")))
    with served(classifier) as client:
        (night,) = client.form(("cam_20240601_223045.jpg", jpeg)).json
        (undated,) = client.post(jpeg).json
    assert (night["reason"], night["genus"], night["sun"]["phase"]) == ("dark", None, "astronomical")
    assert undated["sun"] is None


def test_metrics_count_requests_and_photos(client, jpeg):
    parser = pytest.importorskip("prometheus_client.parser", reason="it comes with the group `test`")
    client.post(jpeg)
    client.form(("a.jpg", jpeg), ("b.txt", b"text"))
    client.post(b"no photo")
    client.get("/nowhere")
    reply = client.get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(parser.text_string_to_metric_families(reply.body.decode()))
    values = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    counts = {key[1:]: value for key, value in values.items() if key[0] == "cloudedge_http_requests_total"}
    assert counts == {("200",): 2, ("404",): 1, ("415",): 1}
    photos = {key[1:]: value for key, value in values.items() if key[0] == "cloudedge_photos_total"}
    assert photos == {("ok",): 2, ("error",): 2}
    assert ("cloudedge_last_photo_timestamp_seconds", "ok") in values


def test_metrics_need_the_token(classifier):
    with served(classifier, token="sesame") as client:
        assert client.get("/metrics").status == 401
        assert client.get("/metrics", authorization="Bearer sesame").status == 200


def test_a_small_answer_does_not_wait_for_an_acknowledgement():
    with (
        server.listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
