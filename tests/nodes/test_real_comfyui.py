"""The nodes inside a real ComfyUI: ``COMFYUI_PATH`` names a checkout, ``COMFYUI_PYTHON`` the Python that runs it.

The server runs headless on the CPU with a folder of its own for models, settings and output; no checkpoint is needed.
"""

from __future__ import annotations

import json
import os
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
        body = json.dumps({"prompt": prompt, "extra_data": {"extra_pnginfo": extra or {}}}).encode()
        request = urllib.request.Request(self.url + "/prompt", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def run(self, prompt, extra=None, seconds=60):
        """Run a graph to its end; returns its history entry."""
        queued = self.post(prompt, extra)
        assert "prompt_id" in queued, queued
        for _ in range(seconds * 10):
            history = self.get(f"/history/{queued['prompt_id']}")
            if history:
                return history[queued["prompt_id"]]
            time.sleep(0.1)
        raise AssertionError("the prompt did not end")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("real_comfyui")
    for folder in ("models/loras", "custom_nodes", "user/default", "output", "input", "temp"):
        (place / folder).mkdir(parents=True)
    os.symlink(ROOT, place / "custom_nodes" / "lora-recommender.v1", target_is_directory=True)
    return place


@pytest.fixture(scope="module")
def server(place, request):
    write = request.getfixturevalue("write_real_loras")
    write(place / "models" / "loras")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    command = [python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(place)]
    log = place / "log.txt"
    with log.open("wb") as output:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LORAREC_")}
        process = subprocess.Popen(
            command, cwd=os.environ["COMFYUI_PATH"], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    running = Server(f"http://127.0.0.1:{port}")
    try:
        for _ in range(240):
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            try:
                running.get("/system_stats")
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise AssertionError(log.read_text(errors="replace")[-3000:])
        yield running
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def write_real_loras():
    """Two LoRAs with sidecars, as files that a real scan reads."""

    def write(folder):
        for name, title, words, base in (
            ("styles/watercolor_wash", "Watercolor Wash", "watercolor painting", "SD 1.5"),
            ("characters/red_knight", "Red Knight", "red knight", "SD 1.5"),
        ):
            path = folder / f"{name}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            header = json.dumps({"__metadata__": {"ss_output_name": path.stem}}).encode()
            path.write_bytes(len(header).to_bytes(8, "little") + header + path.stem.encode())
            info = {"modelId": len(title), "name": "v1", "baseModel": base, "trainedWords": [words]}
            info["model"] = {"name": title, "type": "LORA", "nsfw": False, "tags": []}
            path.with_suffix(".civitai.info").write_text(json.dumps(info), encoding="utf-8")

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


def test_similar_runs_alone_and_names_the_other(server):
    lora = os.path.join("styles", "watercolor_wash.safetensors")
    history = server.run({"1": {"class_type": "LorarecSimilar", "inputs": {"lora": lora, "count": 5}}})
    assert "red_knight" in history["outputs"]["1"]["text"][0]
