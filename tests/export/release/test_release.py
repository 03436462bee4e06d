"""From drawn photos to a model that the runtime opens, and the gates that stand between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from cloudedge.classifier import CloudClassifier
from cloudedge.model import Model
from cloudedge.packaged_models import sha256
from export.__main__ import main
from export.data import data_set
from export.data.catalogue import CLASSES, Photo
from export.data.data_set import DataSet, read_data_set
from export.files import plain
from export.release.card import card_table, figures_table, genera_table, sights_table
from export.release.cross_validation import Result
from export.release.evaluation import Answers, evaluate, outcomes, per_genus, share
from export.release.measuring import Measured
from export.release.onnx_model import GateError
from export.release.release import release
from export.training.network import build, save_weights
from export.training.recipe import Recipe, load_recipe
from export.training.trainer import Trainer

from ..recipes import changed
from ..running import plain as plain_photos


@pytest.fixture(scope="module")
def release_run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Release the small recipe once; returns the folders of the run and of the models.

    Its photos are read once, and while it trains, all lists of them change.
    """
    folder = tmp_path_factory.mktemp("release")
    run, target, data = folder / "run", folder / "models", folder / "data"
    target.mkdir()
    shutil.copytree(root.parent, data)
    (target / "MODEL_CARD.md").write_text("<!-- figures of lite0 -->\nold\n<!-- end of figures -->\n", encoding="utf-8")
    recipe_file = folder / "tiny.toml"
    recipe_file.write_text(RECIPE, encoding="utf-8")
    photos = data / root.name
    arguments = ["release", str(recipe_file), "--data", str(photos), "--run", str(run), "--target", str(target)]
    readings, train = [], Trainer.run

    def counted(read: Callable[..., object]) -> Callable[..., object]:
        return lambda *given: readings.append(read.__name__) or read(*given)

    def train_and_change(*given: object) -> object:
        for path in (*data.glob("*/*.csv"),):
            path.write_text("changed", encoding="utf-8")
        return train(*given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        for name in ("load_catalogue", "load_elsewhere"):
            patch.setattr(data_set, name, counted(getattr(data_set, name)))
        patch.setattr(Trainer, "run", train_and_change)
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "| agreed |" in result.output
    assert readings == ["load_catalogue", "load_elsewhere"]
    assert {path.read_text(encoding="utf-8") for path in data.glob("*/*.csv")} == {"changed"}
    return run, target


RECIPE = changed(
    weights='"imagenet"',
    input_size="64",
    labels="{ manifest = 0.4, 1 = 0.3, 2 = 0.3 }",
    average="0.9",
    quantize="false",
    elsewhere="true",
    images="960",
    size="64",
    batch="16",
)


def test_a_released_model_is_opened_by_the_runtime_and_knows_the_drawn_genera(
    release_run: tuple[Path, Path], root: Path
) -> None:
    _, target = release_run
    classifier = CloudClassifier(str(target / "lite0.onnx"))
    rows = list(classifier.classify_many(sorted(root.glob("*/*.png"))))
    assert np.mean([row.genus == Path(str(row.path)).parent.name for row in rows]) > 0.3  # by chance it would be 0.1


def test_a_release_pins_its_checksum_and_keeps_its_weights(release_run: tuple[Path, Path]) -> None:
    run, target = release_run
    assert (run / "losses.png").stat().st_size > 5000
    assert (target / "SHA256SUMS").read_text() == f"{sha256(target / 'lite0.onnx')}  lite0.onnx\n"
    assert build("lite0", str(target / "lite0.safetensors"))
    card = (target / "MODEL_CARD.md").read_text()
    assert card_table(dict(Model(target / "lite0.onnx").spec.metrics)) in card
    assert "old" not in card
    assert sorted(path.name for path in target.iterdir()) == [
        "MODEL_CARD.md",
        "SHA256SUMS",
        "lite0.onnx",
        "lite0.safetensors",
    ]


def test_a_released_model_loads_in_old_runtimes_and_tells_its_figures(release_run: tuple[Path, Path]) -> None:
    _, target = release_run
    model = onnx.load(target / "lite0.onnx")
    assert model.ir_version <= 10
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 18
    spec = Model(target / "lite0.onnx").spec
    assert spec.metrics["test"]["agreed"]["top1"]["n"] > 10
    assert spec.metrics["test"]["elsewhere"]["top1"]["n"] == 3  # the half that calibration did not see
    assert spec.metrics["sights"]["cloud elsewhere"]["certain"]["n"] == 3
    assert spec.metrics["sights"]["cloud"]["certain"]["n"] == 20
    assert spec.resize.rule == "proportions"
    assert spec.metrics["torch_max_logit_difference"] <= 1e-4
    assert Recipe.from_dict(dict(spec.recipe)).name == "lite0"


def test_evaluate_prints_the_figures_that_the_model_tells(
    release_run: tuple[Path, Path], root: Path, tmp_path: Path
) -> None:
    _, target = release_run
    arguments = ["evaluate", "--model", str(target / "lite0.onnx"), "--data", str(root), "--run", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "figures.json").read_text()) == Model(target / "lite0.onnx").spec.metrics["test"]
    for name in ("confusion-agreed.png", "reliability-guided.png"):
        assert (tmp_path / name).stat().st_size > 5000
    for name in ("genera-agreed.csv", "losses-manifest.csv", "confused-guided.csv"):
        assert (tmp_path / name).exists()


