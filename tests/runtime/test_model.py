from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import cloudedge
from cloudedge import model as model_module
from cloudedge import packaged_models
from cloudedge.classifier import CloudClassifier
from cloudedge.errors import ModelError
from cloudedge.installation import command_to_install
from cloudedge.model import Model, usable_cpus
from cloudedge.model_spec import ModelSpec
from cloudedge.packaged_models import packaged, sha256


@pytest.fixture
def batch():
    return np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)


def problem(path: object) -> str:
    with pytest.raises(ModelError) as caught:
        Model(path)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert len(caught.value.problem) < 400
    return text


def test_golden_logits(tiny, fixtures):
    golden = np.load(fixtures / "golden.npz")
    outputs = Model(tiny).run(golden["prepared"][None])
    np.testing.assert_allclose(outputs.logits, golden["logits"], atol=1e-4)
    assert outputs.familiarity is None


def test_any_number_of_photos_is_run_at_once(tiny, batch):
    model = Model(tiny)
    together = model.run(batch).logits
    assert together.shape == (3, 10)
    assert together.dtype == np.float32
    one_by_one = np.concatenate([model.run(batch[i : i + 1]).logits for i in range(3)])
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)


def test_the_specification_is_what_the_file_says(tiny, metadata):
    spec = Model(str(tiny)).spec
    assert spec == ModelSpec.from_json(json.dumps(metadata))
    assert spec.classes == tuple(metadata["classes"])
    assert (spec.resize.size, spec.input_size, spec.temperature) == (36, 32, 1.5)


@pytest.mark.parametrize(("output", "threshold"), [("familiarity", "unfamiliar"), ("clear", "clear")])
def test_a_judgement_comes_with_a_threshold_for_it(make_model, metadata, batch, output, threshold):
    assert getattr(Model(make_model(metadata, "outputs")).run(batch), output) is None
    metadata["thresholds"][threshold] = 0.1
    values = getattr(Model(make_model(metadata, "outputs")).run(batch), output)
    assert values is not None
    assert values.shape == (3,)


def test_the_mean_of_the_evidence_is_the_logits_without_their_bias(make_model, metadata, batch, tiny):
    assert Model(tiny).run(batch).evidence is None
    outputs = Model(make_model(metadata, "outputs")).run(batch)
    assert outputs.evidence is not None
    bias = outputs.logits - outputs.evidence.mean(axis=(2, 3))
    np.testing.assert_allclose(bias, np.broadcast_to(bias[0], bias.shape), atol=1e-5)


