"""Kinds of workflows, settings and undo, in the newest frontend."""

from __future__ import annotations

import json
import time
from typing import Any

APP = "window.comfyAPI.app.app"
PROMPT = "a knight in armor, oil painting of a castle"
OTHER = "pixel art, 16-bit game, dungeon"
CARD = ".lr-card:first-child"
FIRST = "Grim Fantasy Oil"
FILE = "styles/grim_fantasy_oil.safetensors"
WORDS = "grim fantasy oil painting"


def insert(stage: Any) -> None:
    """Insert the first suggestion."""
    stage.first(FIRST)
    stage.page.click(f"{CARD} .lr-primary")
    stage.page.wait("document.querySelector('.lr-use')")
    time.sleep(0.3)


def widgets(stage: Any, kind: str) -> list[Any]:
    """Values of a node's widgets as they are shown."""
    values = f"{APP}.graph.nodes.find((n) => n.type === {json.dumps(kind)}).widgets.map((w) => w.value)"
    found: list[Any] = json.loads(stage.page.run(f"JSON.stringify({values})"))
    return found


def with_loader(stage: Any, kind: str, **inputs: Any) -> Any:
    """The usual workflow with a node between checkpoint and sampler."""
    flow = stage.flow()
    loader = flow.node("CheckpointLoaderSimple")
    node = flow.node(
        kind,
        model=loader[0],
        **({"clip": loader[1]} if "clip" in str(flow.definitions[kind]["input"]) else {}),
        **inputs,
    )
    positive = flow.node("CLIPTextEncode", "Positive", text=PROMPT, clip=loader[1])
    flow.node("KSampler", model=node[0], positive=positive[0])
    return flow


def recommending(stage: Any, **inputs: Any) -> Any:
    flow = stage.flow()
    loader = flow.node("CheckpointLoaderSimple")
    node = flow.node("LorarecRecommend", "Recommend", prompt=PROMPT, model=loader[0], min_score=0.0, count=2, **inputs)
    stack = flow.node("LorarecApplyStack", model=loader[0], clip=loader[1], lora_stack=node[0])
    positive = flow.node("CLIPTextEncode", "Positive", text=node[1], clip=stack[1])
    flow.node(
        "SaveImage",
        images=flow.node("VAEDecode", samples=flow.node("KSampler", model=stack[0], positive=positive[0])[0])[0],
    )
    return flow


def test_into_a_recommend_loras_node(newest: Any) -> None:
    newest.load(recommending(newest))
    insert(newest)
    (row,) = json.loads(newest.one("LorarecRecommend")["widgets_values"][2])
    assert (row["name"], row["model"], row["trigger_words"]) == (FILE, 0.75, [WORDS])
    assert newest.page.text(".lr-use .lr-badge") == "0.75"
    newest.undo()
    assert newest.one("LorarecRecommend")["widgets_values"][2] == ""


def test_into_a_power_lora_loader(newest: Any) -> None:
    newest.load(with_loader(newest, "Power Lora Loader (rgthree)"))
    insert(newest)
    (row,) = widgets(newest, "Power Lora Loader (rgthree)")
    assert row == {"on": True, "lora": FILE, "strength": 0.75, "strengthTwo": None}
    assert newest.text("Positive") == f"{PROMPT}, {WORDS}"
    newest.undo()
    assert widgets(newest, "Power Lora Loader (rgthree)") == [] and newest.text("Positive") == PROMPT


def test_into_a_lora_manager_loader(newest: Any) -> None:
    newest.load(with_loader(newest, "Lora Loader (LoraManager)"))
    insert(newest)
    text, rows = widgets(newest, "Lora Loader (LoraManager)")
    assert text == "<lora:grim_fantasy_oil:0.75>"
    assert [(row["name"], row["strength"], row["active"]) for row in rows] == [("grim_fantasy_oil", 0.75, True)]
    newest.page.click(".lr-use button")
    newest.page.wait("!document.querySelector('.lr-use')")
    assert widgets(newest, "Lora Loader (LoraManager)") == ["", []] and newest.text("Positive") == PROMPT


def test_into_a_stack(newest: Any) -> None:
    flow = with_loader(newest, "CR Apply LoRA Stack", lora_stack=None)
    stack = flow.node("CR LoRA Stack", switch_2="On", lora_name_2="styles/impasto_knife_xl.safetensors")
    slot = next(k for k, one in enumerate(flow.nodes[1]["inputs"]) if one["name"] == "lora_stack")
    flow._link(stack[0], 2, slot, flow.nodes[1]["inputs"][slot])
    newest.load(flow)
    insert(newest)
    values = widgets(newest, "CR LoRA Stack")
    assert values[:4] == ["On", FILE, 0.75, 0.75] and values[4:6] == ["On", "styles/impasto_knife_xl.safetensors"]
    assert newest.page.count(".lr-use") == 2


