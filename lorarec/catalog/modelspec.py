"""ModelSpec keys, in a header (``modelspec.*``) or in SwarmUI's sidecar. Specification:
https://github.com/Stability-AI/ModelSpec"""

from __future__ import annotations

from collections.abc import Mapping

from ..base_models import canonical
from ..types import Origin
from .findings import Findings, as_number
from .sidecars.civitai import clean_hashes, date
from .strengths import hint
from .text import line, plain, stated
from .triggers import word_set


def read_modelspec(values: Mapping[str, str], findings: Findings, source: str, origin: Origin) -> None:
    """Claims of ModelSpec values, keys without their prefix. ``source`` is e.g. "header:modelspec"."""

    def add(field: str, value: object, key: str, by: Origin = origin) -> None:
        findings.add(field, value, f"{source}.{key}", by)

    get = values.get
    if title := stated(line(get("title", ""))):
        # Trainers fill in the output name, which is the file name once more.
        own = title.casefold() == findings.file.path.rsplit("/", 1)[-1].rsplit(".", 1)[0].casefold()
        if not own:
            add("title", title, "title", Origin.GUESS if title == get("output_name") else origin)
    if author := stated(line(get("author", ""))):
        add("author", author, "author")
    if description := get("description"):
        add("description", stated(plain(description)), "description")
    if usage := get("usage_hint"):
        add("description", stated(plain(usage)), "usage_hint")
    if tags := get("tags"):
        add("tags", [tag for tag in (line(part) for part in tags[:10_000].split(",")) if tag][:100], "tags")
    if words := word_set(stated(line(get("trigger_phrase", ""), 2_000))):
        add("trigger_sets", [list(words)], "trigger_phrase")
    if (architecture := get("architecture")) and (name := canonical(architecture)):
        add(
            "base_models",
            [{"name": name, "probability": 0.97, "evidence": f"{source}.architecture"}],
            "architecture",
            Origin.TRAINER,
        )
    if when := get("date"):
        add("created", date(when), "date", Origin.TRAINER)
    if digest := get("hash_sha256"):
        add("hashes", clean_hashes([digest]), "hash_sha256", Origin.TRAINER)
    weight = as_number(get("lora_default_weight"))
    if weight:
        made = hint(f"{source}.lora_default_weight", origin, model=weight)
        if made is not None:
            add("strengths", [made], "lora_default_weight")
