"""Make, once, the files that the contenders need: `python -m benchmarks.networks FOLDER`.

int8.onnx is the released model. All others are a torchvision ResNet-34 with random weights, which does not matter for
speed, of the released model's input and classes. Prints what could not be made, and why.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Make what is not there; the torch network comes first because the others are made of it."""
    folder.mkdir(parents=True, exist_ok=True)
    from cloudedge.packaged_models import packaged

    shutil.copy(packaged("resnet34"), folder / "int8.onnx")
    missing = {}
    for name, make in {"torch.pt": _torch, "fp32.onnx": _onnx, "fastai.pkl": _fastai, "ncnn.ncnn.param": _ncnn}.items():
        if (folder / name).exists():
            continue
        try:
            make(folder)
        except Exception as error:  # a contender that cannot be installed here is left out
            missing[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(missing))


def spec(folder: Path) -> dict[str, Any]:
    """Return the description in the released model's metadata."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "int8.onnx", providers=["CPUExecutionProvider"])
    found: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map["cloudedge"])
    return found


def network(folder: Path) -> tuple[Any, Any]:
    """Return the torch network and an input for it."""
    import torch
    from torchvision import models

    saved = torch.load(folder / "torch.pt", weights_only=True)
    built = models.resnet34(num_classes=len(saved["classes"]))
    built.load_state_dict(saved["weights"])
    return built.eval(), torch.rand(1, 3, saved["size"], saved["size"])


def _torch(folder: Path) -> None:
    import torch
    from torchvision import models

    said = spec(folder)
    torch.manual_seed(0)
    weights = models.resnet34(num_classes=len(said["classes"])).state_dict()
    saved = {key: said[key] for key in ("classes", "mean", "std")}
    resize = {
        "side": said["resize"]["size"],
        "interpolation": said["resize"]["interpolation"],
        "size": said["input_size"],
    }
    torch.save({**saved, **resize, "weights": weights}, folder / "torch.pt")


def _onnx(folder: Path) -> None:
    import onnx
    import torch

    built, example = network(folder)
    path = folder / "fp32.onnx"
    torch.onnx.export(
        built, (example,), path, input_names=["image"], output_names=["logits"], dynamo=True, external_data=False
    )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"cloudedge": json.dumps(spec(folder))})
    onnx.save(model, path)


def _fastai(folder: Path) -> None:
    from fastai.vision.all import CategoryBlock, DataBlock, ImageBlock, Learner, Normalize, Resize
    from PIL import Image

    said = spec(folder)
    photo = folder / "grey.png"
    Image.new("RGB", (said["input_size"],) * 2, "grey").save(photo)
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=said["classes"])),
        get_y=_first_class,
        item_tfms=Resize(said["input_size"], method="squish"),
        batch_tfms=Normalize.from_stats(said["mean"], said["std"]),
    )
    loaders = block.dataloaders([photo] * 10, bs=4, num_workers=0)
    from fastai.losses import CrossEntropyLossFlat

    Learner(loaders, network(folder)[0], loss_func=CrossEntropyLossFlat()).export(folder / "fastai.pkl")


def _first_class(path: Path) -> str:
    return "Cirrus"


def _ncnn(folder: Path) -> None:
    import torch

    built, example = network(folder)
    traced = folder / "ncnn.pt"
    torch.jit.trace(built, example).save(str(traced))
    pnnx = Path(sys.executable).with_name("pnnx")
    shape = f"inputshape=[{','.join(map(str, example.shape))}]"
    subprocess.run([pnnx, traced.name, shape], cwd=folder, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
