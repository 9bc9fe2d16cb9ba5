"""Lay image files as ComfyUI and A1111 write them: metadata of real size and shape, hardly any pixels, content made up.

Deterministic: the same arguments write the same files, with times spread over a year.
"""

from __future__ import annotations

import json
import os
import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NEWEST = 1_750_000_000  # seconds since the epoch; the time of the last image
SPAN = 365 * 86_400  # seconds over which the images are spread
PIXELS = 1_500  # bytes of compressed noise standing for the image
PER_FOLDER = 500

_SUBJECTS = (
    "castle harbour knight fox market forest dancer robot library lighthouse garden train owl city bridge".split()
)
_WORDS = (
    "masterpiece, best quality, highly detailed, soft light, rim light, volumetric fog, wide shot, close-up, dusk, "
    "golden hour, rain, autumn leaves, intricate clothing, sharp focus, film grain, 35mm, bokeh, low angle, cinematic, "
    "watercolor, ink lines, pastel colours, dramatic clouds, reflections, silver hair, ornate armour, narrow alley, "
    "paper lanterns, snow, moonlight, old stone, moss, warm colours, depth of field, looking at viewer, from behind"
).split(", ")
_NEGATIVE = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality, "
    "low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry"
)
_CHECKPOINTS = ("sd_xl_base_1.0.safetensors", "ponyDiffusionV6XL.safetensors", "dreamshaper_8.safetensors")
_LORAS = tuple(f"{kind}_{number:02d}" for kind in ("style", "character", "detail") for number in range(20))


def lay_images(folder: Path, count: int, loras: Sequence[str] = _LORAS, seed: int = 0) -> list[Path]:
    """Write ``count`` PNG files into folders of 500, in turn as ComfyUI and as A1111, and return them, oldest first.

    Args:
        folder: made where absent.
        count: how many.
        loras: names to use, without extension.
        seed: of the content.

    ComfyUI's carry a ``prompt`` of about 3 KB and a ``workflow`` of about 12 KB, A1111's an infotext of about 1.2 KB.
    """
    rng = random.Random(seed)
    paths: list[Path] = []
    for number in range(count):
        place = folder / f"{number // PER_FOLDER:03d}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True, exist_ok=True)
        uses = [(name, rng.randint(3, 10) / 10) for name in rng.sample(loras, min(rng.randint(0, 3), len(loras)))]
        made = _comfyui(rng, number, uses) if number % 2 == 0 else {"parameters": _infotext(rng, number, uses)}
        path = place / f"{number:06d}.png"
        path.write_bytes(png(made, rng.randbytes(PIXELS)))
        when = NEWEST - SPAN + SPAN * (number + 1) / count
        os.utime(path, (when, when))
        paths.append(path)
    return paths


