"""A small recipe as its file, for the tests to change."""

from __future__ import annotations

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
