"""Many pictures through one model in one pass, each recorded, verified and read on its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Fit, Picture, Trace
from vitviz.core.pictures.picture_files import ImageSource, open_picture
from vitviz.core.progress import silent
from vitviz.models.loading.model import Model
from vitviz.models.loading.preprocess import PreparedPicture, prepare, tensor_of
from vitviz.models.record.attention.kernel import KernelAnswer
from vitviz.models.record.attention.only_row import OnlyRow
from vitviz.models.record.attention_call import AttentionCall, RecordedRow, versions
from vitviz.models.record.map_sizes import SeenMaps
from vitviz.models.record.recorder import AttentionRecorder
from vitviz.models.record.tensor_arena import keep_freed
from vitviz.models.record.verify import sampled
from vitviz.models.tracing import picture_tracing

AGREE = 1e-3
"""How far a picture's attention alone may be from the same picture's among others: 32-bit sums in
another order. In half precision `AGREE_HALF`."""
AGREE_HALF = 5e-2

Ready = tuple[Picture, PreparedPicture, Tensor]
Choose = Callable[[TokenGrid, Crop], Selection]


class Unbatched(Exception):
    """A pass in which it is not certain which numbers belong to which picture."""


class BatchTracing:
    """One model for many pictures: `trace` takes as many at once as it is given.

    The first time, one picture is also run alone; where its attention differs, or where the model
    does more than fused attention over one picture each, pictures are run one by one, which is slower
    and gives the same. `batched` says which; None before the first time.

    With `only`, the rows of the token that it chooses are all that is asked of a picture: they are
    read during the pass, and q and k are not kept. `choice` says which page and bands of a file are
    the picture.
    """

    def __init__(
        self,
        model: Model,
        fit: Fit = "crop",
        only: Choose | None = None,
        choice: PictureChoice = AS_IT_IS,
    ) -> None:
        """`fit` is how a picture of other sides is brought to the model's."""
        self.model, self.fit, self._only, self.choice = model, fit, only, choice
        self.batched: bool | None = None
        keep_freed()  # before there are threads that decode

    def ready(self, source: ImageSource) -> Ready:
        """A picture decoded and prepared, for any thread. BadImage for what is no picture."""
        picture = open_picture(source, choice=self.choice)
        prepared = prepare(picture, self.model.preprocess, self.fit)
        return picture, prepared, tensor_of(prepared, self.model.preprocess)

    def trace(self, batch: Sequence[Ready]) -> list[Trace]:
        """All that the model does with each of the pictures. Unsupported as for a single one."""
        while len(batch) > 1 and self.batched is not False:
            try:
                traces = self._together(batch)
                if self.batched is None:
                    self.batched = self._agrees(traces[0], batch[0])
            except OnlyRow:  # this model's rows are not read off single queries
                self._only = None
            except (Unbatched, torch.OutOfMemoryError):
                self.batched = False
            else:
                if self.batched:
                    return traces
        return [self._alone(each) for each in batch]

    def _alone(self, one: Ready) -> Trace:
        return picture_tracing.trace_prepared(
            self.model, one[0], one[1], fit=self.fit, values=False, progress=silent
        )

    def _together(self, batch: Sequence[Ready]) -> list[Trace]:
        model = self.model
        with model.lock:
            started = time.perf_counter()
            parameter = next(model.module.parameters())
            pixels = torch.cat([each[2] for each in batch]).to(parameter.device, parameter.dtype)
            recorder = SeparateRecorder(len(batch), model.info.depth, self._asked(batch))
            with recorder.watching(model.module):
                output = model.module(pixels)
            recorder.check()
            seconds = (time.perf_counter() - started) / len(batch)
            return [
                picture_tracing._read(
                    model,
                    model.info,
                    picture,
                    prepared,
                    _of(output, at, len(batch)),
                    recorder.calls[at :: len(batch)],
                    seconds,
                    self.fit,
                    Intervention(),
                )
                for at, (picture, prepared, _) in enumerate(batch)
            ]

    def _asked(self, batch: Sequence[Ready]) -> RowRequest | None:
        """The token of each picture whose rows are wanted; None where more is."""
        grid = self.model.family.grid(self.model.module, self.model.preprocess.size)
        if self._only is None or grid is None:
            return None
        crops = [prepared.crop for _, prepared, _ in batch]
        tokens = [self._only(grid, crop).token(grid, crop) for crop in crops]
        return RowRequest(grid.tokens, torch.tensor(tokens))

    def _agrees(self, among: Trace, one: Ready) -> bool:
        """Whether a picture looks the same alone."""
        alone = self._alone(one)
        if len(alone.layers) != len(among.layers) or alone.refused != among.refused:
            return False
        limit = AGREE if self.model.info.precision == "fp32" else AGREE_HALF
        chosen = self._only(alone.grid, alone.crop) if self._only else Selection()
        tokens = [chosen.token(layer.grid, alone.crop) for layer in alone.layers]
        return all(
            np.abs(a.attention.rows(token) - b.attention.rows(token)).max() <= limit
            for a, b, token in zip(alone.layers, among.layers, tokens, strict=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class RowRequest:
    """Of which of `tokens` tokens each picture's rows are wanted, where they are all that is."""

    tokens: int
    query: Int64[Tensor, "picture"]


class SeparateRecorder(AttentionRecorder):
    """Records a pass over many pictures as if each were alone: a call for every picture, in turn."""

    def __init__(self, pictures: int, expected: int, asked: RowRequest | None = None) -> None:
        """`pictures` in the pass, `expected` calls; `asked` is the one row of each that is wanted."""
        super().__init__(expected, False, silent)
        self._pictures, self._asked, self._maps = pictures, asked, SeenMaps(pictures)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Fused attention is taken apart by picture; what else there is makes the pass unfit."""
        if func is not functional.scaled_dot_product_attention:
            return super().__torch_function__(func, types, args, kwargs)
        kwargs = dict(kwargs or {})
        result = func(*args, **kwargs)
        names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
        given = dict(zip(names, args, strict=False)) | kwargs
        if self._is_plain(given):
            scale = given.get("scale")
            scale = float(given["query"].shape[-1] ** -0.5 if scale is None else scale)
            self._at_once(result, given["query"], given["key"], given["value"], scale)
            return result
        for at in range(self._pictures):
            alone = KernelAnswer(_one(result, at, self._pictures))
            self._fused(
                alone, **{name: self._own(name, value, at) for name, value in given.items()}
            )
        return result

    def _is_plain(self, given: dict[str, Any]) -> bool:
        """Whether all pictures can be looked at in one go: nothing but q, k and v."""
        query, key, value = (given[name] for name in ("query", "key", "value"))
        together = query.ndim == 4 and query.shape[0] == self._pictures
        alike = query.shape[:2] == key.shape[:2] == value.shape[:2]
        return together and alike and given.get("attn_mask") is None and not given.get("is_causal")

    def _at_once(
        self,
        result: Float[Tensor, "picture head query value"],
        query: Float[Tensor, "picture head query dim"],
        key: Float[Tensor, "picture head key dim"],
        value: Float[Tensor, "picture head key value"],
        scale: float,
    ) -> None:
        """Kept and verified as `AttentionRecorder` does it, in a few operations for all pictures."""
        asked = self._asked
        if asked is not None and not query.shape[2] == key.shape[2] == asked.tokens:
            asked = None
        if asked is None:
            query, key = self._keep(query), self._keep(key)
        chosen = self._chosen(query, asked)
        logits = (query.take_along_dim(chosen, 2).float() * scale) @ key.float().mT
        maps = torch.softmax(logits, dim=-1)
        found = result.take_along_dim(chosen, 2).float()
        apart = (maps @ value.float() - found).abs()
        difference = reduce(apart, "picture head query value -> picture", "max")
        largest = reduce(found.abs(), "picture head query value -> picture", "max")
        rows = maps[:, :, -1].clone()
        for at in range(self._pictures):
            call = AttentionCall(self._name(), "fused", scale=scale)
            call.error = (difference[at], largest[at])
            one = slice(at, at + 1)
            if asked is None:
                call.query, call.key = query[one], key[one]
            else:
                asked_for = int(asked.query[at])
                call.row = RecordedRow(asked_for, asked.tokens, rows[one], query.dtype)
            self._done(call)

    def _chosen(
        self, query: Float[Tensor, "picture head query dim"], asked: RowRequest | None
    ) -> Int64[Tensor, "picture 1 sample 1"]:
        """The queries of each picture that are compared, last the one that is asked for."""
        few = torch.arange(query.shape[2], device=query.device)[sampled(query.shape[2])]
        chosen = repeat(few, "sample -> picture sample", picture=self._pictures)
        if asked is not None:
            own = rearrange(asked.query.to(query.device), "picture -> picture 1")
            chosen = torch.cat([chosen, own], dim=1)
        return rearrange(chosen, "picture sample -> picture 1 sample 1")

    def check(self) -> None:
        """Unbatched when a call was not seen whole, or not a fused one of each picture."""
        if self._open or not self.calls or any(call.kind != "fused" for call in self.calls):
            raise Unbatched
        if len(self.calls) % self._pictures:
            raise Unbatched

    def _own(self, name: str, value: Any, at: int) -> Any:
        match name:
            case "query" | "key" | "value":
                return _one(value, at, self._pictures)
            case "attn_mask" if isinstance(value, Tensor) and value.ndim == 4:
                return value if value.shape[0] == 1 else _one(value, at, self._pictures)
            case _:
                return value

    def _done(self, call: AttentionCall) -> None:
        call.versions = versions(call.held)
        call.given = {
            name: (1, *shape[1:]) if shape and shape[0] == self._pictures else shape
            for name, shape in self._shapes().items()
        }
        call.maps_made = self._maps.sizes
        self.calls.append(call)


def _one(tensor: Tensor, at: int, pictures: int) -> Tensor:
    """One picture's part of (picture head token dim)."""
    if tensor.ndim != 4 or tensor.shape[0] != pictures:
        raise Unbatched
    return tensor[at : at + 1]


def _of(output: Any, at: int, pictures: int) -> Any:
    """One picture's part of what the model answers."""
    if isinstance(output, Tensor) and output.ndim and output.shape[0] == pictures:
        return output[at : at + 1]
    return None
