"""Full hashes of LoRA files, only when asked for: they link images and imports to files, and read every byte.

SHA-256 of the file (AutoV2 is its first ten digits) and of what follows the safetensors header (AutoV3: first twelve).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from ..errors import BadFile
from ..meter import Meter
from ..paths import SAFETENSORS, printable
from ..types import ProgressSink, ScanProblem
from .ledger import Hashes, Known
from .store import Catalog

CHUNK = 4 * 1024 * 1024
COMMIT_BYTES = 256 * 1024 * 1024  # store results after so many bytes read: a killed run repeats no more
HEADER_CAP = 64 * 1024 * 1024


class HashReport(Struct, frozen=True):
    """What one run of `hash_all` did."""

    hashed: int
    waiting: int  # still without hashes
    problems: tuple[ScanProblem, ...]


def hash_all(catalog: Catalog, progress: ProgressSink | None = None) -> HashReport:
    """Hash every present file that has no hashes of its present state; a later call goes on where this one ended.

    What was hashed is stored also when it is interrupted, by Ctrl-C or by what ``progress`` raises.

    Args:
        catalog: read and written.
        progress: told of stage "hash" every few megabytes; the time left is reckoned by bytes.

    Raises:
        StorageError: the database fails.
    """
    waiting = catalog.ledger.unhashed()
    whole = sum(known.size for known in waiting) or 1
    meter = Meter(progress, "hash", len(waiting))
    problems: list[ScanProblem] = []
    results: dict[int, Hashes] = {}
    hashed = behind = stored = 0

    def pulse(count: int) -> None:
        nonlocal behind
        behind += count
        meter.step(0, share=min(behind / whole, 1.0))

    try:
        for known in waiting:
            try:
                results[known.key] = _hash_known(known, pulse)
                hashed += 1
            except BadFile as error:
                problems.append(ScanProblem(printable(Path(known.root, known.path)), printable(str(error))))
            meter.step(note=known.path, share=min(behind / whole, 1.0))
            if behind - stored >= COMMIT_BYTES and results:
                catalog.ledger.put_hashes(results)
                results, stored = {}, behind
    finally:
        if results:
            catalog.ledger.put_hashes(results)
    meter.finish()
    return HashReport(hashed, len(waiting) - hashed, tuple(problems))


def hash_file(path: Path, pulse: Callable[[int], None] | None = None) -> tuple[str, str]:
    """SHA-256 of a file, and of what follows its safetensors header ("" without one), as lower-case hex.

    Args:
        path: any file.
        pulse: called with the number of bytes after each chunk; what it raises ends the reading.

    Raises:
        BadFile: the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            start = _tensors_start(file.read(8), path)
            file.seek(0)
            sha256, autov3 = hashlib.sha256(), hashlib.sha256()
            at = 0
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                if start and at + len(chunk) > start:
                    autov3.update(memoryview(chunk)[max(0, start - at) :])
                at += len(chunk)
                if pulse:
                    pulse(len(chunk))
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    return sha256.hexdigest(), autov3.hexdigest() if start else ""


def _hash_known(known: Known, pulse: Callable[[int], None]) -> Hashes:
    path = Path(known.root, known.path)
    sha256, autov3 = hash_file(path, pulse)
    try:
        status = path.stat()
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}); scan again") from error
    if (status.st_size, status.st_mtime_ns) != (known.size, known.modified_ns):
        raise BadFile(f"{path} has changed since the last scan; scan again, then hash it")
    return Hashes(known.size, known.modified_ns, sha256, autov3)


def _tensors_start(head: bytes, path: Path) -> int:
    """Offset of the first tensor byte, 0 if this is no safetensors file."""
    length = int.from_bytes(head, "little")
    is_safetensors = path.suffix.lower() in SAFETENSORS and len(head) == 8
    return 8 + length if is_safetensors and length <= HEADER_CAP else 0
