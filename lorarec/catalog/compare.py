"""How the disk differs from the catalogue: what is new, changed, moved, gone or back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from ..errors import BadFile
from ..paths import is_folder
from .files import LoraFile
from .fingerprint import Gone, Place, fingerprint, rebind
from .ledger import Known


class Difference(Struct):
    """How the disk differs from the catalogue."""

    describe: list[LoraFile]
    new: set[Place]  # of these: the ones without a record
    moved: dict[int, Place]  # key of the record: where its file is now; also in `describe`
    missing: list[Known]
    returned: list[Known]
    prints: dict[Place, str]  # fingerprints taken on the way


def compare(
    files: Sequence[LoraFile], known: Sequence[Known], roots: Sequence[str], check: Callable[[], object]
) -> Difference:
    """What is new, changed, moved, gone or back.

    Args:
        files: everything found.
        known: everything ever seen, the oldest record first.
        roots: the roots that were listed.
        check: called now and then while files are read.
    """
    # Where a path had several records in its time, the one present counts, else the last one.
    at: dict[str, dict[str, Known]] = {}
    for record in sorted(known, key=_is_present) if any(k.missing for k in known) else known:
        at.setdefault(record.root, {})[record.path] = record
    result = Difference([], set(), {}, [], [], {})
    unseen = {k.key: k for k in known}
    replaced: dict[Place, Known] = {}  # records whose file has other contents now
    for file in files:
        here = at.get(file.root)
        match = here.get(file.path) if here else None
        if match is None:
            result.new.add((file.root, file.path))
            result.describe.append(file)
            continue
        del unseen[match.key]
        if match.stamp != file.stamp:
            result.describe.append(file)
            if (match.size, match.modified_ns) != (file.size, file.modified_ns):
                replaced[file.root, file.path] = match
        elif match.missing:
            result.returned.append(match)
    listed = set(roots)
    gone_roots = {root for root in {k.root for k in unseen.values()} - listed if not is_folder(root)}
    result.missing = [k for k in unseen.values() if not k.missing and (k.root in listed or k.root in gone_roots)]
    _find_moved(result, unseen, replaced, listed, check)
    return result


def _is_present(record: Known) -> bool:
    return not record.missing


def _find_moved(
    result: Difference,
    unseen: dict[int, Known],
    replaced: dict[Place, Known],
    listed: set[str],
    check: Callable[[], object],
) -> None:
    """Tell moved files from new ones by fingerprint. Reads only files as large as a record that lost its file."""
    sizes = {k.size for k in unseen.values()} | {k.size for k in replaced.values()}
    for file in result.describe:
        place = (file.root, file.path)
        if (place in result.new or place in replaced) and file.size in sizes:
            check()
            try:
                result.prints[place] = fingerprint(file.absolute, file.size)
            except BadFile:
                continue  # describing it will say so
    for place, print_ in result.prints.items():
        if place in replaced and replaced[place].fingerprint == print_:
            del replaced[place]  # written anew with the same contents
    wanted = {p: print_ for p, print_ in result.prints.items() if p in result.new or p in replaced}
    found: dict[str, list[Place]] = {}
    for place, print_ in wanted.items():
        found.setdefault(print_, []).append(place)
    gone = [k for k in unseen.values() if _is_gone(k, found.get(k.fingerprint, []), listed)] + list(replaced.values())
    keys = {k.id: k.key for k in gone}
    pairs = rebind([Gone(k.id, k.root, k.path, k.fingerprint) for k in gone], wanted)
    moved = {keys[id_]: place for place, id_ in pairs.items()}
    own = {record.key: place for place, record in replaced.items()}
    result.moved = {key: place for key, place in moved.items() if own.get(key) != place}
    taken = set(result.moved.values())
    result.new -= taken
    for place, record in replaced.items():
        if record.key in result.moved and place not in taken:
            result.new.add(place)  # its record went with the contents
        elif record.key not in result.moved and place in taken and not record.missing:
            result.missing.append(record)  # another's contents took its place, its own are nowhere
    result.missing = [k for k in result.missing if k.key not in result.moved]


def _is_gone(record: Known, places: list[Place], listed: set[str]) -> bool:
    """Whether a record's file, found again at these places, really left its own: a scan does not list every folder."""
    if not places:
        return False
    path = Path(record.root, record.path)
    if not os.path.lexists(path):
        return True
    if record.root not in listed:
        return False  # another program's name for it, perhaps, and still good there
    try:
        # The same file under another name: a change of case on Windows or macOS, or another way to its folder.
        return any(path.samefile(Path(*place)) for place in places)
    except OSError:
        return True
