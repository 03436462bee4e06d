"""Classify an archive with Ray Data: on all cores of a machine, or of a cluster that sees the same files.

    pip install './[ray]'  (in a checkout)
    python examples/ray_archive.py archive --model resnet34 > rows.jsonl

There is one actor per core, each with a classifier of one thread; the rows are those of `cloudedge classify`, in the
same order.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from cloudedge import CloudClassifier
from cloudedge.archive.photos import find_photos

BATCH = 32


class Classify:
    """What an actor does: the model is opened once, then batches of paths become batches of rows."""

    def __init__(self, model: str) -> None:
        self.classifier = CloudClassifier(model, threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        rows = [json.dumps(result.to_dict()) for result in self.classifier.classify_many(map(str, batch["path"]))]
        return {"row": np.array(rows, dtype=object)}


def classify(paths: list[str], model: str) -> Iterator[str]:
    """Yield a row as JSON for each photo in files and folders."""
    ray = import_module("ray")
    data = import_module("ray.data")
    data.DataContext.get_current().execution_options.preserve_order = True
    photos = [{"path": path} for path in find_photos(paths)]
    if not photos:
        return
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    actors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    rows = data.from_items(photos, override_num_blocks=-(-len(photos) // BATCH)).map_batches(
        Classify,
        fn_constructor_args=(model,),
        batch_size=BATCH,
        num_cpus=1,
        compute=data.ActorPoolStrategy(size=actors),
    )
    for row in rows.iter_rows():
        yield row["row"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Classify an archive with Ray Data; rows as JSON Lines.")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--model", default="resnet34")
    arguments = parser.parse_args()
    # Ray tells on the standard output, until the very end, of workers that died and whose batches are repeated.
    rows, sys.stdout = sys.stdout, sys.stderr
    for line in classify(arguments.paths, arguments.model):
        rows.write(line + "\n")
    rows.flush()  # at its end Python would flush, and tell of a full disk, what is sys.stdout by then


if __name__ == "__main__":
    main()
