"""Figures: what is installed, how fast suggestions come, which encoders are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..api import loras, status
from ..api.fields import Nothing
from ..api.loras import Facets
from ..api.status import Statistics
from ..readable import size
from . import charts, markup
from .compat import Ui
from .markup import Html, Part, tag
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

FEW = 14  # bars of a chart; the rest is summed up


def build(ui: Ui, context: Context) -> tuple[Any, ...]:
    """Make the sub-tab; returns what fills it: a handler, its inputs, its outputs."""
    with ui.make("Row"):
        again = ui.make("Button", "statistics_refresh", value=ui.say("refresh"), size="sm")
    note = ui.note("statistics")
    place = ui.html("statistics_page")

    def fill() -> Any:
        facets, figures = loras.facets(context, Nothing()), status.statistics(context, Nothing())
        return page(facets, figures, ui.say), ""

    ui.on(again.click, fill, [], [place, note])
    return fill, [], [place, note]


def page(facets: Facets, figures: Statistics, say: Say) -> Html:
    """All figures."""
    counts, latency = figures.suggestions, figures.suggestions.latency
    asked = latency.count + counts.cached
    tiles: list[tuple[str, str]] = [
        (f"{facets.total:,}", say("loras")),
        (size(figures.index.bytes), say("index_size")),
        (f"{asked:,}", say("asked")),
        ("–" if latency.p50_ms is None else f"{latency.p50_ms:.0f} ms", say("median_time")),
        ("–" if latency.p95_ms is None else f"{latency.p95_ms:.0f} ms", say("p95_time")),
        (f"{counts.cached / asked:.0%}" if asked else "–", say("from_memory")),
    ]
    drawn = (tag("div", tag("b", value), tag("span", name), class_="lrt-tile-figure") for value, name in tiles)
    found = (
        (say("base_model"), [(one.name, one.count) for one in facets.base_models]),
        (say("role"), [(say(f"role_{one.name}"), one.count) for one in facets.roles]),
        (say("folder"), sorted(((one.name or "/", one.count) for one in facets.folders), key=lambda one: -one[1])),
        (say("safety"), [(say(f"safety_{one.name or 'unknown'}"), one.count) for one in facets.safety]),
        (say("tags"), [(one.name, one.count) for one in facets.tags[:FEW]]),
    )
    cards = [tag("div", tag("h4", name), charts.bars(_rows(rows, say), name)) for name, rows in found if rows]
    encoders = markup.table(
        (say("lens"), say("model"), say("loaded"), say("device")),
        [(one.lens, one.model, say("yes") if one.loaded else say("no"), one.device) for one in figures.encoders],
        label=say("encoders"),
    )
    return tag(
        "div",
        tag("div", *drawn, class_="lrt-tiles"),
        tag("div", *cards, class_="lrt-grid-cards"),
        markup.heading(say("encoders")),
        encoders if figures.encoders else tag("p", say("encoders_none"), class_="lrt-dim"),
        class_="lrt-profile",
    )


def _rows(found: list[tuple[str, int]], say: Say) -> list[tuple[Part, float, str]]:
    rest = sum(count for _, count in found[FEW:])
    shown = found[:FEW] + ([(say("others"), rest)] if rest else [])
    return [(name or say("unknown"), count, f"{count:,}") for name, count in shown]
