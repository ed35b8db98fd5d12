"""The command that makes figures of one or a few pictures: draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vitviz.cli.command_arguments import (
    DEVICE,
    FIT,
    HEAD,
    JSON,
    LAYER,
    MODEL,
    OPTION,
    OVERWRITE,
    PATCH,
    PIXELS,
    RANGE,
    TARGET,
    TOKEN,
    UNTRAINED,
    VIEW,
    Misused,
    Printing,
    meter,
    option_values,
    print_json,
    range_values,
    remark,
    say_file,
    token_of,
    view_named,
)
from vitviz.cli.figure_files import (
    ANIMATED,
    STDOUT_FILE,
    Kind,
    check_alone,
    figure_places,
    suffix_of,
    written_file,
)
from vitviz.cli.model_arguments import (
    MODELS_KEPT,
    SaidOfModel,
    check_chosen,
    model_named,
    say_assumed,
    say_preparations,
)
from vitviz.cli.picture_sources import PictureParts, named_pictures, opened_picture
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.evidence import assumed
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.target import target_of
from vitviz.core.data.trace import Fit, Trace
from vitviz.core.files import check_place, expanded
from vitviz.core.pictures.foreign_formats import counted, wants_package
from vitviz.core.pictures.mask_file import mask_file
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.progress import BadImage, Unsupported, VitvizError
from vitviz.figures.save import save_pages
from vitviz.session.columns.compare_words import against as compared
from vitviz.session.figure.drawing_sweep import sheet_of, steps, sweep
from vitviz.session.figure.run_steps import model_step, swept_together
from vitviz.session.figure.sweep_steps import SweepStep, SweepSubject, SweptRun
from vitviz.session.files.training_run import run_around
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest
from vitviz.views import View
from vitviz.views.api import draw as draw_view
from vitviz.views.api import pictured

_TRACES_KEPT = 64
"""The last traces of a command stay."""

_FILES = Parameter(
    help="Pictures, folders of pictures, addresses (https://, file://), or - for standard input."
)
_OUT = Parameter(
    ("--out", "-o"),
    help="The figure: .png, .svg, .pdf, .tiff; its numbers: .npz, .csv; with --over also .gif, .apng, "
    ".webp, .mp4. A folder for several pictures; - for standard output, see --format.",
)
_AGAINST = Parameter(
    "--against",
    help="What a view of two compares with: a patch size (8, or 8@112 with the input size), a model "
    "or a picture; may be repeated to change several.",
)
_ALSO = Parameter(
    ["--pairs", "--more", "--also"],
    help="A further picture, through both models for cka, through the one for views over many pictures "
    "(distance, entropy, features, einops); may be repeated.",
)
_OVER = Parameter(
    "--over",
    help="Draw again and again over: picture (all that are named), layer, head, token, view or an "
    "option, all or listed (layer=0,3,6-11); size=32;16;8, model=NAME;NAME, checkpoint (the steps of a "
    "training), or columns=16;8;4, which "
    "are sizes, models or pictures. Twice for rows and columns. A page of small figures, or an "
    "animation.",
)
_MARK = Parameter(
    "--mark",
    help="Your own mark, for a view that says how its map lies to one: TOP,LEFT,BOTTOM,RIGHT in pixels "
    "of the picture (several with ; between them), or a picture file that is white where the mark is.",
)
_DATA = Parameter(
    "--data",
    help="Write the numbers beside each figure too, as .npz and .csv (whose first line, behind a #, is "
    "the recipe).",
)
_SECONDS = Parameter("--seconds", help="How long each frame of an animation is shown.")


def _marked(view: View, mark: str) -> dict[str, str]:
    """The option that a mark is for; a file as the mask in it, so that a recipe holds the mark."""
    if not mark:
        return {}
    painted = view.painted
    if painted is None or painted.paints != "mark":
        raise Misused(f"{view.name} measures no mark; --mark goes with the view why")
    file = expanded(mark)
    area = mask_file(file) if file.is_file() else PictureArea.read(mark)
    return {painted.name: area.text}


def draw(
    *pictures: Annotated[str, _FILES],
    view: Annotated[str, VIEW],
    model: Annotated[str, MODEL] = "",
    out: Annotated[Path | None, _OUT] = None,
    kind: Kind = "",
    token: Annotated[str, TOKEN] = "",
    layer: Annotated[int | None, LAYER] = None,
    head: Annotated[int | None, HEAD] = None,
    about: Annotated[str, TARGET] = "",
    option: Annotated[tuple[str, ...], OPTION] = (),
    mark: Annotated[str, _MARK] = "",
    ranges: Annotated[tuple[str, ...], RANGE] = (),
    over: Annotated[tuple[str, ...], _OVER] = (),
    against: Annotated[tuple[str, ...], _AGAINST] = (),
    also: Annotated[tuple[str, ...], _ALSO] = (),
    patch: Annotated[int | None, PATCH] = None,
    input_size: Annotated[str, PIXELS] = "",
    fit: Annotated[Fit, FIT] = "crop",
    device: Annotated[str, DEVICE] = "auto",
    untrained: Annotated[bool, UNTRAINED] = False,
    said: SaidOfModel | None = None,
    data: Annotated[bool, _DATA] = False,
    seconds: Annotated[float, _SECONDS] = 0.4,
    overwrite: Annotated[bool, OVERWRITE] = False,
    parts: PictureParts | None = None,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Draw a view of pictures into files, without a window; a broken one is said, the rest goes on."""
    chosen = view_named(view)
    values: dict[str, Any] = option_values(chosen, option) | _marked(chosen, mark)
    if (chosen.traces == 2) != bool(against):
        change = (
            f"{view} compares two: say with what by"
            if not against
            else (f"{view} draws one picture of one model: leave out")
        )
        raise Misused(f"{change} --against")
    if len(over) > 2:
        raise Misused("--over may be given once, or twice for rows and columns")
    asked_about = pictured(target_of(about))
    together = swept_together(over)
    every = named_pictures(pictures)
    listed = figure_places(pictures[:1] if together else pictures, view, out, kind)
    targets = dict([next(iter(listed.items()))]) if together else listed
    for target in targets.values():
        check_alone(target, as_json=as_json, beside=data)
        _check_suffix(suffix_of(target, kind), target.name, swept=bool(over))
        for file in () if target == STDOUT_FILE else (target, *_beside(target, data)):
            check_place(file, overwrite=overwrite)
    request = (said or SaidOfModel()).of_pictures(
        model_named(model), patch, input_size, fit, device, untrained=untrained
    )
    choice = (parts or PictureParts()).choice
    source = _Source(ModelCache(MODELS_KEPT), request, choice, tuple(every))
    made: list[dict[str, Any]] = []
    loaded = source.engine.load(request, meter())
    check_chosen(loaded, token_of(token), layer)
    say_assumed(loaded.info)
    guesses = [each.value for each in assumed(loaded.info.evidence)]

    def make(picture: str, target: Path) -> None:
        trace, other, pairs = _traces(source, picture, against, also)
        if not any(each["files"] for each in made):
            say_preparations(loaded, trace.picture, fit)
        drawing = draw_view(
            view,
            trace,
            token=token_of(token),
            layer=layer,
            head=head,
            target=asked_about,
            against=other,
            pairs=pairs,
            ranges=range_values(ranges),
            **values,
        )
        selection = replace(_selection(drawing), target=asked_about)
        run = SweptRun(request, picture)
        subject = SweepSubject(
            trace, selection, values, other, pairs, run=run, traced=run, runs=source
        )
        ways = [_checkpoints(request, text) or steps(chosen, subject, text) for text in over]
        with written_file(target, kind or "png", overwrite=overwrite) as file:
            drawings = _swept(chosen, subject, ways, file) if over else [drawing]
            files = _save(
                drawings,
                file,
                printing or Printing(),
                seconds,
                overwrite,
                bool(over),
                data,
                one_page=target == STDOUT_FILE,
            )
        said_too = {"assumed": guesses} if guesses else {}
        made.append({"picture": picture, "files": [str(file) for file in files], **said_too})
        if not as_json and target != STDOUT_FILE:
            for written in files:
                if written.suffix == target.suffix:
                    say_file(written)

    broken: list[str] = []
    for picture, target in targets.items():
        try:
            make(picture, target)
        except (BadImage, Unsupported) as error:
            if len(targets) == 1:
                raise
            broken.append(str(error))
            if not wants_package(str(error)):
                remark(str(error))
            made.append({"picture": picture, "files": [], "why": str(error)})
    if as_json:
        print_json(made)
    remark(*counted([why for why in broken if wants_package(why)]))
    if broken:
        remark(f"{len(broken)} of {len(targets)} pictures could not be drawn; the others are")
    return 3 if broken else 0