def test_as_tag_where_the_prompt_has_tags(newest: Any) -> None:
    newest.load(newest.text_to_image(f"{PROMPT}, <lora:impasto_knife_xl:0.6>"))
    insert(newest)
    assert newest.text("Positive") == f"{PROMPT}, <lora:impasto_knife_xl:0.6>, <lora:grim_fantasy_oil:0.75>, {WORDS}"
    newest.undo()
    assert newest.text("Positive") == f"{PROMPT}, <lora:impasto_knife_xl:0.6>"


def test_behind_the_last_loader_and_the_slider_moves_its_strength(newest: Any) -> None:
    flow = with_loader(newest, "LoraLoader", lora_name="styles/impasto_knife_xl.safetensors", strength_model=0.5)
    newest.load(flow)
    insert(newest)
    assert ("LoraLoader", "MODEL", "LoraLoader", "model") in newest.links()
    assert ("CheckpointLoaderSimple", "MODEL", "LoraLoader", "model") in newest.links()
    newest.page.move(f'{CARD} [aria-label^="Strength"]')
    newest.page.run(f"document.querySelector('{CARD} .lr-slider').focus()")
    newest.page.press("ArrowRight", 39)
    newest.page.wait(f"{APP}.graph.nodes.at(-1).widgets.filter((w) => w.value === 0.8).length === 2")
    assert widgets(newest, "LoraLoader")[1] == 0.5, "the other one stays"
    newest.undo()
    newest.page.wait(f"{APP}.graph.nodes.at(-1).widgets.filter((w) => w.value === 0.75).length === 2")


def test_a_wish_in_the_settings_counts_more(newest: Any) -> None:
    newest.load(with_loader(newest, "Power Lora Loader (rgthree)"))
    newest.page.run(f"{APP}.extensionManager.setting.set('lorarec.insert', 'loader')")
    insert(newest)
    newest.page.run(f"{APP}.extensionManager.setting.set('lorarec.insert', 'auto')")
    assert newest.one("LoraLoader")["widgets_values"][0] == FILE
    assert widgets(newest, "Power Lora Loader (rgthree)") == []


def test_nowhere_to_insert_is_said_and_changes_nothing(newest: Any) -> None:
    flow = newest.flow()
    positive = flow.node("CLIPTextEncode", "Positive", text=PROMPT)
    flow.node("KSampler", positive=positive[0])
    newest.load(flow)
    newest.first(FIRST)
    newest.page.click(f"{CARD} .lr-primary")
    newest.page.wait("document.querySelector('.lr-status').innerText.includes('nowhere to insert')")
    newest.page.wait("document.body.innerText.includes('lorarec\\nThere is nowhere to insert it')")  # a toast
    assert newest.text("Positive") == PROMPT and newest.page.count(".lr-in-use") == 0


def test_a_pinned_prompt_stays_with_the_workflow(newest: Any) -> None:
    flow = newest.text_to_image()
    second = flow.node("CLIPTextEncode", "Second", text=OTHER)
    flow.node("KSampler", positive=second[0])
    newest.load(flow)
    newest.page.wait("document.querySelectorAll('.lr-prompt-card').length === 2")
    newest.page.click(".lr-prompt-card:last-child")
    newest.page.wait("!document.querySelector('.lr-prompt-card')")
    newest.page.click('[aria-label^="Pin:"]')
    newest.page.wait("document.querySelector('[aria-label=\"Unpin\"]')")
    saved = newest.page.run(f"{APP}.graph.serialize()")
    assert [node["title"] for node in saved["nodes"] if "lorarec_pinned" in node["properties"]] == ["Second"]
    newest.load(saved)
    newest.first("Cozy Pixel Tiles (16-bit)")
    newest.page.click('[aria-label="Unpin"]')
    newest.page.wait("document.querySelectorAll('.lr-prompt-card').length === 2", 5)
    newest.undo()
    newest.page.wait("document.querySelector('[aria-label=\"Unpin\"]')")


def test_the_focus_is_remembered_in_the_sidebar_but_not_in_another_workflow(newest: Any) -> None:
    flow = newest.text_to_image()
    second = flow.node("CLIPTextEncode", "Second", text=OTHER)
    flow.node("KSampler", positive=second[0])
    newest.load(flow)
    newest.page.wait("document.querySelectorAll('.lr-prompt-card').length === 2")
    newest.page.click(newest.box("Second"))
    newest.first("Cozy Pixel Tiles (16-bit)")
    newest.page.click('[aria-label="Options"]')
    newest.page.click('[aria-label="Options"]')
    assert "Second" in newest.page.text(".lr-prompt-choice option:checked")
    newest.load(flow)
    newest.page.wait("document.querySelectorAll('.lr-prompt-card').length === 2")


