"""Header metadata of all training tools -> claims. Keys of kohya's sd-scripts begin with ``ss_``; ai-toolkit and others
borrow them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

import msgspec

from ..base_models import canonical
from ..types import Origin
from .findings import Findings, as_number
from .modelspec import read_modelspec
from .sidecars.civitai import clean_hashes
from .text import line, plain, stated
from .triggers import from_dataset_folders, from_fake_frequency

MAX_TRAINING_TAGS = 200
_CAPTION_LENGTH = 16  # characters: a longer mean tag means sentences, not tags
_STOP_WORDS = frozenset(
    """a an and are as at be by for from has have he her his in into is it its of on or over she that the their them
    there these they this to under up was were which while who with wearing very image photo picture shows""".split()
)
_UNTIDY = ("| ", " |", "||", "  ")
_MAX_TAG = 100  # characters
_NUMBERS = re.compile(r"\d{2,5}")
_WORD = re.compile(r"[^\W\d_][\w'-]{2,30}")
# Network modules that only one architecture uses (sd-scripts, musubi-tuner).
_MODULES = {
    "lora_flux": "Flux.1",
    "lora_flux_kontext": "Flux.1 Kontext",
    "lora_flux_2": "Flux.2",
    "lora_sd3": "SD 3.5",
    "lora_lumina": "Lumina 2",
    "lora_wan": "Wan 2.1",
    "lora_framepack": "FramePack",
    "lora_qwen_image": "Qwen-Image",
    "lora_zimage": "Z-Image",
    "lora_hunyuan_image": "HunyuanImage 2.1",
    "lora_hv_1_5": "HunyuanVideo 1.5",
    "lora_kandinsky5": "Kandinsky 5",
    "lora_anima": "Anima",
}
_ALGORITHMS = ("lokr", "loha", "locon", "dylora", "glora", "boft", "oft", "full", "ia3")
_FIRST_DATE, _LAST_DATE = 946_684_800, 4_102_444_800  # 2000 .. 2100


def read_metadata(metadata: Mapping[str, str], findings: Findings) -> None:
    """Claims of ``__metadata__`` values. What cannot be parsed says nothing: trainers write many dialects."""
    get = metadata.get
    add = findings.add
    trainer = Origin.TRAINER
    spec = {key[10:]: value for key, value in metadata.items() if key.startswith("modelspec.")}
    if spec:
        spec.setdefault("output_name", get("ss_output_name", ""))
        read_modelspec(spec, findings, "header:modelspec", Origin.AUTHOR)
    name = stated(line(get("name", "") or get("ss_output_name", "")))
    if name and name.casefold() != findings.file.path.rpartition("/")[2].rpartition(".")[0].casefold():
        add("title", name, "header:name" if get("name") else "header:ss_output_name", Origin.GUESS)
    if comment := stated(plain(get("ss_training_comment", ""), 2_000)):
        add("description", comment, "header:ss_training_comment", trainer)
    _base(metadata, findings)
    rank = as_number(get("ss_network_dim"))  # "Dynamic" after a resize: no number, no claim
    if rank is not None and 0 < rank <= 8_192:
        add("rank", int(rank), "header:ss_network_dim", trainer)
    sizes = [int(number) for number in _NUMBERS.findall(get("ss_resolution") or spec.get("resolution") or "")]
    if sizes and 64 <= max(sizes) <= 16_384:
        add("resolution", max(sizes), "header:ss_resolution", trainer)
    if network := _network(get("ss_network_module", ""), get("ss_network_args", "")):
        add("network", network, "header:ss_network_module", trainer)
    started = as_number(get("ss_training_started_at"))
    if started is not None and _FIRST_DATE < started < _LAST_DATE:
        add("created", started, "header:ss_training_started_at", trainer)
    if digest := get("sshs_model_hash"):
        add("hashes", clean_hashes([digest, get("sshs_legacy_hash", "")]), "header:sshs_model_hash", trainer)
    _tags(metadata, findings)


def _base(metadata: Mapping[str, str], findings: Findings) -> None:
    module = metadata.get("ss_network_module", "").rsplit(".", 1)[-1]
    for key, name, probability in (
        ("ss_base_model_version", canonical(metadata.get("ss_base_model_version", "")), 0.95),
        ("ss_v2", "SD 2.1" if metadata.get("ss_v2") == "True" else None, 0.9),
        ("ss_network_module", _MODULES.get(module), 0.9),
    ):
        if name:
            source = f"header:{key}"
            findings.add(
                "base_models", [{"name": name, "probability": probability, "evidence": source}], source, Origin.TRAINER
            )


def _network(module: str, arguments: str) -> str:
    args = arguments.lower()[:2_000]
    if not module:
        return ""
    if '"dora_wd": "true"' in args or '"dora_wd": true' in args or '"use_dora": true' in args:
        return "dora"
    name = module.lower()
    if "lycoris" in name or "locon" in name or "loha" in name:
        found = next(
            (algorithm for algorithm in _ALGORITHMS if f'"algo": "{algorithm}"' in args or algorithm in name), ""
        )
        return found or "locon"
    if "oft" in name:
        return "oft"
    if "lora" in name or "dylora" in name:
        return "locon" if '"conv_dim"' in args else "lora"
    return ""


def _tags(metadata: Mapping[str, str], findings: Findings) -> None:
    frequency = _object(metadata.get("ss_tag_frequency"))
    source = "header:ss_tag_frequency"
    if frequency is None:
        frequency = _of_datasets(metadata.get("ss_datasets"))
        source = "header:ss_datasets"
    if trigger := from_fake_frequency(frequency or {}):
        findings.add("trigger_sets", [[trigger]], source, Origin.AUTHOR)
        return
    if frequency:
        findings.add("training_tags", training_tags(frequency), source, Origin.TRAINER)
    folders = _object(metadata.get("ss_dataset_dirs")) or frequency or {}
    findings.add("trigger_sets", from_dataset_folders(list(folders)[:64]), "header:ss_dataset_dirs", Origin.GUESS)


def training_tags(frequency: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Tags summed over all datasets, most frequent first, at most 200; captions of sentences are split into words."""
    counts: dict[str, int] = {}
    for tags in frequency.values():
        if not isinstance(tags, dict):
            continue
        # ``__class__`` instead of isinstance: true is no count, and this line runs millions of times in a scan.
        sound = {tag: count for tag, count in tags.items() if count.__class__ is int and 0 < count < 10**9}
        if counts:
            for tag, count in sound.items():
                counts[tag] = counts.get(tag, 0) + count
        else:
            counts = sound
    if counts and sum(map(len, counts)) >= _CAPTION_LENGTH * len(counts):
        counts = _words(counts.items())
    top = sorted(counts.items(), key=itemgetter(1), reverse=True)[: MAX_TRAINING_TAGS + 20]
    names = [tag for tag, _ in top]
    joined = f"|{'|'.join(names)}|"
    if (
        joined.isprintable()
        and len(max(names, key=len, default="")) <= _MAX_TAG
        and not any(sign in joined for sign in _UNTIDY)
    ):
        return top[:MAX_TRAINING_TAGS]  # nearly always: cleaning each would be most of a scan's work
    return [pair for pair in ((line(tag, _MAX_TAG), count) for tag, count in top) if pair[0]][:MAX_TRAINING_TAGS]


def _words(captions: Iterable[tuple[str, int]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for caption, count in list(captions)[:20_000]:
        for word in dict.fromkeys(word.lower() for word in _WORD.findall(caption[:2_000])):
            if word not in _STOP_WORDS:
                counts[word] = counts.get(word, 0) + count
    return counts


_OBJECT = msgspec.json.Decoder(dict[str, Any])
_LIST = msgspec.json.Decoder(list[Any])


def _object(text: str | None) -> dict[str, Any] | None:
    if not text or text[:1] != "{" or text == "{}":
        return None
    try:
        return _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _of_datasets(text: str | None) -> dict[str, Any] | None:
    """Newer scripts keep the frequencies inside the description of each dataset."""
    if not text or '"tag_frequency"' not in text:
        return None
    try:
        datasets = _LIST.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    found: dict[str, Any] = {}
    for number, dataset in enumerate(datasets):
        frequency = dataset.get("tag_frequency") if isinstance(dataset, dict) else None
        if isinstance(frequency, dict):
            found.update({f"{name}#{number}" if name in found else name: tags for name, tags in frequency.items()})
    return found or None
