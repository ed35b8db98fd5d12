"""Maps of a target over one picture by any method, each from as few passes as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from vitviz.core.data.attribution import (
    AttributionMap,
    AttributionQuery,
    HeadImportance,
    LogitLedger,
    Method,
)
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.target import Target
from vitviz.core.notation import shown_number
from vitviz.core.progress import Progress, Unsupported, VitvizError, silent
from vitviz.models.attribution import pixel_methods
from vitviz.models.attribution.attention_gradients import with_gradient
from vitviz.models.attribution.head_ablation import ReplacedBy, ablated_heads, first_order_heads
from vitviz.models.attribution.hidden_patches import filling, hidden_answers
from vitviz.models.attribution.layer_scores import layer_score_calls
from vitviz.models.attribution.logit_ledger import logit_ledger
from vitviz.models.attribution.output_gradients import GradientPass, gradient_pass
from vitviz.models.attribution.read_weight import read_weight
from vitviz.models.attribution.relevance_walks import (
    WALKS,
    TokenWeight,
    gradient_attention_row,
    legrad_column,
)
from vitviz.models.attribution.target_gradients import TargetGradients
from vitviz.models.attribution.target_score import OnePicture, TargetScore, target_score
from vitviz.models.attribution.token_maps import grad_cam, layer_cam
from vitviz.models.loading.model import Model
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import TraceLayers
from vitviz.models.record.map_sizes import map_of

PASS_WITH_GRADIENTS = 3.0
"""How many passes forward one with gradients is counted as."""


@dataclass(frozen=True, eq=False)
class Attributor:
    """A model at work over the picture it read, asked why it answered so.

    `grid` is that of its patches. Whoever makes one holds the model's lock meanwhile.
    """

    model: Model
    pixels: OnePicture
    grid: TokenGrid
    progress: Progress = silent

    @property
    def called(self) -> str:
        """The model's name in sentences."""
        return self.model.info.called

    def score(self, target: Target) -> TargetScore:
        """The target in this model and picture. Unsupported, VitvizError as `target_score`."""
        return target_score(target, self.model, self.pixels)

    def gradients(self, score: TargetScore) -> TargetGradients:
        """One pass forward and back. Unsupported where no gradient flows."""
        passed = self._pass(score)
        reading = self.read(passed.calls)
        return TargetGradients(passed, reading.layers, reading.pools)

    def _pass(self, score: TargetScore, block: int | None = None) -> GradientPass:
        return gradient_pass(
            self.model.module,
            self.pixels,
            score,
            called=self.called,
            block=block,
            progress=self.progress,
        )

    def read(self, calls: Sequence[AttentionCall]) -> TraceLayers:
        """Recorded calls as the family lays them out."""
        size = self.model.preprocess.size
        grid = self.model.family.grid(self.model.module, size)
        assert grid is not None
        return self.model.family.read(self.model.module, calls, grid, size)

    def map(
        self, query: AttributionQuery, score: TargetScore, found: TargetGradients | None
    ) -> AttributionMap:
        """The map asked for; `found` are the target's gradients, for methods that take them.

        Unsupported where the method does not fit the model, VitvizError for a layer that is not there.
        """
        match query.method:
            case (
                "relevance" | "gradient rollout" | "gradient x attention" | "rollout" | "attention"
            ):
                assert found is not None
                return self._walked(query, score, found)
            case "Grad-CAM" | "LayerCAM":
                assert found is not None
                return self._activation_map(query, score, found)
            case "LeGrad":
                return self._legrad(query, score)
            case "input x gradient":
                assert found is not None
                values = pixel_methods.input_x_gradient(
                    found.passed.pixels, found.passed.pixel_gradient, self.grid
                )
                return self._made(query, score, values, found.passed.value, PASS_WITH_GRADIENTS)
            case "integrated gradients":
                return self._integrated(query, score)
            case "SmoothGrad":
                return self._smooth(query, score)
            case "occlusion":
                return self._occluded(query, score)
            case "RISE":
                return self._rise(query, score)

    def ledger(self, target: Target) -> LogitLedger:
        """The target as an account. Unsupported where it is no sum of what the blocks add."""
        score = self.score(target)
        return logit_ledger(
            self.model.module,
            self.pixels,
            score,
            target,
            lambda calls: self.read(calls).layers,
            called=self.called,
            progress=self.progress,
        )

    def heads(self, target: Target, by: ReplacedBy) -> HeadImportance:
        """The target with each head's output replaced, one pass a head.

        Unsupported for a model without attention among patches.
        """
        score = self.score(target)
        found = self.gradients(score)
        layers = [(layer.name, layer.attention.heads) for layer in found.layers]
        if not layers:
            raise Unsupported(
                f"{self.called} has no attention among patches whose heads could be taken out"
            )
        measured = ablated_heads(
            self.model.module, self.pixels, score, layers, by, progress=self.progress
        )
        foretold = first_order_heads(found.passed.calls, layers, by)
        return HeadImportance(
            target,
            score.reading.name,
            found.passed.value,
            by,
            measured,
            foretold,
            tuple(name for name, _ in layers),
        )

    def _walked(
        self, query: AttributionQuery, score: TargetScore, found: TargetGradients
    ) -> AttributionMap:
        if not found.layers:
            raise Unsupported(
                f"{self.called} has no attention among patches to walk through; Grad-CAM, input x "
                "gradient "
                "and occlusion need none"
            )
        if not 0 <= query.start < len(found.layers):
            raise VitvizError(
                f"there is no layer {query.start} to start at; the {len(found.layers)} count from 0"
            )
        weight, notes = read_weight(query, found, self.called)
        walk = WALKS.get(query.method)
        if walk is None:
            return self._one_layer(query, score, found, weight)
        row = walk(
            found.layers, weight, called=self.called, start=query.start, progress=self.progress
        )
        grid = found.layers[0].grid
        return self._row(query, score, found, row, grid, notes)

    def _one_layer(
        self,
        query: AttributionQuery,
        score: TargetScore,
        found: TargetGradients,
        weight: TokenWeight,
    ) -> AttributionMap:
        """A row of one layer: attention times its gradient, or attention alone."""
        count = len(found.layers)
        layer = found.layers[count - 1 if query.layer is None else query.layer % count]
        if len(weight) != layer.attention.queries:
            raise Unsupported(
                f"layer {layer.name} of {self.called} has other tokens than the last one, which "
                "the head "
                "reads; choose a token"
            )
        if query.method == "attention":
            rows = layer.attention.flow(weight.cpu().numpy()[None], fuse="mean")[0]
            row = torch.from_numpy(np.ascontiguousarray(rows))
        else:
            heads = layer.attention.heads
            head = None if query.head is None else min(query.head, heads - 1)
            row = gradient_attention_row(layer, weight, called=self.called, head=head)
        return self._row(query, score, found, row, layer.keys, ())

    def _row(
        self,
        query: AttributionQuery,
        score: TargetScore,
        found: TargetGradients,
        row: TokenWeight,
        grid: TokenGrid,
        notes: tuple[str, ...],
    ) -> AttributionMap:
        values = row.float().cpu().numpy()
        prefix = tuple(zip(grid.prefix, map(float, values), strict=False))
        return AttributionMap(
            query,
            grid,
            np.ascontiguousarray(values[grid.patches]),
            found.passed.value,
            score.reading.name,
            prefix,
            notes=notes,
            forwards=PASS_WITH_GRADIENTS,
        )

    def _activation_map(
        self, query: AttributionQuery, score: TargetScore, found: TargetGradients
    ) -> AttributionMap:
        there = found.passed.tokens
        if not there:
            raise Unsupported(f"{self.called} has no list of blocks whose tokens could be read")
        number = (len(there) - 1) if query.layer is None else query.layer
        if not -len(there) <= number < len(there):
            raise VitvizError(f"there is no layer {number}; the {len(there)} count from 0")
        pair = there[number]
        if pair is None and found.passed.recomputed:
            number %= len(there)
            pair = self._pass(score, number).tokens[number]
        if pair is None:
            raise Unsupported(f"block {number + 1} of {self.called} gives no rows of tokens")
        tokens, gradients = (each.reshape(-1, each.shape[-1]) for each in pair)
        grid = self._grid_of(len(tokens), found.passed.calls)
        patches = slice(len(grid.prefix), None)
        make = grad_cam if query.method == "Grad-CAM" else layer_cam
        values = make(tokens[patches], gradients[patches])
        return self._made(query, score, values, found.passed.value, PASS_WITH_GRADIENTS, grid)

    def _grid_of(self, tokens: int, calls: Sequence[AttentionCall]) -> TokenGrid:
        if tokens == self.grid.tokens:
            return self.grid
        found = map_of(tokens, [size for call in calls for size in call.maps_made])
        if found is None:
            raise Unsupported(
                f"a block of {self.called} has {tokens} tokens, which lie on no grid over the picture"
            )
        return found

    def _legrad(self, query: AttributionQuery, score: TargetScore) -> AttributionMap:
        calls, pools, value = layer_score_calls(
            self.model.module, self.pixels, score, called=self.called, progress=self.progress
        )
        with torch.no_grad():
            if pools:
                layers = tuple(pool for call in pools for pool in self.read([call]).pools)
            else:
                layers = self.read(calls).layers
            if not layers:
                raise Unsupported(f"{self.called} has no attention among patches for LeGrad")
            if not 0 <= query.start < len(layers):
                raise VitvizError(
                    f"there is no layer {query.start}; the {len(layers)} count from 0"
                )
            columns = [
                legrad_column(with_gradient(layer, self.called)) for layer in layers[query.start :]
            ]
        grid = layers[0].keys
        if len({len(column) for column in columns}) > 1:
            raise Unsupported(
                f"LeGrad adds up the layers' maps, and those of {self.called} are over other "
                "tokens; take "
                "Grad-CAM or input x gradient"
            )
        rows = torch.stack(columns).cpu().numpy()[:, grid.patches]
        return AttributionMap(
            query,
            grid,
            np.ascontiguousarray(rows.sum(axis=0)),
            value,
            score.reading.name,
            layers=np.ascontiguousarray(rows),
            forwards=PASS_WITH_GRADIENTS,
        )

    def _passes(self, score: TargetScore) -> pixel_methods.PixelPasses:
        return pixel_methods.PixelPasses(self.model.module, score, self.progress)

    def _integrated(self, query: AttributionQuery, score: TargetScore) -> AttributionMap:
        baseline = filling(self.pixels, self.model.preprocess, query.fill)
        values = pixel_methods.integrated_gradients(
            self._passes(score), self.pixels, baseline, self.grid, query.steps
        )
        with torch.inference_mode(False), torch.no_grad():
            ends = torch.cat([self.pixels, baseline])
            here, there = map(float, score.score(score.answers(self.model.module, ends)))
        gap = abs(float(values.sum()) - (here - there))
        facts = (
            ("target here", shown_number(here, 4)),
            ("at the baseline", shown_number(there, 4)),
            ("all patches together", shown_number(float(values.sum()), 4)),
            ("completeness error", shown_number(gap, 2)),
        )
        made = self._made(query, score, values, here, query.steps * PASS_WITH_GRADIENTS + 2)
        return _with(made, facts=facts)

    def _smooth(self, query: AttributionQuery, score: TargetScore) -> AttributionMap:
        noise = pixel_methods.smooth_noise(self.pixels, query.steps, query.noise, query.seed)
        values = pixel_methods.smooth_gradient(self._passes(score), self.pixels, noise, self.grid)
        value = self._value(score)
        made = self._made(query, score, values, value, query.steps * PASS_WITH_GRADIENTS)
        return _with(
            made,
            facts=(("samples", str(query.steps)), ("noise", f"{query.noise:.0%} of the range")),
        )

    def _value(self, score: TargetScore) -> float:
        with torch.inference_mode(False), torch.no_grad():
            return float(score.score(score.answers(self.model.module, self.pixels))[0])

    def hidden(
        self, score: TargetScore, hidden: np.ndarray, fill: str
    ) -> Float32[np.ndarray, "pass output"]:
        """The answers with patches hidden, one row for each row of `hidden`."""
        return hidden_answers(
            self.model.module,
            self.pixels,
            self.grid,
            score,
            hidden,
            fill=fill,  # type: ignore[arg-type]
            want=self.model.preprocess,
            progress=self.progress,
        )

    def _occluded(self, query: AttributionQuery, score: TargetScore) -> AttributionMap:
        windows = pixel_methods.occlusion_windows(self.grid, max(1, query.window))
        nothing = np.zeros((1, windows.shape[1]), bool)
        answers = self.hidden(score, np.concatenate([nothing, windows]), query.fill)
        scores = score.reading.score(answers)
        values = pixel_methods.spread_over_patches(scores[0] - scores[1:], windows)
        return AttributionMap(
            query,
            self.grid,
            values,
            float(scores[0]),
            score.reading.name,
            facts=(("windows", str(len(windows))),),
            forwards=float(len(answers)),
        )

    def _rise(self, query: AttributionQuery, score: TargetScore) -> AttributionMap:
        shown = filling(self.pixels, self.model.preprocess, query.fill)
        values, error = pixel_methods.rise(
            self._passes(score),
            self.pixels,
            shown,
            self.grid,
            query.steps,
            query.seed,
            lambda answers: score.reading.score(answers, probability=True),
        )
        facts = (
            ("masks", str(query.steps)),
            ("standard error, mean", shown_number(float(error.mean()), 2)),
        )
        return AttributionMap(
            query,
            self.grid,
            values,
            self._value(score),
            score.reading.name,
            error=error,
            facts=facts,
            forwards=float(query.steps),
        )

    def _made(
        self,
        query: AttributionQuery,
        score: TargetScore,
        values: Tensor,
        value: float,
        forwards: float,
        grid: TokenGrid | None = None,
    ) -> AttributionMap:
        numbers = np.ascontiguousarray(values.detach().float().cpu().numpy())
        return AttributionMap(
            query, grid or self.grid, numbers, value, score.reading.name, forwards=forwards
        )


def _with(made: AttributionMap, facts: tuple[tuple[str, str], ...]) -> AttributionMap:
    return replace(made, facts=facts)


TAKES_GRADIENTS: frozenset[Method] = frozenset(
    {
        "relevance",
        "gradient rollout",
        "gradient x attention",
        "rollout",
        "attention",
        "Grad-CAM",
        "LayerCAM",
        "input x gradient",
    }
)
"""Methods that one pass back serves together."""
