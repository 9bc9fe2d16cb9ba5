"""The index: how it stands, bringing it up to date, and other long work that the API offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api import status, work
from ..api.fields import Nothing
from ..readable import size
from . import markup
from .compat import Ui
from .jobs import JobView, label
from .markup import Html, tag

if TYPE_CHECKING:
    from ..api.context import Context

ELSEWHERE = ("harvest",)  # jobs that have their place in another sub-tab


def build(ui: Ui, context: Context) -> list[JobView]:
    """Make the sub-tab; returns the views of its jobs, which fill it."""
    say = ui.say

    def above() -> Html:
        state = work.index(context, Nothing())
        figures = status.statistics(context, Nothing())
        facts = markup.facts(
            (
                (say("loras"), f"{state.loras:,}"),
                (say("folders_known"), f"{state.folders:,}"),
                (say("matched_by"), say(f"stage_{state.stage}")),
                (say("index_size"), size(figures.index.bytes)),
            )
        )
        return markup.join((facts, markup.notes(map(say.told, state.notices), "warning")))

    views = []
    for name in work.JOBS:
        if name in ELSEWHERE:
            continue
        about = markup.heading(label(say, name, "title")), tag("p", label(say, name, "help"))
        ui.html(f"about_{name}", markup.join(about))
        views.append(JobView(ui, context, name, above if name == "index" else lambda: ""))
    return views
