"""The catalogue names all of timm's pretrained transformers, with facts that are true."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm

import vitviz
from vitviz.models.catalogue import catalogue as books
from vitviz.models.catalogue import catalogue_build
from vitviz.models.catalogue.catalogue import CatalogueEntry, ModelCatalogue
from vitviz.models.catalogue.training_words import learning, trained_on


@pytest.fixture(scope="module")
def entries() -> dict[str, CatalogueEntry]:
    return {entry.name: entry for entry in books.bundled_catalogue().entries}


def test_every_pretrained_model_of_this_timm_is_known(entries: dict[str, CatalogueEntry]) -> None:
    found = books.bundled_catalogue()
    if found.timm != timm.__version__:
        pytest.skip(f"the catalogue is of timm {found.timm}, {timm.__version__} is installed")
    missing = [
        name
        for name in timm.list_pretrained()
        if name not in entries and name.partition(".")[0] not in found.others
    ]
    assert not missing
    assert len(entries) > 800
    assert not {entry.architecture for entry in found.entries} & found.others


@pytest.mark.parametrize(
    ("name", "patch", "tokens", "registers", "classes"),
    [
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 16, 197, 0, 1000),
        ("vit_small_patch14_reg4_dinov2.lvd142m", 14, 1374, 4, 0),
        ("deit_tiny_distilled_patch16_224.fb_in1k", 16, 198, 0, 1000),
        ("vit_base_patch16_siglip_224.v2_webli", 16, 196, 0, 0),
        ("swin_tiny_patch4_window7_224.ms_in1k", 4, 3136, 0, 1000),
        ("xcit_nano_12_p8_224.fb_dist_in1k", 8, 784, 0, 1000),
        ("pvt_v2_b0.in1k", 4, 3136, 0, 1000),
        ("tnt_s_patch16_224.in1k", 16, 197, 0, 1000),
        ("maxvit_tiny_tf_224.in1k", 4, 3136, 0, 1000),
        ("coat_tiny.in1k", 4, 3137, 0, 1000),
        ("volo_d1_224.sail_in1k", 8, 784, 0, 1000),
        ("crossvit_15_dagger_408.in1k", 12, 1157, 0, 1000),
    ],
)
def test_facts_are_the_papers(
    entries: dict[str, CatalogueEntry],
    name: str,
    patch: int,
    tokens: int,
    registers: int,
    classes: int,
) -> None:
    entry = entries[name]
    assert (entry.patch, entry.tokens, entry.registers) == (patch, tokens, registers)
    assert entry.classes == classes


def test_facts_are_those_of_the_model_when_it_is_built(entries: dict[str, CatalogueEntry]) -> None:
    entry = entries["test_vit.r160_in1k"]
    module = timm.create_model("test_vit", pretrained=False)
    assert entry.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert entry.size == (160, 160)
    assert entry.depth == len(module.blocks)
    assert entry.repository == "timm/test_vit.r160_in1k"
    assert entry.licence == "apache-2.0"
    for name in (entry.name, "xcit_nano_12_p8_224.fb_dist_in1k", "maxvit_tiny_tf_224.in1k"):
        assert catalogue_build._entry(name) == entries[name]


@pytest.mark.parametrize(
    "name", ["levit_128s", "efficientvit_m0", "tiny_vit_5m_224", "volo_d1_224", "edgenext_xx_small"]
)
def test_tokens_are_those_that_enter_the_first_attention(
    name: str, entries: dict[str, CatalogueEntry], photo: np.ndarray
) -> None:
    entry = next(each for each in entries.values() if each.architecture == name)
    trace = vitviz.trace(vitviz.load(name, pretrained=False), photo)
    if trace.layers:
        grid = trace.layers[0].grid
        assert grid.rows * grid.cols == entry.tokens
    assert entry.tokens == (entry.size[0] // entry.patch) * (entry.size[1] // entry.patch)


def test_networks_without_attention_are_left_out(entries: dict[str, CatalogueEntry]) -> None:
    assert not any(name.startswith(("resnet50", "convnext", "mixer")) for name in entries)


def test_a_census_goes_on_from_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["resnet18.a1_in1k", "test_vit.r160_in1k", "test_vit2.r160_in1k"]
    monkeypatch.setattr(timm, "list_pretrained", lambda: names)
    first = catalogue_build.take()
    assert [entry.name for entry in first.entries] == names[1:]
    assert first.others == {"resnet18"}
    kept = replace(first.entries[0], licence="mine")
    again = catalogue_build.take(known=ModelCatalogue("0", (kept,), first.others))
    assert again.entries[0].licence == "mine"
    assert again.entries[1] == first.entries[1]


def test_a_newer_timm_has_a_catalogue_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITVIZ_CACHE_DIR", str(tmp_path))
    assert books.catalogue() == books.bundled_catalogue()
    entries = books.bundled_catalogue().entries[:2]
    own = ModelCatalogue(books.installed_timm(), entries, frozenset({"resnet18"}))
    books.write(own, books.cache_file(books.installed_timm()))
    assert books.catalogue() == own
    books.cache_file(books.installed_timm()).write_text("{", encoding="utf-8")
    assert books.catalogue() == books.bundled_catalogue()


def test_the_catalogue_needs_no_torch() -> None:
    words = (
        "import sys, vitviz.models.catalogue.catalogue as c; c.catalogue();"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("architecture", "tag", "words", "way"),
    [
        (
            "vit_tiny_patch16_224",
            "augreg_in21k_ft_in1k",
            "AugReg, ImageNet-21k, then ImageNet-1k",
            "labels",
        ),
        ("vit_small_patch16_224", "dino", "DINO", "self-supervised"),
        ("vit_base_patch16_224", "mae", "MAE", "self-supervised"),
        ("vit_base_patch16_clip_224", "openai", "OpenAI's 400 million pairs", "image and text"),
        (
            "vit_base_patch16_clip_224",
            "laion2b_ft_in12k_in1k",
            "LAION-2B, then ImageNet-12k, then ImageNet-1k",
            "labels",
        ),
        ("vit_base_patch16_dinov3", "lvd1689m", "LVD-1689M", "self-supervised"),
        ("samvit_base_patch16", "sa1b", "SA-1B", ""),
        ("vit_unknown", "words", "", ""),
    ],
)
def test_tags_in_words(architecture: str, tag: str, words: str, way: str) -> None:
    assert trained_on(tag) == words
    assert learning(architecture, tag) == way
