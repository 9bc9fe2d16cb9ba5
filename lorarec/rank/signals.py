"""Evidence and facts -> the signal table: one row per candidate, one named column per signal.

Every number that a user is shown, and everything that the blend sees, is a column of this table. None of them depends
on how many LoRAs are installed, so that a score keeps its meaning when the library grows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..types import Candidates, SignalTable
from .facts import Facts

# What a column belongs to; reasons are given per family.
FAMILIES: dict[str, tuple[str, ...]] = {
    "triggers": ("bm25_triggers", "trigger_cover", "trigger_mass", "trigger_rarest", "has_triggers"),
    "name": ("bm25_names", "name_cover", "name_mass", "name_rarest"),
    "tags": ("bm25_tags", "tag_overlap", "tag_rarest"),
    "description": ("bm25_content",),
    "training": ("training_lift",),
    "examples": (
        "bm25_examples",
        "example_words",
        "example_meaning",
        "example_meaning_centred",
        "example_mean",
        "example_mean_centred",
        "example_spread",
        "example_count",
    ),
    "meaning": ("semantic", "semantic_centred", "name_near", "name_near_centred", "chunk", "chunk_weighted"),
    "style": ("artistic", "artistic_centred"),
    "technical": ("technical", "technical_centred"),
    "popularity": ("popularity", "quality", "likes"),
    "role": (
        "role_character",
        "role_style",
        "role_concept",
        "role_clothing",
        "role_pose",
        "role_detail",
        "role_slider",
    ),
    "prompt": ("prompt_terms",),
    "host": ("base_model_fit", "favorite", "recency"),
    "own_prompts": ("own_words", "own_meaning", "own_votes", "own_votes_words"),
    "own_use": ("own_evidence", "own_uses", "own_share", "own_age", "own_counted"),
    "own_taste": ("own_alike", "own_role"),
    "own_base": ("own_base",),
    "own_images": ("own_kept",),
    "own_opinion": ("own_opinion", "own_dismissed"),
    "together": ("together", "together_share"),
}
# What comes from the user's history and wishes.
PERSONAL: tuple[str, ...] = tuple(family for family in FAMILIES if family.startswith(("own_", "together")))
SIGNALS: tuple[str, ...] = tuple(name for names in FAMILIES.values() for name in names)
FAMILY_OF: dict[str, str] = {name: family for family, names in FAMILIES.items() for name in names}


def signal_table(
    candidates: Candidates,
    facts: Facts,
    *,
    prompt_terms: int,
    base_model_fit: np.ndarray,
    recency: np.ndarray,
    personal: Mapping[str, np.ndarray] | None = None,
) -> SignalTable:
    """Lay out all signals of the candidates.

    Args:
        candidates: c rows with their evidence.
        facts: of the whole library.
        prompt_terms: number of distinct terms of the prompt.
        base_model_fit: probability that each candidate works with the wanted base model, shape (c,), NaN = unknown.
        recency: 0..1, 1 = newest, shape (c,), NaN = unknown.
        personal: columns from the user's history, each of shape (c,); None: there is none.

    Returns:
        A table of shape (c, len(SIGNALS)); signals that could not be computed are NaN.
    """
    rows = candidates.rows
    known: dict[str, np.ndarray | float] = {name: column[rows] for name, column in facts.columns.items()}
    known.update(candidates.columns)
    known.update(prompt_terms=np.log1p(prompt_terms), base_model_fit=base_model_fit, recency=recency)
    known.update(personal or {})
    values = np.full((len(SIGNALS), len(rows)), np.nan, np.float32)  # by column, which is quicker to fill
    for at, name in enumerate(SIGNALS):
        if name in known:
            values[at] = known[name]
    return SignalTable(rows, SIGNALS, np.ascontiguousarray(values.T))
