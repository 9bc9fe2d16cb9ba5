"""The encoders of the profile in use: which are lacking, and fetching them, which somebody must ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from ..encode.missing import missing
from ..encode.pull import list_files, pull
from ..errors import UsageError
from ..jobs import JobState, Run
from ..types import Progress, ProgressSink
from .fields import Nothing
from .wire import Request

if TYPE_CHECKING:
    from .context import Context


class Lacking(Struct, frozen=True, kw_only=True):
    """A model that is wanted and not on this machine."""

    model: str
    lenses: tuple[str, ...]
    size: int | None  # bytes to download, about; null: known once the download was asked for


class EncoderState(Struct, frozen=True, kw_only=True):
    """What the profile in use lacks, and how fetching it stands. Asking for this asks no network."""

    profile: str
    missing: tuple[Lacking, ...]
    size: int | None  # bytes of all of them, about; null: known once the download was asked for
    fetchable: bool  # whether the job "encoder" can get them; not so for folders that are not there
    mirror: str | None  # the settings; null: this client may neither see nor change them
    proxy: str | None
    job: JobState


def state(context: Context, _: Nothing, request: Request) -> EncoderState:
    """Which encoders are lacking, how large they are, and how fetching them stands."""
    recommender = context.recommender()
    settings = recommender.settings
    lacking = missing(settings, recommender.data_dir)
    sizes = [one.size for one in lacking]
    trusted = context.trusts(request)
    return EncoderState(
        profile=settings.profile,
        missing=tuple(Lacking(model=context.public(one.name), lenses=one.lenses, size=one.size) for one in lacking),
        size=None if None in sizes else sum(size or 0 for size in sizes),
        fetchable=all(one.fetchable for one in lacking),
        mirror=settings.mirror if trusted else None,
        proxy=settings.proxy if trusted else None,
        job=context.public_state(context.encoder.state),
    )


def start(context: Context) -> JobState:
    """Begin to fetch what is lacking.

    Raises:
        UsageError: the settings name a folder that is not there, which no download can bring.
    """
    recommender = context.recommender()
    for one in missing(recommender.settings, recommender.data_dir):
        if not one.fetchable:
            raise UsageError(f"{one.problem[:1].upper()}{one.problem[1:]}; a folder cannot be downloaded")
    return context.encoder.start(lambda run: _fetch(context, run))


def _fetch(context: Context, run: Run) -> dict[str, Any] | None:
    """Download, then go on with the new encoders: the index is encoded and swapped in in the background."""
    recommender = context.recommender()
    settings, folder = recommender.settings, recommender.data_dir
    names = [one.name for one in missing(settings, folder)]
    sizes = [
        sum(file.size for file in list_files(name, mirror=settings.mirror, proxy=settings.proxy)) for name in names
    ]
    before = 0
    for name, size in zip(names, sizes, strict=True):
        told = _whole(run.progress, before, sum(sizes))
        path = pull(name, folder, mirror=settings.mirror, proxy=settings.proxy, progress=told, cancelled=run.stop)
        if path is None:
            return None
        before += size
    context.keeper.reopen()
    if context.recommender().roots:
        context.recommender().start_refresh()
    return {"models": names}


def _whole(sink: ProgressSink, before: int, total: int) -> ProgressSink:
    """Progress of one download as part of all of them, in bytes."""

    def told(step: Progress) -> None:
        done = before + step.done
        left = (total - done) / step.rate if step.rate else None
        sink(replace(step, done=done, total=total, seconds_left=left))

    return told
