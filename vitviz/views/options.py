"""A view's options, read off its signature: the one source of the form, the flags and the recipe."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from vitviz.core.colors import ColorTable, Lay
from vitviz.core.language import _
from vitviz.core.old_paths import renamed
from vitviz.core.progress import VitvizError

OptionValue = str | float | int | bool | None
OptionNeeds = Literal["", "words"]
OptionPaints = Literal["", "mark", "patches"]
"""What a text stands for that is painted on a picture: a mark around something, or patches."""


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """Words for an option's tooltip and `--help`, with the range of a number and its step; `needs`,
    `beside` and `paints` as in `Option`.
    """

    text: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    needs: OptionNeeds = ""
    beside: str = ""
    paints: OptionPaints = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a view: what a form, a flag or a recipe needs to know of it.

    `group` is the keyword argument it belongs to when that argument is a dataclass (`look`). `needs`
    is what a trace must have for a form to offer it. `beside` is the switch without which the option
    starts from nothing: the others of that switch go back to their defaults (`wished`). A text that
    `paints` is painted on a picture in the window (`PictureArea`).
    """

    name: str
    kind: Literal["choice", "number", "integer", "switch", "text"]
    default: OptionValue
    english_text: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    optional: bool = False
    group: str = ""
    needs: OptionNeeds = ""
    beside: str = ""
    paints: OptionPaints = ""

    @property
    def text(self) -> str:
        """What it does, in the language spoken here."""
        return _(self.english_text)

    @property
    def label(self) -> str:
        """Its name as a form shows it; `name` is the flag's and the recipe's."""
        return _(self.name.replace("_", " "))


LAY = (
    "How the map lies over the picture: fade (the picture in grey, opacity follows the value), light "
    "(the picture dark where the value is low), tint (one opacity for all), contours (lines of equal "
    "value), or the map alone. Fade is usual: over 25 photographs, bright, dark and colourful, it "
    "alone left every subject to be recognised and every colour of the map to be found on the bar"
)
OPACITY = (
    "Opacity of the map over the picture; with fade how early it rises, with light how dark it gets"
)


@dataclass(frozen=True, slots=True)
class Look:
    """How a heat map is coloured; shared by all views that draw one.

    >>> from vitviz.views.options import Look
    >>> Look(opacity=0.5, smooth=True).table
    'viridis'
    >>> vitviz.draw("rollout", trace, opacity=0.5).panels[0].layers[1].opacity
    0.5
    >>> vitviz.draw("rollout", trace, opacity=3)
    Traceback (most recent call last):
    vitviz.core.progress.VitvizError: option 'opacity' cannot be 3; it may be a number from 0 to 1

    A view takes it as `look: Look = Look()`; its fields are then options of the view, flat.
    """

    table: Annotated[ColorTable, OptionHelp("Colour table")] = "viridis"
    lay: Annotated[Lay, OptionHelp(LAY)] = "fade"
    opacity: Annotated[float, OptionHelp(OPACITY, 0, 1, 0.05)] = 0.65
    range: Annotated[
        Literal["map", "view", "page", "robust", "fixed"],
        OptionHelp(
            "Range of the colours: each map its own; one for the view; one for the page (all columns); "
            "robust, one from the 1st to the 99th percentile, which no single value can empty (arrows "
            "on the bar say that there are others); or fixed"
        ),
    ] = "map"
    log: Annotated[
        bool, OptionHelp("Logarithmic colours, where all numbers of a map are above zero")
    ] = False
    low: Annotated[float, OptionHelp("Lowest value of the fixed range", -1, 1, 0.001)] = 0.0
    high: Annotated[float, OptionHelp("Highest value of the fixed range", -1, 1, 0.001)] = 0.1
    smooth: Annotated[
        bool, OptionHelp("Interpolate between patches; off shows one flat cell each")
    ] = False
    heat: Annotated[bool, OptionHelp("Show the map; off shows the bare picture")] = True
    grid: Annotated[bool, OptionHelp("Show the patch grid over the picture")] = False


ALL_OPEN = "all open pictures"
"""How a choice begins that takes every open picture; those not read yet are read for it."""


