"""Why an answer measured: one pass back beside eager autograd, walks, tests, other libraries."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.peers import _peak
from tests.benchmarks.run import BenchmarkRun, Row, noise
from vitviz.core.data.attribution import AttributionQuery, Method
from vitviz.core.data.target import Target
from vitviz.core.measures.faithfulness import end_sets, hidden_sets
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.attribution.attributor import Attributor
from vitviz.models.attribution.output_gradients import gradient_pass
from vitviz.models.loading.preprocess import normalised, prepare

NOISE = 0.25
TARGET = Target("class", index=3)
TOGETHER: tuple[Method, ...] = (
    "relevance",
    "gradient x attention",
    "gradient rollout",
    "LeGrad",
    "Grad-CAM",
    "input x gradient",
)


def rows(run: BenchmarkRun) -> Iterator[Row]:
    """All rows; some minutes on two cores."""
    small = attributor_of(run, "vit_small_patch16_224")
    yield from passing(run, small, 197)
    yield from remembering(run)
    yield from walking(run, small, 197, 0.15)
    yield from walking(run, attributor_of(run, "vit_small_patch16_224", input_size=512), 1025, 1.5)
    yield from together(run)
    yield from testing(small)
    yield from beside_others(run, small)


def attributor_of(run: BenchmarkRun, name: str, **arguments: Any) -> Attributor:
    """A model of random weights over a picture of nothing."""
    model = run.load(name, **arguments)
    prepared = prepare(open_picture(noise((300, 300))), model.preprocess, "crop")
    pixels = normalised(prepared.pixels, model.preprocess)
    parameter = next(model.module.parameters())
    grid = model.family.grid(model.module, model.preprocess.size)
    assert grid is not None
    return Attributor(model, pixels.to(parameter.device, parameter.dtype), grid)


@contextmanager
def eagerly_kept(module: Any) -> Iterator[list[Tensor]]:
    """Unfused attention, every layer's softmax kept as other tools keep it."""
    kept: list[Tensor] = []
    attentions = [block.attn for block in module.blocks]
    hooks = [
        each.attn_drop.register_forward_hook(lambda _m, given, _o: kept.append(given[0]))
        for each in attentions
    ]
    for each in attentions:
        each.fused_attn = False
    try:
        yield kept
    finally:
        for each in attentions:
            each.fused_attn = True
        for hook in hooks:
            hook.remove()


def eager_pass(asked: Attributor) -> tuple[list[Tensor], list[Tensor]]:
    """Every map and its gradient, all held."""
    module = asked.model.module
    with eagerly_kept(module) as kept:
        logit = module(asked.pixels.clone().requires_grad_())[0, 3]
        return kept, list(torch.autograd.grad(logit, kept))


def eager_relevance(asked: Attributor) -> np.ndarray:
    """The published code's way: R grows by A R, matrix by matrix."""
    maps, gradients = eager_pass(asked)
    relevance = torch.eye(maps[0].shape[-1], device=asked.pixels.device)
    for attention, gradient in zip(maps, gradients, strict=True):
        mean = (gradient[0] * attention[0]).clamp(min=0).mean(dim=0).detach()
        relevance = relevance + mean @ relevance
    return relevance[0, 1:].cpu().numpy()


def forward(asked: Attributor) -> None:
    """One plain pass."""
    with torch.no_grad():
        asked.model.module(asked.pixels)


def backward(asked: Attributor, recompute: bool = False) -> Any:
    """One pass forward and back, all calls' gradients."""
    score = asked.score(TARGET)
    return gradient_pass(asked.model.module, asked.pixels, score, called="it", recompute=recompute)


def passing(run: BenchmarkRun, asked: Attributor, tokens: int) -> Iterator[Row]:
    """The pass beside eager autograd and beside a plain forward."""
    eager = run.in_turns(lambda: backward(asked), lambda: eager_pass(asked), 9)
    yield (
        f"one pass back for all calls / eager autograd that keeps the maps, {tokens} tokens",
        "<= 1.0 x time",
        f"{eager:.2f} x",
    )
    plain = run.in_turns(lambda: backward(asked), lambda: forward(asked), 9)
    yield f"one pass back for all calls / one forward, {tokens} tokens", "told", f"{plain:.2f} x"


def remembering(run: BenchmarkRun) -> Iterator[Row]:
    """Peak memory beyond the weights at 1,370 tokens, with blocks held and run twice."""
    asked = attributor_of(run, "vit_small_patch14_dinov2", input_size=518, num_classes=10)
    forward(asked)
    theirs = _peak(run, lambda: _and(eager_pass(asked)))
    for again, share in ((False, 45), (True, 15)):
        ours = _peak(run, lambda again=again: _and(backward(asked, again)))
        how = ", blocks run twice" if again else ""
        yield (
            f"its peak memory beyond the weights / eager autograd's, 1,370 tokens{how}",
            f"<= {share} %",
            f"{100 * ours / max(theirs, 1e-6):.0f} % ({ours:.0f} of {theirs:.0f} MB)",
        )


