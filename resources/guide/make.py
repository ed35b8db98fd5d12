"""Writes the guide: a page for each view, from the words that F1 shows, with a picture made by vitviz;
and the page of names for scripts and plugins, from their docstrings (`api_page`).

`python resources/guide/make.py` writes the pages; with `--pictures PHOTO --model NAME` it makes their
pictures too. A test holds the pages against the views, so words are changed in one place only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "resources" / "guide")]

from api_page import api_page  # noqa: E402

from vitviz.views import View, views  # noqa: E402
from vitviz.views.options import Option  # noqa: E402

PAGES = ROOT / "resources" / "guide" / "views"
API = PAGES.parent / "api.md"
FRONT = ROOT / "README.md"
ACROSS = 3
LARGEST = 150_000
"""Bytes that a picture may have."""
UNTRAINED = ("pools",)
"""Views whose picture shows random weights: no model that vitviz ships has what they show."""


def main() -> int:
    """Writes what is out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", metavar="PHOTO", help="make every view's picture from it")
    parser.add_argument("--other", metavar="PHOTO", help="for views that compare two pictures")
    parser.add_argument("--model", default="", help="a bundled name, a timm name or a file")
    parser.add_argument("--words", default="", help="a TNT, for views of the words in a patch")
    parser.add_argument("--pool", default="", help="a model that pools, for its random weights")
    parser.add_argument("--only", nargs="*", default=[], help="these views only")
    asked = parser.parse_args()
    if asked.pictures:
        pictures(
            asked.pictures,
            asked.other or asked.pictures,
            asked.model,
            asked.words,
            asked.pool,
            asked.only,
        )
    PAGES.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[Path, str]:
    """Every page of the guide, by where it goes."""
    known = list(views().values())
    found = {PAGES / f"{view.name}.md": page(view) for view in known}
    return found | {PAGES / "README.md": index(known), API: api_page(), FRONT: front(known)}


def front(known: list[View]) -> str:
    """The front page, with every view's picture between its two marks."""
    text = FRONT.read_text(encoding="utf-8")
    before, rest = text.split("<!-- views -->", 1)
    after = rest.split("<!-- /views -->", 1)[1]
    cells = [_cell(view) for view in known if (PAGES / f"{view.name}.webp").is_file()]
    rows = "".join(
        f"<tr>{''.join(cells[start : start + ACROSS])}</tr>\n"
        for start in range(0, len(cells), ACROSS)
    )
    table = f"<table>\n{rows}</table>\n\n" if rows else ""
    return (
        f"{before}<!-- views -->\n{table}"
        "[All views](resources/guide/views/README.md), with formula, source and options."
        f"\n<!-- /views -->{after}"
    )


def _cell(view: View) -> str:
    here = f"resources/guide/views/{view.name}"
    return (
        f'<td width="33%"><a href="{here}.md">'
        f'<img src="{here}.webp" alt="{view.title}"><br>{view.title}</a>'
        f"{' (untrained weights)' if view.name in UNTRAINED else ''}</td>"
    )


def index(known: list[View]) -> str:
    """The list of all views, as the board has them."""
    rows = "".join(f"- [{view.title}]({view.name}.md): {_first(view.shows)}\n" for view in known)
    return (
        "# All views\n\nIn the window F1, or the ? on a view, shows the same words. Made by "
        f"`python resources/guide/make.py`.\n\n{rows}"
    )


def page(view: View) -> str:
    """What a view shows, its formula, its options and its source; and how to have it as a file."""
    picture = PAGES / f"{view.name}.webp"
    image = f"![{view.title}]({picture.name})\n\n" if picture.is_file() else ""
    if image and view.name in UNTRAINED:
        image += (
            "*The picture is of untrained weights: no bundled model has what this view shows.*\n\n"
        )
    rows = "".join(_row(option) for option in view.options)
    table = f"| option | values | default | |\n|---|---|---|---|\n{rows}\n" if rows else ""
    follows = ", ".join(sorted(view.follows)) or "nothing that is chosen"
    against = " --against other.jpg" if view.traces == 2 else ""
    return (
        f"# {view.title}\n\n{image}{view.shows}\n\n```\n{view.formula}\n```\n\nSource: {view.source}. "
        f"It follows: {follows}.\n\n{table}"
        f"```sh\nvitviz draw photo.jpg --view {view.name}{against} -o {view.name}.pdf\n```\n\n"
        "[All views](README.md)\n"
    )


def _row(option: Option) -> str:
    values = ", ".join(option.choices) or option.kind
    if option.low is not None or option.high is not None:
        values += f", {option.low:g} to {option.high:g}"
    default = "none" if option.default is None else str(option.default)
    cells = (option.name, values, default, option.text)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _first(text: str) -> str:
    """The first sentence."""
    head, dot, _ = text.partition(". ")
    return head + dot.strip()


def pictures(photo: str, other: str, model: str, words: str, pool: str, only: list[str]) -> None:
    """Every view's picture, as vitviz prints it; what a model has nothing for is left out, and said."""
    import vitviz
    from vitviz.core.progress import Unsupported
    from vitviz.session.app.first_choices import first_bundled

    name = model or first_bundled()
    loaded = vitviz.load(name)
    traces: dict[bool | None, vitviz.Trace] = {False: vitviz.trace(loaded, photo)}
    if words:
        traces[True] = vitviz.trace(vitviz.load(words), photo)
    if pool:
        traces[None] = vitviz.trace(vitviz.load(pool, pretrained=False), photo)
    against = vitviz.trace(loaded, other) if other != photo else None
    for view in views().values():
        if only and view.name not in only:
            continue
        trace = next((each for each in traces.values() if not view.applies(each)), None)
        if trace is None:
            print(f"{view.name}: {view.applies(traces[False])}")
            continue
        try:
            drawing = vitviz.draw(
                view.name,
                trace,
                token=_token(trace),
                layer=len(trace.layers) // 2 or None,
                against=against if view.traces == 2 else None,
                more=(against,) if against is not None and view.takes_all({}) else (),
            )
        except Unsupported as error:
            print(f"{view.name}: {error}")
            continue
        print(f"{view.name}: {_written(drawing, PAGES / f'{view.name}.webp')} bytes")


def _token(trace: object) -> tuple[int, int]:
    """A patch in the middle, where a photograph has its subject."""
    grid = trace.grid  # type: ignore[attr-defined]
    return grid.rows // 2, grid.cols // 2


def _written(drawing: object, file: Path) -> int:
    """A drawing as a small picture; its size."""
    from PIL import Image

    import vitviz

    PAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        printed = vitviz.save(drawing, Path(folder, "view.png"), dpi=110)  # type: ignore[arg-type]
        with Image.open(printed) as opened:
            image = opened.convert("RGB")
    for quality in (88, 80, 70, 55, 40):
        image.save(file, quality=quality, method=6)
        if file.stat().st_size <= LARGEST:
            break
    return file.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
