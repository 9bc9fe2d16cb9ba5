"""What the user's history adds to a score: a few weights over the personal columns of the signal table.

The sum is added to the logit of the shared blend, so that without history the score is the blend's, to the last digit.
The weights are fitted by ``lorarec train`` on simulated users and stand in ``lorarec/data/personal.json``; those in
`FIXED` cannot be fitted on published images, which carry no likes and no deletions, and are set by hand.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import dot
from ..types import Scorer, SignalTable

Floats = NDArray[np.float32]
FILE = "personal.json"
MOST_SHARE = 0.05  # of all generations; beyond it a LoRA is simply a favourite, however large its share
_LEAST_SHARE = 0.005

# Input -> the family of signals that it speaks for.
LEARNED: dict[str, str] = {
    "used": "own_use",
    "share": "own_use",
    "age": "own_use",
    "words": "own_prompts",
    "votes": "own_prompts",
    "votes_words": "own_prompts",
    "alike": "own_taste",
    "role": "own_taste",
    "doubt": "own_use",  # the blend's logit, where the past speaks for itself
    "together": "together",
    "together_share": "together",
}
FIXED: dict[str, float] = {
    "base": 0.3,
    "kept": 1.0,
    "liked": 0.5,
    "disliked": -2.0,
    "dismissed": -2.0,
    "counted": 0.2,  # chosen by hand, see docs/measuring.md
}
_FAMILY: dict[str, str] = {
    **LEARNED,
    "base": "own_base",
    "kept": "own_images",
    "liked": "own_opinion",
    "disliked": "own_opinion",
    "dismissed": "own_opinion",
    "counted": "own_use",
}
INPUTS: tuple[str, ...] = tuple(_FAMILY)


class Model(Struct, frozen=True):
    """Everything in the shipped file."""

    weights: dict[str, float]  # by input of `LEARNED`
    folds: list[dict[str, float]] = []  # the same, each fitted without one fold of LoRAs
    provenance: dict[str, str] = {}


def inputs(table: SignalTable, logits: Floats) -> Floats:
    """The inputs of all candidates, shape (c, len(INPUTS)); 0 where the past says nothing.

    ``logits`` are those of the shared blend, shape (c,).
    """

    known = np.nan_to_num(table.values)

    def column(name: str) -> Floats:
        return known[:, table.names.index(name)]

    words = table.column("own_votes_words")
    meaning = table.column("own_votes")  # unknown without an encoder: the votes by words then stand for both
    meaning = np.where(np.isfinite(meaning), meaning, words)
    evidence = column("own_evidence")
    used = (column("own_uses") > 0) * evidence
    opinion = column("own_opinion")
    values = {
        "used": used,
        "share": _log(np.minimum(column("own_share"), MOST_SHARE), _LEAST_SHARE) * (used > 0),
        "age": column("own_age") * used,
        "words": np.square(column("own_words")) * (used > 0),
        "votes": _log(np.nan_to_num(meaning), 0.01),
        "votes_words": _log(np.nan_to_num(words), 0.01),
        "alike": _log(column("own_alike"), 0.01) * evidence,
        "role": column("own_role") * evidence,
        "doubt": logits * used,
        "together": column("together"),
        "together_share": _log(column("together_share"), 0.005),
        "base": column("own_base"),
        "kept": column("own_kept"),
        "liked": np.maximum(opinion, 0),
        "disliked": np.maximum(-opinion, 0),
        "dismissed": np.minimum(column("own_dismissed"), 3.0),
        "counted": _log(np.minimum(column("own_counted"), MOST_SHARE), _LEAST_SHARE),
    }
    return np.stack([values[name] for name in INPUTS], axis=1).astype(np.float32)


def _log(share: Floats, least: float) -> Floats:
    """Log of a share over the least that counts: 0 for none."""
    result: Floats = np.log1p(share / least)
    return result


def vector(weights: Mapping[str, float]) -> Floats:
    """Weights in the order of `INPUTS`, the fixed ones put in."""
    every = {**weights, **FIXED}
    return np.asarray([every.get(name, 0.0) for name in INPUTS], np.float32)


class Personal:
    """The shared blend with the user's history on top; implements `types.Scorer`."""

    def __init__(self, scorer: Scorer, model: Model, fold_of: Mapping[str, int] | None = None) -> None:
        """Lay the weights out.

        Args:
            scorer: the shared blend.
            model: the weights.
            fold_of: catalogue id -> fold, for honest figures on the benchmark that the weights were fitted on.
        """
        self._scorer = scorer
        self._weights = vector(model.weights)
        self._folds = [vector(weights) for weights in model.folds] if fold_of is not None else []
        self._fold_of = fold_of or {}

    def adopt(self, weights: Mapping[str, float]) -> None:
        """Use a user's own weights from now on. Safe while others score."""
        self._weights = vector(weights)

    def score(self, table: SignalTable, ids: Sequence[str]) -> Floats:
        """Logits of all candidates, shape (c,)."""
        logits = self._scorer.score(table, ids)
        if not speaks(table):
            return logits
        values = inputs(table, logits)
        if not self._folds:
            return logits + dot(values, self._weights)
        fold = np.asarray([self._fold_of.get(id_, 0) for id_ in ids], np.int64)
        added: Floats = np.einsum("ij,ij->i", values, np.stack(self._folds)[fold])
        return logits + added

    def contributions(self, table: SignalTable, logits: Floats) -> dict[str, Floats]:
        """Logit that each personal family adds, shape (c,) per family; empty where there is no history.

        ``logits`` are the shared blend's, shape (c,).
        """
        if not speaks(table):
            return {}
        parts = inputs(table, logits) * self._weights
        return {
            family: parts[:, [at for at, name in enumerate(INPUTS) if _FAMILY[name] == family]].sum(1)
            for family in dict.fromkeys(_FAMILY.values())
        }


def speaks(table: SignalTable) -> bool:
    """Whether the table has personal columns at all."""
    known = np.isfinite([table.column(name)[:1] for name in ("own_evidence", "own_opinion")])
    return bool(known.any())


@functools.cache
def shipped() -> Model:
    """The weights that come with this version."""
    package = (__package__ or "lorarec.rank").rpartition(".")[0]
    return msgspec.json.decode(resources.files(package).joinpath("data").joinpath(FILE).read_bytes(), type=Model)
