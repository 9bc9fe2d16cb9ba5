"""The installed LoRAs: search, filters, order, pages, and everything about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from ..api import loras
from ..api.cards import Card, SafetyName
from ..api.fields import Nothing, RoleName
from ..api.loras import Amount, Browse, Sort
from ..api.wire import decode_body, encode
from ..readable import day, size
from . import markup, pictures
from .compat import Ui
from .details import Details
from .markup import Html, tag
from .results import Link, level, where
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

PER_PAGE = 25
MARKED = ("liked", "hidden", "favorite")


def build(ui: Ui, context: Context) -> tuple[Any, ...]:
    """Make the sub-tab; returns what fills it: a handler, its inputs, its outputs."""
    say = ui.say
    with ui.make("Row", equal_height=False):
        with ui.make("Column", scale=2, min_width=260):
            fields: dict[str, Any] = {
                "search": ui.make(
                    "Textbox",
                    "catalogue_search",
                    label=say("search"),
                    info=say("search_help"),
                    lines=1,
                    max_lines=1,
                )
            }
            roles = [(say(f"role_{one}"), one) for one in get_args(RoleName)]
            for name, choices in (("base_model", []), ("role", roles), ("tag", [])):
                fields[name] = ui.make(
                    "Dropdown", f"catalogue_{name}", label=say(name), choices=choices, value=[], multiselect=True
                )
            fields["folder"] = ui.make("Dropdown", "catalogue_folder", label=say("folder"), choices=[], value=None)
            safeties = [(say("any"), ""), *((say(f"safety_{one}"), one) for one in get_args(SafetyName))]
            fields["safety"] = ui.make(
                "Dropdown", "catalogue_safety", label=say("safety_most"), choices=safeties, value=""
            )
            marks = [(say(f"mark_{name}"), name) for name in ("any", *MARKED)]
            fields["mark"] = ui.make("Radio", "catalogue_mark", label=say("mark"), choices=marks, value="any")
            sorts = [(say(f"sort_{name}"), name) for name in get_args(Sort)]
            fields["sort"] = ui.make("Dropdown", "catalogue_sort", label=say("sort"), choices=sorts, value="name")
            fields["reverse"] = ui.make("Checkbox", "catalogue_reverse", label=say("reverse"), value=False)
            blur = level(ui, "catalogue_blur")
        with ui.make("Column", scale=5, min_width=320):
            note = ui.note("catalogue")
            table = ui.html("catalogue_table")
            with ui.make("Row"):
                back = ui.make("Button", "catalogue_back", value=say("page_back"), size="sm")
                onward = ui.make("Button", "catalogue_onward", value=say("page_onward"), size="sm")
            offset = ui.gr.State(0)
    details = Details(ui, context, "catalogue", blur)
    names = tuple(fields)
    inputs = [*fields.values(), blur]
    shown = [table, offset, note]

    def listed(start: int, *values: Any) -> Any:
        page = loras.browse(context, wanted(dict(zip(names, values, strict=False)), start))
        if not page.loras and page.total and start:  # fewer than there were
            return listed(0, *values)
        drawn = catalogue_table(context, page.loras, details.link, values[-1], say)
        first, last = page.offset + 1, page.offset + len(page.loras)
        said = say("page", first=first, last=last, total=page.total) if page.loras else say("find_none")
        return drawn, start, markup.note(said)

    def first_page(*values: Any) -> Any:
        return listed(0, *values)

    def turned(step: int) -> Any:
        def turn(start: int, *values: Any) -> Any:
            page = loras.browse(context, wanted(dict(zip(names, values, strict=False)), start))
            new = start + step * PER_PAGE
            return listed(new if 0 <= new < page.total else start, *values)

        return turn

    ui.on(fields["search"].submit, first_page, inputs, shown)
    for name in ("base_model", "role", "tag", "folder", "safety", "mark", "sort", "reverse"):
        ui.on(fields[name].change, first_page, inputs, shown)
    ui.on(blur.change, first_page, inputs, shown)
    ui.on(back.click, turned(-1), [offset, *inputs], shown)
    ui.on(onward.click, turned(1), [offset, *inputs], shown)

    def fill(start: int, *values: Any) -> Any:
        facets = loras.facets(context, Nothing())
        choices = [
            ui.update(choices=ui.choices(_counted(facets.base_models))),
            ui.update(choices=ui.choices(_counted(facets.tags))),
            ui.update(choices=ui.choices([(say("any"), ""), *_counted(facets.folders)])),
        ]
        return [*choices, *listed(start, *values)]

    chosen = [fields[name] for name in ("base_model", "tag", "folder")]
    return fill, [offset, *inputs], [*chosen, *shown]


def wanted(given: dict[str, Any], start: int) -> Browse:
    """The filters as the API takes them.

    Raises:
        Refused: a value is out of bounds.
    """
    asked: dict[str, Any] = {
        "search": given["search"] or "",
        "base_model": given["base_model"] or [],
        "role": given["role"] or [],
        "tag": given["tag"] or [],
        "folder": given["folder"] or "",
        "safety": given["safety"] or None,
        "sort": given["sort"] or "name",
        "reverse": bool(given["reverse"]),
        "offset": start,
        "limit": PER_PAGE,
    }
    if given["mark"] in MARKED:
        asked[given["mark"]] = True
    return decode_body(encode(asked), Browse)


def catalogue_table(context: Context, cards: tuple[Card, ...], link: Link, above: str, say: Say) -> Html:
    """A page of LoRAs."""
    if not cards:
        return Html("")
    rows = [
        (
            pictures.inline(context, card, 96, above, say),
            tag(
                "div", link(card), tag("div", where(card.lora), class_="lrt-dim"), _marks(card, say), class_="lrt-name"
            ),
            card.base_model.name if card.base_model else tag("span", say("unknown"), class_="lrt-dim"),
            "" if card.role == "unknown" else tag("span", say(f"role_{card.role}"), class_="lrt-nowrap"),
            markup.chips(word for words in card.trigger_sets[:2] for word in words[:4]),
            "" if card.downloads is None else f"{card.downloads:,}",
            "" if card.rating is None else f"{card.rating:.1f}",
            tag("span", day(card.created or card.modified), class_="lrt-nowrap"),
            tag("span", size(card.size), class_="lrt-nowrap"),
        )
        for card in cards
    ]
    names = ("lora", "base_model", "role", "trigger_words", "downloads", "rating", "date", "size")
    return markup.table(["", *map(say, names)], rows, label=say("tab_catalogue"), kind="lrt-catalogue")


def _marks(card: Card, say: Say) -> Html:
    named = {
        "liked": card.opinion > 0,
        "disliked": card.opinion < 0,
        "hidden": card.hidden,
        "favorite": card.favorite,
        f"safety_{card.safety}": card.safety in ("mature", "explicit"),
    }
    found = [say(name) for name, there in named.items() if there]
    return markup.chips(found) if found else Html("")


def _counted(amounts: tuple[Amount, ...]) -> list[tuple[str, str]]:
    return [(f"{one.name} ({one.count})", one.name) for one in amounts if one.name]
