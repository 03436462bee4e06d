"""The models that come with cloudedge: their names, their files, and the checksums of their release."""

from __future__ import annotations

import os
from pathlib import Path

from cloudedge.errors import ModelError, brief


def packaged(name: str) -> Path:
    """Return the path of the packaged model of that name ("resnet34"); raise ModelError if it does not exist."""
    path = _models() / f"{name}.onnx"
    if path.is_file():
        return path
    names = ", ".join(packaged_names()) or "none"
    raise ModelError(f"is not a packaged model; use {names}, or the path of an .onnx file", name)


def packaged_names() -> list[str]:
    """Return the names of the packaged models."""
    return sorted(file.stem for file in _models().glob("*.onnx"))


def pinned_sha256(name: str) -> str | None:
    """Return the SHA-256 with which the model of that name was released, from `SHA256SUMS`; None if it is not there."""
    sums = _models() / "SHA256SUMS"
    try:
        pinned = {file: digest for digest, file in map(str.split, sums.read_text(encoding="ascii").splitlines())}
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be read ({brief(error)}); reinstall cloudedge", str(sums)) from error
    return pinned.get(f"{name}.onnx")


def _models() -> Path:
    """Return the folder of the packaged models: beside this file when installed, beside the package in a checkout."""
    here = Path(__file__).parent
    return here / "models" if (here / "models").is_dir() else here.parent / "models"


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    import hashlib

    digest, block = hashlib.sha256(), memoryview(bytearray(1 << 20))
    with open(path, "rb", buffering=0) as file:
        while size := file.readinto(block):
            digest.update(block[:size])
    return digest.hexdigest()
