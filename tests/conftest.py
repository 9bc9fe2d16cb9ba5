"""Shared fixtures: the repository loaded as ComfyUI loads it, tiny LoRA files, and the optional benchmark data."""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import shutil
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

import chromium
import hub

# How long an example takes says more about the machine than about the code; the first one also loads packages.
settings.register_profile("lorarec", deadline=None)
settings.load_profile("lorarec")

ROOT = Path(__file__).resolve().parent.parent
ODD_NAME = "lora-recommender.v1"  # neither an identifier nor a package name: a folder as users have them
SHIPPED = (
    "__init__.py",
    "lorarec",
    "nodes",
    "javascript",
    "locales",
    "example_workflows",
)  # what a running ComfyUI needs of the repository
OURS = ("lorarec", "lorarec_webui", "scripts", "tests")  # names that must not be importable inside a host

# SD 1.5, one attention layer: enough for readers that look at names and shapes.
SD15_TENSORS = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (320, 4),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha": (),
}
PNG = bytes.fromhex(  # one grey pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6368000000820081"
    "77cd72b60000000049454e44ae426082"
)

MakeLora = Callable[..., Path]
LoadRoot = Callable[..., ModuleType]


def write_lora(
    path: Path,
    metadata: Mapping[str, Any] | None = None,
    *,
    tensors: Mapping[str, tuple[int, ...]] | None = None,
    sidecars: Mapping[str, Any] | None = None,
    preview: bool = False,
    seed: int = 0,
) -> Path:
    """Write a valid .safetensors file of half-precision tensors, with sidecars.

    Args:
        path: the file; missing folders are made.
        metadata: the header's ``__metadata__``; values that are not strings are stored as JSON, as trainers do.
        tensors: shape by name; None means a small SD 1.5 LoRA.
        sidecars: content by ending. ``".civitai.info"`` stands beside the name without extension, ``"+.json"`` beside
            the full file name. Bytes and strings are written as they are, all else as JSON.
        preview: write a one-pixel PNG as preview.
        seed: fills the tensors, so that two files differ in more than their headers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {}
    if metadata is not None:
        header["__metadata__"] = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    offset = 0
    for name, shape in (SD15_TENSORS if tensors is None else tensors).items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    body = bytes([seed % 256]) * offset
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    for ending, content in (sidecars or {}).items():
        beside = path.name + ending[1:] if ending.startswith("+") else path.stem + ending
        data = content if isinstance(content, (bytes, str)) else json.dumps(content, ensure_ascii=False)
        path.with_name(beside).write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    if preview:
        path.with_name(path.stem + ".preview.png").write_bytes(PNG)
    return path


@pytest.fixture(scope="session")
def make_lora() -> MakeLora:
    """The function `write_lora`: ``make_lora(path, metadata=…, tensors=…, sidecars=…, preview=…, seed=…)``."""
    return write_lora


@pytest.fixture
def loras_named(tmp_path: Path) -> Callable[..., Path]:
    """Writes LoRAs of which nothing is known but their names: ``loras_named("alpha", "bravo")``; the folder."""

    def write(*names: str) -> Path:
        for number, name in enumerate(names):
            write_lora(tmp_path / "loras" / f"{name}.safetensors", {"ss_output_name": name}, seed=number)
        return tmp_path / "loras"

    return write


@pytest.fixture
def mini_library(tmp_path: Path) -> Path:
    """A LoRA folder with six LoRAs, each described by another kind of source; returns the folder."""
    root = tmp_path / "loras"
    write_lora(
        root / "styles" / "watercolor_wash.safetensors",
        {"ss_output_name": "watercolor_wash", "ss_base_model_version": "sd_v1"},
        sidecars={
            ".civitai.info": {
                "id": 11,
                "modelId": 1,
                "name": "v1",
                "baseModel": "SD 1.5",
                "trainedWords": ["watercolor painting"],
                "model": {"name": "Watercolor Wash", "type": "LORA", "nsfw": False, "tags": ["style", "painting"]},
                "images": [{"url": "", "nsfwLevel": 1, "meta": {"prompt": "watercolor painting of a harbour, boats"}}],
            }
        },
        seed=1,
    )
    write_lora(
        root / "characters" / "red_knight.safetensors",
        {
            "ss_tag_frequency": {"10_knight": {"redknight": 20, "armor": 18, "red cape": 12}},
            "ss_base_model_version": "sd_v1",
        },
        seed=2,
    )
    write_lora(
        root / "characters" / "moon_priestess.safetensors",
        {"modelspec.title": "Moon Priestess", "modelspec.trigger_phrase": "moonpriestess"},
        sidecars={
            ".json": {
                "description": "A priestess with silver hair",
                "sd version": "SD1",
                "activation text": "moonpriestess, silver hair",
                "preferred weight": 0.7,
            }
        },
        preview=True,
        seed=3,
    )
    write_lora(
        root / "clothing" / "raincoat.safetensors",
        sidecars={"+.rgthree-info.json": {"name": "Yellow raincoat", "strengthMin": 0.5, "strengthMax": 0.9}},
        seed=4,
    )
    write_lora(
        root / "add_detail.safetensors",
        {"ss_output_name": "add_detail"},
        sidecars={
            ".metadata.json": {
                "file_name": "add_detail",
                "model_name": "Detail slider",
                "base_model": "SD 1.5",
                "tags": ["detail"],
                "usage_tips": '{"strength": 1.0}',
            }
        },
        seed=5,
    )
    write_lora(root / "unknown_thing.safetensors", seed=6)
    return root


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    """Writes a tiny encoder: ``save(path, family, pooling=…, window=…, lower=…, seed=…)``."""
    import tiny_encoder

    return tiny_encoder.save_model


@pytest.fixture(scope="session")
def serve_model() -> Callable[..., AbstractContextManager[Any]]:
    """A model hub with one model, while a block lasts: ``with serve_model(name, {path: bytes}) as hub``."""
    return lambda name, files: hub.serving(hub.Hub(name, files))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """One headless Chromium for all tests, whose pages share nothing; skips where there is none."""
    if chromium.find() is None:
        pytest.skip("Chromium is not installed")
    with chromium.Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


class _Barrier(importlib.abc.MetaPathFinder):
    """Refuses our own top-level names: inside a host they belong to nobody, or to another pack."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in OURS:
            raise ModuleNotFoundError(f"No module named {name!r} (hidden: inside a host imports must be relative)")


