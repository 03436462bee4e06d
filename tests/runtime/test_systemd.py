from __future__ import annotations

import os
import socket
import sys

import pytest

from cloudedge import systemd

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd runs on Linux alone")


@pytest.fixture(params=["file", "abstract"])
def service(request, tmp_path, monkeypatch):
    """Stand in for systemd: a socket, and what has come."""
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has abstract sockets")
    name = f"@cloudedge-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1) if request.param == "abstract" else name)
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield receiver


def test_systemd_is_told(service):
    systemd.notify("READY=1")
    assert service.recv(100) == b"READY=1"


def test_the_watchdog_is_told_with_each_item(service):
    assert list(systemd.watched("ab")) == ["a", "b"]
    assert [service.recv(100) for _ in range(2)] == [b"WATCHDOG=1"] * 2


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/notify"])
def test_where_systemd_is_not_there_nothing_happens(monkeypatch, name):
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    systemd.notify("READY=1")
