"""Evidence about the base model -> a distribution. Metadata settles the architecture; finetunes that share it are told
apart by hints.

Pony, Illustrious and NoobAI have SDXL's tensors, so that a header can say no more than "SDXL". The page's base model,
the training checkpoint's name, the file's name and tags then speak for one of them.
"""

from __future__ import annotations

from ..base_models import architecture, canonical, guess_checkpoint
from ..types import BaseModelGuess, Claim, Origin

# What a header's "SDXL" means when nothing else tells; from 2024 on most LoRAs are for its finetunes. An estimate.
_SDXL_PRIOR = {"SDXL": 0.5, "Illustrious": 0.2, "Pony": 0.19, "NoobAI": 0.06}
_HINT_SHARE = 0.75  # share of an architecture-only probability that a file-name hint can move
_MIN = 0.02
_LIST = "json:sd version"
# Sources that name the finetune, best first; header sources name an architecture only.
_SPECIFIC = ("baseModel", "base_model", "BaseModel")


def combine(said: list[Claim]) -> tuple[BaseModelGuess, ...]:
    """Distribution over canonical names, most probable first, summing to at most 1. ``said`` is sorted by origin."""
    entries = [BaseModelGuess(**entry) for claim in said if claim.origin <= Origin.TRAINER for entry in claim.value]
    hints = [BaseModelGuess(**entry) for claim in said if claim.origin == Origin.GUESS for entry in claim.value]
    # A tool's choice from A1111's short list names an architecture, and only where nothing better does.
    listed = [hint for hint in hints if hint.evidence == _LIST]
    hints = [hint for hint in hints if hint.evidence != _LIST]
    entries = entries or listed
    if not entries:
        return _of_hints(hints)
    specific = [entry for entry in entries if entry.evidence.endswith(_SPECIFIC)]
    general = [entry for entry in entries if not entry.evidence.endswith(_SPECIFIC)]
    lead = specific[0] if specific else max(general, key=lambda entry: entry.probability)
    # A header knows what its tensors were trained on; a page that says otherwise was filled in wrongly, or the header
    # by a converter.
    doubt = (
        next((entry for entry in general if architecture(entry.name) != architecture(lead.name)), None)
        if specific
        else None
    )
    mass: dict[str, float] = {}
    evidence: dict[str, str] = {}

    def add(entry: BaseModelGuess, share: float) -> None:
        mass[entry.name] = mass.get(entry.name, 0.0) + share
        evidence.setdefault(entry.name, entry.evidence)

    if doubt is not None:
        add(lead, 0.5)
        add(doubt, 0.45)
        return _sorted(mass, evidence)
    related = [entry for entry in hints if architecture(entry.name) == architecture(lead.name)]
    if specific:
        # "SDXL 1.0" on a page may still mean a finetune that Civitai had no name for.
        other = next(
            (entry for entry in related if entry.name != lead.name and entry.evidence.startswith("header:")), None
        )
        moved = 0.25 * other.probability if other and lead.name == "SDXL" else 0.0
        add(lead, lead.probability - moved)
        if other and moved:
            add(other, moved)
        return _sorted(mass, evidence)
    return _refine(lead, related)


def _refine(lead: BaseModelGuess, hints: list[BaseModelGuess]) -> tuple[BaseModelGuess, ...]:
    """Spread an architecture's probability over its finetunes."""
    prior = _SDXL_PRIOR if lead.name == "SDXL" else {lead.name: 1.0}
    best = max(hints, key=lambda entry: entry.probability, default=None)
    if best is None:
        return _sorted(
            {name: share * lead.probability for name, share in prior.items()}, dict.fromkeys(prior, lead.evidence)
        )
    share = best.probability * (1.0 if best.evidence.startswith("header:") else _HINT_SHARE)
    mass = {name: part * (1 - share) * lead.probability for name, part in prior.items()}
    mass[best.name] = mass.get(best.name, 0.0) + share * lead.probability
    evidence = dict.fromkeys(mass, lead.evidence)
    evidence[best.name] = f"{best.evidence}, {lead.evidence}"
    return _sorted(mass, evidence)


def _of_hints(hints: list[BaseModelGuess]) -> tuple[BaseModelGuess, ...]:
    """Nothing but guesses: the best of each name, scaled so that they do not exceed what one of them may claim."""
    mass: dict[str, float] = {}
    evidence: dict[str, str] = {}
    for hint in hints:
        if hint.probability > mass.get(hint.name, 0.0):
            mass[hint.name], evidence[hint.name] = hint.probability, hint.evidence
    total = sum(mass.values())
    scale = min(1.0, 0.9 / total) if total else 0.0
    return _sorted({name: value * scale for name, value in mass.items()}, evidence)


def _sorted(mass: dict[str, float], evidence: dict[str, str]) -> tuple[BaseModelGuess, ...]:
    ranked = sorted(
        ((value, name) for name, value in mass.items() if value >= _MIN), key=lambda item: (-item[0], item[1])
    )
    return tuple(BaseModelGuess(name, round(value, 4), evidence[name]) for value, name in ranked)


def hint_of(text: str, source: str, trust: float) -> BaseModelGuess | None:
    """A guess from a checkpoint, file or folder name or a tag, its probability lowered by ``trust`` 0..1."""
    name = canonical(text)
    guess = BaseModelGuess(name, 0.97, "") if name else guess_checkpoint(text)
    return BaseModelGuess(guess.name, round(guess.probability * trust, 3), source) if guess else None
