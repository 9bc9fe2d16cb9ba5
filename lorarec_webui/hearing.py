"""Tells the panel in the browser of prompts that change without anybody typing, as when generation data are pasted.

Such a change sends no event of the browser's. Gradio knows of it: its ``change`` calls a line of our JavaScript.
"""

from __future__ import annotations

from typing import Any

TABS = ("txt2img", "img2img", "control")  # the last one is SD.Next's
HEARD = frozenset(f"{tab}_{box}" for tab in TABS for box in ("prompt", "neg_prompt")) | {"setting_sd_model_checkpoint"}
SCRIPT = "() => { document.dispatchEvent(new Event('lorarec-changed')); return []; }"


class Hearing:
    """Listens to the components of one build of the page."""

    def __init__(self) -> None:
        """Begin with none."""
        self._heard: set[str] = set()

    def component(self, component: Any, **made: Any) -> None:
        """Called after each component is made; with Gradio 4 again when a running page makes one anew: too late."""
        name = made.get("elem_id")
        if name not in HEARD or name in self._heard or not hasattr(component, "change"):
            return
        self._heard.add(name)
        import gradio

        script = "js" if int(gradio.__version__.partition(".")[0]) >= 4 else "_js"
        component.change(fn=None, inputs=[], outputs=[], **{script: SCRIPT})
