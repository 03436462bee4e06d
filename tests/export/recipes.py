"""A small recipe as its file, and how tests change it."""

from __future__ import annotations

import re

RECIPE = """
name = "lite0"
version = "0.0.1"
weights = "none"
input_size = 64
interpolation = "bicubic"
seed = 1
folds = 4
test_fold = 0
validation_fold = 1
labels = { manifest = 1.0 }
dark = 10.0

[[phases]]
name = "labels"
images = 64
size = 32
batch = 4
lr = 1e-3
label = 1.0
"""


def changed(**values: str) -> str:
    """Return the small recipe with other values, as they stand in the file; a new key goes before the phases."""
    text = RECIPE
    for key, value in values.items():
        line = f"{key} = {value}"
        text, known = re.subn(rf"(?m)^{key} = .*$", line, text)
        text = text if known else f"{line}\n{text}"
    return text
