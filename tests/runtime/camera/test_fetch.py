from __future__ import annotations

import threading

import pytest

from ...support.cameras import (
    PASSWORD,
    USER,
    basic,
    camera,
    cut_short,
    digest,
    dripping,
    in_turn,
    large,
    make_certificate,
    picture,
    redirect,
    stream,
    with_date,
    with_etag,
)
from ...support.waiting import wait_for

pytest.importorskip("httpx2", reason="cameras by their addresses need the extra `camera`")

from cloudedge.camera.address import parse_address
from cloudedge.camera.fetch import Fetcher, FetchError, Limits

PHOTO = b"\xff\xd8\xff a picture"


def fetcher(url, user=USER, password=PASSWORD, verify=False, **options):  # it takes long to read all certificates
    return Fetcher(parse_address(url).with_access(user, password), verify, **options)


def problem_of(server, **options):
    with pytest.raises(FetchError) as caught:
        fetcher(server.url, **options).fetch()
    return caught.value.problem


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_it_fetches_a_picture():
    with camera(picture(PHOTO)) as server:
        assert fetcher(server.url).fetch().data == PHOTO
        assert server.shown_credentials == []


def test_basic_is_answered_when_it_is_asked_for():
    with camera(basic(PHOTO)) as server:
        assert fetcher(server.url).fetch().data == PHOTO
        assert [("Authorization" in headers) for _, headers in server.requests] == [False, True]


@pytest.mark.parametrize(
    ("algorithm", "qop"),
    [
        (None, None),
        ("MD5", None),
        ("MD5", "auth"),
        ("MD5", "auth,auth-int"),
        ("MD5-sess", "auth"),
        ("SHA-256", None),
        ("SHA-256", "auth"),
        ("SHA-256-sess", "auth"),
    ],
)
def test_each_digest_is_answered(algorithm, qop):
    with camera(digest(PHOTO, algorithm, qop)) as server:
        assert fetcher(server.url + "?channel=1&x=a,b").fetch().data == PHOTO
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "beside", ['Basic realm="camera"', 'Digest realm="x", nonce="y", algorithm=SHA-1024', 'Bearer realm="x"']
)
def test_digest_is_preferred_to_others(beside):
    with camera(digest(PHOTO, beside=beside)) as server:
        assert fetcher(server.url).fetch().data == PHOTO
        assert all(shown.startswith("Digest ") for shown in server.shown_credentials)


def test_two_challenges_in_one_header_are_told_apart():
    def answer(request):
        if request.headers.get("Authorization", "").startswith("Digest "):
            request.send(PHOTO)
        else:
            request.send(status=401, WWW_Authenticate='Basic realm="camera", Digest realm="camera", nonce="n"')

    with camera(answer) as server:
        assert fetcher(server.url).fetch().data == PHOTO


def test_a_challenge_that_makes_no_sense_is_not_answered():
    with camera(lambda request: request.send(status=401, WWW_Authenticate="Digest nonsense")) as server:
        assert "does not accept" in problem_of(server)
        assert server.shown_credentials == []


def test_a_wrong_password_is_tried_once():
    with camera(digest(PHOTO)) as server:
        assert problem_of(server, password="wrong") == (
            "does not accept the user and the password (401); check --user and the password"
        )
        assert len(server.requests) == 2


