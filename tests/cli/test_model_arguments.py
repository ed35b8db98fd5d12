"""What is said of a model on the command line, and what is assumed is said back."""

from __future__ import annotations

import json

import pytest
import timm
import torch
from PIL import Image

import vitviz
from vitviz.cli import run
from vitviz.cli.command_arguments import Misused
from vitviz.cli.model_arguments import SaidOfModel, input_sides


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo):
    """A picture, and weights of which nothing says what they are."""
    found = tmp_path_factory.mktemp("said")
    Image.fromarray(photo).save(found / "photo.png")
    torch.manual_seed(0)
    sizes = {"img_size": 32, "depth": 2, "embed_dim": 64, "num_heads": 2, "num_classes": 3}
    net = timm.create_model("vit_tiny_patch16_224", **sizes)
    torch.save(net.state_dict(), found / "mine.pth")
    (found / "names.txt").write_text("ant\nbee\nfly\n")
    return found


def drawn(folder, *more):
    words = ["draw", str(folder / "photo.png"), "-v", "heads", "-m", str(folder / "mine.pth")]
    out = () if "-o" in more else ("-o", str(folder / "out.png"))
    return run([*words, *out, "--overwrite", *more], lambda _: 9)


def test_what_is_assumed_goes_to_stderr_and_into_json(folder, capsys):
    assert drawn(folder, "--json") == 0
    out, err = capsys.readouterr()
    assert "assumed: " in err
    assert "heads" in err
    assert any("mean/std" in each for each in json.loads(out)[0]["assumed"])
    assert drawn(folder, "--strict") == 1
    assert "strict refuses" in capsys.readouterr().err


def test_what_is_said_is_what_runs(folder, capsys):
    said = ["--num-heads", "2", "--mean", "0.5", "--std", "0.5,0.5,0.4"]
    assert drawn(folder, *said, "--classes", str(folder / "names.txt")) == 0
    err = capsys.readouterr().err
    assert "2 heads" not in err
    assert "mean/std" not in err
    from vitviz.figures.recipes import read_recipe

    made = read_recipe(folder / "out.png")
    asked = dict(map(tuple, made["made"]["run"]["asked"]))
    assert asked["num_heads"] == 2
    assert asked["std"] == [0.5, 0.5, 0.4]
    assert "Numbers compared" in made["how known"]


def test_a_trace_and_a_batch_say_it_too(folder, capsys, tmp_path):
    model = str(folder / "mine.pth")
    line = [
        "trace",
        str(folder / "photo.png"),
        "-m",
        model,
        "-o",
        str(tmp_path / "a.npz"),
        "--json",
    ]
    assert run(line, lambda _: 9) == 0
    out, err = capsys.readouterr()
    assert "assumed" in err
    assert {"assumed", "proven", "known"} & {
        each["certainty"] for each in json.loads(out)["evidence"]
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes((folder / "photo.png").read_bytes())
    line = [
        "batch",
        str(tmp_path / "in"),
        "-o",
        str(tmp_path / "out"),
        "--rows",
        "-m",
        model,
        "--json",
    ]
    assert run(line, lambda _: 9) == 0
    out, err = capsys.readouterr()
    assert "assumed" in err
    assert json.loads(out)["assumed"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--layer", "7"), "there is no layer 7; the 2 layers"),
        (("--token", "9,9"), "outside the grid of 2 x 2"),
        (("--token", "register 1"), "prefix token's"),
        (("-o", "out.xyz"), "cannot be saved"),
        (("--num-heads", "two"), "--num-heads 'two' is no number"),
        (("--input-size", "big"), "neither a side nor ROWSxCOLS"),
        (("--classes", "nothing.txt"), "nothing.txt"),
    ],
)
def test_wrong_use_is_said_before_the_model_runs(folder, capsys, monkeypatch, more, said):
    def never(*_, **__):
        raise AssertionError("the model must not run")

    monkeypatch.setattr("vitviz.session.work.model_cache.ModelCache.trace", never)
    assert drawn(folder, *more) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_card_says_from_then_on_what_the_file_does_not(folder, capsys):
    card = folder / "mine.json"
    words = ["card", str(folder / "mine.pth"), "--num-heads", "2", "--mean", "0.5", "--std", "0.5"]
    assert run([*words, "--classes", str(folder / "names.txt")], lambda _: 9) == 0
    assert "check these in mine.json" in capsys.readouterr().err
    written = json.loads(card.read_text())
    assert written["classes"] == ["ant", "bee", "fly"]
    assert written["mean"] == [0.5, 0.5, 0.5]
    model = vitviz.load(folder / "mine.pth", strict=True)
    assert model.info.heads == 2
    assert model.preprocess.std == (0.5, 0.5, 0.5)
    assert model.labels == ("ant", "bee", "fly")
    card.unlink()


def test_classes_must_be_as_many_as_the_head_has(folder):
    with pytest.raises(vitviz.VitvizError, match=r"names 2 classes and mine\.pth has 3"):
        vitviz.load(folder / "mine.pth", classes=("ant", "bee"))
    model = vitviz.load(folder / "mine.pth", classes=folder / "names.txt")
    assert model.labels == ("ant", "bee", "fly")
    assert model.reload().labels == model.labels


