"""The tab: fills the current `gr.Blocks`, in a WebUI's tab or on a page of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import catalogue, history, index, profile, recommend, settings, similar, statistics
from .compat import Ui
from .markup import Html
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

TITLE = "LoRA Recommender"
STYLE = Path(__file__).parents[1] / "data" / "tab.css"


def build(context: Context, *, language: str = "en", machine: bool = False) -> None:
    """Fill the current `gr.Blocks`. Opens nothing: the recommender is asked for when the user does something.

    Args:
        context: of the API, whose handlers do the work.
        language: of the texts: "zh…" is simplified Chinese, all else English.
        machine: whether those who see the page may change what names folders, models and addresses of this machine:
            True only where the page can be reached from this machine alone.

    Raises:
        ImportError: Gradio is not installed.
    """
    ui = Ui(Say(language), context.public, machine=machine)
    say = ui.say
    with ui.make("Column", "tab"):
        # Inside a host's Blocks neither css nor head of our own would count; a style element in the body does.
        ui.html("style", Html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>"))
        ui.tabs = ui.make("Tabs", "tabs")
        with ui.tabs:
            with ui.tab("recommend", say("tab_recommend")):
                recommend.build(ui, context)
            with ui.tab("similar", say("tab_similar")):
                similar.build(ui, context)
            with ui.tab("catalogue", say("tab_catalogue")) as tab:
                _fill(ui, tab, catalogue.build(ui, context))
            with ui.tab("index", say("tab_index")) as tab:
                for view in index.build(ui, context):
                    ui.on(tab.select, view.shown, [], view.outputs)
                    view.poll(tab.select)
            with ui.tab("profile", say("tab_profile")) as tab:
                _fill(ui, tab, profile.build(ui, context))
            with ui.tab("statistics", say("tab_statistics")) as tab:
                _fill(ui, tab, statistics.build(ui, context))
            with ui.tab("history", say("tab_history")) as tab:
                filling, view = history.build(ui, context)
                _fill(ui, tab, filling)
                ui.on(tab.select, view.shown, [], view.outputs)
                view.poll(tab.select)
            with ui.tab("settings", say("tab_settings")) as tab:
                _fill(ui, tab, settings.build(ui, context))


def _fill(ui: Ui, tab: Any, filling: tuple[Any, ...]) -> None:
    """Fill a sub-tab anew each time that it is opened."""
    handler, inputs, outputs = filling
    ui.on(tab.select, handler, inputs, outputs)
