"""On a GPU everything is as on the CPU: passes, walks and gradients; memory that ends is survived.

Runs wherever a CUDA device is; VITVIZ_TEST_DEVICE names another one ("mps", or "cpu" to try the tests).
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.data.attribution import AttributionQuery
from vitviz.core.measures.distance import mean_distance, mean_entropy
from vitviz.core.measures.rollout import rollout, rollout_heads
from vitviz.core.progress import VitvizError

DEVICE = os.environ.get("VITVIZ_TEST_DEVICE", "cuda")
pytestmark = pytest.mark.skipif(
    DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device"
)

TNT = {
    "img_size": 64,
    "embed_dim": 64,
    "inner_dim": 8,
    "depth": 2,
    "num_heads_outer": 2,
    "num_heads_inner": 2,
}
FAMILIES = {
    "test_vit": {},
    "deit_tiny_distilled_patch16_224": {"img_size": 64, "depth": 2},
    "vit_small_patch14_reg4_dinov2": {"img_size": 56, "depth": 2},
    "eva02_tiny_patch14_224": {"img_size": 56, "depth": 2},
    "beit_base_patch16_224": {"img_size": 64, "depth": 2},
    "vit_base_patch16_siglip_224": {"img_size": 64, "depth": 2},
    "swin_tiny_patch4_window7_224": {"img_size": 112, "depths": (1, 2, 1, 1)},
    "cait_xxs24_224": {"img_size": 64, "depth": 2},
    "xcit_nano_12_p16_224": {"img_size": 64},
    "tnt_s_patch16_224": TNT,
    "timm/tnt_s_patch16_224": TNT,
    "hiera_tiny_224": {},
    "levit_128s": {},
    "pvt_v2_b0": {},
}
METHODS = (
    "relevance",
    "gradient x attention",
    "gradient rollout",
    "LeGrad",
    "Grad-CAM",
    "LayerCAM",
    "input x gradient",
)
TOLERANCES = {"fp32": 1e-4, "bf16": 6e-2, "fp16": 1e-2}
"""Of the largest value: another order of sums; 8 bits of mantissa through a few layers; 11 bits."""


def both(name, arguments, precision="fp32"):
    """The same weights on the CPU and on the device."""
    torch.manual_seed(0)
    here = vitviz.load(name, pretrained=False, device="cpu", **arguments)
    there = vitviz.load(name, pretrained=False, device=DEVICE, precision=precision, **arguments)
    there.module.load_state_dict(here.module.state_dict())
    return here, there


def alike(found, expected, precision="fp32"):
    """Equal within what the precision rounds."""
    expected = np.asarray(expected)
    assert np.shape(found) == expected.shape
    if not expected.size:
        return
    limit = TOLERANCES[precision] * max(1e-6, float(np.nanmax(np.abs(expected))))
    np.testing.assert_allclose(found, expected, atol=limit, equal_nan=True)


def calls_of(trace):
    """All that was recorded."""
    return (*trace.layers, *trace.pools, *trace.matrices)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_look_at_a_pass_is_the_cpus(name, photo):
    here, there = (vitviz.trace(model, photo) for model in both(name, FAMILIES[name]))
    assert there.model.device.startswith(DEVICE)
    assert there.verified < 1e-4
    assert there.refused == here.refused
    alike([each.share for each in there.predictions], [each.share for each in here.predictions])
    calls = [(one.layers, one.pools, one.matrices) for one in (there, here)]
    for found, expected in zip(
        *([each for part in one for each in part] for one in calls), strict=True
    ):
        ours, cpus = found.attention, expected.attention
        assert {tensor.device.type for tensor in ours.tensors} == {torch.device(DEVICE).type}
        middle = cpus.queries // 2
        alike(ours.rows(middle), cpus.rows(middle))
        alike(ours.columns(cpus.keys // 2), cpus.columns(cpus.keys // 2))
        alike(ours.matrix(0), cpus.matrix(0))
        for fuse in ("mean", "max"):
            alike(ours.matrix(fuse=fuse), cpus.matrix(fuse=fuse))
        weight = np.random.default_rng(0).dirichlet(np.ones(cpus.queries), cpus.heads)
        weight = weight.astype(np.float32)
        alike(ours.flow(weight), cpus.flow(weight))
        alike(ours.flow(weight[:1], fuse="mean"), cpus.flow(weight[:1], fuse="mean"))
        alike(ours.survey().entropy, cpus.survey().entropy)
        alike(ours.survey().received, cpus.survey().received)


@pytest.mark.parametrize("precision", TOLERANCES)
def test_walks_are_the_cpus_within_rounding(precision, photo):
    if precision == "fp16" and DEVICE == "cpu":
        pytest.skip("fp16 is not offered on the CPU")
    here, there = (vitviz.trace(one, photo) for one in both("test_vit", {}, precision))
    assert there.model.precision == precision
    ours, cpus = ([layer.attention for layer in one.layers] for one in (there, here))
    alike(rollout(ours, 0), rollout(cpus, 0), precision)
    alike(rollout_heads(ours, range(3)), rollout_heads(cpus, range(3)), precision)
    for found, expected in zip(there.layers, here.layers, strict=True):
        for measure in (
            lambda layer: mean_distance(layer, renormalise=True),
            lambda layer: mean_entropy(layer, relative=True),
        ):
            alike(measure(found), measure(expected), precision)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_the_cpus(method, photo):
    here, there = (vitviz.trace(one, photo) for one in both("test_vit", {}))
    query = AttributionQuery(method=method).plain()
    found, expected = there.source.attribution(query), here.source.attribution(query)
    assert found.value == pytest.approx(expected.value, abs=1e-3)
    np.testing.assert_allclose(
        found.patches, expected.patches, atol=2e-3 * np.abs(expected.patches).max()
    )


def test_the_gradient_of_words_is_the_cpus(photo):
    here, there = (vitviz.trace(one, photo) for one in both("tnt_s_patch16_224", TNT))
    found, expected = there.source.word_gradient(0), here.source.word_gradient(0)
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.max())


@pytest.fixture
def full(photo):
    """A model and its trace on a GPU of which this process may take no more than it holds already."""
    if DEVICE != "cuda":
        pytest.skip("only CUDA's memory can be bounded")
    model = vitviz.load("vit_tiny_patch16_224", pretrained=False, device=DEVICE)
    trace = vitviz.trace(model, photo)
    torch.cuda.empty_cache()
    share = (torch.cuda.memory_reserved() + 2**20) / torch.cuda.get_device_properties(
        0
    ).total_memory
    torch.cuda.set_per_process_memory_fraction(share)
    yield model, trace
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_memory_that_ends_is_survived_on_the_cpu(full, photo):
    trace = vitviz.trace(full[0], photo)
    assert trace.model.device == "cpu"
    assert "too little memory" in trace.model.notes[-1]
    np.testing.assert_allclose(trace.layers[0].attention.rows(0).sum(-1), 1, atol=1e-5)


def test_memory_that_ends_in_a_question_is_a_sentence(full):
    with pytest.raises(VitvizError, match="too little memory"):
        full[1].source.features()
