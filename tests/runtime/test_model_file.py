from __future__ import annotations

import json
import re

import onnxruntime
import pytest

from cloudedge.model_file import read_metadata
from cloudedge.packaged_models import packaged


@pytest.mark.parametrize("name", ["lite0", "resnet34"])
def test_metadata_are_those_that_onnxruntime_finds(name):
    session = onnxruntime.InferenceSession(packaged(name), providers=["CPUExecutionProvider"])
    assert read_metadata(packaged(name)) == session.get_modelmeta().custom_metadata_map


def test_any_text_is_read(make_model, metadata):
    metadata["licence"] = "äöü 雲 " + "x" * 100_000
    assert json.loads(read_metadata(make_model(metadata))["cloudedge"]) == metadata


def test_a_file_without_metadata_has_none(fixtures, tmp_path):
    assert read_metadata(fixtures / "graph.onnx") == {}
    (tmp_path / "empty").touch()
    assert read_metadata(tmp_path / "empty") == {}


@pytest.mark.parametrize(
    "data",
    [
        b"a text is not a model",
        b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # a length without an end
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a graph longer than any file
        b"\x72\x04\x0a\x02\xff\xff",  # a key that is not UTF-8
        b"\x72",
        bytes(100_000),
        b"\x08\x01" * 100_000,  # sound, but endless
    ],
)
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "file.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.compile("model|decode")):
        read_metadata(path)


def test_no_prefix_of_a_model_is_read_wrongly(tmp_path, tiny):
    """What is read of a file that was cut short is what the whole file says, or less."""
    data, path = tiny.read_bytes(), tmp_path / "cut.onnx"
    whole = read_metadata(tiny)["cloudedge"]
    for end in range(0, len(data), 97):
        path.write_bytes(data[:end])
        try:
            found = read_metadata(path)
        except ValueError:
            continue
        assert whole.startswith(found.get("cloudedge", ""))
