"""Bring the catalogue up to date with the disk: incremental, cancellable, safe to kill at any moment.

What did not change costs a directory listing and a stat. Files are described outside of transactions and stored in
batches, so that other processes never wait long and a killed scan loses one batch at most.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import BadFile
from ..meter import Gate, Meter, Stopped
from ..paths import printable
from ..types import Cancelled, Lora, ProgressSink, ScanProblem, ScanReport
from .compare import Difference, compare
from .files import LoraFile
from .fingerprint import fingerprint
from .ledger import Entry, pack
from .partners import pair, suspected
from .store import Catalog
from .walk import Walk

if TYPE_CHECKING:
    from .describe import Described

BATCH = 200  # files per transaction
BATCH_SECONDS = 2.0  # and no later than this, so that a slow drive shows results too
AHEAD = 16  # files that the system is told of before their turn
AHEAD_BYTES = 1 << 18  # of each: more than nearly every header

_log = logging.getLogger(__name__)
Describe = Callable[[LoraFile], "Described"]


def scan(
    catalog: Catalog,
    roots: Sequence[str | os.PathLike[str]],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    progress: ProgressSink | None = None,
    cancelled: Cancelled | None = None,
    paused: Callable[[], bool] | None = None,
    describe: Describe | None = None,
) -> ScanReport:
    """Make the catalogue agree with the LoRA files below the roots.

    LoRAs of other roots stay as they are, for another program may share the catalogue; they become missing only when
    their root folder is gone. If nothing changed, nothing is written.

    Args:
        catalog: to bring up to date.
        roots: LoRA folders in order of precedence.
        include: only below these root-relative folders; none: everything.
        exclude: not below these root-relative folders.
        progress: told of stage "scan", at most ten times a second; ``total`` is None while folders are listed.
        cancelled: asked often; what was stored before it said True stays.
        paused: while it says True the scan waits.
        describe: reads one file; for tests. Default: `describe.describe`.

    Raises:
        StorageError: the database fails.
    """
    if describe is None:
        from .describe import describe as describe_file

        describe = describe_file
    begun = time.monotonic()
    gate = Gate(cancelled, paused)
    meter = Meter(progress, "scan")
    known = catalog.ledger.known()  # before listing: what another process adds meanwhile then is not taken for gone
    walk = Walk(roots, include, exclude, on_folder=lambda: gate.check(meter))
    files: list[LoraFile] = []
    added = changed = 0
    difference: Difference | None = None
    try:
        for folder in walk:
            files += folder
            meter.step(len(folder), note=folder[0].path)
        difference = compare(files, known, walk.roots, lambda: gate.check(meter))
        if difference.moved or difference.missing or difference.returned:
            catalog.ledger.relocate(difference.moved, difference.missing, difference.returned)
        meter = Meter(progress, "scan", len(difference.describe))
        elsewhere = set(difference.moved.values())
        for batch in _described(difference, describe, gate, meter):
            catalog.ledger.put(batch)
            places = [(entry.root, entry.path) for entry in batch]
            added += sum(place in difference.new for place in places)
            changed += sum(place not in difference.new and place not in elsewhere for place in places)
        _pair(catalog)
        meter.finish()
    except Stopped:
        _log.info("scan cancelled after %d files", added + changed)
    return ScanReport(
        found=len(files),
        added=added,
        changed=changed,
        moved=len(difference.moved) if difference else 0,
        missing=catalog.count(missing=True),
        problems=(*walk.problems, *catalog.problems(walk.roots)),
        cancelled=gate.stopped,
        seconds=time.monotonic() - begun,
    )


def _described(difference: Difference, describe: Describe, gate: Gate, meter: Meter) -> Iterator[list[Entry]]:
    """Describe what must be, in batches. What was described when the scan is cancelled still comes out."""
    batch: list[Entry] = []
    since = time.monotonic()
    try:
        for number, file in enumerate(difference.describe):
            gate.check(meter)
            for ahead in difference.describe[number + AHEAD : number + AHEAD + 1]:
                _announce(ahead)
            entry = _entry(file, describe, difference.prints.get((file.root, file.path)))
            if entry:
                batch.append(entry)
            meter.step(note=file.path)
            if len(batch) >= BATCH or time.monotonic() - since > BATCH_SECONDS:
                if batch:
                    yield batch
                batch, since = [], time.monotonic()
    except Stopped:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _announce(file: LoraFile) -> None:
    """Ask the system to read the start of a file soon, so that parsing one overlaps with the disk fetching the next."""
    if not hasattr(os, "posix_fadvise"):
        return
    try:
        handle = os.open(os.path.join(file.root, file.path), os.O_RDONLY)
    except OSError:
        return  # its turn to be reported comes later
    try:
        os.posix_fadvise(handle, 0, AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
    except OSError:
        pass  # a file system without it: the file is read when its turn comes
    finally:
        os.close(handle)


def _entry(file: LoraFile, describe: Describe, known_print: str | None) -> Entry | None:
    """Describe one file; None if it has vanished since it was listed."""
    path = os.path.join(file.root, file.path)  # a Path costs as much as reading the samples
    digest: str | None = None
    stamp = file.stamp
    try:
        found = describe(file)
        record, claims = pack(found.lora, found.claims)
        problems, digest = list(found.problems), found.digest
    except Exception as error:  # the boundary to files that anybody may have made: one must never end the scan
        _log.debug("cannot describe %s", printable(path), exc_info=True)
        bare = Lora(id="", root=file.root, path=file.path, size=file.size, modified=file.modified_ns / 1e9)
        record, claims = pack(bare, ())
        if isinstance(error, BadFile):
            text = str(error)
        else:  # our fault, not the file's: try again at the next scan
            text, stamp = f"could not be understood ({error!r})", ""
        problems = [ScanProblem(file.path, f"{text}; it is listed by its name only")]
    try:
        print_ = known_print or fingerprint(path, file.size, digest)
    except BadFile as error:
        if not os.path.lexists(path):
            return None
        print_ = ""
        problems = problems or [ScanProblem(file.path, str(error))]
    return Entry(
        file.root,
        file.path,
        file.size,
        file.modified_ns,
        stamp,
        print_,
        record,
        claims,
        tuple(ScanProblem(printable(p.path), printable(p.message)) for p in problems),
    )


def _pair(catalog: Catalog) -> None:
    """Look for pairs anew if anything changed since the last time."""
    names = catalog.ledger.unpaired()
    if names is not None:
        suspects = [id_ for id_, path in names if suspected(path)]
        catalog.ledger.set_partners(pair(catalog.by_ids(suspects)))
