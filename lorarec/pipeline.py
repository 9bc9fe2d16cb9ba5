"""One query against one library: the road from prompt to ranked suggestions, wired from its parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import base_models
from .arrays import distinct, first
from .filtering import Filtering, Filters, base_key, heads
from .index.backends import open_index
from .index.retrieve import NEAREST, PER_SOURCE, QueryVectors, View, Words, look_near, match, retrieve
from .knowledge import Consulted
from .library import Library
from .matching import Asked
from .prompt.read import ReadPrompt
from .rank import diversify, explain
from .rank.blend import Blend
from .rank.explain import Personally
from .rank.personal import Personal
from .rank.signals import SIGNALS, signal_table
from .rank.similar import likeness
from .rank.strength import USUAL, Curve, PastStrengths, suggest
from .settings import Settings
from .timings import Lap, no_lap
from .types import (
    Active,
    BaseModelFit,
    Candidates,
    Lora,
    Query,
    Reason,
    Role,
    Safety,
    Scorer,
    SignalTable,
    Strength,
    Suggestion,
    Suggestions,
)

Floats = NDArray[np.float32]

SHORT_LIST = 100  # up to this many suggestions come from the same candidates
POPULAR = 24  # most downloaded LoRAs that are always among the candidates
DOUBTFUL_FIT = 0.5  # one that fits less is marked
_EXPLICIT = frozenset(
    """nsfw nude naked nudity topless nipple pussy penis sex cum hentai erotic explicit porn vagina uncensored
    ahegao""".split()
)


class Ask(Struct, frozen=True):
    """A query with everything that was read from it."""

    query: Query
    read: ReadPrompt
    vectors: QueryVectors | None
    active: tuple[Active, ...]  # of the query and of tags in the prompt
    active_rows: NDArray[np.int64]  # their rows in the library
    seed_row: int = -1  # the LoRA that is asked for similar ones
    notes: tuple[str, ...] = ()
    consulted: Consulted | None = None  # what the user's history says; None: there is none
    words: Words | None = None  # what its words find in the library, if they were looked up already
    nearest: NDArray[np.int64] | None = None  # rows nearest in meaning, likewise


class Pipeline:
    """Ranks the LoRAs of one library. Immutable after construction but for caches; safe from many threads."""

    def __init__(
        self,
        library: Library,
        settings: Settings,
        blend: Blend,
        personal: Personal,
        curve: Curve,
        scorer: Scorer | None = None,
        room: Callable[[int], bool] = lambda size: False,
        kept: Path | None = None,
    ) -> None:
        """Prepare what does not depend on the prompt.

        Args:
            library: what is ranked.
            settings: dials.
            blend: the shared blend.
            personal: the same with what the user's history adds.
            curve: strengths.
            scorer: ranks instead of ``personal``.
            room: whether so many bytes may lie on the graphics card as long as this lives.
            kept: where what is learned of the library's vectors is kept for later; None: nowhere.
        """
        self.library = library
        self.settings = settings
        self._blend = blend
        self._likeness = likeness()
        self._curve = curve
        self._personal = personal
        self._scorer = scorer or personal
        self._filtering = Filtering(library)
        self.search_recall = 1.0  # share of the nearest vectors that a search finds; less only for millions
        self._search: Callable[[Floats, int], tuple[Floats, NDArray[np.int64]]] | None = None
        if library.vectors is not None:
            index = open_index(library.vectors.semantic, room, kept, library.key)
            self.search_recall = getattr(index, "recall", 1.0)
            self._search = index.search

    # -- the road ---------------------------------------------------------------------------------------------------

    def nearest(self, vector: Floats) -> NDArray[np.int64] | None:
        """The rows nearest to a prompt's vector, shape (d,), whether they may be shown or not; None without vectors."""
        return None if self._search is None else look_near(self._search, vector, NEAREST)

    def table(self, ask: Ask, top: int = 0, lap: Lap = no_lap) -> tuple[Candidates, SignalTable]:
        """Candidates, enough for ``top`` suggestions, and all their signals; ``lap`` is told of every part."""
        library = self.library
        view = View(ask.words or match(library.lexical, ask.read.terms), ask.vectors, ask.nearest)
        lap("lexical")
        allowed = self._allowed(ask)
        popular = first(library.facts.downloads_order, allowed, POPULAR)
        if ask.consulted is not None and ask.consulted.evidence is not None:
            popular = distinct(np.concatenate([popular, ask.consulted.evidence.candidates(PER_SOURCE)]))[0]
        lap("filters")
        found = retrieve(library.lexical, library.vectors, view, popular, self._search, allowed, _pool(top), lap)
        fit = self._filtering.fit(base_key(ask.query.base_model))[found.rows]
        table = signal_table(
            found,
            library.facts,
            prompt_terms=len(ask.read.terms),
            base_model_fit=fit,
            recency=self.library.recency[found.rows],
            personal=ask.consulted.columns(found.rows) if ask.consulted is not None else None,
        )
        lap("signals")
        return found, table

    def cold(self, table: SignalTable) -> Floats:
        """Logits of the shared blend, without the user's history, shape (c,)."""
        return self._blend.score(table, ())

    def suggestions(self, ask: Ask, top: int, started: float, stage: str, lap: Lap = no_lap) -> Suggestions:
        """Ranked suggestions for a query; ``started`` is `time.perf_counter` at its arrival."""
        found, table = self.table(ask, top, lap)
        ids = [self.library.loras.ids[row] for row in found.rows.tolist()]
        # Likeness to a LoRA is no question of taste: the history has no say in it.
        blend = self._blend if ask.seed_row < 0 else self._likeness
        logits = (self._scorer if ask.seed_row < 0 else blend).score(table, ids)
        scores = self._adjust(blend.probability(logits), table, ask, found)
        order = np.lexsort((found.rows, -logits, -scores))
        lap("blend")
        order, others = self._collapse(order, found, ask)
        chosen, chance = self._choose(order, scores, found, table, ask, top)
        lap("diversify")
        least = self._least(ask.query)
        strengths = [self.strength(int(found.rows[at]), ask) for at in chosen]
        lap("strengths")
        listed = self._describe(chosen, chance, scores, found, table, ask, others, strengths)
        lap("reasons")
        return Suggestions(
            suggestions=tuple(listed),
            abstained=not any(suggestion.score >= least for suggestion in listed) or (least > 0 and not ask.read.terms),
            took_ms=round((time.perf_counter() - started) * 1000, 2),
            stage=stage,
            notes=ask.notes,
        )

    def strength(self, row: int, ask: Ask) -> Strength:
        """The suggested strength of one LoRA beside the query's active ones."""
        used = (
            ask.consulted.strengths(row, base_models.named(ask.query.base_model)) if ask.consulted is not None else None
        )
        past = None
        if used:
            past = PastStrengths(used.strengths, np.log1p(used.loads / USUAL).astype(np.float32), used.weights)
        return suggest(self.library.loras[row], self.library.shown[row], ask.active, self._curve, past)

    # -- steps ------------------------------------------------------------------------------------------------------

    def _allowed(self, ask: Ask) -> NDArray[np.bool_]:
        """Which LoRAs may be suggested at all, shape (n,)."""
        library, query = self.library, ask.query
        filters = Filters(
            roles=query.roles,
            exclude_roles=query.exclude_roles,
            accelerators=bool(query.roles) or _asks_for_speed(ask.read) or self._is_accelerator(ask.seed_row),
            folders=heads(query.folders),
            exclude_folders=heads(query.exclude_folders),
            safety=self._safety(ask),
            base_model=base_key(query.base_model),
        )
        mask = self._filtering.passing(filters)
        if ask.consulted is not None:
            mask = mask & ~ask.consulted.knowledge.wishes.hidden
        taken = [*ask.active_rows.tolist(), *([ask.seed_row] if ask.seed_row >= 0 else [])]
        # Halves of a pair are one suggestion: where one is in use, so is the other.
        place = library.loras.place
        taken += [place[half] for row in taken if (half := library.loras[row].partner) in place]
        if taken:
            mask = mask.copy()
            mask[taken] = False
            if self._collapses(query):
                mask &= ~np.isin(library.groups, library.groups[taken])
        return mask

    def _is_accelerator(self, row: int) -> bool:
        return row >= 0 and self.library.loras[row].role is Role.ACCELERATOR

    def _safety(self, ask: Ask) -> int:
        """The most explicit level to suggest."""
        if ask.query.safety is not None:
            return ask.query.safety
        if self.settings.safety != "auto":
            return Safety[self.settings.safety.upper()]
        return Safety.EXPLICIT if _EXPLICIT & ask.read.terms.keys() else Safety.SUGGESTIVE

    def _adjust(self, scores: Floats, table: SignalTable, ask: Ask, found: Candidates) -> Floats:
        """What stands outside the learned blend: doubtful base models and what the negative prompt names sink."""
        fit = table.column("base_model_fit")
        scores = scores * np.where(np.isfinite(fit), np.sqrt(np.clip(fit, 0, 1)), 1).astype(np.float32)
        if ask.read.unwanted:
            lexical = self.library.lexical
            share = lexical.matched(lexical.query(ask.read.unwanted), found.rows).cover
            scores = scores * (1 - 0.6 * np.where(share > 0.6, share, np.float32(0)).max(0))
        return scores

    def _least(self, query: Query) -> float:
        """The score from which a LoRA is worth suggesting."""
        return self.settings.min_score if query.min_score is None else query.min_score

    def _collapses(self, query: Query) -> bool:
        return self.settings.collapse if query.collapse is None else query.collapse

    def _collapse(
        self, order: NDArray[np.int64], found: Candidates, ask: Ask
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keep the best of each version group; returns the order without the others, and the others."""
        if not self._collapses(ask.query):
            return order, order[:0]
        best = distinct(self.library.groups[found.rows[order]])[1]
        keep = np.zeros(len(order), np.bool_)
        keep[best] = True
        return order[keep], order[~keep]

    def _versions(self, others: NDArray[np.int64]) -> dict[int, list[str]]:
        """Paths of the LoRAs that were collapsed into another, by version group; given and told best first."""
        paths: dict[int, list[str]] = {}
        for row, group in zip(others.tolist(), self.library.groups[others].tolist(), strict=True):
            paths.setdefault(group, []).append(self.library.loras.paths[row])
        return paths

    def _choose(
        self, order: NDArray[np.int64], scores: Floats, found: Candidates, table: SignalTable, ask: Ask, top: int
    ) -> tuple[list[int], dict[int, float]]:
        """Diversity and exploration: positions among the candidates as shown, and the chance of each that was drawn."""
        query, settings, vectors = ask.query, self.settings, self.library.vectors
        diversity = settings.diversity if query.diversity is None else query.diversity
        share = settings.explore if query.explore is None else query.explore
        least = self._least(query)
        pool = order[: max(diversify.POOL, top)]
        similar = None if vectors is None else vectors.semantic[found.rows[pool]]
        chosen = [int(order[at]) for at in diversify.mmr(scores[order], similar, top, diversity, least)]
        if share <= 0:
            return chosen, {}
        new = self.library.recency[found.rows]
        if np.isfinite(table.column("own_uses")).any():
            new = new + (table.column("own_uses") == 0)  # what was never used comes before what is merely new
        shown = set(chosen)
        worth = [int(at) for at in order if at not in shown and scores[at] >= least]
        worth.sort(key=lambda at: (-float(new[at]), -float(scores[at])))
        worth = worth[: 4 * top]
        mixed = diversify.explore(chosen, worth, share, query.seed)
        drawn = [at for at in mixed if at not in shown]
        return mixed, dict.fromkeys(drawn, round(len(drawn) / max(1, len(worth)), 4))

    def _describe(
        self,
        chosen: list[int],
        chance: Mapping[int, float],
        scores: Floats,
        found: Candidates,
        table: SignalTable,
        ask: Ask,
        others: NDArray[np.int64],
        strengths: Sequence[Strength],
    ) -> list[Suggestion]:
        """Suggestions with their strengths, trigger words and reasons."""
        if not chosen:
            return []
        blend = self._blend if ask.seed_row < 0 else self._likeness
        inputs = blend.inputs(table, chosen)
        moved = explain.contributions(blend, inputs)
        if ask.consulted is not None and ask.seed_row < 0:
            shown = SignalTable(table.rows[chosen], table.names, table.values[chosen])
            moved |= self._personal.contributions(shown, blend.logits(inputs))
        active = {row: self.library.loras[row].name for row in ask.active_rows.tolist()}
        asked = Asked(self.library, ask.read)
        shown_signals = np.round(table.values[chosen].astype(np.float64), 4).tolist()
        versions = self._versions(found.rows[others])
        out = []
        for place, at in enumerate(chosen):
            row = int(found.rows[at])
            lora = self.library.loras[row]
            matches = asked.matches(row, int(found.best_chunk[at]))
            amounts = {family: float(values[place]) for family, values in moved.items()}
            fit = float(table.column("base_model_fit")[at])
            past = None
            if ask.consulted is not None and ask.seed_row < 0:
                past = Personally(ask.consulted.story(row), active)
            partner = self.library.loras.place.get(lora.partner)
            out.append(
                Suggestion(
                    lora=lora.path,
                    name=lora.name,
                    score=round(float(scores[at]), 4),
                    strength=strengths[place],
                    trigger_words=asked.triggers(row),
                    base_model=_base(lora),
                    reasons=explain.reasons(
                        table, at, lora, matches, amounts, _host_reasons(fit, lora), past, ask.seed_row >= 0
                    ),
                    signals={
                        name: value if isfinite(value) else None
                        for name, value in zip(SIGNALS, shown_signals[place], strict=True)
                    },
                    id=lora.id,
                    fingerprint=lora.fingerprint,
                    role=lora.role.value,
                    versions=tuple(versions.get(int(self.library.groups[row]), ())),
                    partner="" if partner is None else self.library.loras.paths[partner],
                    base_model_doubt=_doubt(fit, lora, ask.query.base_model),
                    preview=lora.preview,
                    propensity=chance.get(at, 1.0),
                )
            )
        return out


def _pool(top: int) -> int:
    """Candidates per source: the same for every list that a person reads, so that a longer one begins alike."""
    return PER_SOURCE if top <= SHORT_LIST else top


def _asks_for_speed(read: ReadPrompt) -> bool:
    """Whether a prompt asks for an accelerator by name."""
    return bool({"lcm", "lightning", "turbo", "dmd2", "hyper", "tcd", "pcm"} & read.terms.keys()) and bool(
        {"lora", "step", "accelerator", "fast", "lcm", "dmd2", "tcd", "pcm"} & read.terms.keys()
    )


def _base(lora: Lora) -> BaseModelFit | None:
    """The base model to show."""
    guess = lora.base_model
    return BaseModelFit(guess.name, round(guess.probability, 3)) if guess else None


def _host_reasons(fit: float, lora: Lora) -> tuple[Reason, ...]:
    """Reasons that stand outside the blend."""
    if np.isfinite(fit) and fit >= 0.9 and lora.base_model:
        return (Reason("base_model", f"made for {lora.base_model.name}, as your checkpoint", 0.0),)
    return ()


def _doubt(fit: float, lora: Lora, wanted: str | None) -> str:
    """A sentence when the base model probably does not match, else ""."""
    if not np.isfinite(fit) or fit >= DOUBTFUL_FIT:
        return ""
    made_for = lora.base_model.name if lora.base_model else "another base model"
    return f"made for {made_for}; may not work with {wanted}"
