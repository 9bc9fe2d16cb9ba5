"""A small host as the WebUI family is one: its own Blocks with a queue, our Blocks rendered inside one of its tabs.

Run with the Python of a Gradio: ``host.py LORAS DATA``. Prints its address, then what is asked of all components.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from lorarec.api.context import Context
from lorarec.api.keeper import Keeper
from lorarec.recommender import Recommender
from lorarec.tab import page


def main() -> None:
    """Serve until killed."""
    loras, data = sys.argv[1:]
    keeper = Keeper(lambda: Recommender.open([loras], data))
    with gr.Blocks(analytics_enabled=False) as ours:
        page.build(Context(keeper))
    opened = keeper.opened is not None
    blocks = list(ours.blocks.values())
    facts = {
        "opened": opened,  # by building the page: a host builds it before its user has asked for anything
        "foreign": sorted({b.elem_id for b in blocks if b.elem_id and not b.elem_id.startswith("lorarec_")}),
        "saved": [
            type(b).__name__
            for b in blocks
            if type(b).__name__ in ("Textbox", "Slider", "Dropdown", "Checkbox", "Number", "Radio")
            and not getattr(b, "do_not_save_to_config", False)
        ],
        "queued": [d["targets"] for d in ours.config["dependencies"] if d["queue"] is not False],
        "named": [d["api_name"] for d in ours.config["dependencies"] if d["api_name"]],
    }
    with gr.Blocks(analytics_enabled=False) as demo, gr.Tabs(elem_id="tabs"):
        with gr.TabItem("txt2img", id="txt2img"):
            gr.Textbox(label="Prompt", elem_id="txt2img_prompt")
        with gr.TabItem("LoRA Recommender", id="lorarec", elem_id="tab_lorarec"):
            ours.render()
    demo.queue()
    with contextlib.redirect_stdout(io.StringIO()):
        demo.launch(prevent_thread_lock=True, quiet=True, share=False)
    print(demo.local_url, flush=True)
    print(json.dumps(facts), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
