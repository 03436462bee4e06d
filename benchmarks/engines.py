"""The same network in different engines, on ready tensors: (1, 3, S, S) float32 in, logits out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[Any], Any]

ENGINES: dict[str, Callable[[str, int], Run]] = {}


def _engine(name: str) -> Callable[[Callable[[str, int], Run]], Callable[[str, int], Run]]:
    def add(open_it: Callable[[str, int], Run]) -> Callable[[str, int], Run]:
        ENGINES[name] = open_it
        return open_it

    return add


@_engine("cloudedge int8")
def _cloudedge(folder: str, threads: int) -> Run:
    from cloudedge.model import Model

    return Model(f"{folder}/int8.onnx", threads).run


@_engine("onnxruntime int8")
def _onnxruntime_int8(folder: str, threads: int) -> Run:
    return _onnxruntime(f"{folder}/int8.onnx", threads)


@_engine("onnxruntime fp32")
def _onnxruntime_fp32(folder: str, threads: int) -> Run:
    return _onnxruntime(f"{folder}/fp32.onnx", threads)


def _onnxruntime(path: str, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    return lambda batch: session.run(["logits"], {"image": batch})


@_engine("OpenVINO int8")
def _openvino_int8(folder: str, threads: int) -> Run:
    return _openvino(Path(folder, "int8.onnx"), threads)


@_engine("OpenVINO fp32")
def _openvino_fp32(folder: str, threads: int) -> Run:
    return _openvino(Path(folder, "fp32.onnx"), threads)


def _openvino(path: Path, threads: int) -> Run:
    import openvino

    from benchmarks.networks import spec

    core = openvino.Core()
    model = core.read_model(path)
    side = spec(path.parent)["input_size"]
    model.reshape({model.input(0): [1, 3, side, side]})  # a fixed shape is what it does best
    hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(model, "CPU", hints)
    return lambda batch: compiled([batch])[0]


@_engine("ncnn fp32")
def _ncnn(folder: str, threads: int) -> Run:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_bf16_storage = False
    net.load_param(f"{folder}/ncnn.ncnn.param")
    net.load_model(f"{folder}/ncnn.ncnn.bin")

    def run(batch: Any) -> Any:
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(batch[0]))
            return extractor.extract("out0")[1].numpy()

    return run


@_engine("torch")
def _torch(folder: str, threads: int) -> Run:
    return _in_torch(folder, threads, lambda network: network)


@_engine("torch.compile")
def _torch_compile(folder: str, threads: int) -> Run:
    import torch

    return _in_torch(folder, threads, torch.compile)


def _in_torch(folder: str, threads: int, ready: Callable[[Any], Any]) -> Run:
    import torch

    from benchmarks.networks import network

    torch.set_num_threads(threads)
    run = ready(network(Path(folder))[0])

    @torch.inference_mode()
    def inference(batch: Any) -> Any:
        return run(torch.from_numpy(batch)).numpy()

    return inference
