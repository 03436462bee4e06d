"""`cloudedge explain`: a picture of why."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import click

from cloudedge.cli.inputs import STDIN, open_classifier, standard_input
from cloudedge.cli.options import Answer, GenusName, crop_option, model_options
from cloudedge.cli.outputs import unwritable
from cloudedge.cli.text import to_text
from cloudedge.errors import ImageError, ModelError, printable
from cloudedge.files import replacing_text
from cloudedge.genera import GENERA
from cloudedge.row import row_of

if TYPE_CHECKING:
    from PIL import Image

    from cloudedge.photo.crop import Box

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_SOFTWARE, _SIGNATURE = 0x0131, "cloudedge explain"  # an EXIF tag, and its value in the pictures made here


_EXIT_CODES = """Exit codes: 0 the picture is written; 1 the photo cannot be read; 2 wrong usage; 3 the model or
onnxruntime cannot be used; 130 interrupted."""


@click.command("explain", epilog=_EXIT_CODES, short_help="Draw where in a photo a genus is seen.")
@click.argument("path", metavar="PHOTO")
@click.option("-o", "--output", "target", required=True, metavar="FILE", help="The picture: .jpg, .png or .webp.")
@click.option(
    "--genus",
    type=GenusName(),
    metavar="NAME",
    help="Show the evidence for this genus, such as Cumulus or Cu.  [default: the best guess]",
)
@crop_option
@model_options
def command(path: str, target: str, genus: str | None, crop: Box | None, model: str, threads: int | None) -> None:
    """Draw PHOTO, a file or - for standard input, with the evidence for its genus in colour, and print its row.

    The colours show what the model's answer is made of, not what is true. An earlier picture is replaced; any
    other file is not.
    """
    kind = _FORMATS.get(os.path.splitext(target)[1].lower())
    if kind is None:
        raise click.BadParameter("give a name that ends in .jpg, .png or .webp.", param_hint="--output")
    classifier = open_classifier(model, threads, Answer(len(GENERA), crop, None))
    from cloudedge import explain
    from cloudedge.photo.read import read

    if os.path.lexists(target) and not _is_ours(target):
        problem = f"{printable(target)} is there already; choose another name, or delete it."
        raise click.BadParameter(problem, param_hint="--output")
    photo = standard_input() if path == STDIN else path
    try:
        result = classifier.classify(photo)
        pixels = read(photo, explain.LONG_SIDE).pixels
    except ImageError as error:
        raise click.ClickException(f"{error}.") from error
    try:
        picture = explain.explain(result, pixels, genus)
    except ValueError as error:
        raise ModelError(f"{error}; choose another", model) from error
    _save(picture, target, kind)
    click.echo("".join(to_text([row_of(result)])), nl=False)


def _is_ours(path: str) -> bool:
    """Return whether a file was made here, so that swapped arguments do not cost a photo."""
    from cloudedge.photo.formats import read_exif

    try:
        with open(path, "rb") as stream:
            return bool(read_exif(stream).get(_SOFTWARE) == _SIGNATURE)
    except Exception:  # whatever it is, it is not ours
        return False


def _save(picture: Image.Image, target: str, kind: str) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[_SOFTWARE] = _SIGNATURE
    encoded = io.BytesIO()
    picture.save(encoded, kind, quality=88, exif=exif.tobytes())
    try:
        with replacing_text(target) as stream:
            stream.buffer.write(encoded.getvalue())
    except OSError as error:
        raise unwritable(target, error) from error
