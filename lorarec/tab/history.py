"""What is remembered: showing, learning from images, taking it along, deleting it, switching it off and on."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from ..api import history
from ..api.fields import Nothing
from ..api.history import Deletion, HistoryState, Period, Switch
from ..api.wire import decode_body, encode
from ..commands.moments import moment
from ..errors import UsageError
from ..history_types import PastGeneration
from ..naming import remembered
from ..present import number
from ..readable import minute
from . import markup
from .compat import Ui
from .jobs import JobView
from .markup import Html, Part, tag
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

LONGEST = 300  # characters of a prompt in the table


def build(ui: Ui, context: Context) -> tuple[tuple[Any, ...], JobView]:
    """Make the sub-tab; returns what fills it (a handler, its inputs, its outputs), and the view of its job."""
    say = ui.say
    note = ui.note("history")
    state = ui.html("history_state")
    with ui.make("Row"):
        switch = ui.make("Button", "history_switch", value=say("history_off"), size="sm")
    ui.html("history_show_title", markup.heading(say("history_show")))
    fields = _fields(ui)
    with ui.make("Row"):
        show = ui.make("Button", "history_show", value=say("show"), variant="primary", size="sm")
        ask = ui.make("Button", "history_delete", value=say("delete_these"), size="sm")
        ask_all = ui.make("Button", "history_delete_all", value=say("delete_all"), size="sm")
    question = ui.html("history_question")
    with ui.make("Row"):
        sure = ui.make("Button", "history_sure", value=say("delete_sure"), variant="stop", size="sm", visible=False)
        keep = ui.make("Button", "history_keep", value=say("delete_keep"), size="sm", visible=False)
    wanted = ui.gr.State(None)
    table = ui.html("history_table")
    ui.html("history_harvest_title", markup.join((markup.heading(say("harvest_title")), tag("p", say("harvest_help")))))
    view = JobView(ui, context, "harvest")
    ui.html("history_export_title", markup.join((markup.heading(say("export_title")), tag("p", say("export_help")))))
    with ui.make("Row"):
        export = ui.make("Button", "history_export", value=say("export"), size="sm")
    file = ui.make("File", "history_file", label=say("export_file"), interactive=False, visible=False)
    exports = tempfile.TemporaryDirectory(prefix="lorarec-export-")  # gone with the program

    def stands() -> tuple[Any, Any]:
        now = history.state(context, Nothing())
        return summary(now, say), ui.update(value=say("history_off") if now.enabled else say("history_on"))

    def fill(*values: Any) -> Any:
        return [*stands(), listed(context, part(ui, context, *values), values[-1], say), ""]

    def switched() -> Any:
        now = history.switch(context, Switch(enabled=not history.state(context, Nothing()).enabled))
        return [*stands(), markup.note(say("now_on" if now.enabled else "now_off"), "good")]

    def shown(*values: Any) -> Any:
        return listed(context, part(ui, context, *values), values[-1], say), ""

    def asked(*values: Any) -> Any:
        what = part(ui, context, *values[:-1])
        if not what:
            raise UsageError(say("delete_what"))
        wanted = history.part(decode_body(encode(what), Deletion))
        count = len(context.recommender().memory.history.past(**wanted))
        return _confirm(ui, say("delete_question", count=count, what=described(what, context, say)), what)

    def asked_all() -> Any:
        count = history.state(context, Nothing()).counts.generations
        return _confirm(ui, say("delete_question_all", count=count), {"everything": True})

    def deleted(what: Any, *values: Any) -> Any:
        if not what:
            raise UsageError(say("delete_what"))
        gone = history.forget(context, decode_body(encode(what), Deletion))
        amounts = ", ".join(
            f"{amount:,} {say(f'gone_{name}')}" for name, amount in asdict(gone).items() if name != "wiped"
        )
        said = [markup.note(say("deleted", amounts=amounts), "good")]
        if not gone.wiped:
            said.append(markup.note(say("not_wiped"), "warning"))
        *drawn, _ = fill(*values)
        return [*drawn, *_closed(ui), markup.join(said)]

    def exported() -> Any:
        place = Path(exports.name, time.strftime("lorarec-history-%Y%m%d-%H%M%S.jsonl"))
        with place.open("wb") as out:
            for chunk in history.export(context, Nothing()).chunks or ():
                out.write(chunk)
        return ui.update(value=str(place), visible=True), markup.note(say("exported"), "good")

    inputs = list(fields.values())
    filled = [state, switch, table]
    confirming = [question, sure, keep, wanted]
    ui.on(switch.click, switched, [], [state, switch, note])
    ui.on(show.click, shown, inputs, [table, note])
    ui.on(ask.click, asked, inputs, [*confirming, note])
    ui.on(ask_all.click, asked_all, [], [*confirming, note])
    ui.on(keep.click, lambda: [*_closed(ui), markup.note(say("kept_all"))], [], [*confirming, note])
    ui.on(sure.click, deleted, [wanted, *inputs], [*filled, *confirming, note])
    ui.on(export.click, exported, [], [file, note])
    return (fill, inputs, [*filled, note]), view


def _fields(ui: Ui) -> dict[str, Any]:
    say = ui.say
    helps = {"since": "since_help", "until": "until_help", "of_lora": "of_lora_help"}
    helps["pattern"] = "pattern_help" if ui.machine else "words_help"
    with ui.make("Row"):
        fields = {
            name: ui.make("Textbox", f"history_{name}", label=say(name), info=say(help), lines=1, max_lines=1)
            for name, help in helps.items()
        }
        fields["limit"] = ui.make(
            "Slider", "history_limit", label=say("limit"), minimum=10, maximum=500, step=10, value=50
        )
    return fields


def part(ui: Ui, context: Context, since: str, until: str, lora: str, words: str, *_: Any) -> dict[str, Any]:
    """The fields as a part of the history; what is empty restricts nothing.

    Words of prompts are a pattern only for those who see the page on this machine: one can keep the host busy.

    Raises:
        UsageError: a time cannot be read.
        UnknownLora: neither an installed LoRA nor one in the history has that name.
    """
    found: dict[str, Any] = {}
    for name, text in (("since", since), ("until", until)):
        if (text or "").strip():
            try:
                found[name] = moment(text, time.time(), end=name == "until")
            except argparse.ArgumentTypeError as error:
                raise UsageError(str(error)) from None
    if name := (lora or "").strip():
        found["lora"] = remembered(context.recommender(), name)
    if text := (words or "").strip():
        found["pattern" if ui.machine else "text"] = text
    return found


def described(what: dict[str, Any], context: Context, say: Say) -> str:
    """A part of the history in words."""
    words = [f"{say(name)} {minute(what[name])}" for name in ("since", "until") if name in what]
    if "lora" in what:
        loras = context.recommender().loras()
        row = loras.place.get(what["lora"])
        words.append(f"{say('of_lora')} {what['lora'] if row is None else loras[row].name}")
    words += [f"{say('pattern')} {what[name]}" for name in ("pattern", "text") if name in what]
    return ", ".join(words)


def _confirm(ui: Ui, sentence: str, what: dict[str, Any]) -> list[Any]:
    shown = ui.update(visible=True)
    return [markup.note(sentence, "warning"), shown, shown, what, ""]


def _closed(ui: Ui) -> list[Any]:
    gone = ui.update(visible=False)
    return ["", gone, gone, None]


def summary(state: HistoryState, say: Say) -> Html:
    """How much is remembered."""
    counts = state.counts
    names = ("generations", "loras", "unlinked", "images", "outcomes", "impressions", "events", "usage")
    tiles = [(f"{getattr(counts, name):,}", say(f"count_{name}")) for name in names if getattr(counts, name)]
    drawn = (tag("div", tag("b", value), tag("span", name), class_="lrt-tile-figure") for value, name in tiles)
    said = markup.note(say("is_on" if state.recording else "is_off"), "info" if state.recording else "warning")
    return markup.join((said, tag("div", *drawn, class_="lrt-tiles")))


def listed(context: Context, what: dict[str, Any], limit: float, say: Say) -> Html:
    """The newest generations of a part of the history as a table, newest first."""
    asked = decode_body(encode({**what, "limit": int(limit or 50)}), Period)
    found = history.past(context, asked).generations
    if not found:
        return tag("p", say("history_none"), class_="lrt-empty")
    rows = [_row(one, say) for one in reversed(found)]
    columns = [say(name) for name in ("made", "loras", "prompt", "base_model", "images")]
    return markup.table(columns, rows, label=say("history_show"), kind="lrt-history")


def _row(one: PastGeneration, say: Say) -> tuple[Part, ...]:
    uses = [
        tag(
            "div",
            use.name or "?",
            " ",
            tag("b", number(use.strength)) if use.strength is not None else "",
            "" if use.lora else tag("span", " ", say("not_linked"), class_="lrt-warn"),
        )
        for use in one.loras
    ]
    prompt = one.prompt if one.prompt is None or len(one.prompt) <= LONGEST else f"{one.prompt[: LONGEST - 1]}…"
    made = tag(
        "div",
        tag("span", minute(one.made), class_="lrt-nowrap"),
        tag("div", " · ".join(filter(None, (one.host, one.project))), class_="lrt-dim"),
    )
    marks = [
        f"{amount} {say(name)}"
        for name in ("liked", "deleted_images")
        if (amount := getattr(one, name.partition("_")[0]))
    ]
    shown = tag("span", say("unknown") if prompt is None else prompt, class_="lrt-value")
    return made, markup.join(uses), shown, one.base_model, ", ".join([str(one.images or "–"), *marks])