@contextmanager
def absolute_names_hidden() -> Iterator[None]:
    """While it lasts, ``import lorarec`` fails even if it is installed or was imported before."""
    barrier = _Barrier()
    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in OURS}
    for name in hidden:
        del sys.modules[name]
    sys.meta_path.insert(0, barrier)
    try:
        yield
    finally:
        sys.meta_path.remove(barrier)
        sys.modules.update(hidden)


@pytest.fixture(scope="session")
def installed_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository where a user would have it: ``custom_nodes/lora-recommender.v1``."""
    place = tmp_path_factory.mktemp("ComfyUI") / "custom_nodes" / ODD_NAME
    place.mkdir(parents=True)
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, place / name)
    return place


@pytest.fixture
def load_root(installed_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadRoot]:
    """Loads the repository root as ComfyUI does: ``root = load_root({"folder_paths": fake, …})``.

    The module's name is its path with dots replaced, ComfyUI's own modules are the fakes given, ``nodes`` is theirs
    and not ours, and our absolute names are hidden while the root is imported.
    """
    name = str(installed_root).replace(".", "_x_")

    def load(fakes: Mapping[str, ModuleType] | None = None) -> ModuleType:
        for fake_name, fake in {"nodes": ModuleType("nodes"), **(fakes or {})}.items():
            monkeypatch.setitem(sys.modules, fake_name, fake)
        spec = importlib.util.spec_from_file_location(name, installed_root / "__init__.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        with absolute_names_hidden():
            spec.loader.exec_module(module)
        return module

    yield load
    for loaded in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
        del sys.modules[loaded]


@pytest.fixture(scope="session")
def lorabench() -> Path:
    """The benchmark's folder (``LORAREC_BENCH``); skips where there is none."""
    folder = Path(os.environ.get("LORAREC_BENCH") or ROOT.parent / "shared" / "data" / "lorabench")
    if not (folder / "corpus.jsonl.gz").is_file():
        pytest.skip("no benchmark data: LORAREC_BENCH does not name a folder with corpus.jsonl.gz")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run."""
    comfyui = os.environ.get("COMFYUI_PATH", "")
    for item in items:
        if item.get_closest_marker("comfyui") and not (Path(comfyui) / "folder_paths.py").is_file():
            item.add_marker(pytest.mark.skip(reason="COMFYUI_PATH names no ComfyUI checkout"))
        if item.get_closest_marker("gpu") and not _cuda():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