def test_threads_are_what_was_asked_for_or_what_the_process_may_use(tiny):
    assert Model(tiny, threads=1).threads == 1
    assert Model(tiny).threads == usable_cpus() >= 1
    with pytest.raises(ValueError, match="at least 1"):
        Model(tiny, threads=0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_only_cpus_this_process_may_use_are_counted():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


# Models that are refused


def test_files_that_are_no_models_are_refused(tmp_path, tiny, capfd):
    path = tmp_path / "bad.onnx"
    for data in (b"", b"no model\n" * 40, tiny.read_bytes()[:1500]):
        path.write_bytes(data)
        assert "not a model that onnxruntime can load" in problem(path)
    assert "does not exist" in problem(tmp_path / "missing.onnx")
    assert "not a file" in problem(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_does_not_describe_itself_is_refused(fixtures):
    assert "does not describe itself" in problem(fixtures / "graph.onnx")


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("input_name", "inputs are ['pixels']"),
        ("output_name", "no output `logits`"),
        ("fixed_batch", "`image` is"),
        ("float64", "tensor(double)"),
        ("rank", "`logits` is"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(graph, words, make_model, metadata):
    assert words in problem(make_model(metadata, graph))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"text"', "[" * 100_000])
def test_metadata_that_are_no_json_object_are_refused(text, make_model):
    assert "describes itself wrongly" in problem(make_model(text))


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 7),
        ("name", "two\nlines"),
        ("version", 1.0),
        ("classes", []),
        ("classes", ["Cumulus"]),
        ("classes", ["Cumulus", "Cumulus"]),
        ("classes", ["Cumulus", "Contrail"]),
        ("classes", [["Cumulus"], {"a": 1}]),
        ("classes", "Cumulus"),
        ("input_size", 0),
        ("input_size", 32.0),
        ("input_size", True),
        ("input_size", "32"),
        ("input_size", 10**30),
        ("resize", None),
        ("resize", {"rule": "crop", "size": 36, "interpolation": "bilinear"}),
        ("resize", {"rule": "squash", "size": 31, "interpolation": "bilinear"}),
        ("resize", {"rule": "squash", "size": 36, "interpolation": ["bilinear"]}),
        ("resize", {"rule": "squash", "size": 36}),
        ("resize", {"rule": "proportions", "size": 32, "interpolation": "bicubic", "max_ratio": 2}),
        ("resize", {"rule": "proportions", "size": 32, "interpolation": "bicubic", "multiple": 32}),
        ("resize", {"rule": "proportions", "size": 36, "interpolation": "bicubic", "multiple": 4, "max_ratio": 2}),
        ("resize", {"rule": "proportions", "size": 32, "interpolation": "bicubic", "multiple": 64, "max_ratio": 2}),
        ("resize", {"rule": "proportions", "size": 32, "interpolation": "bicubic", "multiple": 32, "max_ratio": 9}),
        ("mean", [0.5, 0.5]),
        ("mean", 0.5),
        ("mean", [0.5, 0.5, float("nan")]),
        ("std", [0.2, 0.2, 0]),
        ("std", [0.2, 0.2, "0.2"]),
        ("std", [0.2, 0.2, 1e-50]),  # zero as float32
        ("temperature", 0),
        ("temperature", 1e-320),  # a logit divided by it is infinite
        ("temperature", float("inf")),
        ("temperature", 10**400),
        ("thresholds", {}),
        ("thresholds", {"dark": 30}),
        ("thresholds", {"low_confidence": None}),
        ("thresholds", {"low_confidence": 0.3, "dark": "30"}),
        ("recipe", []),
        ("recipe", {"learning_rate": float("nan")}),
        ("data", {"seeds": [{"loss": float("-inf")}]}),
        ("metrics", {"test": {"agreed": {"top1": {"value": float("nan")}}}}),
        ("metrics", nested(300)),  # reads as JSON, and is not written again
        ("data", None),
        ("metrics", "good"),
        ("licence", None),
    ],
)
def test_metadata_of_the_wrong_kind_are_refused_by_name(field, value, metadata):
    with pytest.raises(ValueError, match=field) as caught:
        ModelSpec.from_json(json.dumps({**metadata, field: value}))
    assert len(str(caught.value).splitlines()) == 1


def test_a_model_that_holds_what_is_no_json_is_refused_in_a_line(make_model, metadata):
    path = make_model({**metadata, "metrics": {"top1": float("nan")}})
    assert "wrongly: metrics must be an object without NaN or Infinity" in problem(path)
    path = make_model(json.dumps(metadata).replace('"metrics": {}', '"metrics": {"top1": 1e999}'))
    assert "wrongly: metrics must be an object without NaN or Infinity" in problem(path)


@pytest.mark.parametrize("field", ModelSpec.__slots__)
def test_metadata_that_lack_a_field_are_refused_by_name(field, metadata):
    del metadata[field]
    with pytest.raises(ValueError, match=f"{field} is missing"):
        ModelSpec.from_json(json.dumps(metadata))


def test_metadata_that_do_not_fit_the_graph_are_refused(make_model, metadata):
    assert "`image` is" in problem(make_model({**metadata, "input_size": 24}))
    assert "`logits` is" in problem(make_model({**metadata, "classes": metadata["classes"][:9]}))
    needs = {**metadata, "thresholds": {"low_confidence": 0.3, "unfamiliar": 0.1}}
    assert "needs an output `familiarity`" in problem(make_model(needs))
    needs = {**metadata, "thresholds": {"low_confidence": 0.3, "clear": 0.5}}
    assert "needs an output `clear`" in problem(make_model(needs))


