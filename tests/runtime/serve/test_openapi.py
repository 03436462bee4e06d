"""Schemathesis asks the server all sorts of things that its own description allows and forbids."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cloudedge.row_formats import to_jsonl

from ...support.serving import program
from ...support.weather import weather

pytest.importorskip("starlette", reason="the server needs the extra `serve`")
pytest.importorskip("schemathesis", reason="it comes with the group `browser`")

EXAMPLES = os.environ.get("CLOUDEDGE_API_EXAMPLES", "40")


@pytest.mark.parametrize("token", [None, "sesame"])
@pytest.mark.slow
def test_schemathesis_finds_nothing(make_model, metadata, tmp_path, token):
    model = make_model(metadata, "outputs")
    rows = tmp_path / "sky.jsonl"
    rows.write_text("".join(to_jsonl(weather(1, 30))))
    with program(
        tmp_path / "log", "--model", model, "--results", rows, *(["--token", token] if token else [])
    ) as server:
        url = f"http://127.0.0.1:{server.client.port}/openapi.json"
        command = [Path(sys.executable).with_name("schemathesis"), "run", url, "--no-color", "--max-examples", EXAMPLES]
        command += [
            "--exclude-checks",
            "positive_data_acceptance",
        ]  # random bytes fit the description, and are no photo
        command += ["--header", f"Authorization: Bearer {token}"] if token else []
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout
        cases = re.search(r"(\d+) generated, \1 passed", done.stdout)
        assert cases, done.stdout
        assert int(cases[1]) > 40
        assert server.client.get("/healthz").status == 200
        assert "Traceback" not in server.log_text()
