"""Tensor names and shapes: what they tell about the base model, the rank and the kind of network.

Decoding them costs ten times what the rest of a scan costs, so this is asked only when no metadata names the base
model.
"""

from __future__ import annotations

import json
import re

import msgspec
from msgspec import Struct

from .header import Header


class _Entry(Struct):
    """A tensor; also the metadata object, which decodes as one without a shape, since unknown fields are ignored."""

    shape: tuple[int, ...] = ()


class TensorFacts(Struct, frozen=True):
    """What names and shapes say; "" and None where they say nothing."""

    base_model: str = ""  # canonical name
    probability: float = 0.0
    evidence: str = ""
    rank: int | None = None
    network: str = ""


_ENTRIES = msgspec.json.Decoder(dict[str, _Entry])
_MAX_TENSORS = 20_000
_PREFIX = re.compile(
    r"^(?:base_model\.model\.|model\.diffusion_model\.|diffusion_model\.|transformer\.|unet\.|lora_unet_"
    r"|lora_transformer_|lycoris_)+"
)
_DOWN = re.compile(
    r"(?:lora_down|lora_A|lora\.down|_lora\.down|hada_w1_b|:down)(?:\.default)?(?:\.weight)?$"
    r"|processor\.to_\w+_lora\.down\.weight$"
)
_BLOCK_NUMBER = re.compile(r"transformer_blocks[._](\d{1,3})[._]")
_WAN_BLOCK = re.compile(r"^blocks[._]\d{1,3}[._]cross_attn[._]k[._]")
_Z_BLOCK = re.compile(r"^layers[._]\d{1,3}[._](?:attention|feed_forward)")


