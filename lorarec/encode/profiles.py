"""Which sentence encoder serves which lens."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UsageError
from ..settings import Settings

LENSES = ("semantic", "artistic", "technical")

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MPNET = "sentence-transformers/all-mpnet-base-v2"
DISTILROBERTA = "sentence-transformers/all-distilroberta-v1"
PARAPHRASE = "sentence-transformers/paraphrase-mpnet-base-v2"

# Bytes that a download takes, tokenizer included: known beforehand, so that no network is asked before the user agreed.
DOWNLOADS: Mapping[str, int] = {
    MINILM: 91_600_000,
    MPNET: 438_700_000,
    DISTILROBERTA: 331_100_000,
    PARAPHRASE: 438_700_000,
}

# "balanced" spends its time where the weight lies: what a LoRA depicts. Styles and technical facts are short texts of
# fixed vocabulary, on which the small model loses little, and they then share one forward pass.
PROFILES: Mapping[str, Mapping[str, str]] = {
    "speed": {"semantic": MINILM, "artistic": MINILM, "technical": MINILM},
    "balanced": {"semantic": MPNET, "artistic": MINILM, "technical": MINILM},
    "quality": {"semantic": MPNET, "artistic": DISTILROBERTA, "technical": PARAPHRASE},
}


def encoder_names(settings: Settings) -> dict[str, str]:
    """Folder or Hugging Face id of the encoder of each lens: the user's own choice, else the profile's.

    Lenses with equal names share one encoder.

    Raises:
        UsageError: the profile is unknown.
    """
    profile = PROFILES.get(settings.profile)
    if profile is None:
        raise UsageError(f"profile is {settings.profile!r}; choose one of {', '.join(PROFILES)}")
    own = {
        "semantic": settings.encoder_semantic,
        "artistic": settings.encoder_artistic,
        "technical": settings.encoder_technical,
    }
    return {lens: own[lens].strip() or profile[lens] for lens in LENSES}
