"""The nodes inside a real ComfyUI: ``COMFYUI_PATH`` names a checkout, ``COMFYUI_PYTHON`` the Python that runs it.

The server runs headless on the CPU with a folder of its own for models, settings and output. Its checkpoint holds the
few tensors by which ComfyUI tells a model's shape: a tiny SD 1.5 that samples real noise into real images.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = [pytest.mark.comfyui, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
PROMPT = "watercolor painting of a red knight"


def _block(name, channels):
    return {
        f"{name}.0.in_layers.0.weight": (channels,),
        f"{name}.0.out_layers.3.weight": (320, 320, 3, 3),
        f"{name}.1.proj_in.weight": (320, 320, 1, 1),
        f"{name}.1.transformer_blocks.0.attn1.to_k.weight": (320, 320),
        f"{name}.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    }


TINY_SD15 = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    **_block("model.diffusion_model.input_blocks.1", 320),
    **_block("model.diffusion_model.output_blocks.0", 640),
    **_block("model.diffusion_model.output_blocks.1", 640),
    "model.diffusion_model.out.2.weight": (4, 320, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
}


class Server:
    """A running ComfyUI."""

    def __init__(self, url):
        self.url = url

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def text(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode("utf-8")

    def post(self, prompt, extra=None):
        return self.send("/prompt", {"prompt": prompt, "extra_data": {"extra_pnginfo": extra or {}}})

    def send(self, path, content):
        body = json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            return json.load(error)

    def run(self, prompt, extra=None, seconds=60):
        """Run a graph to its end; returns its history entry."""
        queued = self.post(prompt, extra)
        assert "prompt_id" in queued, queued
        return self.done(queued, seconds)

    def done(self, queued, seconds=60):
        for _ in range(seconds * 10):
            history = self.get(f"/history/{queued['prompt_id']}")
            if history:
                return history[queued["prompt_id"]]
            time.sleep(0.1)
        raise AssertionError("the prompt did not end")


@pytest.fixture(scope="module")
def new_place(tmp_path_factory, write_real_models):
    """Make a base directory with models and this pack."""

    def new_place():
        place = tmp_path_factory.mktemp("real_comfyui")
        for folder in ("models/loras", "custom_nodes", "user/default", "output", "input", "temp"):
            (place / folder).mkdir(parents=True)
        os.symlink(ROOT, place / "custom_nodes" / "lora-recommender.v1", target_is_directory=True)
        write_real_models(place / "models")
        return place

    return new_place


@pytest.fixture(scope="module")
def place(new_place):
    return new_place()


@pytest.fixture(scope="module")
def server(place):
    with running(place) as server:
        yield server


@contextlib.contextmanager
def running(place, *options):
    """A ComfyUI on a base directory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    command = [python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(place)]
    command += options
    log = place / "log.txt"
    with log.open("wb") as output:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LORAREC_")}
        process = subprocess.Popen(
            command, cwd=os.environ["COMFYUI_PATH"], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        for _ in range(240):
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            try:
                server.get("/system_stats")
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise AssertionError(log.read_text(errors="replace")[-3000:])
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def write_real_models(make_lora):
    """Two LoRAs with sidecars, as files that a real scan reads, and a checkpoint."""

    def write(models):
        make_lora(models / "checkpoints" / "tiny_sd15.safetensors", tensors=TINY_SD15)
        for name, title, words, base in (
            ("styles/watercolor_wash", "Watercolor Wash", "watercolor painting", "SD 1.5"),
            ("characters/red_knight", "Red Knight", "red knight", "SD 1.5"),
        ):
            info = {"modelId": len(title), "name": "v1", "baseModel": base, "trainedWords": [words]}
            info["model"] = {"name": title, "type": "LORA", "nsfw": False, "tags": []}
            path = models / "loras" / f"{name}.safetensors"
            make_lora(path, {"ss_output_name": path.stem}, sidecars={".civitai.info": info}, seed=len(title))

    return write


def text_chunks(png):
    """The JSON texts of a PNG by keyword. A chunk is length, kind, data, checksum."""
    found, at = {}, 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"tEXt":
            keyword, _, value = data.partition(b"\0")
            found[keyword.decode()] = json.loads(value)
        at += length + 12
    return found


def graph(**inputs):
    return {
        "1": {"class_type": "LorarecRecommend", "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def shown(history, node):
    return history["outputs"][node]["text"][0]


def test_definitions_documents_and_script_are_served(server):
    info = server.get("/object_info/LorarecRecommend")["LorarecRecommend"]
    assert info["display_name"] == "Recommend LoRAs"
    assert info["output"] == ["LORA_STACK", "STRING", "STRING", "STRING", "STRING", "LORA_STACK"]
    assert info["input_order"]["required"] == ["prompt"]
    extensions = [name for name in server.get("/extensions") if "lora-recommender" in name]
    assert extensions == ["/extensions/lora-recommender.v1/comfyui/lorarec.js"]
    assert "registerExtension" in server.text(extensions[0])
    assert server.text("/extensions/lora-recommender.v1/docs/LorarecRecommend.md").startswith("# Recommend LoRAs")
    assert server.get("/i18n")["zh"]["nodeDefs"]["LorarecSimilar"]["display_name"]
    assert server.get("/workflow_templates")["lora-recommender.v1"] == ["recommend_loras"]


def test_fixed_uses_the_selection(server):
    row = {"name": "styles\\watercolor_wash", "model": 0.6, "clip": 0.3, "trigger_words": ["washed"]}
    history = server.run(graph(prompt="a cat", mode="fixed", selection=json.dumps([row])))
    assert shown(history, "2") == "a cat, washed"
    assert os.path.join("styles", "watercolor_wash.safetensors") in shown(history, "3")


def test_errors_reach_the_user(server):
    answer = server.post(graph(prompt="a cat", selection='[{"name": "x", "model": "strong"}]'))
    assert "row 1 of selection: model must be a number" in json.dumps(answer["node_errors"])
    history = server.run(graph(prompt="a cat", selection='[{"name": "gone.safetensors", "model": 1}]'))
    assert 'LoRA \\"gone.safetensors\\" is not installed here' in json.dumps(history["status"])


def test_an_empty_selection_is_filled_and_can_be_sent_back(server):
    history = server.run(graph(prompt=PROMPT, min_score=0.0))
    answer = history["outputs"]["1"]
    (text,) = answer["selection"]
    names = [row["name"] for row in json.loads(text)]
    assert sorted(names) == ["characters/red_knight.safetensors", "styles/watercolor_wash.safetensors"]
    assert all(row["fingerprint"] for row in json.loads(text))
    cached = server.run(graph(prompt=PROMPT, min_score=0.0))
    assert cached["outputs"]["1"] == answer
    assert "1" in dict(cached["status"]["messages"])["execution_cached"]["nodes"]
    again = server.run(graph(prompt=PROMPT, min_score=0.0, selection=text))
    assert shown(again, "3") == shown(history, "3") and shown(again, "2") == shown(history, "2")


def test_saved_images_name_the_loras(server, place):
    prompt = {
        **graph(prompt=PROMPT, min_score=0.0, count=1),
        "5": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": ["1", 2]}},
    }
    widgets = [PROMPT, "fill once", "", "", "auto", 1, 0.0, "", "", "auto", "error", "error"]
    workflow = {"nodes": [{"id": 1, "type": "LorarecRecommend", "widgets_values": widgets}]}
    server.run(prompt, {"workflow": workflow})
    (image,) = (place / "output").rglob("*.png")
    saved = text_chunks(image.read_bytes())
    (row,) = saved["lorarec"]["1"]["selection"]
    assert json.loads(saved["prompt"]["1"]["inputs"]["selection"]) == [row]
    assert json.loads(saved["workflow"]["nodes"][0]["widgets_values"][2]) == [row]


def test_the_rest_api_answers_on_comfyuis_own_server(server):
    for prefix in ("/lorarec/v1", "/api/lorarec/v1"):
        assert server.get(f"{prefix}/health")["status"] == "ok"
    for _ in range(100):
        if server.get("/api/lorarec/v1/index")["stage"] != "empty":
            break
        time.sleep(0.1)
    answer = server.send("/api/lorarec/v1/suggestions", {"prompt": PROMPT})
    assert {card["name"] for card in answer["cards"].values()} == {"Watercolor Wash", "Red Knight"}
    foreign = urllib.request.Request(f"{server.url}/lorarec/v1/loras", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(foreign, timeout=30)
    assert refused.value.code == 403


def test_similar_runs_alone_and_names_the_other(server):
    lora = os.path.join("styles", "watercolor_wash.safetensors")
    history = server.run({"1": {"class_type": "LorarecSimilar", "inputs": {"lora": lora, "count": 5}}})
    assert "red_knight" in history["outputs"]["1"]["text"][0]


def sampling(seed, *, text=PROMPT, steps=1, **save):
    """The usual text to image graph, for the tiny checkpoint."""
    lora = os.path.join("styles", "watercolor_wash.safetensors")
    nodes = {
        "4": ("CheckpointLoaderSimple", {"ckpt_name": "tiny_sd15.safetensors"}),
        "10": (
            "LoraLoader",
            {"model": ["4", 0], "clip": ["4", 1], "lora_name": lora, "strength_model": 0.7, "strength_clip": 0.5},
        ),
        "6": ("CLIPTextEncode", {"clip": ["10", 1], "text": text}),
        "7": ("CLIPTextEncode", {"clip": ["10", 1], "text": "blurry"}),
        "5": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "3": (
            "KSampler",
            {
                **{"model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
                **{"seed": seed, "steps": steps, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal"},
                "denoise": 1.0,
            },
        ),
        "11": ("VAELoader", {"vae_name": "pixel_space"}),
        "8": ("VAEDecode", {"samples": ["3", 0], "vae": ["11", 0]}),
        "9": ("SaveImage", {"images": ["8", 0], "filename_prefix": "live/x", **save}),
    }
    return {node: {"class_type": kind, "inputs": inputs} for node, (kind, inputs) in nodes.items()}


@contextlib.contextmanager
def history_of(place):
    """What a ComfyUI has remembered so far, read by another process as the command line does."""
    from lorarec.database import open_database
    from lorarec.history.store import History

    with open_database(place / "user" / "__lorarec") as database:
        yield History(database)


def remembered(place, count, seconds=20):
    """All generations of the sampling graph, oldest first, as soon as there are so many."""
    for _ in range(seconds * 10):
        with history_of(place) as history:
            found = [one for one in history.past() if one.negative == "blurry"]
        if len(found) >= count:
            break
        time.sleep(0.1)
    assert len(found) == count
    return found


def test_executed_prompts_are_remembered_once_and_alike_by_a_harvest(server, place, tmp_path):
    from lorarec.history.harvest.harvest import harvest
    from lorarec.history_types import Linked

    first = server.run(sampling(1))
    assert first["status"]["completed"], first["status"]
    again = server.run(sampling(1))
    assert "9" in dict(again["status"]["messages"])["execution_cached"]["nodes"]
    assert again["outputs"]["9"]["images"] == first["outputs"]["9"]["images"]
    preview = sampling(3, text="a draft")
    preview["9"] = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    assert server.run(preview)["outputs"]["9"]["images"][0]["type"] == "temp"
    queued = server.post(sampling(4, text="cancelled", steps=5000))
    while not server.get("/queue")["queue_running"]:
        time.sleep(0.05)
    server.send("/interrupt", {})
    assert "execution_interrupted" in dict(server.done(queued)["status"]["messages"])
    server.run(sampling(2))  # handled after all before it

    one, two = remembered(place, 2)
    assert (one.prompt, one.negative, one.checkpoint) == (PROMPT, "blurry", "tiny_sd15.safetensors")
    assert [(use.name.replace("\\", "/"), use.strength) for use in one.loras] == [
        ("styles/watercolor_wash.safetensors", 0.7)
    ]
    assert (one.images, two.images) == (1, 1)

    folder = place / "output" / "live"
    copy = shutil.copytree(folder, tmp_path / "copy")
    with history_of(place) as history:
        seen = harvest(history, [folder], lambda use: Linked("", ""))
        assert (seen.found, seen.new, seen.generations) == (2, 0, 0)
        elsewhere = harvest(history, [copy], lambda use: Linked("", ""))
        assert (elsewhere.new, elsewhere.generations) == (2, 0)


def test_nothing_is_remembered_with_the_history_off_or_several_users(new_place):
    place = new_place()
    settings = place / "user" / "__lorarec" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"history": false}')
    with running(place) as server:
        server.run(sampling(1))
        time.sleep(2)
        assert [path.name for path in settings.parent.iterdir()] == ["settings.json"]
        settings.write_text("{}")
        server.run(sampling(2))
        remembered(place, 1)
    with running(place, "--multi-user") as server:
        server.run(sampling(3))
        time.sleep(2)
        remembered(place, 1)
