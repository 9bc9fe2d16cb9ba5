"""How the program does: health and statistics."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from .. import __version__
from ..encode.loans import Resident
from ..errors import UsageError
from ..timings import Latency
from .fields import Name, Nothing

if TYPE_CHECKING:
    from .context import Context


class Health(Struct, frozen=True, kw_only=True):
    """Whether it answers, and what it is."""

    status: str  # "ok"
    name: str  # "lorarec"
    version: str


class SuggestionCounts(Struct, frozen=True, kw_only=True):
    """Questions for suggestions since the start."""

    latency: Latency  # of those computed, from question to answer
    cached: int  # answered from memory
    dropped: int  # outdated before they were computed
    kept: int  # answers in memory


class IndexSize(Struct, frozen=True, kw_only=True):
    """How large the index is."""

    stage: str
    loras: int
    bytes: int  # of the index files, vectors included


class EncoderUse(Struct, frozen=True, kw_only=True):
    """The encoder of one lens."""

    lens: str
    model: str  # identity of its weights
    loaded: bool  # in memory now
    device: str  # where queries are encoded, "cpu"


class Unload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model to unload."""

    model: Name = ""  # as `models` of the statistics name it; "": all


class Unloaded(Struct, frozen=True, kw_only=True):
    """What came of it."""

    freed: int  # bytes of main memory
    models: tuple[Resident, ...]


class Statistics(Struct, frozen=True, kw_only=True):
    """Figures since the start."""

    uptime: float  # seconds
    suggestions: SuggestionCounts
    index: IndexSize
    encoders: tuple[EncoderUse, ...]  # none: matched by words only
    models: tuple[Resident, ...]  # everything that may be in memory, and what bulk work has on the graphics device


def health(context: Context, _: Nothing) -> Health:
    """Whether the server answers; opens nothing."""
    return Health(status="ok", name="lorarec", version=__version__)


def statistics(context: Context, _: Nothing) -> Statistics:
    """Latency, cache, index and encoders."""
    recommender = context.recommender()
    models = recommender.encoders.residents()
    loaded = {one.name for one in models if one.loaded}
    return Statistics(
        uptime=round(time.time() - context.started, 1),
        suggestions=SuggestionCounts(
            latency=context.latency.summary(),
            cached=context.answers.hits,
            dropped=context.turns.dropped,
            kept=len(context.answers),
        ),
        index=IndexSize(
            stage=recommender.stage,
            loras=len(recommender.loras()),
            bytes=_bytes(recommender.data_dir / "index"),
        ),
        encoders=tuple(
            EncoderUse(lens=lens, model=model, loaded=model in loaded, device="cpu")
            for lens, model in recommender.encoders.model_ids().items()
        ),
        models=models,
    )


def unload(context: Context, wanted: Unload) -> Unloaded:
    """Unload models; those in use go when that ends, and are loaded again when they are needed."""
    encoders = context.recommender().encoders
    if wanted.model and wanted.model not in {one.name for one in encoders.residents()}:
        raise UsageError(f"there is no model {wanted.model!r}; GET /statistics lists them")
    freed = encoders.unload(wanted.model)
    return Unloaded(freed=freed, models=encoders.residents())


def _bytes(folder: Path) -> int:
    """Size of all files below a folder that are there while we look."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
