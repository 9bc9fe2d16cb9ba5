"""Everything known about one LoRA, as a part of several sub-tabs: fields, example prompts, own use, sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..api import loras
from ..api.cards import Card
from ..api.fields import Nothing
from ..api.loras import Record, Uses
from ..present import number
from ..readable import day, short, size
from . import charts, markup, pictures
from .compat import Ui
from .markup import Html, Part, tag
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

EXAMPLES = 8
SOURCES = 200  # claims shown; a LoRA with many examples has hundreds
LONGEST = 400  # characters of a claim's value


class Details:
    """A place for details, and the buttons that fill it."""

    def __init__(self, ui: Ui, context: Context, name: str, above: Any) -> None:
        """Make the place inside the current sub-tab.

        Args:
            ui: the page.
            context: of the API.
            name: of the sub-tab.
            above: the component that says which previews are blurred.
        """
        self._channel = f"{name}_open"
        note = ui.note(f"{name}_details")
        place = ui.html(f"{name}_details")

        def opened(id_: str, level: str) -> Any:
            record, uses = loras.details(context, id_, Nothing()), loras.uses(context, id_, Nothing())
            picture = pictures.inline(context, record.card, 384, level, ui.say)
            return page(record, uses, picture, ui.say), ""

        ui.channel(self._channel, opened, [above], [place, note])

    def link(self, card: Card) -> Html:
        """A LoRA's name that opens its details."""
        return markup.button(card.name, self._channel, card.id, kind="lrt-link", title=card.lora)


def page(record: Record, uses: Uses, picture: Html, say: Say) -> Html:
    """The details of a LoRA."""
    card = record.card
    similar = markup.button(say("similar"), "similar_to", card.id)
    head = tag("div", tag("h3", card.name), tag("p", card.lora, class_="lrt-dim"), similar)
    aside = tag("div", picture, class_="lrt-aside")
    body = tag("div", head, markup.facts(_fields(record, say)), *_texts(record, say), class_="lrt-body")
    below = (_examples(record, say), _uses(uses, say), _sources(record, say))
    return tag("section", tag("div", aside, body, class_="lrt-two"), *below, class_="lrt-card", aria_label=card.name)


def _fields(record: Record, say: Say) -> list[tuple[Part, Part]]:
    card = record.card
    bases = [f"{one.name} {one.probability:.0%}" for one in record.base_models[:3]]
    strengths = [_strength(one.model, one.low, one.high, one.source, say) for one in record.strengths[:4]]
    sets = [markup.chips(words) for words in record.trigger_sets]
    return [
        (say("version"), card.version),
        (say("author"), card.author),
        (say("base_model"), ", ".join(bases)),
        (say("role"), say(f"role_{card.role}")),
        (say("safety"), say(f"safety_{card.safety or 'unknown'}")),
        (say("trigger_words"), markup.join(sets, " ") if sets else None),
        (say("strengths"), "; ".join(strengths)),
        (
            say("tags"),
            markup.chips((*record.user_tags, *record.tags)[:24]) if record.tags or record.user_tags else None,
        ),
        (say("downloads"), None if card.downloads is None else f"{card.downloads:,}"),
        (say("rating"), None if card.rating is None else f"{card.rating:.1f}"),
        (say("network"), " ".join(filter(None, (record.network, f"dim {record.rank}" if record.rank else "")))),
        (say("size"), size(card.size)),
        (say("created"), None if card.created is None else day(card.created)),
        (say("modified"), day(card.modified)),
    ]


def _strength(model: float | None, low: float | None, high: float | None, source: str, say: Say) -> str:
    span = say("range", low=number(low), high=number(high)) if low is not None and high is not None else ""
    said = " ".join(
        filter(None, ("" if model is None else number(model), f"({span})" if model is not None and span else span))
    )
    return f"{said} {say.told(source)}".strip()


def _texts(record: Record, say: Say) -> list[Html]:
    found = ((say("notes"), record.notes), (say("description"), record.description))
    return [tag("div", tag("h4", name), tag("p", text, class_="lrt-text")) for name, text in found if text]


def _examples(record: Record, say: Say) -> Html:
    if not record.examples:
        return Html("")
    shown = [
        tag("li", one.prompt, " ", tag("small", number(one.strength)) if one.strength is not None else "")
        for one in record.examples[:EXAMPLES]
    ]
    summary = say("examples", count=len(record.examples))
    return markup.more(summary, tag("ol", *shown, class_="lrt-examples"), opened=True)


def _uses(uses: Uses, say: Say) -> Html:
    found = uses.uses
    if not found:
        return tag("p", say("own_use_none"), class_="lrt-dim")
    known = [one for one in found if one.strength is not None]
    dots = [(one.made, one.strength or 0.0, f"{day(one.made)}: {number(one.strength or 0.0)}") for one in known]
    chart = charts.points(dots, say("own_use_chart", count=len(known)))
    return markup.more(say("own_use", count=len(found)), chart, opened=True)


def _sources(record: Record, say: Say) -> Html:
    rows = [
        (
            say(f"field_{one.field}"),
            tag("span", _value(one.value), class_="lrt-value"),
            one.source,
            say(f"origin_{one.origin}"),
        )
        for one in record.sources[:SOURCES]
    ]
    columns = (say("field"), say("value"), say("source"), say("says"))
    table = markup.table(columns, rows, label=say("sources"), kind="lrt-small")
    return markup.more(say("sources"), table)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short(text, LONGEST)
