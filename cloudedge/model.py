"""One .onnx file: check it, read its metadata, run it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudedge.errors import ModelError, brief
from cloudedge.installation import command_to_install
from cloudedge.model_file import read_metadata
from cloudedge.model_spec import METADATA_KEY, ModelSpec
from cloudedge.packaged_models import packaged, pinned_sha256, sha256


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the model says of N photos; None for what its graph does not give.

    `logits` float32 (N, classes); `evidence` float32 (N, classes, h, w), whose mean over h and w is the logits without
    their bias; `familiarity` float32 (N,), the lower the stranger; `clear` float32 (N,), the probability (0..1) that
    there is hardly any cloud. The last two only come where the model's thresholds say what to make of them.
    """

    logits: npt.NDArray[np.float32]
    evidence: npt.NDArray[np.float32] | None
    familiarity: npt.NDArray[np.float32] | None
    clear: npt.NDArray[np.float32] | None


# It moves a quantization before the max pooling, which is much slower on bytes than on floats: a sixth of ResNet-34's
# time, for the same bits.
_HINDRANCES = ["QDQPropagationTransformer"]

MOST_AT_ONCE = 8  # photos that are classified side by side: each takes memory

_JUDGES = {"familiarity": "unfamiliar", "clear": "clear"}  # outputs, and the thresholds that they are held against


