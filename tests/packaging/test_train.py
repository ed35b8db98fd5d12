"""The training script: its trial run, its resampling, its held-out split, and the figures it writes."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

ROOM = Path(__file__).parents[2] / "packaging" / "models"
MODELS = Path(__file__).parents[2] / "resources" / "models"


@pytest.fixture(scope="module")
def train() -> ModuleType:
    return room_module("train")


@pytest.fixture(scope="module")
def evaluate(train: ModuleType) -> ModuleType:
    return room_module("evaluate")


def room_module(name: str) -> ModuleType:
    """A script of the room, imported as it imports its neighbours: from its own folder."""
    sys.path.insert(0, str(ROOM))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(ROOM))


@pytest.fixture(scope="module")
def trial(train: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("trial")
    return train.smoke(train.Settings(out=str(out), device="cpu", smoke=True))


def test_a_trial_trains_exports_and_reads_back_every_kind(trial: list[Path]) -> None:
    names = ["flexvit.safetensors", "flexvit_nopos.safetensors", "tnt.safetensors"]
    assert [file.name for file in trial] == names
    for file in trial:
        card = json.loads(file.with_suffix(".json").read_text())
        assert card["steps"] == 4
        assert card["trained"] is False
        assert [entry["wnid"] for entry in card["classes"]] == ["class0", "class1", "class2"]
        assert card["default_patch_size"] in card["patch_sizes"]
        assert set(card["figures"]["accuracy"]) == {str(p) for p in card["patch_sizes"]}


@pytest.mark.parametrize("number", [0, 1])
def test_a_reloaded_model_answers_as_the_flexible_one_does(
    train: ModuleType, trial: list[Path], number: int
) -> None:
    """What vitviz gets by timm's resampling is what was trained, at every patch size."""
    card_file = trial[number].with_suffix(".json")
    stored, card = train.load_student(card_file, train.STORED_PATCH)
    flexible = train.FlexibleViT(stored, card["patch_sizes"]).eval()
    x = torch.randn(2, *card["input_size"])
    for size in card["patch_sizes"]:
        plain, _ = train.load_student(card_file, size)
        assert plain.patch_embed.patch_size == (size, size)
        torch.testing.assert_close(flexible(x, size), plain(x), atol=1e-4, rtol=1e-3)


def test_without_positions_the_order_of_patches_means_nothing(
    train: ModuleType, trial: list[Path]
) -> None:
    """Not even after a start from a model that had learned positions."""
    torch.manual_seed(0)
    model, card = train.load_student(trial[1].with_suffix(".json"), 24)
    assert card["title"].endswith("without positions")
    x = torch.randn(1, *card["input_size"])
    turned = x.roll(24, -1)  # whole patches change places
    torch.testing.assert_close(model(turned), model(x), atol=1e-5, rtol=1e-4)
    with_positions, _ = train.load_student(trial[0].with_suffix(".json"), 24)
    assert (with_positions(turned) - with_positions(x)).abs().max() > 1e-4
    student = train.make_student(train.Settings(width=64, depth=2, heads=2, positions="none"), 3)
    train.begin_from(trial[0], 3, "none", student)
    assert student.vit.pos_embed is None


def test_held_out_pictures_are_the_same_each_time_and_of_every_class(
    train: ModuleType, tmp_path: Path
) -> None:
    train.make_pictures(tmp_path, classes=3, each=40)
    held = train.heldout_files(tmp_path, 0)
    assert held == train.heldout_files(tmp_path, 0)
    assert held != train.heldout_files(tmp_path, 1)
    assert sorted(path.parent.name for path in held) == sorted(["class0", "class1", "class2"] * 2)


def test_held_out_pictures_are_never_drawn(train: ModuleType, tmp_path: Path) -> None:
    train.make_pictures(tmp_path / "pictures", each=40)
    pictures = train.decode(tmp_path / "pictures", tmp_path / "work", size=32, seed=0)
    chances = train.sampling_chances(pictures)
    assert bool(((chances == 0) == pictures.heldout).all())


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(
    train: ModuleType, tmp_path: Path
) -> None:
    train.make_pictures(tmp_path / "pictures")
    plain = train.Settings(
        data=str(tmp_path / "pictures"),
        width=32,
        depth=1,
        heads=2,
        micro_batch=4,
        store_size=96,
        device="cpu",
        steps=4,
    )
    whole = replace(plain, work=str(tmp_path / "a"), out=str(tmp_path / "a"))
    train.train(whole)
    parted = replace(whole, work=str(tmp_path / "b"), out=str(tmp_path / "b"))
    stop_after(train, parted, 2)
    train.train(replace(parted, resume=True))
    weights = [(tmp_path / n / "flexvit.safetensors").read_bytes() for n in "ab"]
    assert weights[0] == weights[1]


def stop_after(train: ModuleType, settings: object, steps: int) -> None:
    """A training broken off after so many steps, with what a save leaves behind."""
    torch.manual_seed(settings.seed)
    work = Path(settings.work)
    pictures = train.decode(Path(settings.data), work, size=settings.store_size, seed=settings.seed)
    crops = train.draw_crops(pictures.aspects, settings.views, settings.crop_area, settings.seed)
    run = train.make_run(settings, len(pictures.classes), None, torch.device("cpu"))
    chances = train.sampling_chances(pictures)
    for step in range(steps):
        train.train_step(settings, run, step / settings.steps, pictures, crops, chances, None)
    train.write(work / "flexvit.pt", run.state())