KEPT = {"rule": "proportions", "size": 32, "interpolation": "bicubic", "multiple": 16, "max_ratio": 2.0}


def test_a_model_whose_sides_are_free_takes_photos_of_any_proportions(make_model, metadata, draw_sky):
    classifier = CloudClassifier(make_model({**metadata, "resize": KEPT}, "free_sides"))
    for width, height, maps in ((60, 60, (7, 7)), (80, 60, (7, 11)), (60, 120, (15, 7))):
        row = classifier.classify(draw_sky(width, height))
        assert row.maps is not None
        assert row.maps.values.shape[1:] == maps
        assert row.evidence().shape == (height, width)


def test_the_sides_of_the_graph_must_be_those_of_the_description(make_model, metadata):
    assert "`image` is" in problem(make_model({**metadata, "resize": KEPT}))
    assert "`image` is" in problem(make_model(metadata, "free_sides"))


def test_metadata_of_a_later_version_may_say_more(metadata):
    assert ModelSpec.from_json(json.dumps({**metadata, "evidence": {}})).name == "tiny"


@pytest.mark.parametrize(("graph", "words"), [("not_finite", "not finite"), ("fails", "fails on a photo")])
def test_a_model_that_fails_while_it_runs_is_an_error_and_prints_nothing(
    graph, words, make_model, metadata, batch, capfd
):
    model = Model(make_model(metadata, graph))
    with pytest.raises(ModelError, match=words) as caught:
        model.run(batch)
    assert len(str(caught.value).splitlines()) == 1
    assert capfd.readouterr() == ("", "")


def test_without_onnxruntime_the_error_says_what_to_install(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=re.escape(f"run: {command_to_install('onnxruntime')}")):
        Model(tiny)


# Packaged models


@pytest.fixture
def models(monkeypatch, tmp_path, tiny):
    """A folder of packaged models with one, `small`, and its checksum."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "small.onnx").write_bytes(tiny.read_bytes())
    (folder / "SHA256SUMS").write_text(f"{sha256(tiny)}  small.onnx\n")
    monkeypatch.setattr(packaged_models, "__file__", str(tmp_path / "packaged_models.py"))
    return folder


def test_a_name_without_a_dot_is_that_of_a_packaged_model(models):
    assert packaged("small") == models / "small.onnx"
    assert Model("small").spec.name == "tiny"
    with pytest.raises(ModelError, match="use small, or"):
        Model("large")


def test_a_packaged_model_that_is_not_the_released_file_is_refused(models, make_model, metadata):
    other = make_model({**metadata, "version": "9.9.9"})
    (models / "small.onnx").write_bytes(other.read_bytes())
    with pytest.raises(ModelError, match="not the file that was released; reinstall"):
        Model("small")
    assert Model(models / "small.onnx").spec.version == "9.9.9"  # by its path it is the user's own affair


@pytest.mark.parametrize("sums", [None, "not a list of checksums", "é"])
def test_packaged_models_whose_checksums_are_lost_are_refused(models, sums):
    (models / "SHA256SUMS").unlink()
    if sums is not None:
        (models / "SHA256SUMS").write_text(sums, encoding="utf-8")
    with pytest.raises(ModelError, match=r"SHA256SUMS.*reinstall"):
        Model("small")


def test_the_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# Threads, processes, pickles


def test_several_threads_may_run_one_model(tiny, batch):
    model = Model(tiny, threads=2)
    expected = model.run(batch).logits
    with ThreadPoolExecutor(8) as pool:
        for outputs in pool.map(lambda _: model.run(batch), range(64)):
            np.testing.assert_allclose(outputs.logits, expected, atol=1e-5)


def test_side_by_side_the_results_are_the_same(tiny, batch):
    model = Model(tiny, threads=2, side_by_side=True)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(model.run, [batch] * 4))
    expected = Model(tiny, threads=2).run(batch).logits
    assert all(np.allclose(outputs.logits, expected, atol=1e-5) for outputs in found)
    assert pickle.loads(pickle.dumps(model))._threads_of_a_run == 1


@pytest.mark.parametrize(("threads", "each"), [(1, 1), (4, 1), (8, 1), (16, 2)])
def test_side_by_side_no_core_is_left_without_work(tiny, threads, each):
    assert Model(tiny, threads, side_by_side=True)._threads_of_a_run == each


def test_a_model_survives_pickling(tiny, batch, monkeypatch, tmp_path):
    monkeypatch.chdir(tiny.parent)
    model = Model("tiny.onnx", threads=1)
    data = pickle.dumps(model)
    assert len(data) < 1000  # the path, not the weights
    monkeypatch.chdir(tmp_path)
    copy = pickle.loads(data)
    assert (copy.threads, copy.spec) == (1, model.spec)
    assert np.array_equal(copy.run(batch).logits, model.run(batch).logits)


FORK = """
import os, sys
import numpy as np
from cloudedge.model import Model
model = Model(sys.argv[1], threads=2)
batch = np.ones((1, 3, 32, 32), np.float32)
expected = model.run(batch).logits
children = []
for use in (True, False):
    child = os.fork()
    if not child:
        if use:
            assert np.allclose(model.run(batch).logits, expected)
        sys.exit(7)  # an orderly end, that takes everything down
    children.append(child)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [7, 7]
