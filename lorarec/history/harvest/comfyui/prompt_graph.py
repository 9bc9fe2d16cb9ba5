"""An API graph -> how its image was made: prompt, seed and the like of the pass that describes it, LoRAs of all."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from ....history_types import Generation
from ..values import number, size, whole
from .graph import FARTHEST, VALUE_NAMES, Graph, Node
from .loaders import FILES, Known
from .origins import sources, upscaled
from .passes import IMAGE, LATENT, branch
from .text import NEGATIVE, POSITIVE, Texts, is_carrier

_SETTINGS = ("noise", "sigmas", "sampler", "guider", "settings")
_MODEL = re.compile(r"(?:opt_|base_)?(?:model|unet)(?:_override|_?1|_high(?:_noise)?|_a)?|on_true|on_false", re.I)
_MODEL_FILE = (
    *("ckpt_name", "unet_name", "gguf_name", "diffusion_model_name", "base_ckpt_name", "model_name", "model_path"),
    *("stage_c", "model", "checkpoint", "diffusion_model"),
)
_OTHER_FILE = re.compile(r"lora|vae|clip|control|upscale|text_enc|embed|style|prefix", re.I)


def read_prompt(graph: Any, known: Known) -> Generation:
    """How the image was made whose metadata holds this API graph.

    Args:
        graph: node id -> {"class_type", "inputs"}, as ComfyUI saves it under ``prompt``.
        known: whether a string names a catalogued LoRA.

    Raises:
        BadFile: it is no graph.
    """
    return read(Graph(graph), known, "comfyui:prompt")


def read(graph: Graph, known: Known, reader: str) -> Generation:
    """How the image of a graph was made, as the reader of that name."""
    texts = Texts(graph)
    sampler, loras, ids = branch(graph, texts, known)
    origin = Generation(
        prompt=None,
        loras=loras,
        host="comfyui",
        reader=reader,
        sources=sources(graph, ids),
        upscaled=upscaled(graph, ids),
    )
    if sampler is None:
        return origin
    width, height = _size(graph, sampler)
    cfg = _setting(graph, sampler, "cfg")
    return replace(
        origin,
        prompt=texts.prompt(sampler, POSITIVE),
        negative=texts.prompt(sampler, NEGATIVE),
        checkpoint=_checkpoint(graph, sampler),
        seed=whole(_setting(graph, sampler, "seed", "noise_seed")),
        steps=whole(_setting(graph, sampler, "steps")),
        sampler=_sampler_name(graph, sampler),
        cfg=None if (found := number(cfg)) is None else round(found, 6),
        width=width,
        height=height,
    )


def _setting(graph: Graph, sampler: Node, *names: str) -> Any:
    """A setting of a sampler, on itself or on the nodes that hand it its noise, schedule, guider or pipe."""
    queue, seen = [sampler], {id(sampler)}
    for node in queue:
        if any(name in node.values or name in node.links for name in names):
            return graph.first(node, names)
        for name, link in graph.live_links(node).items():
            source = graph.nodes[link.node]
            if (name in _SETTINGS or is_carrier(name)) and id(source) not in seen and len(queue) < FARTHEST:
                seen.add(id(source))
                queue.append(source)
    return None


def _sampler_name(graph: Graph, sampler: Node) -> str:
    """The sampling method. Wan's sampler calls it scheduler."""
    if "text_embeds" in sampler.links:
        name = graph.value(sampler, "scheduler")
    else:
        name = _setting(graph, sampler, "sampler_name", "sampler_main")
    return name if isinstance(name, str) else ""


def _checkpoint(graph: Graph, sampler: Node) -> str:
    """The file that the model of a sampler comes from, as its loader names it; of merged models the first."""
    queue, seen = [sampler], {id(sampler)}
    for node in queue:
        links = graph.live_links(node)
        towards = [link for name, link in links.items() if _MODEL.fullmatch(name)] or [
            link for name, link in links.items() if is_carrier(name) and not name.endswith("embeds")
        ]
        if not towards and node is not sampler and (name := _model_file(graph, node)):
            return name
        for link in towards or (links.values() if len(links) == 1 else ()):
            source = graph.nodes[link.node]
            if id(source) not in seen and len(queue) < FARTHEST:
                seen.add(id(source))
                queue.append(source)
    return ""


def _model_file(graph: Graph, node: Node) -> str:
    for name in _MODEL_FILE:
        found = graph.value(node, name)
        if isinstance(found, dict):  # Custom-Scripts: {"content": name, "image": its preview}
            found = found.get("content")
        if isinstance(found, str) and found.strip():
            return found
    for name, value in node.values.items():
        if isinstance(value, str) and value.lower().endswith(FILES) and not _OTHER_FILE.search(name):
            return value
    return ""


def _size(graph: Graph, sampler: Node) -> tuple[int | None, int | None]:
    """Width and height where an empty latent states them; an image's own are not in the graph."""
    node = sampler
    for _ in range(FARTHEST):
        found = _stated_size(graph, node) if node is not sampler else None
        if found:
            return found
        links = graph.live_links(node)
        if "image_to_latent" in links:
            break
        link = next((links[name] for name in LATENT if name in links), None)
        if link is None and not any(name in links for name in IMAGE):
            link = next((link for name, link in links.items() if "pipe" in name), None)
            if link is None and len(links) == 1:
                link = next(iter(links.values()))
        if link is None:
            break
        node = graph.nodes[link.node]
    return None, None


def _stated_size(graph: Graph, node: Node) -> tuple[int | None, int | None] | None:
    """What a node says of the size; None if nothing, unknown where another node computes it."""
    for name in ("resolution", "dimensions"):
        if isinstance(text := node.values.get(name), str) and "custom" not in text:
            found = size(" ".join(text.split()[:3]))
            if found[0]:
                return found
    for names in (("width", "height"), ("empty_latent_width", "empty_latent_height")):
        if all(name in node.values or name in node.links for name in names):
            width, height = (whole(graph.value(node, name, VALUE_NAMES)) for name in names)
            return (width, height) if width and height else (None, None)
    return None
