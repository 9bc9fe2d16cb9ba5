"""The tab "LoRA Recommender"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .door import Door

TITLE, ELEMENT = "LoRA Recommender", "lorarec"


def build(door: Door) -> list[tuple[Any, str, str]]:
    """The tab as the WebUI wants tabs: its blocks, title and element id."""
    import gradio

    from lorarec.tab import page

    with gradio.Blocks(analytics_enabled=False) as blocks:
        page.build(door.context())
    return [(blocks, TITLE, ELEMENT)]