def test_a_second_training_begins_from_what_the_first_exported(
    train: ModuleType, trial: list[Path], tmp_path: Path
) -> None:
    train.make_pictures(tmp_path / "pictures")
    first = json.loads(trial[0].with_suffix(".json").read_text())
    second = train.Settings(
        data=str(tmp_path / "pictures"),
        start=str(trial[0]),
        work=str(tmp_path),
        out=str(tmp_path),
        width=64,
        depth=2,
        heads=2,
        micro_batch=4,
        steps=1,
        device="cpu",
        learning_rate=0.0,
        muon_rate=0.0,
    )
    made = train.train(second)
    card = json.loads(made.with_suffix(".json").read_text())
    assert card["steps"] == first["steps"] + 1
    assert card["pictures_seen"] == first["pictures_seen"] + 8
    assert first["recipe"] in card["recipe"]
    assert made.read_bytes() == trial[0].read_bytes()  # nothing was learned at rate 0


def test_a_model_of_other_classes_or_sizes_is_no_start(
    train: ModuleType, trial: list[Path], tmp_path: Path
) -> None:
    plain = train.Settings(start=str(trial[0]), width=64, depth=2, heads=2)
    with pytest.raises(SystemExit, match="names 3 classes and the data has 7"):
        train.make_run(plain, 7, None, torch.device("cpu"))
    with pytest.raises(SystemExit, match="of another shape"):
        train.make_run(replace(plain, depth=1), 3, None, torch.device("cpu"))


def test_the_first_view_is_the_centre_square(train: ModuleType) -> None:
    crops = train.draw_crops(torch.tensor([2.0, 0.5, 1.0]), 2, 0.3, 0)
    torch.testing.assert_close(
        crops[0], torch.tensor([[0, 0, 0.5, 1], [0, 0, 1, 0.5], [0, 0, 1, 1]])
    )
    far = crops[1, :, :2].abs() + crops[1, :, 2:]
    assert float(far.max()) <= 1 + 1e-6


def test_a_mirrored_picture_gets_a_mirrored_lesson(train: ModuleType) -> None:
    lesson = train.Lesson(
        torch.zeros(2, 3), torch.eye(4)[[0, 0]], torch.arange(10.0).reshape(2, 5, 1)
    )
    turned = train.flip_lesson(lesson, torch.tensor([True, False]))
    assert turned.attention.argmax(-1).tolist() == [1, 0]
    assert turned.features[0, :, 0].tolist() == [0, 2, 1, 4, 3]
    assert turned.features[1, :, 0].tolist() == [5, 6, 7, 8, 9]


def test_rollout_of_even_attention_is_even_and_its_mass_is_the_area(evaluate: ModuleType) -> None:
    layers = [torch.full((1, 2, 17, 17), 1 / 17)] * 3
    share = evaluate.rollout(layers)[0]
    torch.testing.assert_close(share, torch.full((4, 4), 1 / 16))
    box = evaluate.Box(0.1, 0.3, 0.6, 0.9)
    assert evaluate.mass_inside(share, box) == pytest.approx(box.area, abs=1e-6)


def test_the_attention_collected_is_the_attention_used(
    evaluate: ModuleType, trial: list[Path]
) -> None:
    """Against timm's own plain attention, caught where it is multiplied with the values."""
    model, card = evaluate.load_student(trial[0].with_suffix(".json"), 24)
    evaluate.use_plain_attention(model)
    seen: list[torch.Tensor] = []
    for block in model.blocks:
        block.attn.attn_drop.register_forward_hook(lambda m, i, out: seen.append(out))
    with evaluate.every_attention(model) as layers:
        model(torch.randn(1, *card["input_size"]))
    for mine, own in zip(layers, seen, strict=True):
        torch.testing.assert_close(mine, own)


def test_a_box_follows_its_picture_into_the_centre_square(evaluate: ModuleType) -> None:
    box = evaluate.box_in_square(evaluate.Box(0.25, 0.5, 1.0, 1.0), 200, 100)
    assert (box.left, box.top, box.right, box.bottom) == (0.0, 0.5, 1.0, 1.0)


def test_a_vit_with_its_positions_off_forgets_where_its_patches_lie(
    evaluate: ModuleType, trial: list[Path]
) -> None:
    """What the model trained without positions is compared with; that one has nothing to lose."""
    model, card = evaluate.load_student(trial[0].with_suffix(".json"), 24)
    assert evaluate.switch_off(model) == "positions"
    x = torch.randn(1, *card["input_size"])
    torch.testing.assert_close(model(x.roll(24, -1)), model(x), atol=1e-5, rtol=1e-4)
    without, _ = evaluate.load_student(trial[1].with_suffix(".json"), 24)
    before = without(x)
    assert evaluate.switch_off(without) == ""
    torch.testing.assert_close(without(x), before)


def test_a_tnt_with_its_inner_blocks_off_leaves_its_words_alone(
    evaluate: ModuleType, trial: list[Path]
) -> None:
    model, card = evaluate.load_student(trial[2].with_suffix(".json"))
    assert evaluate.switch_off(model) == "inner_blocks"
    words = torch.randn(4, 16, card["architecture"]["arguments"]["inner_dim"])
    block = model.blocks[0]
    added = block.attn_in(block.norm_in(words))
    torch.testing.assert_close(added, torch.zeros_like(added))


@pytest.mark.parametrize(
    "card_file", sorted(MODELS.glob("*.safetensors")), ids=lambda file: file.stem
)
def test_a_shipped_card_describes_the_shipped_weights(train: ModuleType, card_file: Path) -> None:
    model, card = train.load_student(card_file.with_suffix(".json"))
    weights = card_file.read_bytes()
    assert train.hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert len(weights) <= 12 * 2**20
    assert model(torch.zeros(1, *card["input_size"])).shape == (1, len(card["classes"]))


def test_all_shipped_weights_together_stay_small() -> None:
    files = [*MODELS.glob("*.safetensors")]
    assert files
    assert sum(file.stat().st_size for file in files) <= 30 * 2**20
