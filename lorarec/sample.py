"""A small LoRA folder of invented LoRAs, written to disk on request: for the demo, for trying things out, for tests.

``data/sample.json`` is the table: one object per file with its base model, the kinds of metadata it carries and what
they say. The files are valid but tiny: their tensors have the names and shapes of the base model and hold zeros. The
kinds are those that users' folders hold: sidecars of Civitai downloaders, LoRA Manager, A1111 and rgthree, headers
written by trainers or after the ModelSpec, and files with nothing but a name.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "data" / "sample.json"
RANK = 4

_SD = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_{}_attn2_to_k"
# base model -> (name of one layer, its input width, suffixes of the down and up projection)
_LAYERS: dict[str, tuple[str, int, str, str]] = {
    "SD 1.5": (_SD.format(0), 768, "lora_down", "lora_up"),
    "SDXL": (_SD.format(3), 2048, "lora_down", "lora_up"),
    "Flux.1": ("lora_unet_double_blocks_0_img_attn_qkv", 3072, "lora_down", "lora_up"),
    "Wan 2.1": ("diffusion_model.blocks.0.cross_attn.k", 5120, "lora_A", "lora_B"),
}
_SAME_LAYERS = {"Pony": "SDXL", "Illustrious": "SDXL", "Wan 2.2": "Wan 2.1"}
_KOHYA = {"SD 1.5": "sd_v1", "Flux.1": "flux1"}
_ARCHITECTURES = {
    "SD 1.5": "stable-diffusion-v1/lora",
    "SDXL": "stable-diffusion-xl-v1-base/lora",
    "Flux.1": "flux-1-dev/lora",
    "Wan 2.1": "wan2.1/lora",
}


def entries() -> list[dict[str, Any]]:
    """The table, one dict per LoRA file."""
    table: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


def write(folder: Path) -> list[Path]:
    """Write the sample collection below a folder and return its LoRA files; equal files are written each time.

    Raises:
        OSError: the folder cannot be written.
    """
    return [_write_one(folder, number, entry) for number, entry in enumerate(entries())]


def _write_one(folder: Path, number: int, entry: Mapping[str, Any]) -> Path:
    path = folder / f"{entry['file']}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {"format": "pt"}
    for kind in entry["kinds"]:
        if kind in _HEADERS:
            header.update(_HEADERS[kind](number, entry, path.stem))
    path.write_bytes(_safetensors(entry["base"], header, number))
    for kind in entry["kinds"]:
        if kind in _SIDECARS:
            ending, make = _SIDECARS[kind]
            beside = path.with_name(path.name + ending[1:] if ending.startswith("+") else path.stem + ending)
            beside.write_text(json.dumps(make(number, entry, path.stem), ensure_ascii=False, indent=1), "utf-8")
    return path


def _safetensors(base: str, metadata: Mapping[str, Any], seed: int) -> bytes:
    layer, width, down, up = _LAYERS[_SAME_LAYERS.get(base, base)]
    shapes = {f"{layer}.{down}.weight": (RANK, width), f"{layer}.{up}.weight": (320, RANK), f"{layer}.alpha": ()}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    header: dict[str, Any] = {"__metadata__": texts}
    at = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    # One value differs from file to file, as weights do: equal contents would be taken for copies of one LoRA.
    return struct.pack("<Q", len(text)) + text + struct.pack("<H", 1 + seed) + bytes(at - 2)


def _kohya(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    tags: dict[str, int] = entry.get("training", {})
    trigger = next((tag for tag in tags if tag != "1girl"), "images").replace(" ", "_")
    return {
        "ss_output_name": stem,
        "ss_base_model_version": _KOHYA.get(entry["base"], "sdxl_base_v1-0"),
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(RANK),
        "ss_network_alpha": "1",
        "ss_resolution": "(768, 768)" if entry["base"] == "SD 1.5" else "(1024, 1024)",
        "ss_tag_frequency": {f"10_{trigger}": tags},
    }


def _modelspec(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    fields = {
        "sai_model_spec": "1.0.1",
        "architecture": _ARCHITECTURES.get(entry["base"], _ARCHITECTURES["SDXL"]),
        "title": entry["title"],
        "description": entry.get("about", ""),
        "trigger_phrase": ", ".join(entry.get("words", ())),
        "tags": ", ".join(entry.get("tags", ())),
        "date": entry.get("date", ""),
        "author": "lorarec sample",
        "lora_default_weight": str(entry.get("weight", 1.0)),
    }
    return {f"modelspec.{key}": value for key, value in fields.items() if value}


def _images(entry: Mapping[str, Any], stem: str) -> list[dict[str, Any]]:
    return [
        {
            "url": "",
            "nsfwLevel": 1,
            "meta": {
                "prompt": f"{prompt} <lora:{stem}:{weight:g}>",
                "resources": [{"type": "lora", "name": stem, "weight": weight}],
            },
        }
        for prompt, weight in entry.get("examples", ())
    ]


def _version(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    downloads, likes, rating = entry.get("stats", (None, None, None))
    return {
        "id": 20_000 + number,
        "modelId": entry.get("model", 10_000 + number),
        "name": entry.get("version", ""),
        "baseModel": entry["base"],
        "trainedWords": entry.get("words", []),
        "publishedAt": entry.get("date"),
        "stats": {"downloadCount": downloads, "thumbsUpCount": likes, "rating": rating},
        "images": _images(entry, stem),
    }


def _civitai(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    model = {
        "name": entry["title"],
        "type": "LORA",
        "nsfw": False,
        "description": entry.get("about", ""),
        "tags": entry.get("tags", []),
    }
    return {**_version(number, entry, stem), "model": model}


def _manager(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    tips: dict[str, Any] = {}
    if "weight" in entry:
        tips["strength"] = entry["weight"]
    if "span" in entry:
        tips["strength_min"], tips["strength_max"] = entry["span"]
    return {
        "file_name": stem,
        "model_name": entry["title"],
        "base_model": entry["base"],
        "preview_nsfw_level": 1,
        "notes": entry.get("notes", ""),
        "favorite": entry.get("favorite", False),
        "from_civitai": True,
        "modelDescription": entry.get("about", ""),
        "tags": entry.get("tags", []),
        "usage_tips": json.dumps(tips),
        "civitai": _version(number, entry, stem),
    }


def _a1111(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    sd_version = {"SD 1.5": "SD1", "Flux.1": "Unknown"}.get(entry["base"], "SDXL")
    return {
        "description": entry.get("about", ""),
        "sd version": sd_version,
        "activation text": " || ".join(entry.get("words", ())),
        "preferred weight": entry.get("weight", 0),
        "notes": entry.get("notes", ""),
    }


def _rgthree(number: int, entry: Mapping[str, Any], stem: str) -> dict[str, Any]:
    low, high = entry.get("span", (None, None))
    found = {
        "name": entry["title"],
        "type": "LORA",
        "baseModel": entry["base"],
        "userTags": entry.get("tags", []),
        "strengthMin": low,
        "strengthMax": high,
        "trainedWords": [{"word": word, "civitai": True} for word in entry.get("words", ())],
        "images": [{"url": "", "nsfwLevel": 1, "positive": prompt} for prompt, _ in entry.get("examples", ())],
    }
    return {key: value for key, value in found.items() if value is not None}


_Make = Callable[[int, Mapping[str, Any], str], dict[str, Any]]
_HEADERS: dict[str, _Make] = {"kohya": _kohya, "modelspec": _modelspec}
_SIDECARS: dict[str, tuple[str, _Make]] = {
    "civitai": (".civitai.info", _civitai),
    "manager": (".metadata.json", _manager),
    "a1111": (".json", _a1111),
    "rgthree": ("+.rgthree-info.json", _rgthree),
}
