"""Pictures decoded ahead and traced in fixed groups, so that a part's numbers never depend on luck."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.trace import Fit, Trace
from vitviz.core.progress import BadImage, Unsupported
from vitviz.folders.stage_seconds import StageSeconds

if TYPE_CHECKING:
    from vitviz.models import Model
    from vitviz.models.tracing.batch_tracing import Choose, Ready
    from vitviz.models.tracing.batch_vectors import BatchVectors, PictureVectors, VectorKind

AHEAD = 2
"""Groups that are decoded beyond the one at work."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A picture that could not be used, and why, in a sentence."""

    file: Path
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class PictureNumbers:
    """A picture with its trace and, where they were wanted, its vectors.

    `features` are its tokens after each block, `logits` the head's answer (None without a head or
    where no features were wanted), `qkv` queries, keys and values of each layer as the attention met
    them.
    """

    file: Path
    trace: Trace
    features: Float32[np.ndarray, "layer token dim"] | None = None
    logits: Float32[np.ndarray, "label"] | None = None
    qkv: Float32[np.ndarray, "layer kind head token dim"] | None = None


class PictureTraces:
    """One model for any number of pictures, in groups of `size`; bad pictures are left out.

    With `features` or `qkv` every picture is also asked for these vectors, each in another pass over
    the same group. With `only`, the row of the token that it chooses is all that is kept of a trace.
    """

    def __init__(
        self,
        model: Model,
        *,
        fit: Fit = "crop",
        size: int = 8,
        workers: int = 2,
        features: bool = False,
        qkv: bool = False,
        only: Choose | None = None,
        clock: StageSeconds | None = None,
        choice: PictureChoice = AS_IT_IS,
    ) -> None:
        from vitviz.models.tracing.batch_tracing import BatchTracing

        self.model, self.size, self._workers = model, size, workers
        self._several = BatchTracing(model, fit, only, choice)
        asked: dict[VectorKind, bool] = {"tokens": features, "qkv": qkv}
        self._kinds = [kind for kind, wanted in asked.items() if wanted]
        self._vectors: dict[VectorKind, BatchVectors] = {}
        self._clock = clock or StageSeconds()

    def of(self, files: Sequence[Path]) -> Iterator[PictureNumbers | LeftOut]:
        """Each picture of a part, in order; groups are cut from the part's beginning."""
        for group in self.of_groups(grouped(files, self.size)):
            yield from group

    def of_groups(
        self, groups: Iterable[Sequence[Path]]
    ) -> Iterator[list[PictureNumbers | LeftOut]]:
        """Each group's pictures, run together; the next ones are decoded meanwhile."""
        for group in decoded_ahead(self._ready, groups, self._workers):
            with self._clock.stage("model"):
                found = self._traced(group)
            yield found

    def _ready(self, file: Path) -> Ready:
        with self._clock.stage("decode"):
            return self._several.ready(file)

    def _traced(
        self, group: Sequence[tuple[Path, Ready | Exception]]
    ) -> list[PictureNumbers | LeftOut]:
        good = [(file, one) for file, one in group if not isinstance(one, Exception)]
        made = iter(self._numbers(good) if good else [])
        return [
            LeftOut(file, str(one)) if isinstance(one, Exception) else next(made)
            for file, one in group
        ]

    def _numbers(self, good: Sequence[tuple[Path, Ready]]) -> list[PictureNumbers | LeftOut]:
        files, readies = [file for file, _ in good], [one for _, one in good]
        try:
            traces = self._several.trace(readies)
            found = {kind: self._asked(kind, traces[0]).of(readies) for kind in self._kinds}
        except Unsupported as error:
            if len(good) == 1:
                return [LeftOut(files[0], str(error))]
            return [each for one in good for each in self._numbers([one])]
        return [
            _numbers(file, trace, {kind: vectors[at] for kind, vectors in found.items()})
            for at, (file, trace) in enumerate(zip(files, traces, strict=True))
        ]

    def _asked(self, kind: VectorKind, trace: Trace) -> BatchVectors:
        if kind not in self._vectors:
            from vitviz.models.tracing.batch_vectors import BatchVectors

            self._vectors[kind] = BatchVectors(self.model, trace, kind)
        return self._vectors[kind]


def _numbers(file: Path, trace: Trace, found: dict[VectorKind, PictureVectors]) -> PictureNumbers:
    tokens, qkv = found.get("tokens"), found.get("qkv")
    apart = None
    if qkv is not None:
        pattern = "layer token (kind head dim) -> layer kind head token dim"
        heads = trace.layers[0].attention.heads
        apart = rearrange(qkv.layers, pattern, kind=3, head=heads)
    if tokens is None:
        return PictureNumbers(file, trace, qkv=apart)
    return PictureNumbers(file, trace, tokens.layers, tokens.logits, apart)


def grouped(files: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    """Cut into groups of `size`, the last one maybe smaller."""
    return (files[at : at + size] for at in range(0, len(files), size))


def decoded_ahead(
    ready: Callable[[Path], Ready], groups: Iterable[Sequence[Path]], workers: int
) -> Iterator[list[tuple[Path, Ready | Exception]]]:
    """Each group's pictures decoded and prepared, in order, begun while earlier ones are at work.

    A picture that cannot be opened comes as the BadImage that says why.
    """
    begun: deque[list[tuple[Path, Future[Ready]]]] = deque()
    coming = iter(groups)
    with ThreadPoolExecutor(workers) as readers:
        try:
            while True:
                for group in coming:
                    begun.append([(file, readers.submit(ready, file)) for file in group])
                    if len(begun) > AHEAD:
                        break
                if not begun:
                    return
                yield [(file, _opened(future)) for file, future in begun.popleft()]
        finally:
            readers.shutdown(wait=True, cancel_futures=True)


def _opened(future: Future[Ready]) -> Ready | Exception:
    try:
        return future.result()
    except BadImage as error:
        return error
