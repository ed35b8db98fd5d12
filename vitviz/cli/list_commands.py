"""Commands that say what there is: views with their options, models with their cards."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill
from typing import Annotated, Any

from cyclopts import Parameter

from vitviz.cli.card_text import card_lines
from vitviz.cli.check_command import check_families
from vitviz.cli.command_arguments import JSON, meter, option_words, print_json
from vitviz.cli.search_command import search
from vitviz.views import View
from vitviz.views import views as all_views
from vitviz.views.options import Option

_CHECK = Parameter(
    help="Try one model of every kind that timm has (or of the files named): captured, verified, "
    "laid over the picture. Takes some minutes."
)
_WORDS = Parameter(help="Words of a model's name, training or licence: dinov2 small.")


def list_views(*, as_json: Annotated[bool, JSON] = False) -> int:
    """List the views with their options."""
    known = list(all_views().values())
    if as_json:
        print_json([_view_data(view) for view in known])
        return 0
    for view in known:
        print(f"{view.name}: {view.title}")
        for text in (view.shows, view.formula, view.source):
            print(fill(text, 100, initial_indent="    ", subsequent_indent="    "))
        for option in view.options:
            print(f"    --option {option_words(option)}")
        print()
    return 0


def list_models(
    *words: Annotated[str, _WORDS],
    check: Annotated[bool, _CHECK] = False,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """List the bundled models with what their cards say, or all models that fit some words."""
    from vitviz.models import bundled

    if check:
        return check_families(words, as_json=as_json)
    if words:
        return search(words, as_json=as_json)
    known = bundled()
    if as_json:
        print_json([model.card | {"name": model.name} for model in known])
        return 0
    for model in known:
        print("\n".join(card_lines(model)), end="\n\n")
    if not known:
        print("no model is bundled; name a timm model or a checkpoint file with --model")
    return 0


def smoke(*, as_json: Annotated[bool, JSON] = False) -> int:
    """Try this installation: count what it brings, trace a picture, draw and save every view."""
    from vitviz.session.app.smoke import smoke as tried

    found = tried(meter())
    if as_json:
        print_json(found)
    else:
        print(found.line())
    return 0


def _view_data(view: View) -> dict[str, Any]:
    data = {name: getattr(view, name) for name in ("name", "title", "shows", "formula", "source")}
    options = [_option_data(option) for option in view.options]
    return data | {"follows": sorted(view.follows), "options": options}


def _option_data(option: Option) -> dict[str, Any]:
    """An option as JSON has it: its text is in the language spoken here."""
    said = asdict(option)
    del said["english_text"]
    return {"text": option.text, **said}
