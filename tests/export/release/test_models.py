"""What is released: the model files, their recipes, their card and their weights belong together."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from cloudedge.errors import CloudEdgeError
from cloudedge.model import Model
from cloudedge.packaged_models import packaged, pinned_sha256, sha256
from cloudedge.photo.read import read
from cloudedge.preprocess import prepare
from export.data import outliers
from export.data.catalogue import CLASSES
from export.release.card import card_table
from export.release.measuring import steadiness
from export.release.quantization import quantize
from export.training.network import build
from export.training.recipe import Recipe, load_recipe

OTHER = "| what it shows"
ROOT = Path(__file__).parents[3]
NAMES = sorted(path.stem for path in (ROOT / "models").glob("*.onnx"))


def test_the_released_models_are_these() -> None:
    assert NAMES == ["lite0", "resnet34"]


@pytest.mark.parametrize("name", NAMES)
def test_a_released_file_is_the_one_that_was_pinned(name: str) -> None:
    assert sha256(packaged(name)) == pinned_sha256(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_released_model_was_made_by_its_recipe(name: str) -> None:
    recipe = load_recipe(ROOT / "export" / "recipes" / f"{name}.toml")
    assert Recipe.from_dict(dict(Model(packaged(name)).spec.recipe)) == recipe


def test_the_body_that_resnet34_starts_from_fits_and_has_seen_no_label() -> None:
    recipe, body = (load_recipe(ROOT / "export" / "recipes" / f"{name}.toml") for name in ("resnet34", "resnet34-body"))
    assert recipe.weights == f"models/{body.name}.safetensors"
    assert body.weights == "none"
    assert all(phase.unlabelled for phase in body.phases)
    assert build(recipe.architecture, str(ROOT / recipe.weights))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_shows_the_figures_that_the_model_tells(name: str) -> None:
    card = (ROOT / "models" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"<!-- figures of {name} -->\n{card_table(dict(Model(packaged(name)).spec.metrics))}\n" in card


@pytest.mark.parametrize("name", NAMES)
def test_what_the_card_tells_of_each_genus_adds_up_to_the_figures(name: str) -> None:
    card = (ROOT / "models" / "MODEL_CARD.md").read_text(encoding="utf-8")
    place = re.search(f"<!-- genera of {name} -->\n(.*?)\n<!-- end of genera -->", card, re.DOTALL)
    assert place
    rows = [line.strip("| ").split(" | ") for line in place[1].splitlines()[2:]]
    assert [row[0] for row in rows] == list(CLASSES)
    photos = [int(row[1]) for row in rows]

    def total(column: int) -> int:
        return sum(round(float(row[column].split("%")[0]) / 100 * n) for row, n in zip(rows, photos, strict=True))

    guided = Model(packaged(name)).spec.metrics["test"]["guided"]
    assert sum(photos) == guided["top1"]["n"]
    assert total(2) == round(guided["top1"]["value"] * sum(photos))
    assert total(3) == sum(int(row[5]) for row in rows) == guided["precision"]["n"]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_has_the_tables_of_the_cross_validation_or_says_that_there_was_none(name: str) -> None:
    card = (ROOT / "models" / "MODEL_CARD.md").read_text(encoding="utf-8")
    place = re.search(f"<!-- cross-validation of {name} -->\n(.*?)\n<!-- end of cross-validation -->", card, re.DOTALL)
    assert place
    if place[1] == f"`{name}` {Model(packaged(name)).spec.version} was not cross-validated.":
        return
    tables = place[1].split("\n\n")
    assert [table.split(" |")[0] for table in tables] == ["| labels", "| genus", OTHER]
    assert all(line.startswith("| ") for table in tables for line in table.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_a_released_model_passed_its_gates(name: str) -> None:
    spec = Model(packaged(name)).spec
    assert spec.metrics["torch_max_logit_difference"] <= 1e-4
    assert ("int8" in spec.metrics) == spec.recipe["quantize"]
    if "int8" in spec.metrics:
        assert spec.metrics["int8"]["agreement"] >= 0.97
        assert spec.metrics["int8"]["accuracy_drop"] <= 0.01
        assert spec.metrics["int8"]["n"] >= 300


def test_steadiness_is_the_share_of_first_choices_that_noise_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    skies = list(outliers.draw("fogged lens", 10, seed=5)) + list(outliers.draw("clear sky", 10, seed=5))
    monkeypatch.setattr("export.release.measuring.NOISE", (0, 250))
    found = steadiness(packaged("lite0"), skies)
    assert {name: figure.n for name, figure in found.items()} == {"0 grey levels": 20, "250 grey levels": 20}
    assert found["0 grey levels"].value == 1.0
    assert found["250 grey levels"].value < 1.0


@pytest.mark.parametrize("name", [name for name in NAMES if (ROOT / "models" / f"{name}.safetensors").exists()])
def test_the_kept_weights_are_those_of_the_model(name: str) -> None:
    network = build(name, str(ROOT / "models" / f"{name}.safetensors")).eval()
    model = Model(packaged(name))
    image = prepare(read(ROOT / "examples" / "cumulus.jpg", model.spec.resize.size).pixels, model.spec)[None]
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).numpy()
    # the file may be int8 and the weights are float16, so the values differ a little
    np.testing.assert_allclose(model.run(image).logits, expected, atol=0.25 * float(np.ptp(expected)))
    assert model.run(image).logits.argmax() == expected.argmax()


def test_the_weights_that_recipes_start_from_are_kept() -> None:
    for path in (ROOT / "export" / "recipes").glob("*.toml"):
        weights = load_recipe(path).weights
        assert weights in ("none", "imagenet") or (ROOT / weights).exists()


def test_what_is_int8_already_is_not_quantized_again(tmp_path: Path) -> None:
    with pytest.raises(CloudEdgeError, match=r"lite0\.onnx: is already quantized; give the float32 file"):
        quantize(packaged("lite0"), {}, [], tmp_path / "int8.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_released_model_is_one_self_contained_file_for_old_runtimes_too(name: str) -> None:
    model = onnx.load(packaged(name), load_external_data=False)
    assert model.ir_version <= 10
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_all_of_resnet34_but_its_first_convolution_and_its_heads_is_integer(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(packaged("resnet34")), options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert (kinds["QLinearConv"], kinds["QLinearAdd"]) == (35, 16)
    assert kinds["Conv"] == 2  # the first, and the evidence map's