def test_photos_that_came_later_are_not_taken_for_the_test_part(
    release_run: tuple[Path, Path], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").symlink_to(root.parent / "elsewhere")
    (folder := tmp_path / "photos").mkdir()
    for path in root.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "manifest.csv").unlink()
    lines = (root / "manifest.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "manifest.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    model = release_run[1] / "lite0.onnx"
    arguments = ["evaluate", "--model", str(model), "--data", str(folder), "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"{folder}: holds other photos than those that {model} was made from" in result.output
    (tmp_path / "elsewhere").unlink()  # a folder of somebody's own photos has none beside it
    result = CliRunner().invoke(main, [*arguments, "--part", "all"], catch_exceptions=False)
    assert result.exit_code == 0


def test_captures_without_reviews_give_a_model_in_a_folder_of_its_own(root: Path, tmp_path: Path) -> None:
    captures, target, weights = tmp_path / "captures", tmp_path / "models", tmp_path / "start.safetensors"
    captures.mkdir()
    for path in root.iterdir():
        if path.name != "review.csv":
            (captures / path.name).symlink_to(path)
    save_weights(build("lite0", "imagenet"), weights)
    tuned = RECIPE.replace('"lite0"', '"camera"\nnetwork = "lite0"', 1).replace('"imagenet"', f'"{weights}"')
    (tmp_path / "camera.toml").write_text(
        tuned.replace("images = 960", "images = 32").replace("elsewhere = true", ""), encoding="utf-8"
    )
    common = ["--data", str(captures), "--run", str(tmp_path / "run")]
    run = CliRunner().invoke(
        main, ["release", str(tmp_path / "camera.toml"), "--target", str(target), *common], catch_exceptions=False
    )
    assert run.exit_code == 0, run.output
    assert CloudClassifier(target / "camera.onnx").classify(root / "Cirrus" / "0.png").model == "camera 0.0.1"
    model = ["evaluate", "--model", str(target / "camera.onnx")]
    for part, n in (("test", 20), ("all", 80)):
        run = CliRunner().invoke(main, [*model, "--part", part, *common], catch_exceptions=False)
        assert run.exit_code == 0, run.output
        assert json.loads((tmp_path / "run" / "figures.json").read_text())["manifest"]["top1"]["n"] == n


def test_a_tuning_says_before_that_captures_are_few_and_after_whether_it_was_worth_it(
    release_run: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures, released = plain_photos(root, tmp_path), release_run[1]
    recipe_file, target = _tuning(released, tmp_path), tmp_path / "models"
    monkeypatch.setattr("export.release.calibration.confidence_threshold", lambda judged: 1.0)
    arguments = ["release", str(recipe_file), "--data", str(captures), "--target", str(target)]
    result = CliRunner().invoke(main, [*arguments, "--run", str(tmp_path / "run")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("Warning: only 8 of Cirrus, 8 of Cirrocumulus, ")
    assert "8 of Cumulonimbus: below 25 captures of a genus, a tuned model may well be worse" in result.stderr
    verdict, written = result.stdout.splitlines()[-2:]
    tested = read_data_set(load_recipe(recipe_file), captures).test
    right = [
        sum(CloudClassifier(model).classify(captures / photo.file).top[0].genus == photo.genus for photo in tested)
        for model in (released / "lite0.onnx", target / "camera.onnx")
    ]
    told = f"named {right[0]} rightly before tuning and {right[1]} after: it is "
    assert verdict.startswith(f"Of {len(tested)} captures kept apart, the model {told}")
    assert verdict.endswith("; it is certain of none of them, so its answers are all doubts.")
    assert written == f"Wrote {target / 'camera.onnx'}."


def test_too_few_captures_are_refused_before_any_training(
    release_run: tuple[Path, Path], root: Path, tmp_path: Path
) -> None:
    captures, recipe_file = plain_photos(root, tmp_path), _tuning(release_run[1], tmp_path)
    lines = (captures / "manifest.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (captures / "manifest.csv").unlink()
    (captures / "manifest.csv").write_text("".join([lines[0], *lines[1:4], *lines[-3:]]), encoding="utf-8")
    arguments = ["release", str(recipe_file), "--data", str(captures), "--target", str(tmp_path / "models")]
    result = CliRunner().invoke(main, [*arguments, "--run", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"Error: {captures}: holds 6 captures (3 of Cirrus, 3 of Cumulonimbus), too few to tune a model by: collect at "
        "least 25 of each of two or more genera, or use the model as it is"
    ]
    assert not [path for folder in ("run", "models") for path in (tmp_path / folder).glob("*")]


def _tuning(released: Path, folder: Path) -> Path:
    """Write a recipe that tunes a released lite0 a little; return its path."""
    tuned = RECIPE.replace('"lite0"', '"camera"\nnetwork = "lite0"', 1).replace("elsewhere = true", "")
    tuned = tuned.replace('"imagenet"', f'"{released / "lite0.safetensors"}"').replace("images = 960", "images = 32")
    (folder / "camera.toml").write_text(tuned, encoding="utf-8")
    return folder / "camera.toml"


def test_train_onnx_and_quantize_are_the_steps_of_a_release(
    release_run: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds of training leave logits too close to each other for the gates.
    monkeypatch.setattr("export.release.quantization.MIN_AGREEMENT", 0.0)
    monkeypatch.setattr("export.release.quantization.MAX_ACCURACY_DROP", 1.0)
    run, _ = release_run
    recipe_file = tmp_path / "tiny.toml"
    recipe_file.write_text(RECIPE, encoding="utf-8")
    common = ["--data", str(root)]
    commands = (
        ["train", str(recipe_file), "--run", str(run), *common],  # ended already: only writes its weights again
        [
            "onnx",
            str(recipe_file),
            "--weights",
            str(run / "weights.safetensors"),
            "-o",
            str(tmp_path / "float32.onnx"),
            *common,
        ],
        ["quantize", str(tmp_path / "float32.onnx"), "-o", str(tmp_path / "int8.onnx"), *common],
    )
    for arguments in commands:
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    released = Model(run.parent / "models" / "lite0.onnx").spec
    for name in ("float32", "int8"):  # each is calibrated, by what it says itself
        spec = Model(tmp_path / f"{name}.onnx").spec
        found = (spec.temperature, spec.thresholds) == (released.temperature, released.thresholds)
        assert found == (name == "float32")
        assert spec.temperature != 1.0
        assert spec.thresholds["clear"] < 1.0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("export.release.quantization.MIN_AGREEMENT", 1.1)
    monkeypatch.setattr("export.release.onnx_model.MAX_LOGIT_DIFFERENCE", -1.0)
    for arguments in commands[1:]:
        with pytest.raises(GateError):
            CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert (tmp_path / "int8.onnx").stat().st_size < 0.4 * (tmp_path / "float32.onnx").stat().st_size
    integers = [numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer]
    kernels = [weights.astype(int) for weights in integers if weights.dtype == np.int8 and weights.ndim == 4]
    assert len(kernels) == 24  # of 50: the second half of the convolutions, but for that of the evidence
    assert {abs(weights).max() for weights in kernels if weights.shape[1] == 1} == {127}  # depthwise
    assert {abs(weights).max() for weights in kernels if weights.shape[1] > 1} == {64}


def test_a_release_may_cross_validate_itself_for_its_card(
    release_run: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(release_run[1] / "lite0.onnx", tmp_path / "lite0.onnx")
    card = "text\n<!-- cross-validation of lite0 -->\nold\n<!-- end of cross-validation -->\ntext\n"
    (tmp_path / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    photos = [Photo(str(k), CLASSES[k % 10], k, False, {}) for k in range(40)]
    answers = Answers(np.eye(10)[np.arange(40) % 10], np.where(np.arange(40) < 10, "", "clear"))
    figures, genera = evaluate(answers, photos), per_genus(answers, np.arange(40) % 10)
    strange = {"contrail": outcomes(np.where(np.arange(8) < 2, "", "unfamiliar"))}
    empty = Result({}, [], {}, {}, {}, share(np.arange(0) < 0))
    asked: list[Path] = []

    def cross_validate(recipe: Recipe, data: DataSet, folder: Path) -> dict[str, Result]:
        asked.append(folder)
        return {"float32": empty, "int8": replace(empty, pooled=figures, genera=genera, strange=strange)}

    measured = Measured(answers, figures, genera, strange, {})
    monkeypatch.setattr("export.release.release.release", lambda *arguments: measured)
    monkeypatch.setattr("export.release.cross_validation.cross_validate", cross_validate)
    arguments = ["release", str(tmp_path / "tiny.toml"), "--target", str(tmp_path), "--data", str(root)]
    arguments += ["--run", str(tmp_path / "run")]
    run = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert run.exit_code == 0
    assert not asked
    assert genera_table(plain(genera)) in run.output
    result = CliRunner().invoke(main, [*arguments, "--cross-validate"], catch_exceptions=False)
    assert asked == [tmp_path / "run" / "cross"]
    tables = "\n\n".join([figures_table(plain(figures)), genera_table(plain(genera)), sights_table(plain(strange))])
    assert "| manifest | 40 | 100.0% [" in tables
    assert "| contrail | 8 | 25.0% [" in tables
    assert (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8") == card.replace("old", tables)
    assert tables in result.output


def test_a_refused_model_leaves_no_trace(
    recipe: Recipe, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.release.quantization.MIN_AGREEMENT", 1.1)
    target = tmp_path / "models"
    target.mkdir()
    short = replace(recipe, phases=(replace(recipe.phases[0], images=32),))
    with pytest.raises(GateError):
        release(short, read_data_set(short, root), tmp_path / "run", target)
    assert not list(target.iterdir())


def test_a_recipe_with_an_unknown_key_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(RECIPE + "\nmomentum = 0.9\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["train", str(path), "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "momentum" in result.output
