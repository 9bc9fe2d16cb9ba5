"""Node "Recommend LoRAs" inside a fake ComfyUI."""

from __future__ import annotations

import inspect
import json
import logging

import pytest

INK = "styles/ink.safetensors"
MIKU = "characters/miku.safetensors"


def outputs(answer):
    names = ("LORA_STACK", "prompt", "trigger_words", "lora_tags", "report", "LORA_STACK_LOW")
    return dict(zip(names, answer["result"], strict=True))


def widget_values(comfy, **changed):
    """widgets_values as the browser saves them: every widget in order."""
    inputs = comfy.recommend.INPUT_TYPES()
    specs = {**inputs["required"], **inputs["optional"]}
    return [
        changed.get(name, spec[1].get("default"))
        for name, spec in specs.items()
        if isinstance(spec[0], list) or spec[0] in ("STRING", "INT", "FLOAT", "BOOLEAN")
    ]


def saved_workflow(comfy, **changed):
    return {"nodes": [{"id": 3, "type": "LorarecRecommend", "widgets_values": widget_values(comfy, **changed)}]}


def reload_inputs(comfy, workflow):
    """What the browser sends after a workflow was opened."""
    inputs = comfy.recommend.INPUT_TYPES()
    names = [n for n in [*inputs["required"], *inputs["optional"]] if n not in ("lora_stack", "model")]
    return dict(zip(names, workflow["nodes"][0]["widgets_values"], strict=True))


def test_an_empty_selection_is_filled_and_kept(start, loras):
    comfy = start(loras)
    workflow = saved_workflow(comfy, prompt="ink drawing of miku")
    png = {"workflow": workflow}
    graph = {"3": {"class_type": "LorarecRecommend", "inputs": {"prompt": "ink drawing of miku"}}}
    answer = comfy.recommend().run("ink drawing of miku", graph=graph, extra_pnginfo=png, unique_id="3")
    out = outputs(answer)
    assert out["LORA_STACK"] == [(MIKU, 0.7, 0.7), (INK, 0.7, 0.7)]
    assert out["prompt"] == "ink drawing of miku, miku style, ink style"
    assert out["trigger_words"] == "miku style, ink style"
    assert out["lora_tags"] == "<lora:miku:0.7> <lora:ink:0.7>"
    assert out["LORA_STACK_LOW"] == []
    assert 'matches "ink"' in out["report"] and "0.90  styles/ink.safetensors  at 0.7 (author)" in out["report"]

    (text,) = answer["ui"]["selection"]
    rows = json.loads(text)
    assert [row["name"] for row in rows] == [MIKU, INK]
    assert rows[1] == {
        "name": INK,
        "fingerprint": "fp-ink.safetensors",
        "model": 0.7,
        "clip": 0.7,
        "on": True,
        "partner": "",
        "trigger_words": ["ink style"],
    }
    assert answer["ui"]["text"] == [out["report"]]
    # All three places where image savers look: opened workflow, API graph, a field of our own.
    assert reload_inputs(comfy, workflow)["selection"] == text
    assert graph["3"]["inputs"]["selection"] == text
    assert png["lorarec"] == {"3": {"selection": rows}}


def test_the_saved_workflow_gives_the_same_loras_after_the_index_changed_and_elsewhere(start, loras, tmp_path, write):
    comfy = start(loras)
    workflow = saved_workflow(comfy, prompt="ink drawing of miku")
    first = outputs(comfy.recommend().run("ink drawing of miku", extra_pnginfo={"workflow": workflow}, unique_id="3"))
    saved = json.loads(json.dumps(workflow))

    comfy.core.strength, comfy.core.version = 0.2, "v2"
    write(loras, "characters/drawing.safetensors")
    again = comfy.recommend().run(**reload_inputs(comfy, saved), extra_pnginfo={"workflow": saved}, unique_id="3")
    assert outputs(again)["LORA_STACK"] == first["LORA_STACK"]
    assert outputs(again)["prompt"] == first["prompt"]
    assert len(comfy.core.queries) == 1 and "selection" not in again["ui"]

    other = write(tmp_path / "other", "mine/ink.safetensors", "sd/anime/miku.safetensors", "decoy/inks.safetensors")
    (other / "mine/ink.safetensors").rename(other / "mine/black_ink.safetensors")  # found by its content alone
    elsewhere = start(other)
    there = outputs(elsewhere.recommend().run(**reload_inputs(elsewhere, saved)))
    assert there["LORA_STACK"] == [("sd/anime/miku.safetensors", 0.7, 0.7), ("mine/black_ink.safetensors", 0.7, 0.7)]
    assert there["prompt"] == first["prompt"]


