"""The tab "LoRA Recommender"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from .door import Door

TITLE, ELEMENT = "LoRA Recommender", "lorarec"


def build(door: Door) -> list[tuple[Any, str, str]]:
    """The tab as the WebUI wants tabs: its blocks, title and element id."""
    import gradio

    from lorarec.tab import page

    language = str(host.option("localization", ""))  # "None", or the name of a file such as "zh_CN"
    with gradio.Blocks(analytics_enabled=False) as blocks:
        page.build(door.context(), language=language, machine=host.for_this_machine())
    return [(blocks, TITLE, ELEMENT)]
