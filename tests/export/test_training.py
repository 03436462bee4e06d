"""Real training steps on drawn photos: it learns, resumes exactly, and its parts do what they say."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cloudedge.errors import CloudEdgeError
from export import augment, runs
from export.batches import Batch, Batches, TrainingSet, draw, split_of, training_sets
from export.dataset import CLASSES, load_catalogue
from export.distillation import HintLoss, verdict_loss
from export.network import Lite0, Lite2, Resnet34, build, save_weights
from export.recipe import Phase, Recipe, load_recipe
from export.training import Trainer

RECIPES = sorted((Path(__file__).parents[2] / "export" / "recipes").glob("*.toml"))


@pytest.fixture
def data() -> TrainingSet:
    rng = np.random.default_rng(0)
    targets = np.eye(len(CLASSES), dtype=np.float32)[np.arange(40) % 10]
    pixels = np.broadcast_to(25 * (np.arange(40) % 10)[:, None, None, None], (40, 64, 64, 3)) + rng.integers(
        0, 20, (40, 64, 64, 3)
    )
    return TrainingSet(pixels.astype(np.uint8), targets)


def student(recipe: Recipe) -> Recipe:
    phases = (
        Phase(name="hints", images=32, size=64, batch=8, lr=1e-3, hint=1.0),
        Phase(name="labels", images=32, size=64, batch=8, lr=1e-3, mixup=0.5, hint=0.5, label=1.0),
    )
    return replace(recipe, name="resnet34", weights="none", phases=phases)


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


def test_a_killed_run_goes_on_and_ends_at_the_same_weights(
    recipe: Recipe, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.training.CHECKPOINT_SECONDS", 0.0)
    expected = Trainer(student(recipe), tmp_path / "whole").run(data, data).state_dict()

    trainer, steps = Trainer(student(recipe), tmp_path / "killed"), 0
    step = trainer._train_step

    def killed_after_six(*arguments: object) -> dict[str, float]:
        nonlocal steps
        steps += 1
        if steps > 6:
            raise KilledError
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "_train_step", killed_after_six)
    with pytest.raises(KilledError):
        trainer.run(data, data)
    with (tmp_path / "killed" / "log.csv").open("a", encoding="utf-8") as stream:
        stream.write("labels,3,1e-3,,,0.5\nlab")  # past the checkpoint, and cut
    resumed = Trainer(student(recipe), tmp_path / "killed")
    found = resumed.run(data, data).state_dict()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, msg=name)
    with (tmp_path / "killed" / "log.csv").open(newline="", encoding="utf-8") as stream:
        assert [(row["phase"], row["step"]) for row in csv.DictReader(stream)] == [("hints", "4"), ("labels", "4")]


def test_hints_alone_teach_the_student(recipe: Recipe, data: TrainingSet, tmp_path: Path) -> None:
    phase = Phase(name="hints", images=320, size=64, batch=16, lr=1e-3, hint=1.0)
    trainer = Trainer(replace(student(recipe), phases=(phase,)), tmp_path)
    trainer.run(data, TrainingSet(data.pixels[:0], data.targets[:0]))
    rows = (tmp_path / "log.csv").read_text().splitlines()
    first, last = (float(row.split(",")[3]) for row in (rows[1], rows[-1]))
    assert last < 0.9 * first


@pytest.mark.parametrize("name", ["resnet34", "lite0"])
def test_a_frozen_body_keeps_its_weights_but_for_batch_norm(
    name: str, recipe: Recipe, data: TrainingSet, tmp_path: Path
) -> None:
    frozen = Phase(name="head", images=16, size=64, batch=8, lr=1e-2, frozen=True, label=1.0)
    trainer = Trainer(replace(recipe, name=name, weights="none", phases=(frozen,)), tmp_path / "run")
    before = {key: value.clone() for key, value in trainer.network.named_parameters()}

    trainer.run(data, data)

    moved = {key for key, value in trainer.network.named_parameters() if not torch.equal(value, before[key])}
    assert moved == {key for key, value in before.items() if value.ndim == 1 or key.startswith("head")}


@pytest.mark.parametrize("keep", [True, False])
def test_batch_norm_goes_on_with_the_statistics_of_the_start_where_asked(
    keep: bool, recipe: Recipe, data: TrainingSet, tmp_path: Path
) -> None:
    phase = Phase(name="labels", images=16, size=64, batch=8, lr=1e-3, keep_statistics=keep, label=1.0)
    trainer = Trainer(replace(recipe, phases=(phase,)), tmp_path / "run")
    before = {key: value.clone() for key, value in trainer.network.state_dict().items()}

    after = trainer.run(data, data).state_dict()

    unmoved = {key for key, value in after.items() if torch.equal(value, before[key]) and "num_batches" not in key}
    assert unmoved == ({key for key in before if "running" in key} if keep else set())


def test_the_network_sees_noise_and_its_teacher_does_not(
    recipe: Recipe, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase(name="labels", images=8, size=32, teacher_size=64, batch=8, lr=1e-3, hint=1.0, noise=20.0)
    trainer = Trainer(replace(student(recipe), phases=(phase,)), tmp_path / "run")
    assert trainer.pretrained
    seen: dict[str, torch.Tensor] = {}
    for name, network in (("student", trainer.network), ("teacher", trainer.pretrained)):
        look = network.maps
        monkeypatch.setattr(network, "maps", lambda x, name=name, look=look: seen.update({name: x}) or look(x))

    trainer.run(data, data)

    deviation = (seen["student"] - augment.shrink(seen["teacher"], 32)).std(dim=(2, 3))
    assert deviation.max() <= 1.1 * 20 / 255 / min(augment.STD)
    assert deviation.max() > 2 * deviation.min() > 0


def test_the_layer_groups_cover_every_weight_and_the_first_learns_slowest(
    recipe: Recipe, data: TrainingSet, tmp_path: Path
) -> None:
    phase = Phase(name="labels", images=8, size=64, batch=8, lr=1e-2, lr_first=1e-4, label=1.0)
    trainer = Trainer(replace(recipe, phases=(phase,)), tmp_path / "run")
    optimiser = trainer._optimiser(phase)
    grouped = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    assert {id(p) for p in grouped} == {id(p) for p in trainer.network.parameters()}
    assert [group["share"] for group in optimiser.param_groups[::2]] == pytest.approx([0.01, 0.1, 1.0])


def test_a_killed_run_goes_on_after_a_frozen_phase(recipe: Recipe, data: TrainingSet, tmp_path: Path) -> None:
    head = Phase(name="head", images=16, size=64, batch=8, lr=1e-2, frozen=True, label=1.0)
    body = replace(head, name="labels", frozen=False, lr_first=1e-4)
    once = Trainer(replace(recipe, phases=(head, body)), tmp_path / "once").run(data, data)
    Trainer(replace(recipe, phases=(head,)), tmp_path / "twice").run(data, data)
    again = Trainer(replace(recipe, phases=(head, body)), tmp_path / "twice").run(data, data)
    for key, value in once.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value)


def test_the_verdict_loss_is_zero_for_the_teacher_itself_and_positive_otherwise() -> None:
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    assert verdict_loss(logits, [logits]).item() == pytest.approx(0, abs=1e-6)
    assert verdict_loss(logits, [logits.flip(0)]).item() > 0.1


def test_several_teachers_give_the_mean_of_their_probabilities() -> None:
    sure, of_another = 40.0 * torch.eye(10)[[0]], 40.0 * torch.eye(10)[[1]]
    torn = 40.0 * torch.eye(10)[[0, 1]].sum(dim=0, keepdim=True)
    assert verdict_loss(torn, [sure, of_another]).item() == pytest.approx(0, abs=1e-4)
    assert verdict_loss(sure, [sure, of_another]).item() > 1


def test_teachers_are_trained_once_by_their_recipes_on_the_folds_of_their_student_and_each_is_another(
    recipe: Recipe, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase(name="labels", images=8, size=32, batch=8, lr=1e-3, verdict=1.0)
    teachers = ("small.toml", "large.toml", "small.toml")
    student = replace(recipe, test_fold=2, validation_fold=0, phases=(phase,), teachers=teachers)
    teacher = replace(recipe, phases=(replace(phase, verdict=0.0, label=1.0),))
    recipes = {Path("small.toml"): teacher, Path("large.toml"): replace(teacher, network="lite2")}
    monkeypatch.setattr("export.runs.load_recipe", recipes.__getitem__)
    sets: list[Recipe] = []
    read = training_sets
    monkeypatch.setattr("export.runs.training_sets", lambda asked, root: sets.append(asked) or read(asked, root))

    trainer = runs.trainer_of(runs.Run(student, student.seed, tmp_path), root)
    runs.trainer_of(runs.Run(student, student.seed, tmp_path), root)

    assert [(asked.test_fold, asked.validation_fold, asked.seed) for asked in sets] == [(2, 0, student.seed)] * 3
    assert [type(network) for network in trainer.trained] == [Lite0, Lite2, Lite0]
    first, _, third = (network.head.weight for network in trainer.trained)
    assert not torch.equal(first, third)

    by_itself = replace(teacher, test_fold=2, validation_fold=0)
    alone = runs.train(runs.Run(by_itself, teacher.seed, tmp_path / "alone"), root)
    assert torch.equal(first, build("lite0", str(alone)).head.weight)


def test_the_hint_loss_is_zero_between_equal_maps() -> None:
    ours, theirs = Resnet34(), Lite0()
    maps = theirs.eval().maps(torch.randn(4, 3, 64, 64))
    loss = HintLoss(ours, theirs)
    assert 0 < loss(ours.maps(torch.randn(4, 3, 64, 64)), maps).item() < 2
    own = HintLoss(theirs, theirs)  # with the identity as its map, it must see no difference at all
    for stride, layer in own.project.items():
        torch.nn.init.dirac_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        assert theirs.channels[int(stride)] == layer.weight.shape[0]
    assert own(maps, maps).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda state: state.pop("head.bias"), "head.bias is missing"),
        (lambda state: state.update({"body.fc.weight": torch.zeros(1)}), "body.fc.weight does not belong there"),
        (lambda state: state.update({"head.bias": torch.zeros(7)}), r"head.bias is \[7\], not \[10\]"),
    ],
)
def test_weights_that_do_not_fit_are_told_and_counters_do_not_matter(
    change: Callable[[dict[str, torch.Tensor]], object], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    state = dict(build("resnet34", "none").state_dict())
    save_file(state, path)  # with the counters of batch norm
    assert build("resnet34", str(path))
    change(state)
    save_file(state, path)
    with pytest.raises(CloudEdgeError, match=rf"weights\.safetensors: holds no weights of resnet34: {problem}"):
        build("resnet34", str(path))


def test_a_file_that_holds_no_weights_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for content in (b"", b"no weights at all"):
        path.write_bytes(content)
        with pytest.raises(CloudEdgeError, match="cannot be read as weights"):
            build("lite0", str(path))
    with pytest.raises(CloudEdgeError, match="cannot be read as weights"):
        build("lite0", str(tmp_path))


@pytest.mark.parametrize("name", ["resnet34", "lite0"])
def test_weights_come_back_from_their_file(name: str, tmp_path: Path) -> None:
    network = build(name, "none").eval()
    save_weights(network, tmp_path / "weights.safetensors")
    again = build(name, str(tmp_path / "weights.safetensors")).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again(images), network(images), atol=0.02, rtol=0.02)


def test_sampling_gives_rare_genera_their_share() -> None:
    targets = np.zeros((100, 10), dtype=np.float32)
    targets[:95, 0] = targets[95:, 1] = 1
    phase = Phase(name="labels", images=4000, size=32, lr=1e-3, label=1.0)
    for balance, expected in ((0.0, 0.05), (1.0, 0.5)):
        order = draw(targets, replace(phase, balance=balance), seed=0)
        assert (order >= 95).mean() == pytest.approx(expected, abs=0.03)
    unlabelled = draw(targets, replace(phase, images=200, label=0.0, hint=1.0), seed=0)
    assert (np.bincount(unlabelled) == 2).all()


def test_outliers_are_learned_as_undecided_and_only_those_of_the_training_folds(
    recipe: Recipe, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root, tmp_path / "photos")
    manifest = tmp_path / "photos" / "manifest.csv"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(",Cirrus,", ",Contrail,"), encoding="utf-8")

    everything, labelled = training_sets(recipe, tmp_path / "photos")

    photos, train = load_catalogue(tmp_path / "photos"), split_of(recipe, load_catalogue(tmp_path / "photos")).train
    contrails = sum(photo.genus == "Contrail" for photo, chosen in zip(photos, train, strict=True) if chosen)
    undecided = (labelled.targets == np.float32(0.1)).all(axis=1)
    assert len(everything.targets) == len(photos) == 80
    assert len(labelled.targets) == train.sum() + 4  # a drawing of each kind: one for each ten photos
    assert undecided.sum() == contrails + 4
    assert not np.isnan(labelled.targets).any()


def test_mixup_keeps_the_mass_of_the_targets() -> None:
    images, targets = torch.rand(6, 3, 8, 8), torch.eye(10)[:6]
    mixed, mixed_targets = augment.mixup(images, targets, 1.0, torch.Generator().manual_seed(1))
    assert mixed.shape == images.shape
    torch.testing.assert_close(mixed_targets.sum(dim=1), torch.ones(6))
    assert (mixed_targets.max(dim=1).values < 1).any()


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_shares_the_target_as_it_cuts_the_image(seed: int) -> None:
    targets = torch.eye(10)[:6]
    images = targets.argmax(dim=1).float().view(-1, 1, 1, 1).expand(6, 3, 24, 40)  # each pixel tells whose it is
    mixed, mixed_targets = augment.cutmix(images, targets, torch.Generator().manual_seed(seed))
    for image, target in zip(mixed, mixed_targets, strict=True):
        assert torch.equal(image[0], image[1])
        shares = torch.bincount(image[0].long().flatten(), minlength=10) / (24 * 40)
        torch.testing.assert_close(shares, target)
    assert images.max() == 5  # the batch itself is left alone


def test_the_boxes_of_cutmix_lie_anywhere_and_have_any_size() -> None:
    pair = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 32, 32)
    cuts = [
        augment.cutmix(pair, torch.eye(10)[:2], torch.Generator().manual_seed(seed))[0][0, 0] for seed in range(400)
    ]
    boxes = torch.stack([cut for cut in cuts if cut.any()])
    assert len(boxes) > 150  # in half of the draws each gets a box of itself
    assert boxes.mean(dim=(1, 2)).min() < 0.05
    assert boxes.mean(dim=(1, 2)).max() > 0.7
    assert boxes.mean(dim=0).min() > 0.05  # it reaches into every corner


def small_batches(phase: Phase) -> list[Batch]:
    rng = np.random.default_rng(0)
    targets = np.eye(10, dtype=np.float32)[np.arange(20) % 10]
    data = TrainingSet(rng.integers(0, 256, (20, 40, 40, 3), dtype=np.uint8), targets)
    return list(Batches(data, phase, 7, torch.device("cpu")))


MIXED = Phase(name="labels", images=48, size=32, batch=4, lr=1e-3, mixup=0.5, noise=6.0, label=1.0)


def test_batches_without_the_later_augmentations_are_those_of_the_released_models() -> None:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    targets = torch.eye(10)[torch.arange(20) % 10]
    order = draw(targets.numpy(), MIXED, 7)
    found = small_batches(MIXED)
    for step, batch in enumerate(found):
        dice = torch.Generator().manual_seed(7 * 1_000_003 + step)
        chosen = order[step * 4 : step * 4 + 4]
        images, wanted = augment.normalise(augment.random_crops(pixels[chosen], 32, 0.35, dice)), targets[chosen]
        if torch.rand((), generator=dice).item() < 0.5:
            images, wanted = augment.mixup(images, wanted, 1.0, dice)
        of_device = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=dice).item()))
        assert torch.equal(batch.images, images)
        assert torch.equal(batch.targets, wanted)
        assert torch.equal(batch.seen, augment.add_noise(images, 6.0, of_device))
    mixed = [bool((batch.targets.max(dim=1).values < 1).any()) for batch in found]
    assert any(mixed)
    assert not all(mixed)


def test_a_batch_is_mixed_or_cut_and_never_both() -> None:
    still = replace(MIXED, noise=0.0)
    plain, mixed, both = map(small_batches, (replace(still, mixup=0.0), still, replace(still, cutmix=0.5)))
    kinds = set()
    for whole, one, other in zip(plain, mixed, both, strict=True):
        if not torch.equal(whole.images, one.images):  # mixup: as without cutmix
            kinds.add("mixup")
            assert torch.equal(other.images, one.images)
        else:
            kinds.add("cutmix")
            found = (other.images[:, None] == whole.images[None]).all(dim=2)  # each pixel is one of the batch's there
            assert found.any(dim=1).all()
    assert kinds == {"mixup", "cutmix"}


def test_trivial_augment_changes_crops_by_the_seed_and_leaves_the_dice_of_the_process_alone() -> None:
    phase = replace(MIXED, mixup=0.0, noise=0.0)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    augmented = replace(phase, trivial_augment=True)
    first, second, plain = small_batches(augmented), small_batches(augmented), small_batches(phase)
    assert torch.equal(torch.rand(4), expected)
    changed = 0
    for one, other, whole in zip(first, second, plain, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.images.shape == whole.images.shape
        changed += sum(not torch.allclose(a, b, atol=0.05) for a, b in zip(one.images, whole.images, strict=True))
    assert changed > 24  # of 48


def test_noise_has_another_deviation_for_each_image_and_the_same_for_the_same_dice() -> None:
    images = torch.zeros(200, 3, 16, 16)
    noisy = augment.add_noise(images, 8.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(augment.add_noise(images, 8.0, torch.Generator().manual_seed(1)), noisy)
    levels = noisy * torch.tensor(augment.STD).view(1, 3, 1, 1) * 255
    deviations = levels.std(dim=(1, 2, 3))
    assert deviations.mean().item() == pytest.approx(4, abs=0.5)
    assert deviations.min() < 1
    assert 7 < deviations.max() < 8.8


def crops_of(picture: torch.Tensor, size: int = 48, min_scale: float = 0.2, seed: int = 1) -> torch.Tensor:
    photos = picture.to(torch.uint8).expand(100, -1, -1, -1)
    return augment.random_crops(photos, size, min_scale, torch.Generator().manual_seed(seed))


def test_crops_are_grey_levels_of_the_asked_size_and_fall_with_the_dice() -> None:
    picture = torch.randint(0, 256, (3, 80, 100), generator=torch.Generator().manual_seed(0))
    crops = crops_of(picture)
    assert crops.shape == (100, 3, 48, 48)
    assert (crops.min() >= 0, crops.max() <= 255, crops.max() > 100) == (True, True, True)
    torch.testing.assert_close(crops_of(picture), crops)
    assert not torch.equal(crops_of(picture, seed=2), crops)


def test_crops_show_the_asked_share_of_the_photo_at_every_allowed_aspect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ROTATED", 0.0)
    monkeypatch.setattr(augment, "RELIT", 0.0)
    ramp = torch.linspace(0, 255, 200).expand(200, 200)
    crops = crops_of(torch.stack([ramp, ramp.T, ramp]), size=50, min_scale=0.3)
    across, down = crops[:, 0].mean(dim=1), crops[:, 1].mean(dim=2)
    width, height = ((levels[:, -1] - levels[:, 0]) / 255 * 50 / 49 for levels in (across, down))
    assert (width < 0).float().mean() == pytest.approx(0.5, abs=0.15)  # mirrored, and never upside down
    assert height.min() > 0
    area, aspect = width.abs() * height, width.abs() / height
    assert area.min() == pytest.approx(0.3, abs=0.04)
    assert 0.9 < area.max() < 1.01
    assert 0.55 < aspect.min() < 0.7
    assert 1.4 < aspect.max() < 1.8


def test_light_changes_within_bounds_and_grey_stays_grey() -> None:
    crops = crops_of(torch.full((3, 64, 64), 120))
    assert (crops.amax(dim=(1, 2, 3)) - crops.amin(dim=(1, 2, 3))).max() < 0.5
    assert 120 * 0.8 - 1 <= crops.min() < 105
    assert 135 < crops.max() <= 120 * 1.2 + 1
    assert ((crops - 120).abs().amax(dim=(1, 2, 3)) < 0.5).float().mean() == pytest.approx(0.25, abs=0.12)


def test_the_colour_of_the_sky_hardly_turns() -> None:
    sky = torch.tensor([90.0, 140.0, 220.0]).view(3, 1, 1).expand(3, 64, 64)
    red, green, blue = crops_of(sky).mean(dim=(2, 3)).T
    assert (red < green).all()
    assert (green < blue).all()
    assert ((blue - red) / 130).std() > 0.05  # but its saturation changes


def test_what_is_finer_than_the_crop_turns_grey() -> None:
    checks = 255 * (torch.arange(256).view(-1, 1) + torch.arange(256)).remainder(2)
    assert crops_of(checks.expand(3, -1, -1), size=128, min_scale=0.9).std(dim=(1, 2, 3)).median() < 25  # of 127


def test_a_recipe_that_asks_for_a_verdict_needs_a_teacher(recipe: Recipe) -> None:
    phase = replace(recipe.phases[0], verdict=1.0)
    with pytest.raises(ValueError, match="no teacher"):
        replace(recipe, phases=(phase,))
    assert replace(recipe, phases=(phase,), teachers=("teacher.toml",))


def test_hints_beside_a_verdict_need_a_lite0_for_the_first_teacher(tmp_path: Path) -> None:
    text = (RECIPES[0].parent / "resnet34.toml").read_text(encoding="utf-8")
    (tmp_path / "student.toml").write_text(text.replace("lite0.toml", "teacher-large.toml"), encoding="utf-8")
    with pytest.raises(ValueError, match="must be a lite0"):
        load_recipe(tmp_path / "student.toml")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_can_be_read_and_goes_into_the_metadata_and_back(path: Path) -> None:
    recipe = load_recipe(path)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.input_size % 32 == 0
    assert all(phase.size % 32 == 0 for phase in recipe.phases)
