"""Pictures decoded ahead and traced in fixed groups, so that a part's numbers never depend on luck."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from vitviz.core.data.trace import Fit, Trace
from vitviz.core.progress import BadImage, Unsupported

if TYPE_CHECKING:
    from vitviz.models import Model
    from vitviz.models.record.batch_vectors import BatchVectors
    from vitviz.models.tracing.batch_tracing import Ready

AHEAD = 2
"""Groups that are decoded beyond the one at work."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A picture that could not be used, and why, in a sentence."""

    file: Path
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class PictureNumbers:
    """A picture with its trace and, where they were wanted, its tokens after each block.

    `logits` are the head's answer, None without a head or where no features were wanted.
    """

    file: Path
    trace: Trace
    features: Float32[np.ndarray, "layer token dim"] | None = None
    logits: Float32[np.ndarray, "label"] | None = None


class PictureTraces:
    """One model for any number of pictures, in groups of `size`; bad pictures are left out.

    With `features` every picture is also asked for its tokens after each block, in a second pass over
    the same group.
    """

    def __init__(
        self,
        model: Model,
        *,
        fit: Fit = "crop",
        size: int = 8,
        workers: int = 2,
        features: bool = False,
    ) -> None:
        from vitviz.models.tracing.batch_tracing import BatchTracing

        self.model, self._size, self._workers = model, size, workers
        self._several = BatchTracing(model, fit)
        self._features = features
        self._vectors: BatchVectors | None = None

    def of(self, files: Sequence[Path]) -> Iterator[PictureNumbers | LeftOut]:
        """Each picture of a part, in order; groups are cut from the part's beginning."""
        groups = [files[at : at + self._size] for at in range(0, len(files), self._size)]
        for group in decoded_ahead(self._several.ready, groups, self._workers):
            yield from self._traced(group)

    def _traced(
        self, group: Sequence[tuple[Path, Ready | Exception]]
    ) -> Iterator[PictureNumbers | LeftOut]:
        good = [(file, one) for file, one in group if not isinstance(one, Exception)]
        made = {each.file: each for each in self._numbers(good)} if good else {}
        for file, one in group:
            yield LeftOut(file, str(one)) if isinstance(one, Exception) else made[file]

    def _numbers(self, good: Sequence[tuple[Path, Ready]]) -> list[PictureNumbers | LeftOut]:
        files, readies = [file for file, _ in good], [one for _, one in good]
        try:
            traces = self._several.trace(readies)
            if not self._features:
                return [PictureNumbers(*each) for each in zip(files, traces, strict=True)]
            found = self._asked(traces[0]).of(readies)
        except Unsupported as error:
            if len(good) == 1:
                return [LeftOut(files[0], str(error))]
            return [each for one in good for each in self._numbers([one])]
        return [
            PictureNumbers(file, trace, each.layers, each.logits)
            for file, trace, each in zip(files, traces, found, strict=True)
        ]

    def _asked(self, trace: Trace) -> BatchVectors:
        if self._vectors is None:
            from vitviz.models.record.batch_vectors import BatchVectors

            self._vectors = BatchVectors(self.model, trace)
        return self._vectors


def decoded_ahead(
    ready: Callable[[Path], Ready], groups: Sequence[Sequence[Path]], workers: int
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
