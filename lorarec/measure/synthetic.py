"""Collections made up for speed tests: as many LoRAs as wanted, none of them anybody's.

Texts are drawn from small word lists and invented names with the skew of natural language (Zipf), at the lengths that
real sidecars have; headers have the tensor names and tag counts of a real SD 1.5 training run.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

from .lay import safetensors

HEADER_BYTES = 170_000  # of a full SD 1.5 LoRA by a common trainer
PER_FOLDER = 200

_SUBJECTS = """castle forest harbour dragon knight dancer robot market temple garden library waterfall desert
city street train cat fox wolf owl whale horse portrait warrior witch pirate astronaut chef nurse samurai ninja
mermaid angel demon vampire princess king monk pilot sailor musician ruins island mountain bridge lighthouse cave
village tavern kitchen bedroom office cathedral spaceship submarine airship motorcycle car bicycle umbrella lantern
sword armour crown mask helmet hat dress kimono jacket uniform boots gloves glasses flowers roses mushrooms crystals
clouds storm snow rain sunset night stars moon planet galaxy ocean beach reef""".split()
_STYLES = """watercolor oil painting sketch ink lineart pixel art anime photo cinematic film noir vintage neon cyberpunk
steampunk gothic baroque minimalist flat shading cel impressionist woodcut engraving papercut origami clay render 3d
isometric lowpoly comic poster storybook fresco mosaic charcoal pastel gouache concept illustration""".split()
_DETAILS = """detailed soft dramatic golden blue red green dark bright glowing ancient broken flying giant tiny floating
hooded masked smiling sitting standing running holding wearing looking background foreground depth light shadow rim
volumetric morning evening autumn winter spring summer wind fog dust sparks feathers scales fur silk leather steel
wooden marble golden silver lace embroidered striped short long curly braided hair eyes wings horns tail scar freckles
close-up wide shot low angle from above masterpiece best quality highres absurdres""".split()
_SYLLABLES = "ka ri to mi sa no el ar en da lo ve xi ur th an is ba go ne ph or qu ze sha lin".split()


def prompt(dice: random.Random, words: int) -> str:
    """A prompt of comma-separated chunks with this many words."""
    chunks: list[str] = []
    left = words
    while left > 0:
        size = min(left, dice.choice((1, 2, 2, 3)))
        pools = [_DETAILS] * (size - 1) + [dice.choice((_SUBJECTS, _STYLES, _DETAILS))]
        chunks.append(" ".join(_draw(dice, pool) for pool in pools))
        left -= size
    return ", ".join(chunks)


def _draw(dice: random.Random, pool: list[str]) -> str:
    """One word; early ones are frequent."""
    return pool[min(int(dice.paretovariate(0.7)) - 1, len(pool) - 1)] if dice.random() < 0.5 else dice.choice(pool)


def _name(dice: random.Random) -> str:
    return "".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(2, 4))).capitalize()


def lay_synthetic(out: Path, count: int, *, examples: int = 8, seed: int = 0) -> None:
    """Write ``count`` LoRAs, each with a .civitai.info of about 6 KB. A complete folder is left as it is."""
    done = out / f".complete-{count}-{seed}"
    if done.exists():
        return
    dice = random.Random(seed)
    for number in range(count):
        name, kind = _name(dice), dice.choice(("character", "style", "concept", "clothing", "poses", "objects"))
        trigger = f"{name.lower()}{dice.randint(1, 99)}"
        tags = [kind, *(dice.choice(_SUBJECTS) for _ in range(4)), dice.choice(_STYLES)]
        shown = [f"{trigger}, {prompt(dice, dice.randint(12, 45))}" for _ in range(examples)]
        sidecar = {
            "id": number + 1,
            "modelId": number + 1,
            "name": "v1.0",
            "baseModel": "SD 1.5",
            "trainedWords": [trigger, prompt(dice, 4)],
            "stats": {"downloadCount": int(dice.paretovariate(0.8) * 40), "rating": round(dice.uniform(4, 5), 2)},
            "createdAt": f"2023-0{dice.randint(1, 6)}-{dice.randint(10, 28)}T00:00:00.000Z",
            "files": [],
            "model": {
                "name": f"{name} {dice.choice(_SUBJECTS)} {dice.choice(_STYLES)}",
                "type": "LORA",
                "nsfw": False,
                "tags": tags,
                "description": f"<p>{'. '.join(prompt(dice, 14) for _ in range(5))}.</p>",
            },
            "images": [
                {"url": "", "nsfwLevel": 1, "meta": {"prompt": text, "resources": [
                    {"type": "lora", "name": name, "weight": round(dice.uniform(0.5, 1), 1)}]}}
                for text in shown
            ],
        }  # fmt: skip
        folder = out / f"part{number // PER_FOLDER:04d}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        stem = f"{name}_{number}"
        (folder / f"{stem}.safetensors").write_bytes(safetensors({"ss_output_name": stem}))
        (folder / f"{stem}.civitai.info").write_text(json.dumps(sidecar), encoding="utf-8")
    done.touch()


def write_headers(out: Path, count: int, header_bytes: int = HEADER_BYTES, seed: int = 0) -> None:
    """Write ``count`` LoRA files without sidecars whose headers have this length; their tensors are tiny."""
    dice = random.Random(seed)
    tensors, end = _tensor_entries()
    for number in range(count):
        folder = out / f"part{number // PER_FOLDER:04d}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        name = f"{_name(dice)}_{number}"
        counts = {prompt(dice, dice.randint(1, 3)): dice.randint(1, 200) for _ in range(300)}
        metadata = {
            "ss_output_name": name,
            "ss_base_model_version": "sd_v1",
            "ss_network_dim": "32",
            "ss_network_module": "networks.lora",
            "ss_resolution": "(512, 512)",
            "ss_session_id": str(dice.getrandbits(32)),
            "ss_tag_frequency": json.dumps({f"10_{name}": counts}),
        }
        room = header_bytes - len(tensors) - 64
        text = b'{"__metadata__":' + json.dumps(metadata, separators=(",", ":")).encode()[:-1]
        # Comments of trainers and bucket statistics make up the rest of a long header.
        filler = max(0, room - len(text))
        text += b',"ss_bucket_info":"' + b"0" * filler + b'"},' + tensors + b"}"
        text = text.ljust(header_bytes)
        text += b" " * (-len(text) % 8)
        body = number.to_bytes(8, "little") * (end // 8 + 1)
        (folder / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body[:end])


def _tensor_entries() -> tuple[bytes, int]:
    """JSON members of a full SD 1.5 LoRA's tensors (264 layers, three each), and the bytes of its data."""
    entries = []
    end = 0
    for layer in _layers():
        for part, shape in (("lora_down.weight", [1, 16]), ("lora_up.weight", [16, 1]), ("alpha", [])):
            if layer.endswith("attn2_to_k") and part == "lora_down.weight":
                shape = [1, 768]  # the width of SD 1.5's text encoder: what tells the base model
            size = 2
            for side in shape:
                size *= side
            body = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
            entries.append(f'"{layer}.{part}":{json.dumps(body, separators=(",", ":"))}')
            end += size
    return ",".join(entries).encode(), end


def _layers() -> Iterator[str]:
    blocks = [f"down_blocks_{i}_attentions_{j}" for i in range(3) for j in range(2)]
    blocks += ["mid_block_attentions_0"]
    blocks += [f"up_blocks_{i}_attentions_{j}" for i in range(1, 4) for j in range(3)]
    parts = [f"attn{n}_to_{p}" for n in (1, 2) for p in ("q", "k", "v", "out_0")] + ["ff_net_0_proj", "ff_net_2"]
    for block in blocks:
        yield f"lora_unet_{block}_proj_in"
        yield f"lora_unet_{block}_proj_out"
        for part in parts:
            yield f"lora_unet_{block}_transformer_blocks_0_{part}"
    for i in range(12):
        for part in ("mlp_fc1", "mlp_fc2", *(f"self_attn_{p}_proj" for p in ("q", "k", "v", "out"))):
            yield f"lora_te_text_model_encoder_layers_{i}_{part}"
