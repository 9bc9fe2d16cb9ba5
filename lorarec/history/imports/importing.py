"""What other tools know -> the history."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from ...errors import UsageError
from ...history_types import Linker
from ...meter import Gate, Meter, Stopped
from ...types import Cancelled, ProgressSink, ScanProblem
from ..adding import UsageCount
from ..store import History
from ..tally import Names, Tally
from .load import load


class ImportReport(Struct, frozen=True, kw_only=True):
    """What one import brought."""

    sources: dict[str, int] = {}  # what was read, generations and counts, by tool and store
    generations: int = 0  # that the history did not have
    images: int = 0  # files that it did not know to show a generation
    excluded: int = 0  # generations whose prompt the settings keep out of the history
    usage: int = 0  # counts without prompts; they replace what the same tool said at the import before
    liked: int = 0  # images newly known to be liked
    linked: dict[str, int] = {}  # LoRAs by the evidence that linked them to an installed one
    ambiguous: Names = Names()  # LoRAs that several installed ones could be
    unknown: Names = Names()  # LoRAs that are not installed
    problems: tuple[ScanProblem, ...] = ()
    cancelled: bool = False
    seconds: float = 0.0


def import_usage(
    history: History,
    paths: Sequence[str | Path],
    link: Linker,
    *,
    known: Callable[[str], bool] = lambda name: False,
    progress: ProgressSink | None = None,
    cancelled: Cancelled | None = None,
    paused: Callable[[], bool] | None = None,
) -> ImportReport:
    """Read other tools' files and store what they tell; the same again changes nothing.

    Args:
        history: written part by part; what was stored stays when the import is cancelled.
        paths: files of other tools, or folders with such files below them, see `load`.
        link: from a LoRA as they name it to the installed one.
        known: whether a string names an installed LoRA.
        progress: told of stage "import".
        cancelled: asked before each part.
        paused: while it says True the import waits.

    Raises:
        UsageError: nothing may be recorded.
        BadFile: a path cannot be read, is none of the files understood, or a folder holds none.
        StorageError: the database fails.
    """
    if not history.recording:
        raise UsageError("the history is off, so that nothing can be imported; turn it on with the setting history")
    begun = time.monotonic()
    gate, meter, tally = Gate(cancelled, paused), Meter(progress, "import"), Tally(link)
    sources: Counter[str] = Counter()
    counts: dict[str, list[UsageCount]] = {}
    generations = images = excluded = usage = liked = 0
    problems: list[ScanProblem] = []
    try:
        for path in paths:
            for part in load(path, known):
                gate.check(meter)
                added = history.add_generations(part.generations, tally)
                generations += added.generations
                images += added.images
                excluded += added.excluded
                liked += history.add_outcomes(part.outcomes)
                counts.setdefault(part.source, []).extend(part.usage)
                for generation, _ in part.generations:
                    tally.count(generation.loras)
                tally.count(dict.fromkeys(row.use for row in part.usage))
                sources[part.source] += len(part.generations) + len(part.usage)
                problems += part.problems
                meter.step(len(part.generations) + len(part.usage), note=part.source)
        for source, rows in counts.items():  # all at once, for they replace what was said before
            usage += history.add_usage(source, rows, tally) if rows else 0
        meter.finish()
    except Stopped:
        pass
    return ImportReport(
        sources=dict(+sources),
        generations=generations,
        images=images,
        excluded=excluded,
        usage=usage,
        liked=liked,
        linked=tally.linked,
        ambiguous=tally.ambiguous,
        unknown=tally.unknown,
        problems=tuple(problems),
        cancelled=gate.stopped,
        seconds=time.monotonic() - begun,
    )
