"""What the fuzzers share: libFuzzer around one function, and the folders that it works in.

    python tests/fuzz/fuzz_image.py -max_total_time=60     (any of libFuzzer's options)
    python tests/fuzz/fuzz_image.py FILE                   (try one input again)

A fuzzer starts from seeds, and keeps the inputs that reach something new beside them for the next time.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "runtime" / "fixtures"
FOUND = HERE / "found"
MAX_BYTES = 8192  # of an input; longer ones are slower and reach nothing new

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set before onnxruntime is imported
sys.path.insert(0, str(HERE.parent / "hardening"))  # for its corpus
sys.modules["pi_heif"] = None  # type: ignore[assignment]  # a process for each HEIC photo would take all the time


def fuzz(try_one: Callable[[bytes], None], seeds: Iterable[bytes], max_bytes: int = MAX_BYTES) -> None:
    """Give one input after the other to `try_one`, which raises where a promise is broken."""
    warnings.simplefilter("ignore")  # a library leaves Pillow's warnings to its host program
    options = sys.argv[1:]
    if all(option.startswith("-") for option in options):
        options = ["-timeout=20", "-rss_limit_mb=3000", f"-max_len={max_bytes}", *options, str(_sown(seeds))]
    atheris.Setup([sys.argv[0], *options], try_one)
    atheris.Fuzz()


def scratch() -> Path:
    """Return where a fuzzer may write the one file that it works on, in memory if that can be: a disk is slower."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    return Path(folder, f"cloudedge-{Path(sys.argv[0]).stem}-{os.getpid()}")


def described(graph: str, metadata: bytes) -> bytes:
    """Return a model file: one of the fixtures' graphs with a description."""
    from corpus import field  # which loads Pillow, and not before it is instrumented

    entry = field(1, b"cloudedge") + field(2, metadata)
    return (FIXTURES / f"{graph}.onnx").read_bytes() + field(14, entry)  # 14 is metadata_props


def one_line(text: str) -> None:
    """Raise unless a text is one line that can be printed."""
    from cloudedge.errors import printable  # late: what is fuzzed must be imported by atheris

    assert printable(text) == text, text
    assert text, "nothing is said"


def _sown(seeds: Iterable[bytes]) -> Path:
    """Write the seeds to where the inputs that reach something new are kept, too."""
    folder = FOUND / Path(sys.argv[0]).stem
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if len(seed) <= MAX_BYTES:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    return folder
