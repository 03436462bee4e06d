"""The page's colours, run by node on a canvas that only keeps its pixels: they are those of `cloudedge explain`."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from cloudedge import explain
from cloudedge.evidence import EvidenceMaps

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed; it runs the page's script")

PROGRAM = """
import { CONTOUR, FULL, draw } from "./overlay.mjs";
const canvas = { width: 160, height: 120 };
canvas.getContext = () => ({
  createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
  putImageData: (image) => { canvas.data = image.data; },
});
const peak = draw(canvas, JSON.parse(process.argv[2]), [0, 0, 1, 1]);
console.log(JSON.stringify({ peak, scale: [FULL, CONTOUR], data: [...canvas.data] }));
"""


def evidence(peak: float) -> np.ndarray:
    """Return a map of a place that speaks for a genus, float32 (6, 8)."""
    y, x = np.mgrid[0:6, 0:8]
    return (peak * np.exp(-((x - 2) ** 2 + (y - 3) ** 2) / 3)).astype(np.float32)


def drawn_by_the_page(values: np.ndarray, folder: Path) -> tuple[dict, np.ndarray]:
    """Draw a map over a grey photo of 160 x 120 pixels: what the script says, and the picture (120, 160, 3)."""
    script = files("cloudedge.serve") / "static" / "overlay.js"
    (folder / "overlay.mjs").write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "program.mjs").write_text(PROGRAM, encoding="utf-8")
    command = [str(NODE), "program.mjs", json.dumps(values.tolist())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    rgba = np.array(answer.pop("data"), float).reshape(120, 160, 4)
    alpha = rgba[..., 3:] / 255
    return answer, 128 * (1 - alpha) + rgba[..., :3] * alpha


@pytest.mark.parametrize("peak", [0.4, 5.5])
def test_the_page_draws_the_picture_of_the_command_line(tmp_path, peak):
    values = evidence(peak)
    answer, picture = drawn_by_the_page(values, tmp_path)
    assert answer["scale"] == [explain.FULL, explain.CONTOUR]
    assert answer["peak"] == pytest.approx(peak, rel=0.1)
    maps = EvidenceMaps(("Cumulus",), values[np.newaxis], (160, 120), (0.0, 0.0, 1.0, 1.0))
    expected = explain.overlay(np.full((120, 160, 3), 128, np.uint8), explain.strength(maps.on_photo("Cumulus")))
    assert np.abs(picture - expected).mean() < 2


def test_a_weak_peak_does_not_glow_like_a_strong_one(tmp_path):
    weak, strong = (drawn_by_the_page(evidence(peak), tmp_path)[1] for peak in (0.4, 5.5))
    glow = [np.ptp(picture[60:75, 40:55], axis=2).mean() for picture in (weak, strong)]
    assert glow[1] > 4 * glow[0]
    assert not (weak.min(axis=2) > 200).any()  # no line
    assert (strong.min(axis=2) > 200).any()
