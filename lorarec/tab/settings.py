"""All settings as a form, made from `settings.OPTIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from .. import settings as settings_module
from ..api import settings as api
from ..errors import UsageError
from ..settings import OPTIONS, Settings
from . import markup
from .compat import Ui
from .markup import tag

if TYPE_CHECKING:
    from ..api.context import Context

# In the order of the page; what a group does not name comes last.
GROUPS: dict[str, tuple[str, ...]] = {
    "group_suggest": ("top", "min_score", "diversity", "explore", "collapse", "safety", "wait_seconds"),
    "group_library": ("loras", "include", "exclude"),
    "group_history": ("history", "history_exclude", "images", "project"),
    "group_encoders": (
        *("profile", "encoder_semantic", "encoder_artistic", "encoder_technical", "threads", "mirror", "proxy"),
    ),
}


def build(ui: Ui, context: Context) -> tuple[Any, ...]:
    """Make the sub-tab; returns what fills it: a handler, its inputs, its outputs."""
    say = ui.say
    places: dict[str, Any] = {}
    known = [name for names in GROUPS.values() for name in names]
    groups = {**GROUPS, "group_other": tuple(name for name in OPTIONS if name not in known)}
    for group, names in groups.items():
        shown = [name for name in names if ui.machine or name in api.EDITABLE]
        if shown:
            with ui.make("Accordion", f"settings_{group}", label=say(group), open=group == "group_suggest"):
                for name in shown:
                    places[name] = _field(ui, name)
    if not ui.machine:
        hidden = ", ".join(name for name in OPTIONS if name not in api.EDITABLE)
        ui.html("settings_elsewhere", tag("p", say("settings_elsewhere", names=hidden), class_="lrt-dim"))
    with ui.make("Row"):
        keep = ui.make("Button", "settings_save", value=say("save"), variant="primary")
        defaults = ui.make("Button", "settings_defaults", value=say("defaults"))
    note = ui.note("settings")
    filled = ui.gr.State({})  # what was stored when the fields were filled, by name
    outputs = [*places.values(), filled, note]

    def fill() -> Any:
        now = context.recommender().settings
        return [*_shown(ui, now, places), {name: getattr(now, name) for name in places}, ""]

    def save(*values: Any) -> Any:
        *fields, before = values
        given = {name: read(name, value) for name, value in zip(places, fields, strict=True)}
        # What was left as it was is not stored: another program may have changed it meanwhile.
        new = {name: value for name, value in given.items() if name not in before or value != before[name]}
        api.store(context, lambda now: settings_module.check(replace(now, **new)))
        return [*fill()[:-1], markup.note(say("saved"), "good")]

    def reset() -> Any:
        return [*_shown(ui, Settings(), places), markup.note(say("defaults_shown"))]

    ui.on(keep.click, save, [*places.values(), filled], outputs)
    ui.on(defaults.click, reset, [], [*places.values(), note])
    return fill, [], outputs


def read(name: str, value: Any) -> Any:
    """A field's value as the setting's own type.

    Raises:
        UsageError: it is none.
    """
    usual = getattr(Settings(), name)
    if isinstance(usual, tuple):
        return tuple(line.strip() for line in str(value or "").splitlines() if line.strip())
    if isinstance(usual, str):
        return str(value or "").strip()
    try:
        return msgspec.convert(value, type(usual))
    except msgspec.ValidationError:
        kind = "number" if isinstance(usual, float) else "whole number"
        raise UsageError(f"{name} is {value!r}; it must be a {kind}") from None


def _field(ui: Ui, name: str) -> Any:
    option, usual = OPTIONS[name], getattr(Settings(), name)
    place = f"settings_{name}"
    help = ui.say(f"setting_{name}_help")
    about: dict[str, Any] = {"label": ui.say(f"setting_{name}"), "info": help}
    if option.choices:
        choices = [(ui.say(f"{'safety' if name == 'safety' else 'choice'}_{one}"), one) for one in option.choices]
        return ui.make("Dropdown", place, choices=choices, value=usual, **about)
    if isinstance(usual, bool):
        return ui.make("Checkbox", place, value=usual, **about)
    if isinstance(usual, tuple):
        about["info"] = f"{help} {ui.say('one_per_line')}"
        return ui.make("Textbox", place, value="", lines=2, max_lines=12, **about)
    if isinstance(usual, str):
        return ui.make("Textbox", place, value=usual, lines=1, max_lines=1, **about)
    if isinstance(usual, float) and option.high == 1:
        return ui.make("Slider", place, value=usual, minimum=option.low, maximum=option.high, step=0.01, **about)
    about["info"] = f"{help} ({option.low:g} – {option.high:g})"
    precision = 0 if isinstance(usual, int) else None
    return ui.make("Number", place, value=usual, precision=precision, **about)


def _shown(ui: Ui, settings: Settings, places: dict[str, Any]) -> list[Any]:
    found = ((place, getattr(settings, name)) for name, place in places.items())
    return ["\n".join(value) if isinstance(value, tuple) else ui.shown(place, value) for place, value in found]
