"""Pictures of a run show what there is to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from export.training.curves import loss_curves


def test_a_single_row_of_a_log_is_seen(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("phase,step,lr,hint,verdict,label\nlabels,1,0.001,,,2.3\n", encoding="utf-8")
    loss_curves(tmp_path / "log.csv", tmp_path / "losses.png")
    pixels = np.asarray(Image.open(tmp_path / "losses.png").convert("L"))
    middle = pixels[pixels.shape[0] // 3 : -pixels.shape[0] // 3, pixels.shape[1] // 3 : -pixels.shape[1] // 3]
    assert (middle < 200).sum() > 20  # the legend is in a corner