assert np.allclose(model.run(batch).logits, expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_runs_the_model_and_ends(tiny):
    here = str(Path(cloudedge.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": here}
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK, str(tiny)], check=True, timeout=60, env=environment)


def test_a_forked_process_opens_the_model_once_for_all_its_threads(tiny, batch, monkeypatch):
    model, opened, opening = Model(tiny), [], Model._open

    def slowly(self, onnxruntime):
        opened.append(self)
        time.sleep(0.2)
        return opening(self, onnxruntime)

    monkeypatch.setattr(Model, "_open", slowly)
    expected = model.run(batch).logits
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a forked process
    with ThreadPoolExecutor(4) as pool:
        assert all(np.allclose(found.logits, expected) for found in pool.map(model.run, [batch] * 4))
    assert opened == [model]


def test_a_model_file_that_changed_is_not_mixed_with_the_old_one(make_model, metadata, batch, monkeypatch):
    path = make_model(metadata)
    model = Model(path)
    make_model({**metadata, "version": "0.0.2"})
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a forked process
    with pytest.raises(ModelError, match="has changed"):
        model.run(batch)


# Without waiting


def test_a_model_may_be_used_while_it_is_being_opened(tiny, batch, monkeypatch):
    may_open, opening = threading.Event(), Model._open

    def when_told(self, onnxruntime):
        assert may_open.wait(60)
        return opening(self, onnxruntime)

    monkeypatch.setattr(Model, "_open", when_told)
    model = Model(tiny, wait=False)
    assert model.spec.name == "tiny"
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(model.run, batch) for _ in range(2)]
        may_open.set()
        expected = Model(tiny).run(batch).logits
        assert all(np.allclose(one.result().logits, expected) for one in running)


@pytest.mark.parametrize("use", [Model.ready, lambda model: model.run(np.ones((1, 3, 32, 32), np.float32))])
def test_what_is_wrong_with_the_graph_comes_when_it_is_used(use, make_model, metadata):
    model = Model(make_model(metadata, "output_name"), wait=False)
    for _ in range(2):
        with pytest.raises(ModelError, match="no output `logits`"):
            use(model)


def test_a_file_that_changes_while_it_is_opened_is_refused(make_model, metadata, monkeypatch):
    path, read = make_model(metadata), model_module.read_metadata

    def read_before_a_change(file):
        found = read(file)
        make_model({**metadata, "version": "0.0.2"})
        return found

    monkeypatch.setattr(model_module, "read_metadata", read_before_a_change)
    with pytest.raises(ModelError, match="has changed"):
        Model(path)
