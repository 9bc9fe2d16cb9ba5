"""The nodes on the real recommender, with real LoRA files, inside a fake ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PROMPT = "watercolor painting of redknight, silver hair"


@pytest.fixture
def run():
    """Run the node; gives its outputs by name and its ui answer."""

    def run(comfy, **inputs):
        answer = comfy.recommend().run(**inputs)
        return dict(zip(comfy.recommend.RETURN_NAMES, answer["result"], strict=True)), answer["ui"]

    return run


def test_first_use_indexes_and_chooses(start, mini_library, run):
    comfy = start(mini_library, core=False)
    comfy.server.prompt_queue.currently_running[0] = "this very prompt"
    out, ui = run(comfy, prompt=PROMPT, min_score=0.0, count=6, unique_id="3")
    names = [name.replace("\\", "/") for name, _, _ in out["LORA_STACK"]]
    assert "styles/watercolor_wash.safetensors" in names[:2]
    assert all(0 < model <= 2 for _, model, _ in out["LORA_STACK"])
    rows = json.loads(ui["selection"][0])
    assert all(len(row["fingerprint"]) == 32 for row in rows)
    again, _ = run(comfy, prompt=PROMPT, selection=ui["selection"][0])
    assert again["LORA_STACK"] == out["LORA_STACK"] and again["prompt"] == out["prompt"]
    repeated, _ = run(comfy, prompt=PROMPT, min_score=0.0, count=6)
    assert repeated["LORA_STACK"] == out["LORA_STACK"]
    assert not comfy.library.recommender().failure


def test_no_folder_is_missed_that_comfyui_adds_for_those_who_save_loras(start, mini_library, make_lora):
    comfy = start(mini_library, core=False)
    assert comfy.library.recommender().refresh().problems == ()
    make_lora(Path(comfy.folder_paths.output) / "loras" / "mine.safetensors", seed=5)
    comfy.library.keeper.reopen()  # as at the next start
    core = comfy.library.recommender()
    core.refresh()
    assert "mine.safetensors" in [lora.path for lora in core.loras()]


def test_a_file_that_moved_after_the_last_scan_is_found_by_its_content(start, mini_library, make_lora, run):
    comfy = start(mini_library, core=False)
    _, ui = run(comfy, prompt=PROMPT, min_score=0.0, count=6)
    knight = mini_library / "characters" / "red_knight.safetensors"
    (mini_library / "new").mkdir()
    knight.rename(mini_library / "new" / "crimson.safetensors")
    make_lora(mini_library / "other" / "red_knight.safetensors", seed=99)  # the same name, another LoRA
    out, _ = run(comfy, prompt="x", mode="fixed", selection=ui["selection"][0])
    names = [name.replace("\\", "/") for name, _, _ in out["LORA_STACK"]]
    assert "new/crimson.safetensors" in names and "other/red_knight.safetensors" not in names


def test_always_notices_a_new_lora(start, mini_library, make_lora, run):
    comfy = start(mini_library, core=False)
    inputs = {"prompt": "a gothic cathedral", "mode": "always", "min_score": 0.0, "count": 20}
    first, _ = run(comfy, **inputs)
    core = comfy.library.recommender()
    core.wait("full", 20)
    before, kept = comfy.recommend.IS_CHANGED(**inputs), comfy.recommend.IS_CHANGED(prompt="x", mode="fill once")
    assert comfy.recommend.IS_CHANGED(**inputs) == before
    make_lora(mini_library / "gothic_cathedral.safetensors", {"ss_output_name": "gothic_cathedral"}, seed=7)
    core.refresh()
    assert comfy.recommend.IS_CHANGED(**inputs) != before
    assert comfy.recommend.IS_CHANGED(prompt="x", mode="fill once") == kept
    second, _ = run(comfy, **inputs)
    new = {name for name, _, _ in second["LORA_STACK"]} - {name for name, _, _ in first["LORA_STACK"]}
    assert new == {"gothic_cathedral.safetensors"}


def test_similar_knows_the_catalogue(start, mini_library):
    comfy = start(mini_library, core=False)
    names, report = comfy.pack.NODE_CLASS_MAPPINGS["LorarecSimilar"]().run("add_detail.safetensors", 3)["result"]
    assert 1 <= len(names.splitlines()) <= 3 and "add_detail.safetensors" not in names
    assert report


def test_without_lora_folders_or_loras_it_says_so(start, tmp_path, run):
    comfy = start(core=False)
    with pytest.raises(Exception, match="cannot be indexed: no LoRA folder is known"):
        run(comfy, prompt="x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="there are no LoRAs in your LoRA folders"):
        run(start(tmp_path / "empty", core=False), prompt="x")


def test_data_lies_in_comfyuis_user_folder(start, mini_library, run, tmp_path):
    comfy = start(mini_library, core=False)
    before = {path for path in mini_library.rglob("*")}
    run(comfy, prompt=PROMPT)
    assert any((tmp_path / "comfyui1" / "user" / "__lorarec").iterdir())
    assert {path for path in mini_library.rglob("*")} == before
    host = comfy.part("nodes.host").ComfyHost()
    comfy.folder_paths.get_system_user_directory = lambda name: str(tmp_path / f"__{name}")
    assert host.data_dir() == tmp_path / "__lorarec"