def test_numbers_are_read_as_they_are_written():
    facts = SaidOfModel(num_heads="3,6,12,24", mean="0.5", strict=True).facts
    assert facts.arguments == {"num_heads": (3, 6, 12, 24), "mean": 0.5, "strict": True}
    assert SaidOfModel().facts.arguments == {}
    assert input_sides("224x448") == (224, 448)
    assert input_sides("224") == 224
    assert input_sides("") is None
    with pytest.raises(Misused, match="--std"):
        _ = SaidOfModel(std="0.5;0.5").facts


def test_a_strict_refusal_speaks_the_words_of_whoever_asked(folder, capsys):
    with pytest.raises(vitviz.VitvizError, match=r"num_heads=, .*mean=, std=.* leave strict out"):
        vitviz.load(folder / "mine.pth", strict=True)
    assert drawn(folder, "--strict") == 1
    err = capsys.readouterr().err
    assert "--num-heads, --mean, --std" in err
    assert "num_heads=" not in err
    assert "leave --strict out" in err


def test_likely_preparations_are_offered_where_none_is_known(folder, capsys, tmp_path):
    photo, model, out = str(folder / "photo.png"), str(folder / "mine.pth"), tmp_path / "a.npz"
    line = ["trace", photo, "-m", model, "-o", str(out), "--json", "--overwrite"]
    assert run(line, lambda _: 9) == 0
    found, err = capsys.readouterr()
    told = json.loads(found)
    assert {each["name"] for each in told["preparations"]} == {"ImageNet", "0.5/0.5", "CLIP"}
    taken = [each for each in told["preparations"] if each["taken"]]
    assert len(taken) == 1
    made = vitviz.trace(vitviz.load(model), photo)
    assert taken[0]["best"][0]["share"] == pytest.approx(made.predictions[0].share)
    assert "CLIP at crop" in err
    assert "mean/std of ImageNet" in " ".join(told["assumed"])
    half = vitviz.trace(vitviz.load(model, mean=0.5, std=0.5), photo).predictions[0]
    told_half = next(each for each in told["preparations"] if each["name"] == "0.5/0.5")
    assert told_half["best"][0] == {
        "class": half.index,
        "name": half.name,
        "share": pytest.approx(half.share),
    }
    assert run([*line, "--mean", "0.5", "--std", "0.5"], lambda _: 9) == 0
    found, err = capsys.readouterr()
    assert "preparations" not in json.loads(found)
    assert "CLIP" not in err


def test_a_card_lists_what_each_preparation_predicts(folder, capsys, tmp_path):
    line = ["card", str(folder / "mine.pth"), "-o", str(tmp_path / "c.json")]
    assert run([*line, "--picture", str(folder / "photo.png")], lambda _: 9) == 0
    lines = [each for each in capsys.readouterr().out.splitlines() if " crop " in each]
    assert len(lines) >= 12
    assert sum(each.startswith("*") for each in lines) == 1


def test_commands_over_folders_hear_the_same_words(folder, capsys, tmp_path):
    (tmp_path / "in" / "ant").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "in" / "ant" / f"{name}.png").write_bytes((folder / "photo.png").read_bytes())
    said = ["-m", str(folder / "mine.pth"), "--json", "--num-heads", "1"]
    pictures, out = str(tmp_path / "in"), tmp_path
    for line in (
        ["stats", pictures, "-o", str(out / "s.npz"), "-v", "distance"],
        ["index", pictures, "-o", str(out / "index")],
        ["rate", pictures, "-o", str(out / "rated"), "--method", "rollout"],
    ):
        assert run([*line, *said], lambda _: 9) == 0
        found, err = capsys.readouterr()
        assert "mean/std" in " ".join(json.loads(found)["assumed"])
        assert "assumed: " in err
        assert "heads" not in err.partition(";")[0]
        assert run([*line, *said, "--overwrite", "--strict"], lambda _: 9) == 1
        assert "leave --strict out" in capsys.readouterr().err
    words = ["find", str(out / "index"), "--picture", str(folder / "photo.png"), "--token", "1,1"]
    assert run([*words, "--json"], lambda _: 9) == 0, "the index's own model has what was said"


def test_what_was_said_is_asked_for_again_by_a_replay(folder, capsys):
    out = folder / "said.png"
    said = ("--mean", "0.5", "--std", "0.5", "--crop-pct", "0.95", "--input-size", "64")
    assert drawn(folder, *said, "-o", str(out)) == 0
    words = [
        "replay",
        str(out),
        "--model",
        str(folder / "mine.pth"),
        "-o",
        str(folder / "again.png"),
    ]
    words += ["--picture", str(folder / "photo.png"), "--overwrite"]
    assert run(words, lambda _: 9) == 0
    with Image.open(out) as one, Image.open(folder / "again.png") as other:
        assert one.tobytes() == other.tobytes()