def test_without_a_user_the_advice_is_to_give_one():
    with camera(basic(PHOTO)) as server:
        assert "give --user NAME" in problem_of(server, user=None, password=None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed_with_the_password(status):
    with camera(in_turn(redirect("/other.jpg", status), basic(PHOTO))) as server:
        assert fetcher(server.url).fetch().data == PHOTO
        assert [path for path, _ in server.requests] == ["/snapshot.jpg", "/other.jpg", "/other.jpg"]


@pytest.mark.parametrize("ask", [basic, digest])
def test_a_redirect_to_another_host_gets_no_password(ask):
    with camera(ask(PHOTO)) as other, camera(redirect(other.url)) as server:
        assert "(401)" in problem_of(server)
        assert other.requests
        assert other.shown_credentials == server.shown_credentials == []


def test_a_redirect_after_the_password_was_shown_gets_none_either():
    with camera(picture(PHOTO)) as other:

        def answer(request):
            (redirect(other.url) if "Authorization" in request.headers else basic(PHOTO))(request)

        with camera(answer) as server:
            assert fetcher(server.url).fetch().data == PHOTO
            assert server.shown_credentials
            assert other.shown_credentials == []


def test_a_redirect_without_end_is_an_error():
    with camera(redirect("/snapshot.jpg")) as server:
        assert "redirects again and again" in problem_of(server)
        assert len(server.requests) == Limits().redirects + 1


def test_a_redirect_to_a_file_is_an_error(tmp_path):
    with camera(redirect("file:///etc/passwd")) as server:
        assert problem_of(server)


@pytest.mark.parametrize("answer", [with_etag(PHOTO), with_date(PHOTO)])
def test_what_has_not_changed_is_not_sent_again(answer):
    with camera(answer) as server:
        getter = fetcher(server.url)
        first = getter.fetch()
        assert first.data == PHOTO
        assert getter.fetch(first.validators) is None


def test_a_camera_that_drips_is_given_up():
    with camera(dripping(bytes(100), 0.1)) as server:  # all bytes would take 10 seconds
        assert "did not send a whole picture within 1 seconds" in problem_of(server, limits=Limits(seconds=1.0))


def test_a_camera_that_drips_before_the_picture_leaves_no_thread():
    with camera(dripping(bytes(600), 0.1, of_header=True)) as server:  # a minute
        assert "did not send" in problem_of(server, limits=Limits(seconds=0.5))
        wait_for(lambda: all(thread.name != "cloudedge-fetch" for thread in threading.enumerate()), 30)


def test_a_fetch_ends_when_it_must():
    must_stop = threading.Event()
    with camera(dripping(bytes(600), 0.1)) as server:
        threading.Timer(0.3, must_stop.set).start()
        assert fetcher(server.url).fetch(must_stop=must_stop.is_set) is None


@pytest.mark.slow
@pytest.mark.parametrize("declare", [False, True])
def test_more_than_the_limit_is_not_taken(declare):
    with camera(large(65, declare)) as server:
        assert problem_of(server) == "is larger than 64 MB; is it a photo?"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda request: request.send(status=404), "has no picture at this address (404)"),
        (lambda request: request.send(status=403), "refuses access (403)"),
        (lambda request: request.send(status=500), "answers 500 (Internal Server Error)"),
        (lambda request: request.send(status=799), "answers 799;"),
        (lambda request: request.send(status=204), "answers 204 (No Content)"),
        (picture(b""), "sent nothing"),
        (cut_short(bytes(1000)), "does not send a whole picture"),
        (stream(PHOTO), "is a video stream"),
        (lambda request: request.wfile.write(b"RTSP/1.0 200 OK\r\n\r\n"), "does not send a whole picture"),
    ],
)
def test_what_is_no_picture_is_an_error_of_one_line(answer, expected):
    def answer_and_close(request):
        answer(request)
        request.close_connection = True

    with camera(answer_and_close) as server:
        problem = problem_of(server)
    assert expected in problem
    assert "\n" not in problem
    assert ";" in problem


def test_nobody_there_is_an_error():
    with camera(picture(PHOTO)) as server:
        url = server.url
    with pytest.raises(FetchError, match=r"cannot be reached \(Connection refused\)"):
        fetcher(url).fetch()


def test_a_name_that_nobody_has_is_an_error():
    with pytest.raises(FetchError, match="cannot be reached"):
        fetcher("http://camera.invalid/").fetch()


def test_a_certificate_that_nobody_has_signed_is_refused(tmp_path):
    with camera(basic(PHOTO), make_certificate(tmp_path)) as server:
        with pytest.raises(FetchError, match=r"is not trusted \(self-signed certificate\)"):
            fetcher(server.url, verify=True).fetch()
        assert server.requests == []
        assert fetcher(server.url).fetch().data == PHOTO


def test_a_redirect_to_tls_elsewhere_gets_no_password(tmp_path):
    with camera(basic(PHOTO), make_certificate(tmp_path)) as other, camera(redirect(other.url)) as server:
        assert "(401)" in problem_of(server)
        assert other.shown_credentials == []