def inspect(header: Header) -> TensorFacts:
    """Judge a LoRA by its tensor names and shapes. Never raises; an odd header says nothing."""
    try:
        shapes = {name: entry.shape for name, entry in _ENTRIES.decode(header.raw).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        shapes = _tolerant(header.raw)
    if not shapes:
        return TensorFacts()
    named = {_PREFIX.sub("", name): shape for name, shape in list(shapes.items())[:_MAX_TENSORS]}
    downs = {name: shape for name, shape in named.items() if _DOWN.search(name) and len(shape) >= 2}
    base, probability, evidence = _base(list(shapes), named, downs)
    return TensorFacts(base, probability, evidence, _rank(downs), _network(named))


def _tolerant(raw: bytes) -> dict[str, tuple[int, ...]]:
    try:
        whole = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, entry in list(whole.items())[:_MAX_TENSORS] if isinstance(whole, dict) else ():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if isinstance(shape, list) and all(isinstance(n, int) and 0 <= n < 1 << 40 for n in shape):
            shapes[name] = tuple(shape)
    return shapes


def _rank(downs: dict[str, tuple[int, ...]]) -> int | None:
    ranks = [min(shape[0], shape[1]) if len(shape) == 2 else shape[0] for shape in downs.values()]
    ranks = [rank for rank in ranks if 0 < rank <= 8_192]
    return sorted(ranks)[len(ranks) // 2] if ranks else None


def _network(named: dict[str, tuple[int, ...]]) -> str:
    convolution = False
    for name, shape in named.items():
        if "lokr_" in name:
            return "lokr"
        if "hada_" in name:
            return "loha"
        if "dora_scale" in name or "lora_magnitude_vector" in name:
            return "dora"
        convolution = convolution or (len(shape) == 4 and shape[-1] == 3 and "lora_down" in name)
    if convolution:
        return "locon"
    return "lora" if any("lora" in name or ":down" in name for name in named) else ""


def _base(
    full: list[str], named: dict[str, tuple[int, ...]], downs: dict[str, tuple[int, ...]]
) -> tuple[str, float, str]:
    """(canonical name, probability, evidence); ("", 0, "") if no rule applies."""
    names = list(named)

    def has(*parts: str) -> bool:
        return any(all(part in name for part in parts) for name in names)

    def width(*parts: str) -> int:
        """Input width of the first down projection whose name holds all parts, 0 if there is none."""
        for name, shape in downs.items():
            if all(part in name for part in parts):
                return max(shape[:2])
        return 0

    if has("context_refiner") or has("noise_refiner") or any(_Z_BLOCK.match(name) for name in names):
        return "Z-Image", 0.85, "tensor names (layers.attention, refiner)"
    if any(_WAN_BLOCK.match(name) for name in names):
        size = (
            next(max(shape[:2]) for name, shape in downs.items() if _WAN_BLOCK.match(name)) if _wan_downs(downs) else 0
        )
        found = {1536: ("Wan 2.1 1.3B", 0.95), 3072: ("Wan 2.2 5B", 0.9)}.get(size, ("Wan 2.1", 0.6))
        return (*found, f"tensor shape (cross_attn.k {size})")
    if (
        has("single_blocks", "modulation")
        or has("double_blocks", "txt_mod")
        or has("double_blocks", "txt_attn")
        or has("single_blocks", "linear1")
    ):
        if (
            has("single_blocks", "modulation.linear")
            or has("double_blocks", "txt_mod.linear")
            or has("double_blocks", "txt_attn_qkv")
        ):
            return "HunyuanVideo", 0.85, "tensor names (modulation.linear)"
        return _flux(
            width("double_blocks", "txt_attn", "qkv")
            or width("double_blocks", "img_attn", "qkv")
            or width("single_blocks", "linear1")
        )
    if has("double_blocks") or has("single_transformer_blocks") or has("single_blocks"):
        size = (
            width("single_transformer_blocks", "to_q")
            or width("double_blocks", "qkv")
            or width("single_blocks", "linear1")
        )
        return _flux(size)
    if has("transformer_blocks", "add_k_proj") and has("img_mlp"):
        return "Qwen-Image", 0.95, "tensor names (add_k_proj, img_mlp)"
    if has("joint_blocks") or (has("transformer_blocks", "add_k_proj") and not has("single_")):
        deep = (
            has("transformer_blocks.37")
            or has("transformer_blocks_37")
            or has("joint_blocks.37")
            or has("joint_blocks_37")
        )
        return (
            ("SD 3.5", 0.9, "tensor names (38 joint blocks)")
            if deep
            else ("SD 3.5 Medium", 0.5, "tensor names (joint blocks)")
        )
    size = width("attn2", "to_k") or width("attn2", "to_v")
    widths = {768: "SD 1.5", 1024: "SD 2.1", 2048: "SDXL"}
    if size in widths:
        return widths[size], 0.9, f"tensor shape (cross-attention {size})"
    if any(name.startswith("lora_te2_") for name in full) or any("text_encoder_2" in name for name in full):
        return "SDXL", 0.8, "tensor names (second text encoder)"
    unet = [
        name
        for name in names
        if "attn" in name and ("down_blocks" in name or "input_blocks" in name or "up_blocks" in name or "mid" in name)
    ]
    numbers = [int(match[1]) for name in unet if (match := _BLOCK_NUMBER.search(name))]
    if numbers and max(numbers) >= 2:
        return "SDXL", 0.85, "tensor names (deep transformer blocks)"
    text_width = next(
        (max(shape[:2]) for name, shape in downs.items() if "text_model" in name or name.startswith("text_encoder")), 0
    )
    if text_width in (768, 1024) and (unet or any(name.startswith(("unet:", "text_encoder:")) for name in names)):
        return {768: "SD 1.5", 1024: "SD 2.1"}[text_width], 0.8, f"tensor shape (text encoder {text_width})"
    return "", 0.0, ""


def _wan_downs(downs: dict[str, tuple[int, ...]]) -> bool:
    return any(_WAN_BLOCK.match(name) for name in downs)


def _flux(size: int) -> tuple[str, float, str]:
    """Flux by its hidden width; 3072 is also Flux.2 Klein 4B and Chroma, which share names but are rarer."""
    if size == 4096:
        return "Flux.2 Klein 9B", 0.9, "tensor shape (hidden 4096)"
    if size == 6144:
        return "Flux.2", 0.9, "tensor shape (hidden 6144)"
    return "Flux.1", 0.8, "tensor names (double and single blocks)"
