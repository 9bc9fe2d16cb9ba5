"""The history: what the user made, was shown and did. The one door to its tables.

Two processes may write at once, and each call is one short transaction: a killed process loses at most what it was
writing. Nothing is ever recorded without a user, and of a user who switched the history off only explicit wishes
(like, dislike, hide and taking them back) are kept, without prompt: they are settings rather than traces.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..database import Database
from ..errors import StorageError, UsageError
from ..history_types import Event, EventKind, Generation, ImageFile, Impression, Linker, OutcomeKind, PastGeneration
from . import adding, deleting, derived, images, reading
from .adding import Added, UsageCount
from .deleting import Deleted
from .exporting import export
from .reading import OPINIONS, WISHES, Counts, PastCount
from .rows import touch
from .schema import PART, VERSION, migrate, tables


class Policy(Struct, frozen=True):
    """What may be recorded."""

    enabled: bool = True
    exclude: tuple[str, ...] = ()  # regular expressions; what matches a prompt anywhere, case ignored, is not stored


class History:
    """One user's history. Safe from many threads and processes; every call reads one consistent state.

    Times are seconds since the epoch. Periods are ``since <= time < until``. Reading, exporting and deleting work with
    recording switched off too; without a user there is nothing to read.

    All methods raise `StorageError` if the database fails.
    """

    def __init__(self, database: Database, user: str | None = "local", policy: Policy = Policy()) -> None:  # noqa: B008 (frozen)
        """Open the history's tables, made where absent.

        Args:
            database: where it is kept.
            user: whose it is; None: not known, so that nothing is recorded.
            policy: what may be recorded.

        Raises:
            StorageError: a newer lorarec made the tables, or the database fails.
            UsageError: an excluding pattern is no regular expression.
        """
        self._database = database
        self._user = user  # None has no rows: readers need not ask
        self._writer = user if policy.enabled else None  # who may write more than wishes
        self.recording = self._writer is not None
        self._exclude = [_pattern(text) for text in policy.exclude]
        database.ensure(PART, VERSION, lambda: tables().metadata, migrate)

    # -- recording --------------------------------------------------------------------------------------------------

    def add_generations(
        self,
        found: Sequence[tuple[Generation, ImageFile | None]],
        link: Linker,
        now: float | None = None,
    ) -> Added:
        """Store what was made, each with the file that shows it, or None from the act itself.

        The same content (prompts, LoRAs with strengths, checkpoint, seed, steps, sampler, size) is one generation
        however often it comes; what was stored of it first stays. Without a time of its own it was made when its file
        was last modified, else ``now`` (None: the clock). A file whose generation `teaches` nothing or has an excluded
        prompt is remembered as one that taught nothing.

        An image that was enlarged, or made again in a larger size, marks the smaller one made before it as UPSCALED:
        of the same prompts, LoRAs, checkpoint and seed.
        """
        if self._writer is None or not found:
            return Added()
        now = time.time() if now is None else now
        linked = adding.linking(link)
        batch: list[adding.Found] = []
        nothing: list[images.Seen] = []
        excluded = 0
        for generation, image in found:
            if self._excluded(generation.prompt):
                excluded += 1
                nothing += [images.Seen(image, None)] if image else []
            elif not generation.teaches:
                nothing += [adding.showing(generation, image)] if image else []
            else:
                batch.append(adding.prepare(generation, image, linked, now))
        with self._database.write() as connection:
            new, pointed = adding.put_generations(connection, self._writer, batch, nothing)
        return Added(new, pointed, excluded)

    def add_images(self, files: Sequence[ImageFile]) -> None:
        """Remember files that taught nothing, so that the next harvest need not read them."""
        if self._writer is not None and files:
            with self._database.write() as connection:
                adding.put_generations(connection, self._writer, (), [images.Seen(file, None) for file in files])

    def mark_gone(self, paths: Sequence[str], at: float) -> int:
        """Note that files were not there any more at a time; returns how many were thought to be.

        Those made less than seven days before get the outcome DELETED, until they are found again.
        """
        if self._writer is None or not paths:
            return 0
        with self._database.write() as connection:
            return images.mark_gone(connection, self._writer, paths, at)

    def mark_sources(self) -> int:
        """Look up the files that images say they started from; returns how many outcomes were news.

        Where one is a known image, and no other of that name was there before, it is marked UPSCALED if the image made
        from it was enlarged, else REUSED. To be called when all images at hand are known: a name must be unique.
        """
        if self._writer is None:
            return 0
        with self._database.write() as connection:
            return derived.mark_sources(connection, self._writer)

    def add_outcomes(self, outcomes: Sequence[tuple[str, OutcomeKind, float]]) -> int:
        """Store what became of image files: (path, what, when); returns how much of it was news.

        Unknown paths are passed over.
        """
        if self._writer is None or not outcomes:
            return 0
        with self._database.write() as connection:
            return images.add_outcomes(connection, self._writer, outcomes)

    def add_impression(self, impression: Impression) -> int | None:
        """Store an answer that was shown; its id, or None if it may not be stored."""
        if self._writer is None or self._excluded(impression.prompt):
            return None
        with self._database.write() as connection:
            return adding.put_impression(connection, self._writer, impression)

    def add_event(self, event: Event) -> int | None:
        """Store what the user did; its id, or None if it may not be stored.

        Wishes are always stored; where nothing else may be, without prompt, project and impression.
        """
        if self._user is None:
            return None
        if not self.recording or self._excluded(event.prompt):
            if event.kind not in WISHES:
                return None
            event = replace(event, prompt="", project="", impression=None)
        with self._database.write() as connection:
            return adding.put_event(connection, self._user, event)

    def add_usage(self, source: str, rows: Sequence[UsageCount], link: Linker) -> int:
        """Store what another tool counted, in place of what it said before; returns the number of its rows."""
        if self._writer is None:
            return 0
        with self._database.write() as connection:
            return adding.put_usage(connection, self._writer, source, rows, adding.linking(link))

    def relink(self, link: Linker) -> int:
        """Try unlinked and ambiguous LoRAs again; returns how many rows found theirs. Links once made stay."""
        if self._user is None:
            return 0
        with self._database.write() as connection:
            return adding.relink(connection, self._user, link)

    # -- remembering ------------------------------------------------------------------------------------------------

    def version(self) -> str:
        """Changes with everything that `past`, `events` or `usage` would tell; "" while nothing was ever recorded."""
        with self._database.peek() as connection:
            return reading.version(connection, self._user)

    def past(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        lora: str | None = None,
        project: str | None = None,
        limit: int | None = None,
        pattern: str | None = None,
    ) -> list[PastGeneration]:
        """Generations of a period, with a LoRA (catalogue id, or name as written), of a project; oldest first.

        Of more than ``limit`` the newest. ``pattern`` is a regular expression that the prompt matches anywhere, case
        ignored.

        Raises:
            UsageError: the pattern is none.
        """
        if pattern is not None:
            _pattern(pattern, "the pattern is")
        with self._database.read() as connection:
            return reading.past(connection, self._user, since, until, lora, project, limit, pattern)

    def events(
        self,
        *,
        lora: str | None = None,
        kinds: Collection[EventKind] | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Events about a LoRA, of some kinds, in the order they were recorded.

        Of more than ``limit`` the newest. The order is not that of their times: a clock can be set back.
        """
        with self._database.peek() as connection:
            return reading.events(connection, self._user, lora, kinds, limit)

    def prompts_of_all(self) -> list[str]:
        """Every prompt that anything was made with, whoever made it: to know what is in use, not to be shown."""
        with self._database.read() as connection:
            return reading.prompts_of_all(connection)

    def impressions_of(self, ids: Collection[int]) -> dict[int, Impression]:
        """Answers shown, by id; unknown ids are left out."""
        with self._database.read() as connection:
            return reading.impressions_of(connection, self._user, ids)

    def usage(self) -> list[PastCount]:
        """What other tools counted."""
        with self._database.read() as connection:
            return reading.usage(connection, self._user)

    def opinions(self) -> dict[str, int]:
        """``{catalogue id: 1 liked, -1 disliked}`` by the latest word on each."""
        with self._database.peek() as connection:
            last = reading.latest(connection, self._user, tuple(OPINIONS))
        return {lora: OPINIONS[kind] for lora, kind in last.items() if OPINIONS[kind]}

    def hidden(self) -> frozenset[str]:
        """Catalogue ids of LoRAs that the user never wants to see."""
        with self._database.peek() as connection:
            last = reading.latest(connection, self._user, (EventKind.HIDE, EventKind.SHOW))
        return frozenset(lora for lora, kind in last.items() if kind is EventKind.HIDE)

    def known_images(self, folder: str) -> dict[str, tuple[int, int]]:
        """``{path: (size, modified_ns)}`` of every file seen below a folder and not found gone since."""
        with self._database.read() as connection:
            return images.known(connection, self._user, folder)

    def counts(self) -> Counts:
        """How much the history holds."""
        with self._database.read() as connection:
            return reading.counts(connection, self._user)

    # -- the user's own data ----------------------------------------------------------------------------------------

    def delete(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        lora: str | None = None,
        pattern: str | None = None,
        everything: bool = False,
        before_wiping: Callable[[], object] = lambda: None,
    ) -> Deleted:
        """Delete for good: a period, what mentions a LoRA, what has such a prompt, these at once, or everything.

        ``lora`` is a catalogue id or a name as written, ``pattern`` a regular expression that the prompt matches
        anywhere, case ignored.

        What is liked, disliked and hidden holds on, without prompt and project, unless a LoRA or everything is named.

        The database file is then rewritten, so that no text that was deleted is left in it. Files whose generations are
        deleted by period, LoRA or pattern stay known by path, so that no harvest brings them back; with ``everything``
        these go too.

        Raises:
            UsageError: nothing was said to be deleted, or the pattern is none.
        """
        if "" in (lora, pattern) or (not everything and all(part is None for part in (since, until, lora, pattern))):
            raise UsageError("say what to delete: a period, a LoRA, a pattern of prompts or everything")
        if pattern is not None:
            _pattern(pattern, "the pattern is")
        if self._user is None:
            return Deleted()
        with self._database.write() as connection:
            if everything:
                deleted = deleting.delete_all(connection, self._user)
            else:
                deleted = deleting.delete(connection, self._user, since, until, lora, pattern)
            touch(connection, self._user)
        before_wiping()
        wiped = False
        with suppress(StorageError):  # the rows are gone; what is left of them is told by the flag
            wiped = self._database.compact()
        return replace(deleted, wiped=wiped)

    def export(self) -> Iterator[dict[str, Any]]:
        """Every row as a JSON-ready object, its ``kind`` first, as of the moment the first is asked for."""
        with self._database.read() as connection:
            yield from export(connection, self._user)

    def _excluded(self, prompt: str | None) -> bool:
        return prompt is not None and any(pattern.search(prompt) for pattern in self._exclude)


def _pattern(text: str, whose: str = "history_exclude holds") -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{whose} {text!r}, which is no regular expression ({error})") from None