@dataclass(frozen=True, slots=True)
class _Source:
    """What a command draws with: models and traces that stay, the one asked for, the part of each
    picture, and all pictures that were named.
    """

    engine: ModelCache
    request: ModelRequest
    choice: PictureChoice
    pictures: tuple[str, ...]
    _made: dict[tuple[ModelRequest, str], Trace] = field(default_factory=dict)

    def trace(self, request: ModelRequest, picture: str) -> Trace:
        """What a model did with a picture."""
        key = (request, picture)
        if key not in self._made:
            if len(self._made) >= _TRACES_KEPT:
                del self._made[next(iter(self._made))]
            opened = opened_picture(picture, self.choice)
            self._made[key] = self.engine.trace(request, opened, meter())
        return self._made[key]


def _check_suffix(suffix: str, name: str, *, swept: bool) -> None:
    """Misused for a file that no figure can be, before a model is loaded."""
    from vitviz.figures.save import check_suffix

    if suffix in ANIMATED and not swept:
        raise Misused(f"{name} is an animation; say over what with --over, such as layer")
    try:
        if suffix not in ANIMATED:
            check_suffix(Path(name).with_suffix(suffix))
    except VitvizError as error:
        raise Misused(f"{error}; with --over also .gif, .apng, .webp, .mp4") from None


