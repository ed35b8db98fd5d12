"""Averages over a folder are numpy's over the pictures one by one, however the parts were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.measures.cka import SampleBatch, cka
from vitviz.core.measures.distance import mean_distance, mean_entropy
from vitviz.core.measures.rollout import rollout
from vitviz.core.progress import Cancelled, Unsupported, VitvizError
from vitviz.folders.averages.folder_measures import MEASURES
from vitviz.folders.averages.folder_statistics import QUANTILES, merged_statistics, read_statistics
from vitviz.folders.averages.statistics_run import StatisticsOrder, statistics_of
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.folders.picture_list import pictures_in
from vitviz.models.tracing.batch_tracing import BatchTracing

pytestmark = pytest.mark.usefixtures("few_in_a_part")


@pytest.fixture
def order(pictures: Path) -> StatisticsOrder:
    model = ModelToLoad("test_vit", pretrained=False)
    return StatisticsOrder(pictures, ("distance", "entropy"), model, size=3)


@pytest.fixture
def alone(pictures: Path, tiny_model) -> list:
    """Every good picture traced by itself, in the list's order."""
    files = [file for file in pictures_in(pictures).files if file.name != "broken.png"]
    return [vitviz.trace(tiny_model, file) for file in files]


def test_means_and_errors_are_those_of_single_pictures(order, alone, tiny_model, tmp_path):
    every = replace(order, views=tuple(MEASURES), rows=True)
    found = statistics_of(every, tmp_path / "all.npz", model=tiny_model)
    assert found.used == 12
    assert [Path(file).name for file, _ in found.broken] == ["broken.png"]
    expected = {
        "distance": [
            [mean_distance(each, renormalise=True) for each in one.layers] for one in alone
        ],
        "entropy": [[mean_entropy(each, relative=True) for each in one.layers] for one in alone],
        "attention": [[each.attention.rows(0) for each in one.layers] for one in alone],
        "rollout": [
            rollout([each.attention for each in one.layers], 0)[one.grid.patches] for one in alone
        ],
        "shares": [
            [
                np.stack([each.attention.matrix(head)[1:, :1].mean(0) for head in range(2)])
                for each in one.layers
            ]
            for one in alone
        ],
    }
    for name, values in expected.items():
        values = np.array(values, np.float64)
        moments = found.moments[name]
        np.testing.assert_allclose(moments.average, values.mean(0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(moments.variance, values.var(0, ddof=1), rtol=2e-2, atol=1e-9)
        error = values.std(0, ddof=1) / np.sqrt(12)
        np.testing.assert_allclose(moments.standard_error, error, rtol=2e-2, atol=1e-7)
    lengths = np.array([np.linalg.norm(one.source.features(), axis=-1) for one in alone])
    norms = found.moments["norms"].average
    np.testing.assert_allclose(norms[:, 0], np.median(lengths[..., 1:], -1).mean(0), rtol=1e-4)
    np.testing.assert_allclose(norms[:, -1], lengths[..., 0].mean(0), rtol=1e-4)
    patches = lengths[..., 1:]
    np.testing.assert_allclose(norms[:, 1], patches.mean((0, 2)), rtol=1e-4)
    np.testing.assert_allclose(norms[:, 2], patches.max(-1).mean(0), rtol=1e-4)
    middle = np.median(patches, -1, keepdims=True)
    spread = np.median(np.abs(patches - middle), -1, keepdims=True) * 1.4826
    sticking_out = (patches > middle + 6 * spread).mean(-1)
    np.testing.assert_allclose(norms[:, 3], sticking_out.mean(0), atol=1e-6)
    table = alone[0].positions.astype(np.float64)
    table /= np.linalg.norm(table, axis=-1, keepdims=True)
    np.testing.assert_allclose(found.moments["positions"].average, table @ table.T, atol=1e-5)


def test_importance_is_what_the_answer_loses_without_each_head(order, tiny_model, tmp_path):
    few = replace(order, folder=order.folder / "inner", views=("importance",))
    found = statistics_of(few, tmp_path / "importance.npz", model=tiny_model)
    files = pictures_in(few.folder).files
    ready = BatchTracing(tiny_model, "crop").ready
    expected = np.mean([lost(tiny_model.module, ready(file)[2]) for file in files], axis=0)
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(found.average("importance"), expected, rtol=1e-3, atol=2e-6)
    assert found.standard_error("importance").shape == (6, 2)


@torch.no_grad()
def lost(module, pixels) -> np.ndarray:
    """The fall of the likeliest class's logit with each head's output set to zero."""
    pixels = pixels.reshape(1, *pixels.shape[-3:])
    answer = module(pixels)[0]
    best = int(answer.argmax())
    found = np.zeros((6, 2))
    for layer, block in enumerate(module.blocks):
        width = block.attn.head_dim
        for head in range(2):

            def dropped(_module, given, head=head, width=width):
                kept = given[0].clone()
                kept[..., head * width : (head + 1) * width] = 0
                return (kept,)

            hook = block.attn.proj.register_forward_pre_hook(dropped)
            found[layer, head] = float(answer[best] - module(pixels)[0, best])
            hook.remove()
    return found


def test_cka_is_averaged_over_minibatches_before_the_ratio(order, alone, tiny_model, tmp_path):
    found = statistics_of(replace(order, views=("cka",)), tmp_path / "c.npz", model=tiny_model)
    listed = pictures_in(order.folder)
    means = {one.picture.path: one.source.features()[:, one.grid.patches].mean(1) for one in alone}
    batches = []
    for number in range(listed.parts):
        kept = [means[str(file)] for file in listed.part(number) if str(file) in means]
        if len(kept) >= 4:
            both = np.stack(kept, axis=1)
            batches.append(SampleBatch(both, both.copy()))
    assert len(batches) == 2
    np.testing.assert_allclose(found.average("cka"), cka(batches), atol=2e-4)
    assert found.average("cka").shape == (6, 6)
    assert found.standard_error("cka") is None


def test_shards_merged_in_any_order_are_the_run_at_once(order, tiny_model, tmp_path):
    whole = statistics_of(replace(order, rows=True), tmp_path / "whole.npz", model=tiny_model)
    files = []
    for at in (2, 1):
        files.append(tmp_path / f"{at}.npz")
        statistics_of(replace(order, shard=(at, 2), rows=True), files[-1], model=tiny_model)
    merged = merged_statistics([read_statistics(file) for file in files])
    assert merged.done == whole.done == (0, 1, 2)
    assert (merged.used, merged.broken, merged.missing) == (12, whole.broken, ())
    for name in order.views:
        for what in ("average", "variance", "standard_error"):
            np.testing.assert_allclose(
                getattr(merged.moments[name], what), getattr(whole.moments[name], what), rtol=1e-6
            )
        np.testing.assert_array_equal(merged.rows.values[name], whole.rows.values[name])
    np.testing.assert_array_equal(merged.rows.pictures, whole.rows.pictures)


def test_a_stopped_run_goes_on_and_comes_to_the_same_bytes(order, tiny_model, tmp_path):
    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 7:
            raise Cancelled

    out, seen = tmp_path / "stopped.npz", []
    with pytest.raises(Cancelled):
        statistics_of(order, out, model=tiny_model, progress=stop)
    assert not out.exists()
    statistics_of(order, out, model=tiny_model, progress=lambda done, *_: seen.append(done))
    assert seen[0] == 5
    statistics_of(order, tmp_path / "whole.npz", model=tiny_model)
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert not list(tmp_path.glob("*.unfinished"))


def test_rows_have_quantiles_that_numpy_has(order, tiny_model, tmp_path):
    found = statistics_of(replace(order, rows=True), tmp_path / "rows.npz", model=tiny_model)
    with np.load(tmp_path / "rows.npz") as arrays:
        rows, quantiles = arrays["distance_rows"], arrays["distance_quantiles"]
        np.testing.assert_array_equal(arrays["row_pictures"], found.rows.pictures)
    assert rows.shape == (12, 6, 2)
    np.testing.assert_allclose(quantiles, np.quantile(rows, QUANTILES, axis=0), rtol=1e-5)
    np.testing.assert_allclose(rows.mean(0), found.average("distance"), rtol=1e-5)


def test_what_cannot_be_merged_or_measured_is_said(order, tiny_model, tmp_path, photo):
    one = statistics_of(replace(order, shard=(1, 2)), tmp_path / "1.npz", model=tiny_model)
    with pytest.raises(VitvizError, match=r"part 1 for one"):
        one.merged(one)
    other = replace(one, about=replace(one.about, model="other"))
    with pytest.raises(VitvizError, match=r"model\s+differs"):
        one.merged(other)
    with pytest.raises(VitvizError, match="not averaged over folders"):
        statistics_of(replace(order, views=("heads",)), tmp_path / "x.npz", model=tiny_model)
    sizes = {
        "img_size": 64,
        "embed_dim": 32,
        "depth": 1,
        "num_heads": 2,
        "class_token": False,
        "global_pool": "avg",
    }
    bare = vitviz.load("vit_tiny_patch16_224", pretrained=False, **sizes)
    with pytest.raises(Unsupported, match="no class or register tokens"):
        statistics_of(replace(order, views=("shares",)), tmp_path / "y.npz", model=bare)
    assert not (tmp_path / "y.npz").exists()
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(VitvizError, match="holds no statistics"):
        read_statistics(tmp_path / "text.npz")


def test_two_runs_into_one_file_are_refused(order, tiny_model, tmp_path):
    from vitviz.folders.averages.statistics_run import unfinished_beside

    with (
        unfinished_beside(tmp_path / "out.npz"),
        pytest.raises(VitvizError, match="another run is making"),
    ):
        statistics_of(order, tmp_path / "out.npz", model=tiny_model)


def test_a_folder_of_broken_pictures_says_so(tmp_path, tiny_model):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").touch()
    order = StatisticsOrder(tmp_path / "bad", ("distance",))
    with pytest.raises(VitvizError, match=r"none of the 1 pictures .* is empty \(0 bytes\)"):
        statistics_of(order, tmp_path / "out.npz", model=tiny_model)
    assert not (tmp_path / "out.npz").exists()
