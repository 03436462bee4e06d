"""A and B: the least script with onnxruntime and Pillow. CLOUDEDGE_BENCH_NETWORK names the file, int8 or fp32."""

import json
import os
import sys

import numpy as np
import onnxruntime
from PIL import Image


def load(folder, draft=False):
    name = os.environ.get("CLOUDEDGE_BENCH_NETWORK", "int8")
    session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx")
    spec = json.loads(session.get_modelmeta().custom_metadata_map["cloudedge"])
    short, multiple, most = (spec["resize"][key] for key in ("size", "multiple", "max_ratio"))
    method = Image.Resampling[spec["resize"]["interpolation"].upper()]
    mean, std = np.float32(spec["mean"]), np.float32(spec["std"])

    def classify(paths):
        names = []
        for path in paths:
            image = Image.open(path)
            width, height = image.size
            long = round(short * min(max(width, height) / min(width, height), most) / multiple) * multiple
            size = (short, long) if height > width else (long, short)
            if draft:
                image.draft("RGB", (2 * size[0], 2 * size[1]))
            image = image.convert("RGB").resize(size, method)
            array = (np.asarray(image, np.float32) / 255 - mean) / std
            logits = session.run(["logits"], {"image": array.transpose(2, 0, 1)[None]})[0]
            names.append(spec["classes"][logits.argmax()])
        return names

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2:]), sep="\n")