def _beside(target: Path, data: bool) -> tuple[Path, ...]:
    """The files of numbers that belong to a figure."""
    if not data or target.suffix.lower() in (".npz", ".csv"):
        return ()
    return target.with_suffix(".npz"), target.with_suffix(".csv")


def _traces(
    source: _Source, picture: str, words: Sequence[str], also: Sequence[str]
) -> tuple[Trace, Trace | None, list[tuple[Trace, Trace]]]:
    """The trace of the picture, what it is compared with, and further pictures through both models."""
    request, traced = source.request, source.trace
    trace = traced(request, picture)
    if not words:
        further = [traced(request, one) for one in also]
        return trace, None, [(one, one) for one in further]
    other, second = compared(request, picture, words)
    pairs = [(traced(request, one), traced(other, one)) for one in also]
    return trace, traced(other, second), pairs


def _selection(drawing: Drawing) -> Any:
    assert drawing.made is not None
    return drawing.made.selection


def _checkpoints(request: ModelRequest, text: str) -> list[SweepStep]:
    """The steps of the run that the model belongs to, or those listed (checkpoint=100,500); [] for
    another way.
    """
    name, _, listed = text.partition("=")
    if name != "checkpoint":
        return []
    run = run_around(request.name)
    if run is None:
        raise Misused(
            f"--over checkpoint wants a model of a run: {request.words} has no checkpoints "
            "beside it that are named alike but for a number"
        )
    wanted = {word.strip() for word in listed.split(",") if word.strip()}
    steps = [step for step in run.steps if not wanted or str(step.number) in wanted]
    if not steps:
        known = ", ".join(str(step.number) for step in run.steps[:12])
        raise Misused(f"--over checkpoint={listed}: the run has no such steps; it has {known}")
    return [model_step(step.path, step.words) for step in steps]


def _swept(
    view: View, subject: SweepSubject, ways: Sequence[Sequence[SweepStep]], target: Path
) -> list[Drawing]:
    """The drawings of a sweep; one page of them for a figure."""
    from vitviz.core.drawings.drawing_sheet import page

    drawings = sweep(view, subject, ways, meter())
    if target.suffix.lower() in ANIMATED:
        return drawings
    return [page(drawings, sheet_of(view, drawings, ways))]


def _save(
    drawings: Sequence[Drawing],
    target: Path,
    printing: Printing,
    seconds: float,
    overwrite: bool,
    swept: bool,
    data: bool,
    *,
    one_page: bool = False,
) -> list[Path]:
    if target.suffix.lower() in ANIMATED:
        from vitviz.figures.animate import animate

        paper = printing.paper(dpi=120)
        return [
            animate(
                drawings,
                target,
                seconds=seconds,
                paper=paper,
                overwrite=overwrite,
                progress=meter(),
            )
        ]
    paper = printing.paper(**({"grid": True, "bars": "shared"} if swept else {}))
    if one_page and target.suffix.lower() != ".pdf":  # a stream has no further files
        paper = replace(paper, height_mm=None)
    return [
        page
        for file in (target, *_beside(target, data))
        for page in save_pages(drawings[0], file, paper, overwrite=overwrite)
    ]
