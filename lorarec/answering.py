"""Questions -> answers: each asked of the library served now and of what is known of the user, the last ones kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from . import library as library_module
from .asking import ask, warm
from .current_library import Ready
from .encode.lender import Lender
from .errors import UsageError
from .knowledge import UserKnowledge, wishes_only
from .library import Library
from .pipeline import Ask, Pipeline
from .prompt.read import read
from .recent import Recent
from .settings import Settings
from .timings import Lap, no_lap
from .types import Lora, Query, Safety, Suggestions

T = TypeVar("T")

MOST = 1000  # suggestions of one answer
STEP_EVERY = 60.0  # seconds between two looks for a profile that suits memory better
_KEPT = 32  # answers, for when the same is asked again


class Answering:
    """Answers questions about whichever library it is given. Safe from many threads."""

    def __init__(
        self,
        settings: Settings,
        encoders: Lender,
        knowledge: Callable[[Library], UserKnowledge | None],
        state: Callable[[Ready], Hashable],
        step: Callable[[], object],
    ) -> None:
        """Begin without a thread.

        Args:
            settings: dials.
            encoders: read the prompts.
            knowledge: of the user, beside a library.
            state: all that an answer depends on beside the question, of what is served: as long as it stays equal, so
                does the answer.
            step: called now and then when another profile may suit memory better: a smaller one where a prompt could
                not be encoded, the user's own where there may be room for it again.
        """
        self._settings, self._encoders = settings, encoders
        self._knowledge, self._state, self._step = knowledge, state, step
        self._answers: Recent[Suggestions] = Recent(_KEPT)
        self._warmed: Pipeline | None = None  # for which the encoder was loaded
        self._stepped = float("-inf")
        self._opened = time.monotonic()
        self._beside = ThreadPoolExecutor(1, "lorarec-words")  # its thread starts with the first prompt

    def close(self) -> None:
        """Begin nothing beside an answer any more."""
        self._beside.shutdown(wait=False, cancel_futures=True)

    def recommend(self, now: Ready, query: Query, top: int | None, lap: Lap = no_lap) -> Suggestions:
        """Suggest LoRAs for a prompt, see `Recommender.recommend`.

        Args:
            now: what is served.
            query: the question.
            top: how many; None: the setting.
            lap: told of each part of the answer as it ends; it is then neither taken from memory nor kept.
        """
        started = time.perf_counter()
        if query.prompt.strip():
            self._warm(now)
        key = (query, top, self._state(now))
        if lap is not no_lap:
            return self._answer(now, query, top, started, lap)
        known = self._answers.get(key)
        if known is not None:
            return replace(known, took_ms=round((time.perf_counter() - started) * 1000, 2))
        answer = self._answer(now, query, top, started, lap)
        if answer.stage == now.stage:  # not one by words because an encoder could not be had for the moment
            self._answers.put(key, answer)
        return answer

    def similar(self, now: Ready, lora: Lora, top: int | None, started: float) -> Suggestions:
        """Suggest LoRAs like an installed one, given with its long texts; ``started`` is `time.perf_counter` then.

        Raises:
            UsageError: ``top`` is out of bounds.
        """
        library = now.pipeline.library
        row = now.lookup.row(lora.id)
        text = ", ".join(part for part in library_module.similar_text(lora) if part)
        least = Safety.SUGGESTIVE if lora.safety is None else max(lora.safety, Safety.SUGGESTIVE)
        query = Query(prompt=text, safety=least, min_score=0.0)
        # Its own vectors say better what it is than an encoding of its words would, and cost nothing.
        known = self._knowledge(library)
        consulted = wishes_only(known) if known is not None else None  # what is hidden stays hidden
        asked = Ask(query, read(query), library.as_query(row), (), np.zeros(0, np.int64), row, consulted=consulted)
        return now.pipeline.suggestions(asked, self._count(top), started, now.stage)

    def ask(self, now: Ready, query: Query, lap: Lap = no_lap) -> Ask:
        """Read and encode a query, and ask what is known of the user about it."""
        library, known = now.pipeline.library, self._knowledge(now.pipeline.library)
        asked = ask(
            query,
            library,
            now.lookup,
            self._encoders,
            known,
            lap,
            self._begin if lap is no_lap else lambda work: None,
            now.pipeline.nearest,
        )
        self._step_soon(asked.vectors is None and library.vectors is not None and bool(asked.read.text))
        return asked

    def _answer(self, now: Ready, query: Query, top: int | None, started: float, lap: Lap) -> Suggestions:
        for name in ("min_score", "diversity", "explore"):
            value = getattr(query, name)
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{name} is {value}; it must lie between 0 and 1")
        count = self._count(top)
        asked = self.ask(now, query, lap)
        worded = asked.vectors is None and bool(asked.read.text)
        return now.pipeline.suggestions(asked, count, started, "lexical" if worded else now.stage, lap)

    def _count(self, top: int | None) -> int:
        count = self._settings.top if top is None else top
        if not 1 <= count <= MOST:
            raise UsageError(f"top is {count}; it must lie between 1 and {MOST}")
        return count

    def _warm(self, now: Ready) -> None:
        """Load the encoder beside what else a first answer waits for."""
        model = now.pipeline.library.models.get("semantic")
        if self._warmed is not now.pipeline and model and self._encoders.available:
            self._warmed = now.pipeline
            self._begin(partial(warm, self._encoders, model))

    def _begin(self, work: Callable[[], T]) -> Future[T] | None:
        """Have something done beside an answer; None if this was closed, perhaps while the answer was on its way."""
        with suppress(RuntimeError):
            return self._beside.submit(work)
        return None

    def _step_soon(self, short: bool) -> None:
        """See in the background, once in a while, whether another profile suits: a smaller one where memory was short
        for a query, the user's own where there is room for it again. A process of one question does not begin that.
        """
        moment = time.monotonic()
        since = self._stepped if short else max(self._stepped, self._opened)
        if moment - since > STEP_EVERY and (self._encoders.may_step_down if short else self._encoders.may_step_up):
            self._stepped = moment
            self._step()