def test_fixed_reads_only_the_selection_and_never_touches_the_core(start, loras):
    comfy = start(loras, core=False)
    text = json.dumps(
        [
            {"name": "styles\\ink.safetensors", "model": 0.6, "clip": 0.3, "trigger_words": ["ink wash"]},
            {"name": MIKU, "model": 1, "on": False, "trigger_words": ["miku"]},
        ]
    )
    inputs = {"prompt": "a cat", "mode": "fixed", "selection": text}
    assert comfy.recommend.VALIDATE_INPUTS(selection=text, roles="") is True
    comfy.recommend.IS_CHANGED(**inputs)
    assert comfy.recommend().check_lazy_status(**inputs, model=None, graph={}, unique_id="3") == []
    out = outputs(comfy.recommend().run(**inputs, unique_id="3"))
    assert out["LORA_STACK"] == [(INK, 0.6, 0.3)]
    assert out["prompt"] == "a cat, ink wash"
    assert "off: characters/miku.safetensors" in out["report"]
    assert outputs(comfy.recommend().run("a cat", mode="fixed"))["LORA_STACK"] == []
    for part in ("recommender", "types", "settings", "database", "base_models"):
        assert not comfy.loaded(f"lorarec.{part}")
    assert comfy.library.keeper.opened is None


def test_fill_once_keeps_what_is_there_even_if_that_is_nothing(start, loras):
    comfy = start(loras)
    answer = comfy.recommend().run("ink", selection="[]")
    assert outputs(answer)["LORA_STACK"] == [] and comfy.core.queries == []
    assert comfy.recommend().run("nothing like it")["ui"]["selection"] == ["[]"]


def test_always_chooses_anew(start, loras):
    comfy = start(loras)
    text = json.dumps([{"name": MIKU, "model": 1}])
    answer = comfy.recommend().run("ink", mode="always", selection=text)
    assert outputs(answer)["LORA_STACK"] == [(INK, 0.7, 0.7)]
    assert json.loads(answer["ui"]["selection"][0])[0]["name"] == INK


def test_incoming_loras_come_first_are_active_and_stay_untouched(start, loras):
    comfy = start(loras)
    comfy.folder_paths.separator = "\\"
    incoming = [("styles\\ink.safetensors", 0.5, 0.25), ("None", 1.0, 1.0)]
    before = list(incoming)
    out = outputs(comfy.recommend().run("ink drawing of miku", lora_stack=incoming))
    assert incoming == before
    assert out["LORA_STACK"] == [("styles\\ink.safetensors", 0.5, 0.25), ("characters\\miku.safetensors", 0.7, 0.7)]
    assert [(one.name, one.strength) for one in comfy.core.queries[0].active] == [(INK, 0.5)]
    assert out["trigger_words"] == "miku style"
    # A fixed selection that repeats an incoming LoRA is obeyed, but said.
    again = outputs(
        comfy.recommend().run("x", mode="fixed", selection=f'[{{"name": "{INK}", "model": 1}}]', lora_stack=incoming)
    )
    assert "styles/ink.safetensors is in the incoming stack as well" in again["report"]


def test_pairs_are_split_into_high_and_low_noise(start, loras):
    comfy = start(loras)
    comfy.core.partners["wan/dance_high.safetensors"] = "wan/dance_low.safetensors"
    answer = comfy.recommend().run("dance_high, ink")
    out = outputs(answer)
    assert out["LORA_STACK"] == [(INK, 0.7, 0.7), ("wan/dance_high.safetensors", 0.7, 0.7)]
    assert out["LORA_STACK_LOW"] == [("wan/dance_low.safetensors", 0.7, 0.7)]
    (text,) = answer["ui"]["selection"]
    again = outputs(comfy.recommend().run("dance_high, ink", selection=text))
    assert (again["LORA_STACK"], again["LORA_STACK_LOW"]) == (out["LORA_STACK"], out["LORA_STACK_LOW"])


