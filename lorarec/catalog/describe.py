"""One LoRA file with its sidecars -> what everybody says about it, and the merged `Lora`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from ..errors import BadFile
from ..paths import SAFETENSORS
from ..types import BaseModelGuess, Claim, Lora, Origin, Safety, ScanProblem
from . import safety
from .base_distribution import hint_of
from .files import VIDEOS, LoraFile
from .findings import Findings
from .header import Header, read_header
from .merge import merge, texts
from .metadata import read_metadata
from .roles import guess_roles, words_of
from .sidecars.registry import read_sidecars
from .strengths import from_text, hint, of_examples, signed_range
from .tensors import inspect
from .text import encodable

_FINETUNES = 1_704_067_200.0  # 2024-01-01: before it SDXL had hardly any finetunes with LoRAs of their own
_SCORE_TAGS = frozenset({"score_9", "score_8_up", "source_anime", "score 9", "score 8 up", "rating_safe"})


class Described(Struct, frozen=True):
    """What reading one file brought to light."""

    lora: Lora  # id and fingerprint are empty
    claims: tuple[Claim, ...]
    problems: tuple[ScanProblem, ...]
    digest: str = ""  # of the header, see `header.Header`; "" without one


def describe(file: LoraFile) -> Described:
    """Read a LoRA's header and all its sidecars. Never raises: what cannot be read is among the problems.

    Files that may hold pickled code (.pt, .ckpt, .bin) are never opened; their sidecars are read all the same.
    """
    findings = Findings(file)
    if file.sidecars:
        read_sidecars(findings)
    header: Header | None = None
    if file.path.lower().endswith(SAFETENSORS):
        try:
            header = read_header(Path(file.root, file.path))
        except BadFile as error:
            findings.problem(file.path, str(error))
        else:
            read_metadata(header.metadata, findings)
            _tensors(header, findings)
    metadata = header.metadata if header else {}
    _hints(metadata, findings)
    _strengths(findings)
    _preview(metadata, findings)
    first = merge(file, findings.claims)
    more = _derived(first, metadata, findings)
    lora = structs.replace(first, **more) if more else first
    return Described(lora, tuple(findings.claims), tuple(findings.problems), header.digest if header else "")


def _tensors(header: Header, findings: Findings) -> None:
    """Ask the tensors only if no metadata names a base model: decoding their names is what a scan must avoid."""
    if any(claim.field == "base_models" and claim.origin <= Origin.TRAINER for claim in findings.claims):
        return
    facts = inspect(header)
    if facts.base_model:
        entry = {"name": facts.base_model, "probability": facts.probability, "evidence": facts.evidence}
        findings.add("base_models", [entry], "header:tensors", Origin.TRAINER)
    findings.add("rank", facts.rank, "header:tensors", Origin.TRAINER)
    findings.add("network", facts.network, "header:tensors", Origin.TRAINER)


def _hints(metadata: Mapping[str, str], findings: Findings) -> None:
    """Weak evidence of the base model: its training checkpoint, its file and folder names, its tags and its date."""
    found = []
    checkpoint = metadata.get("ss_sd_model_name", "")
    for text in (metadata.get("ss_new_sd_model_hash", ""), checkpoint):
        if text and (guess := hint_of(text, "header:ss_sd_model_name", 0.95)):
            found.append(guess)
            break
    path = encodable(findings.file.path)
    folder, _, name = path.rpartition("/")
    if guess := hint_of(name, "file name", 0.8):
        found.append(guess)
    if folder and (guess := hint_of(folder.rsplit("/", 1)[-1], "folder name", 0.7)):
        found.append(guess)
    tagged = {tag.lower() for tag in texts(findings.claims, "tags")}
    for tag, base in (("pony", "Pony"), ("ponyxl", "Pony"), ("illustrious", "Illustrious"), ("noobai", "NoobAI")):
        if tag in tagged and (guess := hint_of(base, f'tag "{tag}"', 0.7)):
            found.append(guess)
    words: Sequence[tuple[str, int]] = next(
        (claim.value for claim in findings.claims if claim.field == "training_tags"), []
    )
    if _SCORE_TAGS.intersection([tag for tag, _ in words[:60]]):
        found.append(BaseModelGuess("Pony", 0.68, "training tags (score_9)"))
    dates = [claim.value for claim in findings.claims if claim.field == "created"]
    said = {entry["name"] for claim in findings.claims if claim.field == "base_models" for entry in claim.value}
    if not found and "SDXL" in said and dates and min(dates) < _FINETUNES:
        # Only sharpens what a header says; alone it is no evidence.
        found.append(BaseModelGuess("SDXL", 0.92, "date before its finetunes"))
    for guess in found:
        entry = {"name": guess.name, "probability": guess.probability, "evidence": guess.evidence}
        findings.add("base_models", [entry], guess.evidence, Origin.GUESS)


def _strengths(findings: Findings) -> None:
    """Strengths said in a sentence, and those of the example images."""
    prose = [(claim, claim.value) for claim in findings.claims if claim.field in ("description", "notes")]
    for claim, text in prose:
        # Tools paste the author's text into the card's description, so that a sentence there is hardly the user's.
        origin = max(claim.origin, Origin.AUTHOR) if claim.field == "description" else claim.origin
        if span := signed_range(text):
            made = hint(f"{claim.source} (range)", origin, low=span[0], high=span[1])
            # A slider's middle is "no effect" and no suggestion.
            findings.add("strengths", [{**made, "model": None}] if made else None, f"{claim.source} (range)", origin)
        elif stated := from_text(text):
            made = hint(
                f'{claim.source} ("{stated.text}")', origin, model=stated.model, low=stated.low, high=stated.high
            )
            findings.add("strengths", [made] if made else None, claim.source, origin)
    used = [entry["strength"] for claim in findings.claims if claim.field == "examples" for entry in claim.value]
    made = of_examples([strength for strength in used if strength is not None])
    findings.add("strengths", [made] if made else None, made["source"] if made else "", Origin.GUESS)


def _preview(metadata: Mapping[str, str], findings: Findings) -> None:
    previews = findings.file.previews
    inner = metadata.get("modelspec.thumbnail") or metadata.get("ssmd_cover_images")
    if previews and not (inner and previews[0].lower().endswith(VIDEOS)):  # a still says more on a card than a video
        folder = findings.file.path.rpartition("/")[0]
        first = previews[0]
        findings.add(
            "preview", first if "/" in first or not folder else f"{folder}/{first}", "preview file", Origin.USER
        )
    elif inner:
        findings.add("preview", "header:thumbnail", "header:thumbnail", Origin.AUTHOR)


def _derived(lora: Lora, metadata: Mapping[str, str], findings: Findings) -> dict[str, object]:
    """Fields that follow from merged ones: roles and warnings about content."""
    added = len(findings.claims)
    stem = encodable(lora.stem)
    signed = any(said.low is not None and said.low < 0 < (said.high or 0) for said in lora.strengths)
    roles = guess_roles(
        lora.title, stem, lora.tags, lora.user_tags, lora.description, metadata, signed, lora.training_tags
    )
    findings.add("roles", roles, "derived", Origin.GUESS)
    warning = safety.of_words(" , ".join((lora.title, words_of(stem), *lora.tags, *lora.user_tags)))
    trained = safety.of_training_tags(lora.training_tags)
    for level, source in ((warning, "title and tags"), (trained, "header:ss_tag_frequency")):
        if level is not None and level >= Safety.MATURE:
            findings.add("safety", int(level), source, Origin.GUESS)
    if len(findings.claims) == added:
        return {}
    fields = {claim.field for claim in findings.claims[added:]}
    rebuilt = merge(findings.file, [claim for claim in findings.claims if claim.field in fields])
    return {field: getattr(rebuilt, field) for field in fields}