def png(texts: dict[str, str], noise: bytes = b"") -> bytes:
    """A PNG of one grey row that carries these texts before its image data, as Pillow writes them."""
    width = max(len(noise), 1)
    parts = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0))]
    for key, text in texts.items():
        try:
            parts.append(_chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1")))
        except UnicodeEncodeError:
            parts.append(_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")))
    parts.append(_chunk(b"IDAT", zlib.compress(b"\0" + noise.ljust(width, b"\0"), 1)))
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _prompt(rng: random.Random) -> str:
    return ", ".join([f"a {rng.choice(_SUBJECTS)} and a {rng.choice(_SUBJECTS)}", *rng.sample(_WORDS, 22)])


def _infotext(rng: random.Random, number: int, uses: Sequence[tuple[str, float]]) -> str:
    tags = "".join(f" <lora:{name}:{strength}>" for name, strength in uses)
    hashes = ", ".join(f"{name}: {zlib.crc32(name.encode()):08x}0123" for name, _ in uses)
    listed = f', Lora hashes: "{hashes}"' if hashes else ""
    checkpoint = rng.choice(_CHECKPOINTS).rpartition(".")[0]
    return (
        f"{_prompt(rng)}, {_prompt(rng)}{tags}\nNegative prompt: {_NEGATIVE}\n"
        f"Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: {number}, Size: 832x1216, "
        f"Model hash: 67ab2fd8ec, Model: {checkpoint}, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.5, "
        f"Hires steps: 12, Hires upscaler: 4x-UltraSharp, RNG: CPU{listed}, Version: v1.10.1"
    )


def _comfyui(rng: random.Random, number: int, uses: Sequence[tuple[str, float]]) -> dict[str, str]:
    """The two chunks of one image."""
    graph = _graph(_prompt(rng), number, rng.choice(_CHECKPOINTS), uses)
    return {"prompt": json.dumps(graph), "workflow": json.dumps(_workflow(graph))}


def _graph(prompt: str, seed: int, checkpoint: str, uses: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """An API graph: two passes with an upscale between, a chain of LoRA loaders before."""
    graph: dict[str, Any] = {}

    def node(kind: str, title: str = "", **inputs: Any) -> str:
        key = str(3 + len(graph))
        graph[key] = {"inputs": inputs, "class_type": kind, "_meta": {"title": title or kind}}
        return key

    loader = node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name=checkpoint)
    model, clip = [loader, 0], [loader, 1]
    for name, strength in uses:
        file = f"{name}.safetensors"
        key = node(
            "LoraLoader",
            "Load LoRA",
            lora_name=file,
            strength_model=strength,
            strength_clip=strength,
            model=model,
            clip=clip,
        )
        model, clip = [key, 0], [key, 1]
    positive = [node("CLIPTextEncode", "CLIP Text Encode (Prompt)", text=prompt, clip=clip), 0]
    negative = [node("CLIPTextEncode", "CLIP Text Encode (Prompt)", text=_NEGATIVE, clip=clip), 0]
    latent = [node("EmptyLatentImage", "Empty Latent Image", width=832, height=1216, batch_size=1), 0]
    for denoise in (1.0, 0.45):
        links: dict[str, Any] = {"model": model, "positive": positive, "negative": negative, "latent_image": latent}
        dials: dict[str, Any] = {"steps": 28, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras"}
        sampled = [node("KSampler", seed=seed, **dials, denoise=denoise, **links), 0]
        if denoise == 1.0:
            latent = [
                node("LatentUpscaleBy", "Upscale Latent By", upscale_method="bislerp", scale_by=1.5, samples=sampled),
                0,
            ]
    image = [node("VAEDecode", "VAE Decode", samples=sampled, vae=[loader, 2]), 0]
    sharp = [node("UpscaleModelLoader", "Load Upscale Model", model_name="4x-UltraSharp.pth"), 0]
    large = [node("ImageUpscaleWithModel", "Upscale Image (using Model)", upscale_model=sharp, image=image), 0]
    node("SaveImage", "Save Image", filename_prefix="ComfyUI", images=large)
    return graph


def _workflow(graph: dict[str, Any]) -> dict[str, Any]:
    """The editor's file of an API graph: every node with its place, sockets and widgets, and all links."""
    links: list[list[Any]] = []
    nodes: list[dict[str, Any]] = []
    for order, (key, entry) in enumerate(graph.items()):
        sockets: list[dict[str, Any]] = []
        for name, value in entry["inputs"].items():
            if isinstance(value, list):
                links.append([len(links) + 1, int(value[0]), value[1], int(key), len(sockets), name.upper()])
                sockets.append({"localized_name": name, "name": name, "type": name.upper(), "link": len(links)})
            else:
                widget = {"name": name}
                sockets.append({"localized_name": name, "name": name, "type": "*", "widget": widget, "link": None})
        outputs = [
            {"localized_name": f"OUTPUT {slot}", "name": f"OUTPUT {slot}", "type": "*", "slot_index": slot, "links": []}
            for slot in range(2)
        ]
        nodes.append(
            {
                "id": int(key),
                "type": entry["class_type"],
                "pos": [120.5 + 340 * order, 240.25],
                "size": [315, 262],
                "flags": {},
                "order": order,
                "mode": 0,
                "inputs": sockets,
                "outputs": outputs,
                "title": entry["_meta"]["title"],
                "properties": {"cnr_id": "comfy-core", "ver": "0.3.40", "Node name for S&R": entry["class_type"]},
                "widgets_values": [value for value in entry["inputs"].values() if not isinstance(value, list)],
            }
        )
    return {
        "id": "6f2c1f0e-0f0c-4f53-9d6e-9d8c1b1d5a11",
        "revision": 0,
        "last_node_id": len(graph) + 2,
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {"ds": {"scale": 0.8, "offset": [120.0, 80.0]}, "frontendVersion": "1.21.7"},
        "version": 0.4,
    }
