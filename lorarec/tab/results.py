"""An answer as a table and as a gallery, and the choice among its LoRAs; suggestions and similar LoRAs share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..api.cards import Card
from ..api.suggestions import Answer
from ..present import number
from ..settings import OPTIONS
from ..types import Suggestion
from . import markup, pictures, prompts
from .compat import Ui
from .markup import Html, Part, tag
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

PICTURES = 60  # in the gallery at most
FEW = 12  # up to so many pictures are large

Link = Callable[[Card], Html]


def level(ui: Ui, name: str) -> Any:
    """The choice of which previews are blurred."""
    say = ui.say
    choices = [(say(f"blur_{one}"), one) for one in OPTIONS["safety"].choices if one != "auto"]
    return ui.make("Dropdown", name, label=say("blur"), choices=choices, value="suggestive")


class Chosen:
    """The gallery of an answer, the choice among its LoRAs, and the text to add to a prompt for them."""

    def __init__(self, ui: Ui, context: Context, name: str, blur: Any) -> None:
        """Make the components inside the current sub-tab."""
        say = ui.say
        self._ui, self._context = ui, context
        self.gallery = ui.make(
            "Gallery",
            f"{name}_gallery",
            label=say("gallery"),
            columns=6,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            preview=False,
            interactive=False,
            visible=False,
        )
        self.ids = ui.make("CheckboxGroup", f"{name}_chosen", label=say("chosen"), choices=[], value=[], visible=False)
        self.text = ui.make(
            "Textbox",
            f"{name}_text",
            label=say("text"),
            info=say("text_help"),
            lines=2,
            max_lines=8,
            interactive=False,
            show_copy_button=True,
            visible=False,
        )
        self.state = ui.gr.State({})
        note = ui.note(f"{name}_chosen")
        self.outputs = [self.gallery, self.ids, self.text, self.state]

        def written(ids: list[str], state: Any) -> Any:
            return self._text(ids, state), ""

        def picked(place: int, ids: list[str], state: Any) -> Any:
            rows = (state or {}).get("rows", [])
            ids = list(ids or [])
            if 0 <= place < len(rows):
                id_ = rows[place]["id"]
                ids = [one for one in ids if one != id_] if id_ in ids else [*ids, id_]
            return ids, self._text(ids, state), ""

        ui.on(self.ids.change, written, [self.ids, self.state], [self.text, note], quiet=True)
        ui.on_pick(self.gallery.select, picked, [self.ids, self.state], [self.ids, self.text, note])

    def filled(self, answer: Answer, prompt: str, above: str, impression: int | None = None) -> list[Any]:
        """New values of `outputs`; nothing is chosen yet."""
        update, found = self._ui.update, answer.suggestions
        side = 384 if len(found) <= FEW else 192
        shown = [
            (pictures.image(self._context, answer.cards[one.id], side, above), f"{place}. {one.name}")
            for place, one in enumerate(found[:PICTURES], 1)
        ]
        choices = [(f"{place}. {one.name}", one.id) for place, one in enumerate(found, 1)]
        rows = [{"id": o.id, "lora": o.lora, "strength": o.strength.model, "words": o.trigger_words} for o in found]
        state = {"prompt": prompt, "impression": impression, "rows": rows}
        there = bool(found)
        return [
            update(value=shown, visible=there),
            update(choices=choices, value=[], visible=there),
            update(value="", visible=there),
            state,
        ]

    def _text(self, ids: list[str], state: Any) -> str:
        rows = {row["id"]: row for row in (state or {}).get("rows", [])}
        chosen = [(rows[one]["lora"], rows[one]["strength"], rows[one]["words"]) for one in ids or [] if one in rows]
        return prompts.insertion((state or {}).get("prompt", ""), chosen)


def result_table(answer: Answer, context: Context, link: Link, above: str, say: Say, *, scored: bool = True) -> Html:
    """An answer's suggestions, best first; ``scored``: with how well each fits, which of likeness nothing says."""
    if not answer.suggestions:
        return Html("")
    recommender = context.recommender()
    rows = []
    for place, one in enumerate(answer.suggestions, 1):
        card = answer.cards[one.id]
        several = recommender.shares_stem(one.id)
        rows.append(
            (
                tag("span", str(place), class_="lrt-dim"),
                pictures.inline(context, card, 96, above, say),
                tag("div", link(card), *_below(one, card, several, say), class_="lrt-name"),
                *((markup.bar(one.score),) if scored else ()),
                _strength(one, say),
                markup.chips(one.trigger_words) if one.trigger_words else tag("span", "–", class_="lrt-dim"),
                _base(one, say),
                tag("ul", *(tag("li", say.told(reason.text)) for reason in one.reasons), class_="lrt-reasons")
                if one.reasons
                else "",
            )
        )
    fit = ("score",) if scored else ()
    names = ("#", "", "lora", *fit, "strength", "trigger_words", "base_model", "reasons")
    columns = [name if name in ("", "#") else say(name) for name in names]
    return markup.table(columns, rows, label=say("results"), kind="lrt-results")


def where(path: str, *before: str) -> str:
    """Where a file lies, without its ending, after other words."""
    return " · ".join(filter(None, (*before, path.rpartition(".")[0] or path)))


def _below(one: Suggestion, card: Card, several: bool, say: Say) -> list[Part]:
    """What stands below a name."""
    parts: list[Part] = [
        tag("div", where(one.lora, "" if one.role == "unknown" else say(f"role_{one.role}")), class_="lrt-dim")
    ]
    marks = [say("liked")] if card.opinion > 0 else [say("disliked")] if card.opinion < 0 else []
    marks += [say("favorite")] if card.favorite else []
    marks += [say("exploring")] if one.propensity < 1 else []
    if marks:
        parts.append(tag("div", markup.chips(marks)))
    if one.versions:
        parts.append(tag("div", say("versions", names=", ".join(one.versions)), class_="lrt-dim"))
    if one.partner:
        parts.append(tag("div", say("partner", name=one.partner), class_="lrt-dim"))
    if several:
        parts.append(tag("div", say("same_name", name=prompts.tag_name(one.lora)), class_="lrt-warn"))
    return parts


def _strength(one: Suggestion, say: Say) -> Html:
    strength = one.strength
    span = say("range", low=number(strength.low), high=number(strength.high))
    return tag(
        "div",
        tag("b", number(strength.model)),
        tag("div", span, class_="lrt-dim lrt-nowrap"),
        title=say("from_source", source=say.told(strength.source)),
    )


def _base(one: Suggestion, say: Say) -> Html:
    if one.base_model is None:
        return tag("span", say("unknown"), class_="lrt-dim")
    sure = one.base_model.probability >= 0.9
    name = one.base_model.name if sure else f"{one.base_model.name} {one.base_model.probability:.0%}"
    return tag(
        "div", name, tag("div", say.told(one.base_model_doubt), class_="lrt-warn") if one.base_model_doubt else ""
    )
