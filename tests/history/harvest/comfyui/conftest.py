"""Graphs of real programs, and texts short enough to be written down."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lorarec.history.harvest.comfyui.prompt_graph import read_prompt
from lorarec.history.harvest.comfyui.workflow import read_workflow
from lorarec.history_types import Generation

REAL = Path(
    os.environ.get("LORAREC_REAL_WORKFLOWS") or Path(__file__).resolve().parents[5] / "shared/data/real/workflows"
)
LONGEST = 300  # characters of a text that tests write down in full
HEAD = 80

ReadReal = Callable[[str], Generation]
Ran = Callable[..., Generation]


def abridged(text: str | None) -> str | None:
    """A long text as its first characters and its length."""
    return text if text is None or len(text) <= LONGEST else f"{text[:HEAD]}... [{len(text)}]"


def in_catalogue(name: str) -> bool:
    """Nothing is installed: what is found is found by the graph alone."""
    return False


@pytest.fixture(scope="session")
def real_workflows() -> Path:
    """The folder of real graphs (``LORAREC_REAL_WORKFLOWS``); skips where there is none."""
    if not REAL.is_dir():
        pytest.skip("no real graphs: LORAREC_REAL_WORKFLOWS does not name their folder")
    return REAL


@pytest.fixture(scope="session")
def read_real(real_workflows: Path) -> ReadReal:
    """What the readers make of a real file, long texts abridged, without its origin: see test_origins.py."""

    def read(name: str) -> Generation:
        content = json.loads((real_workflows / name).read_text(encoding="utf-8"))
        made = (read_prompt if name.endswith(".api.json") else read_workflow)(content, in_catalogue)
        return replace(made, prompt=abridged(made.prompt), negative=abridged(made.negative), sources=(), upscaled=0)

    return read


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def plain_graph() -> dict[str, Any]:
    """The first workflow that everybody sees."""
    return {
        "checkpoint": node("CheckpointLoaderSimple", ckpt_name="base.safetensors"),
        "size": node("EmptyLatentImage", width=640, height=960, batch_size=1),
        "wanted": node("CLIPTextEncode", text="a lighthouse", clip=["checkpoint", 1]),
        "unwanted": node("CLIPTextEncode", text="blurry", clip=["checkpoint", 1]),
        "sampler": node(
            "KSampler",
            seed=7,
            steps=20,
            cfg=6.5,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            model=["checkpoint", 0],
            positive=["wanted", 0],
            negative=["unwanted", 0],
            latent_image=["size", 0],
        ),
        "decoded": node("VAEDecode", samples=["sampler", 0], vae=["checkpoint", 2]),
        "saved": node("SaveImage", images=["decoded", 0], filename_prefix="ComfyUI"),
    }


@pytest.fixture
def ran() -> Ran:
    """Reads `plain_graph` with other nodes in it: ``ran({"lora": {...}}, model=["lora", 0])``.

    Keyword arguments become inputs of the sampler; None takes one away. ``known`` lists catalogued names.
    """

    def read(nodes: dict[str, Any] | None = None, known: tuple[str, ...] = (), **sampler: Any) -> Generation:
        graph = {**plain_graph(), **(nodes or {})}
        inputs = {**graph["sampler"]["inputs"], **sampler}
        graph["sampler"] = node(
            graph["sampler"]["class_type"], **{name: value for name, value in inputs.items() if value is not None}
        )
        return read_prompt(graph, lambda name: name in known)

    return read