def test_inside_a_subgraph(newest: Any) -> None:
    newest.load(newest.text_to_image())
    newest.page.run(
        f"(() => {{ const g = {APP}.graph; const inside = /CLIPTextEncode|CheckpointLoader/;"
        "g.convertToSubgraph(new Set(g.nodes.filter((n) => inside.test(n.type)))); })()"
    )
    time.sleep(0.5)
    newest.first(FIRST)
    assert "New Subgraph" in newest.page.text(".lr-prompt-choice option:checked")
    insert(newest)
    inner = f"{APP}.graph.nodes.find((n) => n.subgraph).subgraph"
    kinds = newest.page.run(f"{inner}.nodes.map((n) => n.type)")
    assert kinds.count("LoraLoader") == 1
    assert newest.page.text(".lr-use .lr-badge") == "0.75"
    newest.page.click(".lr-use button")
    newest.page.wait("!document.querySelector('.lr-use')")
    assert "LoraLoader" not in newest.page.run(f"{inner}.nodes.map((n) => n.type)")


def test_a_batch_names_the_loras_in_every_run_also_when_they_come_too_late(newest: Any) -> None:
    newest.load(recommending(newest))
    newest.first(FIRST)
    before = len(newest.ask("test/queued"))
    newest.page.run(f"{APP}.queuePrompt(0, 3)")
    runs = newest.ask("test/queued")[before:]
    chosen = [
        node["inputs"]["selection"]
        for run in runs
        for node in run["prompt"].values()
        if node["class_type"] == "LorarecRecommend"
    ]
    assert len(set(chosen)) == 1 and len(chosen) == 3 and json.loads(chosen[0])[0]["name"] == FILE

    newest.load(recommending(newest))
    newest.page.run(
        "window.slow = comfyAPI.api.api.fetchApi; comfyAPI.api.api.fetchApi = function (path, ...more) {"
        "return path.endsWith('/suggestions') ? new Promise(() => {}) : slow.call(this, path, ...more); }; 0"
    )
    began = time.monotonic()
    newest.page.run(f"{APP}.queuePrompt(0, 1)")
    newest.page.run("comfyAPI.api.api.fetchApi = slow; 0")
    assert time.monotonic() - began < 8, "the queue is not held up"
    (late,) = newest.ask("test/queued")[before + 3 :]
    assert [
        node["inputs"]["selection"] for node in late["prompt"].values() if node["class_type"] == "LorarecRecommend"
    ] == [""]
    newest.page.wait(f"{APP}.graph.nodes.find((n) => n.title === 'Recommend').widgets[2].value.includes('{FILE}')")


def test_settings_agree_in_both_places(newest: Any) -> None:
    newest.load(newest.text_to_image())
    newest.first(FIRST)
    newest.page.press(",", 188, modifiers=2)
    newest.page.wait("document.querySelector('[data-nav-id=\"root/lorarec\"]')")
    newest.page.click('[data-nav-id="root/lorarec"]')
    newest.page.wait("document.querySelector('[data-setting-id=\"lorarec.top\"] input')")
    newest.page.click('[data-setting-id="lorarec.top"] input')
    newest.page.run("document.querySelector('[data-setting-id=\"lorarec.top\"] input').select()")
    newest.page.type("3")
    newest.page.press("Tab", 9)
    newest.page.wait("document.querySelectorAll('.lr-card').length === 3")
    newest.page.press("Escape", 27)
    newest.page.wait("!document.querySelector('[data-setting-id]')")
    newest.page.click('[aria-label="Options"]')
    assert newest.page.value('.lr-options input[max="200"]') == "3"
    newest.page.click('.lr-options input[max="200"]')
    newest.page.run("document.querySelector('.lr-options input[max=\"200\"]').select()")
    newest.page.type("6")
    newest.page.press("Tab", 9)
    newest.page.wait("document.querySelectorAll('.lr-card').length === 6")
    assert newest.page.run(f"{APP}.extensionManager.setting.get('lorarec.top')") == 6
    newest.page.click(".lr-switch")
    newest.page.wait(f"{APP}.extensionManager.setting.get('lorarec.auto') === false")
    newest.page.click(".lr-switch")
    newest.page.wait(f"{APP}.extensionManager.setting.get('lorarec.auto') === true")
    newest.page.click('[aria-label="Options"]')
    assert newest.ask("settings")["lorarec.auto"] is True


def test_nothing_is_asked_while_the_tab_is_closed(newest: Any) -> None:
    newest.load(newest.text_to_image())
    newest.first(FIRST)
    newest.close_tab()
    newest.page.run("window.asked = performance.getEntriesByType('resource').length; 0")
    newest.page.click(newest.box("Positive"))
    newest.page.type(", snow")
    time.sleep(1)
    late = (
        "performance.getEntriesByType('resource').slice(window.asked).filter((e) => e.name.includes('lorarec')).length"
    )
    assert newest.page.run(late) == 0
    newest.page.run(f"{APP}.extensionManager.command.execute('lorarec.open')")
    newest.page.wait("document.querySelectorAll('.lr-panel').length === 1")
    newest.page.wait(
        "document.querySelector('.lr-prompt-choice').title.endsWith(', snow') && document.querySelector('.lr-card')"
    )
