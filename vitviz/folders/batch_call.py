"""`vitviz.batch`: every picture of a folder through one model, in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.trace import Fit
from vitviz.core.pictures.film_frames import FILMS
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.core.storage import StoragePath, place_of
from vitviz.folders.batch import BatchOutcome, run_batch
from vitviz.folders.batch_order import BatchOrder, NumbersFile
from vitviz.folders.film_batch import FRAMES, film_kinds, with_film
from vitviz.folders.films import ANIMATIONS, FilmFrames, unpack_film
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.folders.ray_engine import RayCluster, threads_of
from vitviz.views import View, find
from vitviz.views.api import Token

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle
    from vitviz.models import Model


def batch(
    folder: str | Path,
    *,
    out: str | Path,
    view: str | Sequence[str] = (),
    model: str | Path | Model | ModelToLoad = "",
    kind: str | Sequence[str] = ("png",),
    rows: bool = False,
    features: bool = False,
    logits: bool = False,
    qkv: bool = False,
    numbers: NumbersFile = "npz",
    token: Token = None,
    layer: int | None = None,
    head: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    one_range: bool = False,
    shard: tuple[int, int] = (1, 1),
    patch_size: int | None = None,
    input_size: int | None = None,
    fit: Fit = "crop",
    device: str = "auto",
    pretrained: bool = True,
    size: int = 8,
    workers: int | None = None,
    choice: PictureChoice = AS_IT_IS,
    overwrite: bool = False,
    paper: PaperStyle | None = None,
    engine: Literal["", "ray"] = "",
    actors: int = 2,
    gpus_per_actor: float = 0.0,
    progress: Progress = silent,
) -> BatchOutcome:
    """Makes figures and arrays of every picture of a folder: `vitviz batch` as a function.

    >>> Path("photos").mkdir()
    >>> for name in ("one.png", "two.png"):
    ...     Image.fromarray(photo).save(Path("photos", name))
    >>> outcome = vitviz.batch("photos", out="made", view="rollout", model=model, rows=True, workers=1)
    >>> outcome.done, outcome.before, outcome.broken
    (2, 0, ())
    >>> sorted(file.name for file in Path("made").glob("one*"))
    ['one-attention.npz', 'one-rollout.png']

    Called again it goes on where it was stopped:

    >>> again = vitviz.batch("photos", out="made", view="rollout", model=model, rows=True, workers=1)
    >>> again.done, again.before
    (0, 2)

    - `folder` and `out` may be addresses in a store (s3://, gs://), where its package is installed.
    - `folder` may be a film or an animation too: its frames are unpacked once into `out`/frames,
      and the kind "mp4" joins the figures of all frames to a film at the film's own rate.
    - `out` is the folder of results; it is made where it is not there.
    - `view` names what is drawn, one or several; `kind` the files of each ("png", "svg", "pdf",
      "tiff", "npz", "csv"); `options` are the views' own options by view; `paper` the style of the
      pages; `one_range` colours all figures of a view in one range.
    - Arrays are one token's attention of all layers and heads (`rows`: layer head key), all tokens
      after each block (`features`: layer token dim), the head's answer (`logits`: label) and
      queries, keys and values (`qkv`: layer head token dim), in files beside each other or, with
      `numbers="parquet"`, in one data set for all pictures.
    - `model` is a loaded model or what `vitviz.load` takes, then with `patch_size`, `input_size`
      (model pixels), `device` and `pretrained`.
    - `token`, `layer` and `head` are as `vitviz.draw` takes them, `fit` as `vitviz.trace` does.
    - `shard` is this machine's share, (1, 4) to (4, 4).
    - `size` pictures go through the model at once, `workers` read and write beside it; `choice`
      says which page and bands of a file are the picture.
    - `overwrite` begins anew.
    - With `engine="ray"` so many `actors` of a Ray cluster share the parts, each with a model of
      its own and `gpus_per_actor` of a GPU; `model` is then a name, and both folders lie where all
      machines find them.

    Returns a `BatchOutcome`. Pictures that cannot be used are left out and listed in `report.json`
    and in the outcome. Raises BadModel, VitvizError for a folder without pictures or with results
    of another order; `progress` may raise `Cancelled`.
    """
    named = [view] if isinstance(view, str) else list(view)
    chosen = [_one_picture(find(name)) for name in named]
    own = dict(options or {})
    if strange := set(own) - {each.name for each in chosen}:
        raise VitvizError(f"options are for views that are drawn, and {min(strange)} is not")
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    source, results = place_of(folder), place_of(out)
    film = _film(source, results, kinds, progress)
    order = BatchOrder(
        _loaded(model, patch_size, input_size, device, pretrained),
        source if film is None else results / FRAMES,
        results,
        views=tuple((each, own.get(each.name, {})) for each in chosen),
        kinds=kinds if film is None else film_kinds(kinds),
        rows=rows,
        features=features,
        logits=logits,
        qkv=qkv,
        numbers=numbers,
        token=token,
        layer=layer,
        head=head,
        fit=fit,
        paper=paper,
        one_range=one_range,
        shard=shard,
        size=size,
        workers=workers or max(1, (os.cpu_count() or 2) - 1),
        choice=choice,
        anew=overwrite,
    )
    if not order.folder.is_dir():
        raise VitvizError(f"there is no folder {source}; name one with pictures")
    cluster = RayCluster(actors, gpus_per_actor, threads_of(actors)) if engine == "ray" else None
    wanted = None
    if isinstance(model, str | Path | ModelToLoad):
        wanted = _asked(model, patch_size, input_size, device, pretrained)
    found = _run(order, wanted, cluster, progress)
    return found if film is None else with_film(found, order, film, "mp4" in kinds)


def _run(
    order: BatchOrder,
    wanted: ModelToLoad | None,
    cluster: RayCluster | None,
    progress: Progress,
) -> BatchOutcome:
    """On this machine, or on a cluster, whose workers load a model by its name."""
    if cluster is None:
        return run_batch(order, progress)
    from vitviz.folders.ray_batch import batch_on_ray

    if wanted is None:
        raise VitvizError("workers load the model themselves; give its name, not a loaded one")
    return batch_on_ray(order, wanted, cluster, progress)


def _film(source: Path, out: Path, kinds: Sequence[str], progress: Progress) -> FilmFrames | None:
    """The unpacked frames of a film; None for a folder of pictures. VitvizError for any other file."""
    if not source.is_file():
        if "mp4" in kinds:
            raise VitvizError("mp4 joins the frames of a film; name a film, or take other kinds")
        return None
    if source.suffix.lower() not in (*FILMS, *ANIMATIONS):
        raise VitvizError(
            f"{source.name} is neither a folder of pictures nor a film; name a folder, or a film "
            f"({', '.join((*FILMS, *ANIMATIONS))})"
        )
    if far := next((each for each in (source, out) if isinstance(each, StoragePath)), None):
        raise VitvizError(
            f"a film is unpacked on this machine, and {far} is not; copy the film here and name a "
            "folder with --out"
        )
    return unpack_film(source, out / FRAMES, progress)


def _loaded(
    model: str | Path | Model | ModelToLoad,
    patch_size: int | None,
    input_size: int | None,
    device: str,
    pretrained: bool,
) -> Model:
    if not isinstance(model, str | Path | ModelToLoad):
        return model
    return _asked(model, patch_size, input_size, device, pretrained).load()


def _asked(
    model: str | Path | ModelToLoad,
    patch_size: int | None,
    input_size: int | None,
    device: str,
    pretrained: bool,
) -> ModelToLoad:
    """A model by its name, or just as it was asked for."""
    if isinstance(model, ModelToLoad):
        return model
    return ModelToLoad(str(model), patch_size, input_size, device, pretrained=pretrained)


def _one_picture(view: View) -> View:
    """A view of one picture. VitvizError for one that compares two."""
    if view.traces == 2:
        raise VitvizError(f"{view.name} compares two; draw it with: vitviz draw --against")
    return view
