"""`cloudedge bench`: how fast the models run on this device."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from cloudedge.bench.measure import STAGES, measure_models, measured_device
from cloudedge.cli.inputs import broken_library
from cloudedge.cli.options import Finite, threads_option
from cloudedge.errors import printable


@click.command("bench", short_help="Measure how fast the models run on this device.")
@click.option("--model", multiple=True, metavar="NAME|PATH", help="Only this model.  [default: each packaged one]")
@threads_option
@click.option(
    "--seconds",
    type=Finite(0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="S",
    help="Time for each model and photo.",
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(model: tuple[str, ...], threads: int | None, seconds: float, format_: str) -> None:
    """Measure how fast the models run on this device, on drawn skies as webcams and phones take them.

    Times are milliseconds, median and 95th percentile: to decode the photo, to resize it, to normalise it,
    to run the model, for the rest, and in total. Run nothing else meanwhile.
    """
    try:
        device = measured_device()
        models = [asdict(times) for times in measure_models(model, threads, seconds)]
    except ImportError as error:
        raise broken_library(error) from error
    found = {"device": device, "models": models}
    click.echo(json.dumps(found, indent=2) if format_ == "json" else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    device = found["device"]
    memory = "" if device["memory_mb"] is None else f", {device['memory_mb'] / 1e3:.1f} GB"
    load = "" if device["load"] is None else f", load {device['load']:.1f}"
    yield f"{printable(device['device'])}, {device['cores']} cores{memory}, {device['system']}{load}"
    yield ", ".join(f"{name} {device[name]}" for name in ("cloudedge", "onnxruntime", "numpy", "pillow", "python"))
    for model in found["models"]:
        peak = "" if model["peak_mb"] is None else f", at most {model['peak_mb']:.0f} MB of memory"
        yield ""
        yield f"{model['model']}, {model['threads']} threads: ready after {model['load_ms']:.0f} ms{peak}"
        yield "  photo  " + "".join(f"{stage:>15}" for stage in STAGES) + "   photos/s"
        for photo in model["photos"]:
            cells = (f"{times['p50']:.1f} ({times['p95']:.1f})" for times in photo["stages"].values())
            yield f"  {photo['photo']:7}" + "".join(f"{cell:>15}" for cell in cells) + f"{photo['per_second']:11.1f}"
