"""Lay LoRAs of a benchmark on disk as a collection that users have: tiny valid files with real tools' sidecars.

Follows the benchmark's own make_library.py to the letter, so that figures are comparable with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath
from typing import Any

from ..errors import UsageError
from .bench_data import Bench, CorpusFile, CorpusLora, Row

INDEX = "index.json"
KINDS = ("civitai.info", "metadata.json", "json")  # Civitai Helper, LoRA Manager, the WebUI's metadata card
_KEY = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
_SHAPES: dict[str, list[int]] = {
    f"{_KEY}.lora_down.weight": [1, 768],
    f"{_KEY}.lora_up.weight": [1, 1],
    f"{_KEY}.alpha": [],
}


def safetensors(metadata: dict[str, str], shapes: dict[str, list[int]] | None = None, pad_to: int = 0) -> bytes:
    """A valid half-precision file of zeros.

    Args:
        metadata: the header's ``__metadata__``.
        shapes: of the tensors by name; None: one attention layer of SD 1.5.
        pad_to: header length in bytes that trailing spaces fill up to.
    """
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, shape in (_SHAPES if shapes is None else shapes).items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header, ensure_ascii=False).encode()
    text = text.ljust(pad_to)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(end)


def lay(
    bench: Bench,
    out: Path,
    ids: Collection[str] | None = None,
    *,
    bare: float = 0.0,
    kinds: Sequence[str] = KINDS[:1],
    examples: int = 8,
    stats: bool = True,
    copies: int = 1,
) -> dict[str, str]:
    """Write a library and its index.json; return root-relative path -> bench id.

    A folder that was laid completely before is left as it is.

    Args:
        bench: where the LoRAs come from.
        out: folder to fill.
        ids: these LoRAs only; None: the whole corpus.
        bare: share of the files that get no sidecar at all.
        kinds: endings of sidecars, dealt out in turn.
        examples: showcase prompts per sidecar.
        stats: whether sidecars tell downloads, likes and ratings.
        copies: lay every LoRA this many times, under different names.

    Raises:
        UsageError: unknown kind of sidecar.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"unknown kind of sidecar {kind!r}; choose among {', '.join(KINDS)}")
    if (out / INDEX).is_file():
        return dict(json.loads((out / INDEX).read_text(encoding="utf-8")))
    chosen = bench.corpus.values() if ids is None else [lora for lora in bench.corpus.values() if lora.id in set(ids)]
    index: dict[str, str] = {}
    taken: set[str] = set()
    for copy in range(copies):
        for lora in chosen:
            if not lora.files:
                continue
            path, stem = _names(lora, copy, taken)
            index[path] = lora.id
            file = out / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(safetensors({"ss_output_name": stem, "ss_base_model_version": "sd_v1"}))
            # Decided by the name, so that the same files are bare in every run.
            if int(hashlib.sha256(path.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF < bare:
                continue
            kind = kinds[len(index) % len(kinds)]
            content = sidecar(kind, lora, lora.files[0], bench.showcase.get(lora.id, [])[:examples], stats=stats)
            beside = file.with_name(file.name.removesuffix(".safetensors") + "." + kind)
            beside.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    (out / INDEX).write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")  # last: marks it complete
    return index


def _names(lora: CorpusLora, copy: int, taken: set[str]) -> tuple[str, str]:
    """A root-relative path that nothing else has (case ignored, as on Windows and macOS), and the trained name."""
    stem = re.sub(r'[\\/:*?"<>|]', "_", PurePath(lora.files[0].file).stem) + (f"_{copy}" if copy else "")
    folder = re.sub(r"\W+", "_", (lora.tags or ["misc"])[0].lower())[:20] or "misc"
    path = f"{folder}/{stem}.safetensors"
    if path.lower() in taken:
        path = f"{folder}/{stem}_{lora.id.split(':')[-1]}.safetensors"
    taken.add(path.lower())
    return path, stem


def sidecar(kind: str, lora: CorpusLora, file: CorpusFile, examples: Sequence[Row], *, stats: bool) -> dict[str, Any]:
    """The content of a sidecar as the tool that owns this ending writes it."""
    words = file.trained_words or lora.trained_words
    if kind == "civitai.info":
        return {
            "name": file.version,
            "baseModel": file.base_model,
            "trainedWords": words,
            "description": None,
            "stats": {"downloadCount": file.downloads, "rating": lora.stats.get("rating")} if stats else {},
            "createdAt": file.created,
            "files": [{"name": file.file, "hashes": {"SHA256": file.sha256}}],
            "model": {
                "name": lora.name,
                "type": lora.type,
                "nsfw": False,
                "tags": lora.tags,
                "description": lora.description,
            },
            "images": [_image(row) for row in examples],
        }
    if kind == "metadata.json":
        return {
            "file_name": PurePath(file.file).stem,
            "model_name": lora.name,
            "sha256": (file.sha256 or "").lower(),
            "base_model": file.base_model,
            "preview_nsfw_level": 1,
            "notes": "",
            "from_civitai": True,
            "modelDescription": lora.description,
            "tags": lora.tags,
            "usage_tips": "{}",
            "civitai": {
                "name": file.version,
                "baseModel": file.base_model,
                "trainedWords": words,
                "stats": {"downloadCount": file.downloads} if stats else {},
                "publishedAt": file.created,
                "images": [{"meta": {"prompt": row.prompt}} for row in examples],
            },
        }
    return {
        "description": lora.description[:300],
        "sd version": "SD1" if file.base_model == "SD 1.5" else "Unknown",
        "activation text": ", ".join(words),
        "preferred weight": 0.0,
        "notes": "",
    }


def _image(row: Row) -> dict[str, Any]:
    resources = [{"type": "lora", "name": label.name, "weight": label.weight} for label in row.loras]
    return {"url": "", "nsfwLevel": 1, "meta": {"prompt": row.prompt, "resources": resources}}