def test_a_missing_lora_is_an_error_or_left_out_with_a_warning(start, loras, caplog):
    comfy = start(loras)
    text = json.dumps([{"name": "gone/away.safetensors", "model": 1}, {"name": INK, "model": 1}])
    with pytest.raises(Exception, match=r"gone/away\.safetensors.*not installed.*skip and warn"):
        comfy.recommend().run("x", selection=text)
    with caplog.at_level(logging.WARNING):
        out = outputs(comfy.recommend().run("x", selection=text, missing="skip and warn"))
    assert out["LORA_STACK"] == [(INK, 1.0, 1.0)]
    assert "gone/away.safetensors" in out["report"] and "gone/away.safetensors" in caplog.text


def test_no_index_yet_is_an_error_or_empty_and_is_never_kept(start, loras):
    comfy = start(loras)
    comfy.core.stage = "empty"
    with pytest.raises(Exception, match="not indexed yet"):
        comfy.recommend().run("ink")
    png = {"workflow": saved_workflow(comfy)}
    answer = comfy.recommend().run("ink", not_ready="empty", extra_pnginfo=png, unique_id="3")
    assert outputs(answer)["LORA_STACK"] == [] and "not indexed yet" in outputs(answer)["report"]
    assert "selection" not in answer["ui"] and "lorarec" not in png
    before = comfy.recommend.IS_CHANGED(prompt="ink", not_ready="empty")
    comfy.core.stage = "lexical"
    assert comfy.recommend.IS_CHANGED(prompt="ink", not_ready="empty") != before
    assert outputs(comfy.recommend().run("ink", not_ready="empty"))["LORA_STACK"] == [(INK, 0.7, 0.7)]


def test_a_waiting_node_does_not_hold_up_the_scan_it_waits_for(start, loras):
    comfy = start(loras)
    comfy.server.prompt_queue.currently_running[0] = "this prompt"
    host = comfy.part("nodes.host").ComfyHost()
    seen = []

    def scan():
        seen.append(host.busy())
        comfy.core.stage = "lexical"

    comfy.core.stage, comfy.core.on_wait = "empty", scan
    assert host.busy()
    assert outputs(comfy.recommend().run("ink", unique_id="3"))["LORA_STACK"] == [(INK, 0.7, 0.7)]
    assert seen == [False] and host.busy()
    ((node_id, text),) = comfy.server.shown
    assert node_id == "3" and "for the first time" in text
    comfy.server.prompt_queue.currently_running.clear()
    assert not host.busy()


def test_cancelling_ends_the_wait(start, loras):
    comfy = start(loras)
    comfy.core.stage, comfy.core.settings.wait_seconds = "empty", 600.0
    comfy.management.interrupted = True
    with pytest.raises(comfy.management.InterruptProcessingException):
        comfy.recommend().run("ink")


def test_is_changed_counts_the_index_only_in_always(start, loras):
    comfy = start(loras)
    changed = comfy.recommend.IS_CHANGED

    def both(**inputs):
        comfy.core.version = "v1"
        first = changed(**inputs)
        comfy.core.version = "v2"
        return first, changed(**inputs)

    for mode in ("fill once", "fixed"):
        first, second = both(prompt="ink", mode=mode, selection="")
        assert first == second and len(first) <= 16
    first, second = both(prompt="ink", mode="always")
    assert first != second
    assert changed(prompt="ink", mode="fixed") != changed(prompt="miku", mode="fixed")
    # Linked inputs arrive as None; what is hidden differs from run to run and must not count.
    linked = changed(prompt=None, mode="fixed", unique_id="3", graph={}, extra_pnginfo=None)
    assert linked == changed(prompt=None, mode="fixed", unique_id="4", graph={"a": 1}, extra_pnginfo={})


def test_validation_names_only_free_texts_and_accepts_links(start, loras):
    comfy = start(loras)
    spec = inspect.getfullargspec(comfy.recommend.VALIDATE_INPUTS)
    inputs = comfy.recommend.INPUT_TYPES()
    named = [name for name in spec.args if name != "cls"]
    assert spec.varkw is None
    for name in named:
        kind, options = {**inputs["required"], **inputs["optional"]}[name]
        assert kind == "STRING" and not {"min", "max"} & set(options)
    assert comfy.recommend.VALIDATE_INPUTS(selection=None, roles=None) is True
    assert comfy.recommend.VALIDATE_INPUTS() is True
    assert "row 1" in comfy.recommend.VALIDATE_INPUTS(selection='[{"name": "x"}]')
    assert '"hero" is no role' in comfy.recommend.VALIDATE_INPUTS(roles="style, -hero")


