"""LoRAs like one that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..api import loras, suggestions
from ..api.loras import Browse
from ..api.suggestions import SimilarQuery
from ..errors import UsageError
from . import markup
from .compat import Ui
from .details import Details
from .results import Chosen, level, result_table

if TYPE_CHECKING:
    from ..api.context import Context

OFFERED = 50  # LoRAs to choose from at once


def build(ui: Ui, context: Context) -> None:
    """Make the sub-tab."""
    say = ui.say
    with ui.make("Row", equal_height=False):
        with ui.make("Column", scale=2, min_width=300):
            search = ui.make(
                "Textbox", "similar_search", label=say("find"), info=say("find_help"), lines=1, max_lines=1
            )
            with ui.make("Row"):
                find = ui.make("Button", "similar_find", value=say("find_go"), size="sm")
            which = ui.make("Dropdown", "similar_which", label=say("lora"), choices=[], value=None)
            top = ui.make("Slider", "similar_top", label=say("top"), minimum=1, maximum=60, step=1, value=10)
            blur = level(ui, "similar_blur")
            go = ui.make("Button", "similar_go", value=say("similar"), variant="primary")
        with ui.make("Column", scale=5, min_width=320):
            note = ui.note("similar")
            table = ui.html("similar_table", markup.tag("p", say("similar_hint"), class_="lrt-empty"))
    chosen = Chosen(ui, context, "similar", blur)
    details = Details(ui, context, "similar", blur)
    shown = [table, *chosen.outputs, note]

    def found(text: str) -> Any:
        page = loras.browse(context, Browse(search=(text or "")[:200], limit=OFFERED))
        if not page.loras:
            raise UsageError(say("find_none"))
        choices = ui.choices([(f"{one.name} ({one.lora})", one.lora) for one in page.loras])
        more = say("find_more", count=page.total - OFFERED) if page.total > OFFERED else ""
        return ui.update(choices=choices, value=page.loras[0].lora), markup.note(more)

    def like(path: str | None, count: float, above: str) -> Any:
        if not path:
            raise UsageError(say("find_first"))
        lora = context.recommender().find(path)
        answer = suggestions.similar(context, lora.id, SimilarQuery(top=int(count)))
        drawn = result_table(answer, context, details.link, above, say, scored=False)
        head = markup.note(say("similar_to", name=lora.name), "good")
        return [drawn, *chosen.filled(answer, "", above), markup.join((head, markup.notes(answer.notes)))]

    def jump(id_: str, count: float, above: str) -> Any:
        lora = context.lora(id_)
        choices = ui.choices([(f"{lora.name} ({lora.path})", lora.path)])
        return [ui.go_to("similar"), ui.update(choices=choices, value=lora.path), *like(lora.path, count, above)]

    ui.on(find.click, found, [search], [which, note])
    ui.on(search.submit, found, [search], [which, note])
    ui.on(go.click, like, [which, top, blur], shown)
    ui.channel("similar_to", jump, [top, blur], [ui.tabs, which, *shown])
