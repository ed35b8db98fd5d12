"""One part of a folder measured: what a machine, or a worker among many, makes and hands back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.data.trace import Trace
from vitviz.core.measures.cka import FEWEST, SampleBatch, hsic
from vitviz.core.measures.running_moments import RunningMoments, no_moments
from vitviz.core.progress import Unsupported
from vitviz.folders.averages.folder_measures import CKA, FolderMeasure, MeasuredValues
from vitviz.folders.averages.folder_statistics import ACROSS, OWN
from vitviz.folders.picture_traces import LeftOut, PictureNumbers, PictureTraces
from vitviz.views.api import Token


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPart:
    """The moments of a part, its broken pictures, and every picture's own numbers where asked for.

    `used` are the places of the measured pictures among the part's.
    """

    number: int
    moments: dict[str, RunningMoments]
    used: tuple[int, ...]
    broken: tuple[tuple[str, str], ...]
    rows: dict[str, Float32[np.ndarray, "picture *entry"]]


class PartMeasurer:
    """Measures parts one after the other, each picture of the same shapes as the first."""

    def __init__(
        self,
        traces: PictureTraces,
        measures: Sequence[FolderMeasure],
        token: Token,
        *,
        rows: bool,
    ) -> None:
        self._traces, self._measures = traces, tuple(measures)
        self._token, self._rows = token, rows
        self._shapes: dict[str, tuple[int, ...]] = {}

    def first(self, file: Path) -> Trace | LeftOut:
        """What the model did with the folder's first picture, after it was measured.

        Unsupported for a measure that this model does not have.
        """
        one = next(self._traces.of([file]))
        if isinstance(one, LeftOut):
            return one
        self._measured(one)
        return one.trace

    def measure(
        self, number: int, files: Sequence[Path], *, done: Callable[[Path], None]
    ) -> MeasuredPart:
        """All pictures of a part; `done` is told each that is finished."""
        made: dict[str, list[MeasuredValues]] = {each.name: [] for each in self._measures}
        used, broken = [], []
        for at, one in enumerate(self._traces.of(files)):
            found = one if isinstance(one, LeftOut) else self._values(one)
            if isinstance(found, LeftOut):
                broken.append((str(found.file), found.why))
            else:
                used.append(at)
                for name, values in found.items():
                    made[name].append(values)
            done(files[at])
        moments = self._moments(made) if used else {}
        kept = {name: np.stack(each).astype(np.float32) for name, each in made.items() if each}
        rows = {name: each for name, each in kept.items() if name != CKA} if self._rows else {}
        return MeasuredPart(number, moments, tuple(used), tuple(broken), rows)

    def _values(self, one: PictureNumbers) -> dict[str, MeasuredValues] | LeftOut:
        try:
            return self._measured(one)
        except Unsupported as error:
            return LeftOut(one.file, str(error))

    def _measured(self, one: PictureNumbers) -> dict[str, MeasuredValues]:
        found = {each.name: each.measure(one, self._token) for each in self._measures}
        shapes = {name: values.shape for name, values in found.items()}
        self._shapes = self._shapes or shapes
        if shapes != self._shapes:
            raise Unsupported("its maps have other sizes than those of the folder's first picture")
        return found

    def _moments(self, made: dict[str, list[MeasuredValues]]) -> dict[str, RunningMoments]:
        found: dict[str, RunningMoments] = {}
        for name, values in made.items():
            if name == CKA:
                found |= _hsic_moments(values)
                continue
            moments = no_moments(values[0].shape)
            for each in values:
                moments = moments.with_values(each)
            found[name] = moments
        return found


def _hsic_moments(values: Sequence[MeasuredValues]) -> dict[str, RunningMoments]:
    """A part is one minibatch; below four pictures it has no estimate and goes in nowhere."""
    if len(values) < FEWEST:
        return {}
    samples: MeasuredValues = rearrange(np.stack(values), "sample layer dim -> layer sample dim")
    # Around their mean, which changes nothing: float32 keeps what differs between pictures.
    centred = (samples - samples.mean(axis=1, keepdims=True)).astype(np.float32)
    estimate = hsic(SampleBatch(centred, centred.copy()))
    layers = len(samples)
    return {
        ACROSS: no_moments((layers, layers)).with_values(estimate.across),
        OWN: no_moments((layers,)).with_values(estimate.first),
    }