@cache  # asked for at every move of the cursor
def options_of(function: Callable[..., Any]) -> tuple[Option, ...]:
    """The options of a view's function: its keyword-only arguments, dataclasses taken apart.

    TypeError for an argument without a type that a form can show.
    """
    hints = get_type_hints(function, include_extras=True)
    found: list[Option] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        hint = hints[name]
        if is_dataclass(hint):
            inner = get_type_hints(hint, include_extras=True)
            given = parameter.default
            if not is_dataclass(given):
                raise TypeError(f"option {name} needs a default, such as {name}: Look = Look()")
            for field in fields(hint):
                default = getattr(given, field.name)
                found.append(_option(field.name, inner[field.name], default, name))
        else:
            found.append(_option(name, hint, parameter.default, ""))
    return tuple(found)


def _option(name: str, hint: Any, default: Any, group: str) -> Option:
    text = OptionHelp("")
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        text = next((extra for extra in extras if isinstance(extra, OptionHelp)), text)
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        rest = [part for part in get_args(hint) if part is not type(None)]
        optional, hint = len(rest) < len(get_args(hint)), rest[0]
    common: dict[str, Any] = {
        "name": name,
        "default": default,
        "english_text": text.text,
        "optional": optional,
        "group": group,
        "needs": text.needs,
        "beside": text.beside,
        "paints": text.paints,
    }
    if get_origin(hint) is Literal:
        return Option(kind="choice", choices=get_args(hint), **common)
    if hint is bool:
        return Option(kind="switch", **common)
    if hint in (int, float):
        kind: Literal["integer", "number"] = "integer" if hint is int else "number"
        return Option(kind=kind, low=text.low, high=text.high, step=text.step, **common)
    if hint is str:
        return Option(kind="text", **common)
    raise TypeError(f"option {name}: {hint!r} has no form; use Literal, bool, int, float or str")


def wished(
    options: tuple[Option, ...], before: Mapping[str, OptionValue], wish: Mapping[str, OptionValue]
) -> dict[str, OptionValue]:
    """All values after a wish for some: what stands `beside` a switch that is off starts from nothing.

    So a head taken out is not taken out of a model whose positions are still removed from before.
    """
    values = {**before, **wish}
    known = {option.name: option for option in options}
    switches = {
        known[name].beside
        for name, value in wish.items()
        if name in known and known[name].beside and value != known[name].default
    }
    for option in options:
        kept = option.beside not in switches or values.get(option.beside, False)
        if not kept and option.name not in wish:
            values.pop(option.name, None)
    return values


def arguments(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Flat option values as the keyword arguments of a view, checked.

    VitvizError naming the option and what it may be, for an unknown name or a wrong value.
    """
    known = {option.name: option for option in options_of(function)}
    call: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        option = known.get(name)
        if option is None:
            raise VitvizError(
                f"there is no option {name!r} here; there are: {', '.join(known) or 'none'}"
            )
        checked = _checked(option, value)
        if option.group:
            groups.setdefault(option.group, {})[name] = checked
        else:
            call[name] = checked
    for group, chosen in groups.items():
        call[group] = replace(inspect.signature(function).parameters[group].default, **chosen)
    return call


def _checked(option: Option, value: Any) -> OptionValue:
    if value is None and option.optional:
        return None
    match option.kind:
        case "choice" if value in option.choices:
            return str(value)
        case "switch" if isinstance(value, bool):
            return value
        case "integer" | "number" if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = option.low, option.high
            if (low is None or value >= low) and (high is None or value <= high):
                return int(value) if option.kind == "integer" else float(value)
        case "text" if isinstance(value, str):
            return value
        case _:
            pass
    allowed = ", ".join(option.choices) or {
        "switch": "true or false",
        "integer": "a whole number",
        "number": "a number",
        "text": "text",
    }.get(option.kind, "")
    if option.low is not None or option.high is not None:
        allowed += f" from {option.low} to {option.high}"
    raise VitvizError(f"option {option.name!r} cannot be {value!r}; it may be {allowed}")


__getattr__ = renamed("views.options", "views.options")
