"""LoRAs that are two halves: Wan 2.2 takes one for its high-noise and one for its low-noise model."""

from __future__ import annotations

import json
import time
from typing import Any

PROMPT = "slow orbit shot around a statue in a foggy garden, cinematic video"
CARD = ".lr-card:first-child"
FIRST = "Slow Orbit Camera"
HIGH = "video/slow_orbit_wan22_high_noise.safetensors"
LOW = "video/slow_orbit_wan22_low_noise.safetensors"
# Links LORA_STACK_LOW as a user would; ComfyUI looks at the workflow when the mouse is let go.
LINK = """(() => {
  const {graph, extensionManager} = window.comfyAPI.app.app;
  const titled = (title) => graph.nodes.find((node) => node.title === title);
  const to = titled("Apply low");
  titled("Recommend").connect(5, to, to.inputs.findIndex((input) => input.name === "lora_stack"));
  const tracker = extensionManager.workflow.activeWorkflow.changeTracker;
  (tracker.captureCanvasState ?? tracker.checkState).call(tracker);
})()"""
NOTE = f"document.querySelector('{CARD} .lr-reasons .lr-alert')?.innerText"


def two_models(flow: Any) -> list[Any]:
    """A high-noise and a low-noise model."""
    files = {noise: f"wan2.2_t2v_{noise}_noise_14B_fp8_scaled.safetensors" for noise in ("high", "low")}
    return [flow.node("UNETLoader", noise, unet_name=file)[0] for noise, file in files.items()]


def two_stages(stage: Any, low: bool = True) -> Any:
    """A workflow with a high-noise model and a low-noise model, sampled with one after the other."""
    flow = stage.flow()
    models = two_models(flow)
    positive = flow.node("CLIPTextEncode", "Positive", text=PROMPT, clip=flow.node("DualCLIPLoader")[0])
    latent = flow.node("EmptyLatentImage")[0]
    for model in models[: 2 if low else 1]:
        latent = flow.node("KSamplerAdvanced", model=model, positive=positive[0], latent_image=latent)[0]
    return flow


def loaders(stage: Any) -> dict[str, str]:
    """The LoRA of each loader by the title of the model before it."""
    nodes = stage.nodes()
    titles = {link: node.get("title") for node in nodes for out in node["outputs"] for link in out["links"] or []}
    return {
        titles[node["inputs"][0]["link"]]: node["widgets_values"][0]
        for node in nodes
        if node["type"] == "LoraLoaderModelOnly"
    }


def test_each_half_goes_to_its_own_model(newest: Any) -> None:
    newest.load(two_stages(newest))
    newest.first(FIRST)
    assert newest.page.text(f"{CARD} .lr-head").split()[-1] == "pair" and not newest.page.run(NOTE)
    newest.page.click(f"{CARD} .lr-primary")
    newest.page.wait("document.querySelectorAll('.lr-use').length === 2")
    time.sleep(0.5)
    assert loaders(newest) == {"high": HIGH, "low": LOW}
    newest.page.run(f"document.querySelector('{CARD} .lr-slider').focus()")
    newest.page.press("ArrowLeft", 37)
    badges = "[...document.querySelectorAll('.lr-use .lr-badge')].map((one) => one.innerText)"
    newest.page.wait(f"String({badges}) === '0.85,0.85'")
    newest.undo()
    newest.undo()
    newest.page.wait("!document.querySelector('.lr-use')")
    assert loaders(newest) == {}, "both are one step of undo"


def test_both_halves_leave_together(newest: Any) -> None:
    newest.load(two_stages(newest))
    newest.first(FIRST)
    links = newest.links()
    newest.page.click(f"{CARD} .lr-primary")
    newest.page.wait("document.querySelectorAll('.lr-use').length === 2")
    time.sleep(1)  # until the next answer, which does not suggest what is in use
    newest.page.click(f"{CARD} .lr-primary")
    newest.page.wait("!document.querySelector('.lr-use')")
    assert newest.links() == links


def test_where_the_other_half_has_no_place_the_card_says_so(newest: Any) -> None:
    newest.load(two_stages(newest, low=False))
    newest.page.wait(f"{NOTE}?.startsWith('Only its high-noise half is inserted')", 15)
    assert newest.page.run(f"{NOTE}.includes('{LOW}')")
    newest.page.click(f"{CARD} .lr-primary")
    newest.page.wait("document.querySelector('.lr-use')")
    assert loaders(newest) == {"high": HIGH}


def test_a_row_of_a_selection_names_the_other_half(newest: Any) -> None:
    flow = newest.flow()
    models = two_models(flow)
    clip = flow.node("DualCLIPLoader")[0]
    ours = flow.node("LorarecRecommend", "Recommend", prompt=PROMPT, model=models[0], min_score=0.0, count=1)
    high = flow.node("LorarecApplyStack", "Apply high", model=models[0], clip=clip, lora_stack=ours[0])
    low = flow.node("LorarecApplyStack", "Apply low", model=models[1], clip=clip)
    positive = flow.node("CLIPTextEncode", "Positive", text=ours[1], clip=high[1])
    latent = flow.node(
        "KSamplerAdvanced", model=high[0], positive=positive[0], latent_image=flow.node("EmptyLatentImage")[0]
    )
    flow.node("KSamplerAdvanced", model=low[0], positive=positive[0], latent_image=latent[0])
    newest.load(flow)
    newest.page.wait(f"{NOTE}?.includes('LORA_STACK_LOW')", 15)
    newest.page.run(LINK)
    newest.page.wait(f"document.querySelector('{CARD} .lr-name') && !{NOTE}")
    newest.page.click(f"{CARD} .lr-primary")
    newest.page.wait("document.querySelector('.lr-use')")
    (row,) = json.loads(newest.one("LorarecRecommend")["widgets_values"][2])
    assert (row["name"], row["partner"]) == (HIGH, LOW)
    question = {"prompt": PROMPT, "base_model": "Wan 2.2", "top": 1}
    (chosen,) = newest.ask("lorarec/v1/suggestions", question)["suggestions"]
    assert row["fingerprint"] == chosen["fingerprint"] != ""