def test_filters_reach_the_query(start, loras):
    comfy = start(loras)
    comfy.recommend().run(
        "ink",
        negative="blurry",
        base_model="Pony",
        count=2,
        min_score=0.3,
        roles="style, -Character",
        folders="styles\\flat\n-styles/old",
        safety="suggestive",
    )
    (query,) = comfy.core.queries
    types = comfy.core.types
    assert (query.prompt, query.negative, query.base_model, query.min_score) == ("ink", "blurry", "Pony", 0.3)
    assert (query.roles, query.exclude_roles) == ((types.Role.STYLE,), (types.Role.CHARACTER,))
    assert (query.folders, query.exclude_folders) == (("styles/flat",), ("styles/old",))
    assert query.safety is types.Safety.SUGGESTIVE
    comfy.recommend().run("ink")
    assert comfy.core.queries[1].safety is None


def test_what_fits_too_little_is_left_out_and_named(start, loras):
    comfy = start(loras)
    answer = comfy.recommend().run("ink", min_score=0.95)
    assert outputs(answer)["LORA_STACK"] == [] and outputs(answer)["prompt"] == "ink"
    assert "Nearest: styles/ink.safetensors (0.90" in outputs(answer)["report"]


def test_base_model_from_the_checkpoint_and_only_then_from_the_model(start, loras):
    comfy = start(loras)

    class SDXL:
        pass

    class WAN22_T2V(type("WAN21_T2V", (), {})):
        pass

    def model(config):
        inner = type("Inner", (), {"model_config": config()})()
        return type("Patcher", (), {"model": inner})()

    def base(checkpoint, loaded=None, wish="auto"):
        graph = {
            "3": {"class_type": "LorarecRecommend", "inputs": {"model": ["4", 0]}},
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint} if checkpoint else {}},
        }
        asked = comfy.recommend().check_lazy_status(prompt="x", base_model=wish, model=None, graph=graph, unique_id="3")
        comfy.recommend().run("x", base_model=wish, model=loaded, graph=graph, unique_id="3")
        return comfy.core.queries[-1].base_model, asked

    assert base("pony\\ponyDiffusionV6XL.safetensors", model(SDXL)) == ("pony/ponyDiffusionV6XL.safetensors", [])
    assert base("dreamy_v3.safetensors", model(SDXL)) == ("dreamy_v3 SDXL", ["model"])
    assert base("dreamy_v3.safetensors", model(object)) == ("dreamy_v3.safetensors", ["model"])
    assert base("", model(WAN22_T2V)) == ("Wan 2.2 5B", ["model"])
    assert base("", None) == (None, ["model"])
    assert base("dreamy_v3.safetensors", None, wish="Pony") == ("Pony", [])


def test_model_classes_name_base_models_the_core_knows(start, loras):
    comfy = start(loras)
    models = comfy.part("lorarec.base_models")
    for family in filter(None, comfy.part("nodes.suggest").MODEL_CLASSES.values()):
        assert models.architecture(family), family
        beside = models.guess_checkpoint(f"dreamy_v3 {family}")
        assert beside is None or models.architecture(beside.name) == models.architecture(family), family


def test_roles_and_safety_levels_are_the_cores(start, loras):
    comfy = start(loras)
    widgets = comfy.part("nodes.widgets")
    types = comfy.core.types
    assert set(widgets.ROLES) == {role.value for role in types.Role}
    assert list(widgets.SAFETY)[1:] == [level.name.lower() for level in types.Safety]


def test_same_prompt_and_index_give_the_same_result(start, loras):
    comfy = start(loras)
    first, second = (comfy.recommend().run("ink drawing of miku", unique_id="3") for _ in range(2))
    assert first == second


def test_definitions_are_asked_for_often_but_scans_are_few(start, loras, monkeypatch):
    comfy = start(loras)
    now = [1000.0]
    monkeypatch.setattr(comfy.library.time, "monotonic", lambda: now[0])
    for _ in range(5):
        comfy.recommend.INPUT_TYPES()
    assert comfy.core.refreshes == 1
    now[0] += comfy.library.RESCAN_AFTER
    comfy.recommend.INPUT_TYPES()
    assert comfy.core.refreshes == 2
    comfy.library.keeper.close()
    now[0] += comfy.library.RESCAN_AFTER
    comfy.recommend.INPUT_TYPES()
    assert comfy.library.keeper.opened is None
