"""Libraries of a benchmark laid on disk as other tools leave them, each opened as a user would open it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import base_models
from ..history_types import Generation, Use
from ..library import texts_of
from ..measure.bench_data import Bench, Label, Row
from ..measure.lay import lay
from ..measure.protocol import TOP, Setup
from ..measure.users import times
from ..measure.warm import Known
from ..rank import personal
from ..rank.blend import FoldScorer, shipped
from ..rank.personal import Personal
from ..settings import Settings
from ..types import Active, ProgressSink, Query, Safety

if TYPE_CHECKING:
    from ..recommender import Recommender


class Laid:
    """Libraries of a benchmark on disk, each opened as a user would open it."""

    def __init__(self, bench: Bench, work: Path, settings: Settings, folds: dict[str, int] | None, meter: Any) -> None:
        """``folds`` maps bench ids to folds; None uses the shipped model."""
        self._bench, self._work, self._settings, self._meter = bench, work, settings, meter
        self._folds = folds
        names = ("corpus.jsonl.gz", "examples.jsonl.gz", "libraries.json")
        parts = [(bench.folder / name).read_bytes() for name in names if (bench.folder / name).is_file()]
        self._bench_key = hashlib.blake2b(b"".join(parts), digest_size=4).hexdigest()

    def folder(self, setup: Setup) -> Path:
        """Where a library is laid; the name holds all that its content depends on."""
        state = repr((setup.ids, setup.bare, setup.kinds, setup.stats))
        digest = hashlib.blake2b(state.encode(), digest_size=4).hexdigest()
        return self._work / "libraries" / self._bench_key / f"{setup.name.replace(':', '-')}-{digest}"

    @contextmanager
    def open(self, setup: Setup) -> Iterator[OpenLibrary]:
        """Lay a library unless it lies there, index it, and close it at the end."""
        from ..recommender import Recommender

        folder = self.folder(setup)
        laid = lay(self._bench, folder, setup.ids, bare=setup.bare, kinds=setup.kinds, stats=setup.stats)
        folds: dict[str, int] = {}  # by catalogue id, known after the scan
        scorer = None
        if self._folds is not None:
            scorer = Personal(FoldScorer(shipped(), folds), personal.shipped(), folds)
        user = None if setup.past is None else f"evaluate {uuid.uuid4().hex}"  # a past must not know its own future
        recommender = Recommender.open(
            [folder], self._work, settings=self._settings, scorer=scorer, user=user, keep_vectors=True
        )
        try:
            recommender.refresh(self._meter)
            # Where all vectors lie there already nothing was encoded, and the first prompts would be matched by words.
            recommender.encoders.prepare()
            if self._folds is not None:
                folds.update({lora.id: self._folds[laid[lora.path]] for lora in recommender.loras()})
            opened = OpenLibrary(recommender, laid, self._meter)
            if setup.past is not None:
                opened.remember(setup.past)
            yield opened
        finally:
            if user is not None:
                recommender.memory.delete(everything=True)
            recommender.close()


class OpenLibrary:
    """A recommender that speaks in bench ids; implements `warm.Recalling`."""

    def __init__(self, recommender: Recommender, laid: dict[str, str], meter: ProgressSink | None = None) -> None:
        """``laid`` maps root-relative paths to bench ids."""
        self.recommender = recommender
        self.meter = meter
        self._id_at = laid
        self._path_of = {name: path for path, name in laid.items()}

    def rank(self, prompt: str, top: int = TOP, active: Sequence[Label] = ()) -> list[tuple[str, float]]:
        """All that qualifies, best first: nothing filtered, collapsed or mixed in."""
        query = Query(
            prompt=prompt,
            active=self._active(active),
            safety=Safety.EXPLICIT,
            min_score=0.0,
            diversity=0.0,
            explore=0.0,
            collapse=False,
        )
        found = self.recommender.recommend(query, top).suggestions
        return [(self._id_at[suggestion.lora], suggestion.score) for suggestion in found]

    def strengthen(self, lora: str, row: Row) -> float:
        """The strength of one LoRA, the row's other LoRAs being active with the strengths their user gave them."""
        others = self._active([label for label in row.loras if label.id != lora])
        query = Query(prompt=row.prompt, active=others, safety=Safety.EXPLICIT)
        return self.recommender.strength(self._path_of[lora], query).model

    def _active(self, labels: Sequence[Label]) -> tuple[Active, ...]:
        """The installed ones of some labels as active LoRAs."""
        return tuple(
            Active(self._path_of[label.id], 1.0 if label.weight is None else label.weight)
            for label in labels
            if label.id in self._path_of
        )

    def texts(self, ids: Sequence[str]) -> list[str]:
        """What LoRAs depict, as the encoder reads it."""
        return [texts_of(self.recommender.details(self._path_of[one]).lora).semantic for one in ids]

    def remember(self, past: Known, first: int = 0) -> None:
        """Add to the user's own history, as if each prompt had been made on its day."""
        memory = self.recommender.memory
        generations = [
            Generation(
                prompt=row.prompt,
                loras=tuple(
                    Use(name=self._path_of.get(label.id, label.id), strength=label.weight) for label in row.loras
                ),
                checkpoint=row.base_model or "",
                base_model=base_models.named(row.base_model),
                made=made,
                seed=first + at,
                host="evaluate",
                reader="evaluate",
            )
            for at, (row, made) in enumerate(zip(past.rows, times(past.days, first), strict=True))
        ]
        memory.history.add_generations([(generation, None) for generation in generations], memory.links)
        self.recommender.learn(self.meter if len(generations) > 1 else None)
