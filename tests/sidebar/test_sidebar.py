"""The sidebar in ComfyUI's real frontends: real clicks and keys; what became of the workflow is read from its graph."""

from __future__ import annotations

import json
import time
from typing import Any

APP = "window.comfyAPI.app.app"
PROMPT = "a knight in armor, oil painting of a castle"
OTHER = "pixel art, 16-bit game, dungeon"
SECOND = "Cozy Pixel Tiles (16-bit)"  # and for OTHER
CARD = ".lr-card:first-child"
FIRST = "Grim Fantasy Oil"  # what the sample collection has for PROMPT
FILE = "styles/grim_fantasy_oil.safetensors"
WORDS = ", grim fantasy oil painting"


def rows(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The selection of a Recommend LoRAs node."""
    found: list[dict[str, Any]] = json.loads(node["widgets_values"][2] or "[]")
    return found


def recommending(stage: Any, **inputs: Any) -> Any:
    """A workflow that applies what a Recommend LoRAs node chose."""
    flow = stage.flow()
    loader = flow.node("CheckpointLoaderSimple")
    node = flow.node("LorarecRecommend", "Recommend", prompt=PROMPT, model=loader[0], **inputs)
    stack = flow.node("LorarecApplyStack", model=loader[0], clip=loader[1], lora_stack=node[0])
    positive = flow.node("CLIPTextEncode", "Positive", text=node[1], clip=stack[1])
    negative = flow.node("CLIPTextEncode", "Negative", text="blurry", clip=stack[1])
    latent = flow.node("EmptyLatentImage")
    links = {"positive": positive[0], "negative": negative[0], "latent_image": latent[0]}
    sampler = flow.node("KSampler", model=stack[0], **links)
    image = flow.node("VAEDecode", samples=sampler[0], vae=loader[2])
    flow.node("SaveImage", images=image[0])
    return flow


def test_suggests_inserts_as_a_new_loader_and_one_undo_takes_it_back(each: Any) -> None:
    each.load(each.text_to_image())
    each.first(FIRST)
    assert "Positive" in each.page.text(".lr-prompt-choice")
    before, links = each.text("Positive"), each.links()
    each.page.click(f"{CARD} .lr-primary")
    each.page.wait("document.querySelector('.lr-use')")
    time.sleep(0.5)
    loader = each.one("LoraLoader")
    assert loader["widgets_values"] == [FILE, 0.75, 0.75]
    assert each.text("Positive") == before + WORDS
    name, checkpoint = "LoraLoader", "CheckpointLoaderSimple"
    moved = {(name, *link[1:]) if link[0] == checkpoint and link[1] in ("MODEL", "CLIP") else link for link in links}
    assert each.links() == moved | {(checkpoint, "MODEL", name, "model"), (checkpoint, "CLIP", name, "clip")}
    each.undo()
    assert each.links() == links and each.text("Positive") == before
    each.page.wait("!document.querySelector('.lr-use')")


def test_removing_rewires_and_takes_the_trigger_words_along(each: Any) -> None:
    each.load(each.text_to_image())
    each.first(FIRST)
    links = each.links()
    each.page.click(f"{CARD} .lr-primary")
    each.page.wait("document.querySelector('.lr-use')")
    each.page.click(".lr-use button")
    each.page.wait("!document.querySelector('.lr-use')")
    time.sleep(0.3)
    assert each.links() == links and each.text("Positive") == PROMPT
    assert "lorarec_words" not in str(each.nodes())


def test_undo_and_redo_with_the_focus_on_the_slider(each: Any) -> None:
    each.load(each.text_to_image())
    each.first(FIRST)
    each.page.click(f"{CARD} .lr-primary")
    each.page.wait("document.querySelector('.lr-use')")
    strengths = f"{APP}.graph.nodes.find((n) => n.type === 'LoraLoader')?.widgets.slice(1).map((w) => w.value)"
    slider = f"{CARD} .lr-slider"
    each.page.run(f"document.querySelector('{slider}').focus()")
    each.page.press("ArrowRight", 39)
    each.page.wait(f"String({strengths}) === '0.8,0.8'")
    each.undo()
    each.page.wait(f"String({strengths}) === '0.75,0.75'")
    assert each.page.run("document.activeElement.className") == "lr-slider"
    each.page.wait(f"document.querySelector('{slider}').value === '0.75'")
    each.redo()
    each.page.wait(f"String({strengths}) === '0.8,0.8'")
    each.undo()
    each.undo()
    each.page.wait(f"{strengths} === undefined")
    each.page.press("Z", 90, modifiers=2 | 8)  # the other way to redo
    each.page.wait(f"String({strengths}) === '0.75,0.75'")


def test_a_text_field_keeps_its_own_undo(each: Any) -> None:
    each.load(each.text_to_image())
    each.first(FIRST)
    each.page.click(f"{CARD} .lr-primary")
    each.page.wait("document.querySelector('.lr-use')")
    each.page.click(".lr-why-box input")
    each.page.type("ink")
    assert each.page.value(".lr-why-box input") == "ink"
    each.page.undo()
    time.sleep(0.5)
    assert each.page.value(".lr-why-box input") != "ink", (
        "the browser takes back typing, in one piece or letter by letter"
    )
    assert each.one("LoraLoader")


def test_typing_asks_again_and_the_focused_box_wins(each: Any) -> None:
    each.load(each.text_to_image())
    each.first(FIRST)
    box = each.box("Positive")
    each.page.click(box)
    each.page.run(f"document.querySelector({json.dumps(box)}).select()")
    each.page.type(OTHER)
    assert each.text("Positive") == OTHER
    assert each.page.run("document.activeElement.tagName") == "TEXTAREA", "the sidebar takes no focus"
    each.first(SECOND)


def test_several_prompts_are_never_guessed_between(each: Any) -> None:
    flow = each.text_to_image()
    second = flow.node("CLIPTextEncode", "Second", text=OTHER)
    flow.node("KSampler", "Other sampler", positive=second[0])
    each.load(flow)
    each.page.wait("document.querySelectorAll('.lr-prompt-card').length === 2")
    assert each.page.run("document.querySelector('.lorarec-panel').hidden")
    cards = each.page.run("[...document.querySelectorAll('.lr-prompt-card')].map((e) => e.innerText)")
    assert PROMPT in cards[0] and OTHER in cards[1]
    each.page.click(each.box("Second"))
    each.first(SECOND)
    assert "Second" in each.page.text(".lr-prompt-choice option:checked")
    each.page.run("document.querySelector('.lr-prompt-choice').focus()")
    each.page.press("ArrowUp", 38)
    each.page.wait("document.querySelector('.lr-prompt-choice option:checked').innerText.startsWith('Positive')")
    each.first(FIRST)


def test_a_filled_selection_is_queued_and_every_run_of_a_batch_names_it(each: Any) -> None:
    each.load(recommending(each, min_score=0.0, count=2))
    each.first(FIRST)
    queued = each.queue()
    number = next(number for number, node in queued["prompt"].items() if node["class_type"] == "LorarecRecommend")
    chosen = json.loads(queued["prompt"][number]["inputs"]["selection"])
    assert chosen[0]["name"] == FILE and chosen[0]["fingerprint"] and len(chosen) == 2
    workflow = queued["extra_data"]["extra_pnginfo"]["workflow"]
    assert workflow["extra"]["lorarec_unseen"] == [number]
    assert rows(each.one("LorarecRecommend")) == chosen
    each.page.wait(
        f"{APP}.graph.nodes.find((n) => n.title === 'Recommend').widgets.some((w) => w.name === 'lorarec_report')"
    )
    report = (
        f"{APP}.graph.nodes.find((n) => n.title === 'Recommend').widgets.find((w) => w.name === 'lorarec_report').value"
    )
    assert FILE in each.page.run(report) and "as your checkpoint" in each.page.run(report)
    if each.vue:
        each.page.wait(
            f"[...document.querySelectorAll('[data-node-id] textarea')].some((e) => e.value.includes({FILE!r}))"
        )
    again = each.queue()
    assert json.loads(again["prompt"][number]["inputs"]["selection"]) == chosen
    assert "lorarec_unseen" not in again["extra_data"]["extra_pnginfo"]["workflow"]["extra"]
