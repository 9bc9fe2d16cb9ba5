"""A benchmark of four LoRAs whose every figure can be worked out by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lorarec.measure.bench_data import Bench


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def lora(number: int, name: str, **more: Any) -> dict[str, Any]:
    words = more.pop("words", [])
    file = {
        "version": "v1",
        "file": more.pop("file", f"{name.replace(' ', '_')}.safetensors"),
        "sha256": f"{number:064X}",
        "size_kb": 100,
        "base_model": "SD 1.5",
        "created": more.pop("created", "2023-01-01"),
        "trained_words": words,
        "downloads": 1000 * number,
    }
    return {
        "id": f"civitai:{number}",
        "name": name,
        "base_model": "SD 1.5",
        "type": "LORA",
        "description": "",
        "tags": ["style"],
        "trained_words": words,
        "stats": {"downloadCount": 1000 * number, "rating": 4.5},
        "files": [file],
        **more,
    }


def use(number: int, weight: float | None = 0.5, overlap: str = "none") -> dict[str, Any]:
    return {"id": f"civitai:{number}", "name": f"lora{number}", "weight": weight, "link": "hash", "overlap": overlap}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "bench"
    folder.mkdir()
    write_rows(
        folder / "corpus.jsonl.gz",
        [
            lora(1, "Ink Wash v2", words=["ink wash", "sumi_e"], description="Soft ink."),
            lora(2, "Red Castle", words=["red castle"], tags=["Building/Ruins"], file="castle.safetensors"),
            lora(3, "ink wash [v3.0]", created="2023-05-01", file="castle.safetensors", tags=["Building/Ruins"]),
            lora(4, "Ännie", words=["ännie, blue dress"], tags=[]),
        ],
    )
    write_rows(
        folder / "examples.jsonl.gz",
        [
            {
                "id": "a:1",
                "prompt": "ink wash of hills",
                "loras": [use(1, 0.6)],
                "base_model": None,
                "host": "civitai:1",
            },
            {
                "id": "a:2",
                "prompt": "hills",
                "loras": [use(1, 0.8), use(2, 1)],
                "base_model": None,
                "host": "civitai:1",
            },
            {"id": "a:3", "prompt": "a red castle", "loras": [use(2, 1.0)], "base_model": "x", "host": "civitai:1"},
        ],
    )
    write_rows(
        folder / "queries.jsonl.gz",
        [
            {"id": "b:1", "prompt": "Ink Wash, hills", "loras": [use(1, 0.7, "trigger")], "base_model": None},
            {"id": "b:2", "prompt": "castle", "loras": [use(2, 1.0, "name"), use(4, 0.4)], "base_model": None},
            {"id": "b:3", "prompt": "rain", "loras": [use(3, None)], "base_model": None},
        ],
    )
    write_rows(folder / "no_lora.jsonl.gz", [{"id": "b:9", "prompt": "a cat"}])
    (folder / "libraries.json").write_text(json.dumps({"2": [["civitai:1", "civitai:2"], ["civitai:3", "civitai:4"]]}))
    return Bench(folder)