def _and(_: Any) -> None:
    """Lets go of what was made."""


def walking(run: BenchmarkRun, asked: Attributor, tokens: int, most: float) -> Iterator[Row]:
    """Relevance of the class token once the pass back is there."""
    score = asked.score(TARGET)
    found = asked.gradients(score)
    query = AttributionQuery(TARGET)
    ratio = run.in_turns(lambda: asked.map(query, score, found), lambda: forward(asked), 9)
    yield (
        f"relevance of the class token after the pass back / one forward, {tokens} tokens",
        f"<= {most} x",
        f"{ratio:.2f} x",
    )


def together(run: BenchmarkRun) -> Iterator[Row]:
    """Six methods of one picture."""
    asked = attributor_of(run, "vit_base_patch16_224")

    def all_six() -> None:
        score = asked.score(TARGET)
        found = asked.gradients(score)
        for method in TOGETHER:
            asked.map(AttributionQuery(TARGET, method), score, found)

    ratio = run.in_turns(all_six, lambda: forward(asked), 5)
    yield f"{', '.join(TOGETHER)}, ViT-B/16 / one forward", "<= 6 x", f"{ratio:.2f} x"


def testing(asked: Attributor) -> Iterator[Row]:
    """How many pictures a deletion and an insertion show the model."""
    patches = asked.grid.rows * asked.grid.cols
    count = len(hidden_sets(np.arange(patches))) + len(end_sets(patches))
    yield "deletion and insertion of one map, pictures shown", "<= 30", f"{count}"


def beside_others(run: BenchmarkRun, asked: Attributor) -> Iterator[Row]:
    """Against the published relevance code's way, captum and grad-cam: same weights, equal maps."""
    score = asked.score(TARGET)

    def ours(method: Method, **fields: Any) -> Callable[[], np.ndarray]:
        def work() -> np.ndarray:
            query = AttributionQuery(TARGET, method, **fields)
            found = None if fields else asked.gradients(score)
            return asked.map(query, score, found).patches

        return work

    yield _beside(run, ours("relevance"), lambda: eager_relevance(asked), "relevance, eager maps")
    if importlib.util.find_spec("captum") is not None:
        yield from _beside_captum(run, asked, ours)
    if importlib.util.find_spec("pytorch_grad_cam") is not None:
        yield _beside(
            run, ours("Grad-CAM"), lambda: _their_cam(asked), "Grad-CAM, grad-cam library"
        )


def _beside_captum(run: BenchmarkRun, asked: Attributor, ours: Any) -> Iterator[Row]:
    from captum import attr

    module, side = asked.model.module, int(asked.grid.patch[0])
    window = (3, side, side)

    def gradient() -> np.ndarray:
        leaf = asked.pixels.clone().requires_grad_()
        return _patched(asked, attr.InputXGradient(module).attribute(leaf, target=3))

    def integrated() -> np.ndarray:
        found = attr.IntegratedGradients(module).attribute(
            asked.pixels, target=3, n_steps=8, method="gausslegendre", internal_batch_size=4
        )
        return _patched(asked, found)

    def occluded() -> np.ndarray:
        found = attr.Occlusion(module).attribute(
            asked.pixels, window, strides=window, target=3, baselines=0, perturbations_per_eval=8
        )
        return found[0, 0, ::side, ::side].flatten().cpu().numpy()

    yield _beside(run, ours("input x gradient"), gradient, "input x gradient, captum")
    yield _beside(
        run, ours("integrated gradients", steps=8), integrated, "integrated gradients, captum"
    )
    yield _beside(run, ours("occlusion", window=1), occluded, "occlusion, captum")


def _patched(asked: Attributor, values: Tensor) -> np.ndarray:
    rows, cols, side = asked.grid.rows, asked.grid.cols, int(asked.grid.patch[0])
    apart = values.detach().reshape(1, 3, rows, side, cols, side)
    return apart.sum(dim=(0, 1, 3, 5)).flatten().cpu().numpy()


def _their_cam(asked: Attributor) -> np.ndarray:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    module, grid = asked.model.module, asked.grid

    def maps(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].reshape(1, grid.rows, grid.cols, -1).permute(0, 3, 1, 2)

    with GradCAM(module, [module.blocks[-1].norm1], reshape_transform=maps) as cam:
        cam(asked.pixels.clone().requires_grad_(), [ClassifierOutputTarget(3)])
        activations = cam.activations_and_grads.activations[0].numpy()
        gradients = cam.activations_and_grads.gradients[0].numpy()
    weights = gradients.mean(axis=(2, 3), keepdims=True)
    found: np.ndarray = np.maximum((weights * activations).sum(axis=1), 0).ravel()
    return found


def _beside(
    run: BenchmarkRun, ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray], what: str
) -> Row:
    mine, other = ours(), theirs()
    off = float(np.abs(mine - other).max() / max(np.abs(other).max(), 1e-12))
    ratio = run.in_turns(ours, theirs, 5)
    return f"{what}: ours / theirs", "<= 1.0 x time", f"{ratio:.2f} x (maps apart by {off:.0e})"