class Model:
    """An opened model file: `path`, `spec`, the `threads` it computes with, and the SHA-256 `pinned` at its release.

    `pinned` is None for a file that is not packaged. It may be run from several threads at once. After a fork and after
    unpickling it opens its file again.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: int | None = None,
        side_by_side: bool = False,
        wait: bool = True,
    ) -> None:
        """Open a packaged model by its name ("resnet34"), or a model file by its path.

        `threads` is the number of CPU threads, by default as many as this process may use. All of them compute one
        photo; with `side_by_side` they are divided among up to `MOST_AT_ONCE` photos that run at the same time. Raises
        ModelError when the file, or onnxruntime itself, cannot be used, and when a packaged model is not the file that
        was released. With `wait` False the file is still being opened when this returns; `ready` and `run` wait for it.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        is_name = isinstance(path, str) and os.path.basename(path) == path and "." not in path
        self._arguments = (path if is_name else os.path.abspath(path), threads, side_by_side)
        self.path = packaged(str(path)) if is_name else Path(path)
        self.threads = threads or usable_cpus()
        self._threads_of_a_run = max(1, self.threads // MOST_AT_ONCE) if side_by_side else self.threads
        self._file = os.path.abspath(self.path)  # a later change of the working directory does not matter
        self.pinned = pinned_sha256(str(path)) if is_name else None
        self.spec = self._described()
        self._reopening = Lock()
        self._opening = (os.getpid(), _in_thread(self._checked, _onnxruntime()))
        if wait:
            self.ready()

    def __del__(self) -> None:
        if not hasattr(self, "_opening"):
            return
        pid, opening = self._opening
        if pid != os.getpid() and opening.done() and not opening.exception():
            _abandon(opening.result())

    def __reduce__(self) -> tuple[type[Model], tuple[str | os.PathLike[str], int | None, bool]]:
        return type(self), self._arguments

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hexadecimal."""
        return self.pinned or sha256(self._file)

    def ready(self) -> None:
        """Wait until the file is open; ModelError if it cannot be used."""
        self._session()

    def run(self, batch: npt.NDArray[np.float32]) -> Outputs:
        """Run a batch float32 (N, 3, h, w) as `cloudedge.preprocess` makes it; ModelError when that fails."""
        session = self._session()
        try:
            values = dict(zip(self._wanted, session.run(self._wanted, {"image": batch}), strict=True))
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise self._error(f"fails on a photo ({brief(error)}); export it again") from error
        if values["logits"].shape != (len(batch), len(self.spec.classes)):
            raise self._error(f"gives logits of shape {values['logits'].shape}; export it again")
        if not all(np.isfinite(value).all() for value in values.values()):
            raise self._error("gives values that are not finite; export it again")
        return Outputs(values["logits"], *map(values.get, ("evidence", "familiarity", "clear")))

    def _described(self) -> ModelSpec:
        """Return the description in the file, which onnxruntime need not open for that."""
        if not os.path.isfile(self._file):
            problem = "is not a file" if os.path.exists(self._file) else "does not exist"
            raise self._error(f"{problem}; give the path of a model")
        try:
            self._description = read_metadata(self._file).get(METADATA_KEY)
        except (OSError, ValueError):
            self._description = None
        if self._description is None:
            self._open(_onnxruntime())  # raises the error: onnxruntime knows whether it is a model
        try:
            return ModelSpec.from_json(self._description or "")
        except ValueError as error:
            raise self._error(f"describes itself wrongly: {error}") from error

    def _session(self) -> Any:
        """Return the session, when it is open; in a forked process one of its own, for all of its threads."""
        pid, opening = self._opening
        if pid == os.getpid():
            return opening.result()
        with self._reopening:
            pid, earlier = self._opening
            if pid != os.getpid():  # no other thread was first
                self._opening = (os.getpid(), _in_thread(self._open, _onnxruntime()))
                if earlier.done():
                    _abandon(earlier.result())
        return self._session()

    def _checked(self, onnxruntime: Any) -> Any:
        """Open the file, and check that a packaged one is the one that was released."""
        with ThreadPoolExecutor(1) as pool:  # the checksum costs next to nothing while onnxruntime opens the file
            digest = pool.submit(sha256, self._file) if self.pinned else None
            session = self._open(onnxruntime)
        if digest and digest.result() != self.pinned:
            raise self._error("is not the file that was released; reinstall cloudedge")
        return session

    def _open(self, onnxruntime: Any) -> Any:
        try:
            session = onnxruntime.InferenceSession(
                self._file,
                _options(onnxruntime, self._threads_of_a_run),
                ["CPUExecutionProvider"],
                enable_fallback=0,
                disabled_optimizers=_HINDRANCES,
            )
            description = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        except Exception as error:
            raise self._error(f"is not a model that onnxruntime can load ({brief(error)})") from error
        if description is None:
            raise self._error("does not describe itself (metadata key `cloudedge`); make one with the export stage")
        if description != self._description:
            raise self._error("has changed since it was opened; start again")
        try:
            _check_graph(session, self.spec)
        except ValueError as error:
            raise self._error(f"describes itself wrongly: {error}") from error
        judges = [output for output, threshold in _JUDGES.items() if threshold in self.spec.thresholds]
        offered = {node.name for node in session.get_outputs()}
        self._wanted = ["logits", *offered.intersection(["evidence"]), *judges]
        return session

    def _error(self, problem: str) -> ModelError:
        return ModelError(problem, str(self.path))


def _in_thread(task: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Run a task in a thread of its own; the interpreter waits for it at its end."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="cloudedge-open")
    future = pool.submit(task, *arguments)
    pool.shutdown(wait=False)
    return future


def _abandon(session: Any) -> None:
    """Never take down a session that a fork brought along: onnxruntime would wait for threads that did not come."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


def usable_cpus() -> int:
    """Return how many CPUs this process may use, which in a container can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _onnxruntime() -> Any:
    try:
        onnxruntime = import_module("onnxruntime")
        # From 1.29 on it reports models and sessions to its maker. What it sends while it is being imported, only the
        # environment variable ORT_DISABLE_TELEMETRY stops, and the environment belongs to the program.
        onnxruntime.disable_telemetry_events()
    except Exception as error:  # a broken installation raises more than ImportError
        cure = f"run: {command_to_install('onnxruntime')}"
        if sys.maxsize < 2**32:
            cure = "it does not exist for 32-bit systems: install a 64-bit one, see docs/raspberry-pi.md"
        raise ModelError(f"onnxruntime cannot be used ({brief(error)}); {cure}") from error
    return onnxruntime


def _options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # given explicitly, it also keeps onnxruntime from pinning cores
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what matters comes as an exception
    return options


def _check_graph(session: Any, spec: ModelSpec) -> None:
    """Raise ValueError where inputs and outputs do not fit the description."""
    classes = len(spec.classes)
    size = None if spec.resize.rule == "proportions" else spec.input_size
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}
    if set(inputs) != {"image"}:
        raise ValueError(f"the graph's inputs are {sorted(inputs)}, not just `image`")
    _check_node(inputs["image"], [None, 3, size, size])
    if "logits" not in outputs:
        raise ValueError("the graph has no output `logits`")
    _check_node(outputs["logits"], [None, classes])
    if "evidence" in outputs:
        sides = [*outputs["evidence"].shape, 0, 0][2:4] if size else [None, None]
        _check_node(outputs["evidence"], [None, classes, *sides])
    for name, threshold in _JUDGES.items():
        if threshold in spec.thresholds:
            if name not in outputs:
                raise ValueError(f"thresholds.{threshold} needs an output `{name}`")
            _check_node(outputs[name], [None])


def _check_node(node: Any, shape: list[int | None]) -> None:
    """None stands for a free axis (batch, height, width), which onnxruntime names by a text or None."""
    found = [size if isinstance(size, int) else None for size in node.shape]
    if node.type != "tensor(float)" or found != shape:
        wanted = ["N", *("free" if size is None else size for size in shape[1:])]
        raise ValueError(f"`{node.name}` is {node.type} {node.shape}, not tensor(float) {wanted}")
