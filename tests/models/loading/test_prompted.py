"""Prompts in place of classes, held against the libraries' own scores on the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from two_towers import saved_towers

import vitviz
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models import with_prompts

PROMPTS = ("a red parrot", "a rock")


@pytest.fixture(params=["clip", "siglip"])
def two_towers(request, tmp_path):
    return request.param, tmp_path, *saved_towers(request.param, tmp_path)


def theirs(kind, model, processor, tokenizer, photo, prompts):
    pixels = processor(images=Image.fromarray(photo), return_tensors="pt")
    padding = {"padding": True} if kind == "clip" else {"padding": "max_length", "max_length": 8}
    words = tokenizer(list(prompts), return_tensors="pt", **padding)
    words.pop("token_type_ids", None)
    with torch.no_grad():
        return model(**pixels, **words).logits_per_image[0].numpy()


@pytest.mark.filterwarnings("ignore")  # transformers' own about its own
def test_scores_are_the_librarys_own(two_towers, photo):
    kind, folder, own, processor, tokenizer = two_towers
    model = vitviz.load(f"transformers/{folder}", prompts="a red parrot; a rock")
    assert model.labels == PROMPTS
    assert model.info.scores == ("softmax" if kind == "clip" else "sigmoid")
    trace = vitviz.trace(model, photo)
    wanted = theirs(kind, own, processor, tokenizer, photo, PROMPTS)
    found = {each.index: each for each in trace.predictions}
    np.testing.assert_allclose([found[0].logit, found[1].logit], wanted, atol=2e-3)
    shares = np.array([found[0].share, found[1].share])
    if kind == "clip":
        exact = np.exp(wanted) / np.exp(wanted).sum()
        assert shares.sum() == pytest.approx(1, abs=1e-6)
    else:
        exact = 1 / (1 + np.exp(-wanted))
    np.testing.assert_allclose(shares, exact, atol=2e-3)
    drawing = vitviz.draw("predictions", trace)
    assert ("Among these prompts" if kind == "clip" else "yes or no by itself") in drawing.caption


@pytest.mark.filterwarnings("ignore")
def test_a_prompt_is_a_target_and_its_maps_say_so(two_towers, photo):
    folder = two_towers[1]
    plain = vitviz.load(f"transformers/{folder}")
    asked = with_prompts(plain, PROMPTS)
    why = vitviz.draw("why", vitviz.trace(plain, photo), target="prompt:a red parrot")
    assert "a red parrot" in why.caption + why.title
    as_class = vitviz.draw("why", vitviz.trace(asked, photo), target="a red parrot")
    assert np.isfinite(next(iter(as_class.arrays.values()))).all()
    both = vitviz.trace(asked, photo)
    again = vitviz.draw("why", both, target="prompt:a rock", method="occlusion")
    assert "a rock" in again.caption + again.title
    assert plain.info.classes == 0, "the model that was loaded is as it was"


@pytest.mark.filterwarnings("ignore")
def test_one_prompt_of_clip_is_its_cosine(two_towers, photo):
    kind, folder, own, processor, tokenizer = two_towers
    model = vitviz.load(f"transformers/{folder}", prompts=["a rock"])
    trace = vitviz.trace(model, photo)
    wanted = theirs(kind, own, processor, tokenizer, photo, ["a rock"])[0]
    (found,) = trace.predictions
    if kind == "clip":
        scale = float(own.logit_scale.exp())
        assert found.share == pytest.approx(wanted / scale, abs=1e-5)
        assert "cosine" in vitviz.draw("predictions", trace).title
    else:
        assert found.logit == pytest.approx(wanted, abs=1e-3)
        assert "sigmoid" in vitviz.draw("predictions", trace).title


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        (["a a a a a a a a a a"], "is 11 tokens long and the model reads 8"),
        (["a rock", "a rock"], "is there twice"),
    ],
)
def test_prompts_that_cannot_be_read(two_towers, prompts, says):
    with pytest.raises(VitvizError, match=says):
        vitviz.load(f"transformers/{two_towers[1]}", prompts=prompts)


@pytest.mark.filterwarnings("ignore")
def test_without_a_tokenizer_it_is_said_when_prompts_come(two_towers):
    folder = two_towers[1]
    for file in folder.glob("*token*"):
        file.unlink()
    model = vitviz.load(f"transformers/{folder}")
    with pytest.raises(VitvizError, match="no tokenizer could be read"):
        with_prompts(model, PROMPTS)


def test_a_model_without_words_says_what_has_them(photo):
    with pytest.raises(Unsupported, match=r"no text tower.*transformers/FOLDER"):
        vitviz.load("test_vit", pretrained=False, prompts="a rock")
    assert with_prompts(vitviz.load("test_vit", pretrained=False), "").info.classes == 1000


@pytest.mark.filterwarnings("ignore")
def test_open_clips_scores(photo, tmp_path):
    open_clip = pytest.importorskip("open_clip")
    import json

    from vitviz.models.loading.sources.open_clip_models import SOURCE

    small = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 64,
            "heads": 2,
            "layers": 2,
        },
    }
    (tmp_path / "vitviz-small.json").write_text(json.dumps(small))
    open_clip.add_model_config(tmp_path / "vitviz-small.json")
    torch.manual_seed(0)
    found = SOURCE.build("vitviz-small", pretrained=False, allow_download=False)
    own, tower = found.module.eval(), found.text
    assert tower is not None
    words = open_clip.get_tokenizer("vitviz-small")(list(PROMPTS))
    with torch.no_grad():
        theirs = own.encode_text(words, normalize=True)
    torch.testing.assert_close(tower.rows(PROMPTS), theirs, atol=1e-6, rtol=1e-5)
    assert tower.scale == pytest.approx(float(own.logit_scale.exp()))
    assert not tower.each_alone
    with pytest.raises(VitvizError, match="102 tokens long and the model reads 77"):
        tower.rows(["cat " * 100])
