from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cloudedge.bench import measure
from cloudedge.bench.drawn_sky import draw_sky
from cloudedge.bench.measure import SIZES, STAGES, measure_model
from cloudedge.packaged_models import packaged


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloudedge", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)


@pytest.mark.slow
def test_each_stage_of_each_photo_is_timed(tiny: Path) -> None:
    done = run("--model", tiny, "--threads", "1", "--seconds", "0.05", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["device"]["cores"] == os.cpu_count()
    assert found["device"]["onnxruntime"] == onnxruntime.__version__
    (model,) = found["models"]
    assert (model["model"], model["threads"]) == ("tiny 0.0.1", 1)
    assert model["load_ms"] > 0
    assert [photo["photo"] for photo in model["photos"]] == list(SIZES)
    for photo in model["photos"]:
        assert tuple(photo["stages"]) == STAGES
        assert photo["per_second"] > 0
        assert 0 < photo["stages"]["decode"]["p50"] <= photo["stages"]["decode"]["p95"]
        assert all(spread["p50"] >= 0 for spread in photo["stages"].values())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say how much memory a process held")
@pytest.mark.slow
def test_the_memory_is_that_of_the_process_that_runs_the_model(tiny: Path) -> None:
    done = run("--model", tiny, "--seconds", "0.05", "--format", "json")
    assert 20 < json.loads(done.stdout)["models"][0]["peak_mb"] < 200  # drawing 12 megapixels takes more


@pytest.mark.slow
def test_text_names_device_models_and_photos(tiny: Path) -> None:
    done = run("--model", tiny, "--seconds", "0.05")
    assert (done.returncode, done.stderr) == (0, "")
    assert "onnxruntime" in done.stdout
    for word in ("tiny 0.0.1", *SIZES, *STAGES):
        assert word in done.stdout


@pytest.mark.slow
def test_an_unusable_model_is_said_in_one_line(tmp_path: Path) -> None:
    done = run("--model", tmp_path / "no.onnx")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"Error: {tmp_path / 'no.onnx'}: does not exist; give the path of a model\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the programs that were started are found under /proc")
@pytest.mark.parametrize("to_group", [False, True])
def test_a_signal_ends_the_measuring(tiny: Path, to_group: bool) -> None:
    command = [sys.executable, "-m", "cloudedge", "bench", "--model", str(tiny), "--seconds", "3600"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not children.read_text():
        time.sleep(0.01)
    if to_group:  # as Ctrl-C does
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_a_sky_is_the_same_each_time_and_no_other_seeds() -> None:
    one, again, other = (np.asarray(draw_sky(161, 97, seed)) for seed in (1, 1, 2))
    assert one.shape == (97, 161, 3)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 5


@pytest.mark.parametrize(("total", "rest"), [(12.0, 2.0), (10.0, 0.0), (7.0, 0.0)])
def test_the_rest_is_never_negative(total: float, rest: float) -> None:
    stages = measure._stages([1.0, 2.0, 3.0, 4.0], total)
    assert (stages["rest"], stages["total"]) == (rest, total)


def test_measuring_runs_as_often_as_it_takes(tiny: Path, tmp_path: Path) -> None:
    draw_sky(64, 48).save(tmp_path / "sky.png")
    (times,) = measure_model(str(tiny), 1, {"small": str(tmp_path / "sky.png")}, 0.01).photos
    assert times.stages["total"].p50 > 0


def test_the_default_model_computes_in_integers(tmp_path: Path) -> None:
    optimised = tmp_path / "optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(optimised)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(packaged("resnet34"), options, ["CPUExecutionProvider"])
    graph = optimised.read_bytes()

    def nodes(kind: str) -> int:
        return graph.count(b"\x22" + bytes([len(kind)]) + kind.encode())  # NodeProto.op_type, field 4

    assert nodes("QLinearConv") >= 35  # of 36: the first may stay float32
    assert nodes("QLinearConv") + nodes("Conv") + nodes("FusedConv") == 37  # with the evidence map's
    assert nodes("QLinearAdd") == 16
