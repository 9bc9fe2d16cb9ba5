"""Infinite Image Browsing (``iib.db``): the images it knows with their infotext, and which of them the user liked.

Tables image(id, path, exif, size, date), tag(id, name, type) and image_tag(image_id, tag_id, created_at). Its infotext
is complete for images of the WebUI. For those of other programs it is a digest that leaves LoRAs out: these are read
from the image itself, or left out where that is gone, for "no LoRA" would be a lie.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from ...errors import BadFile
from ...history_types import Generation, ImageFile, OutcomeKind, Use
from ...paths import exists
from ...types import ScanProblem
from ..harvest.base_model import with_base_model
from ..harvest.metadata import read_metadata
from ..harvest.readers import read_generation
from ..harvest.values import moment, whole
from .imported import Imported, absolute, text
from .sqlite import columns

SOURCE = "infinite-image-browsing"
LIKE = "like"  # its built-in custom tag
PART = 1000  # images at a time
_TABLES = {
    "image": {"id", "path", "exif", "size", "date"},
    "tag": {"id", "name", "type"},
    "image_tag": {"image_id", "tag_id"},
}
_PROGRAM = re.compile(r",?\s*Source Identifier: ([^,\n]*)")
_WEBUI = "Stable Diffusion web UI"


def recognises(connection: sqlite3.Connection) -> bool:
    """Whether this is its database."""
    return all(wanted <= columns(connection, table) for table, wanted in _TABLES.items())


def read(connection: sqlite3.Connection, known: Callable[[str], bool]) -> Iterator[Imported]:
    """Generations with their images, and likes, a thousand images at a time. Raises `sqlite3.DatabaseError`."""
    tagged, liked = _lora_tags(connection), _likes(connection)
    cursor = connection.execute("SELECT id, path, exif, size, date FROM image ORDER BY id")
    while rows := cursor.fetchmany(PART):
        generations: list[tuple[Generation, ImageFile | None]] = []
        outcomes: list[tuple[str, OutcomeKind, float]] = []
        problems: list[ScanProblem] = []
        lost: list[str] = []
        for id_, path, exif, size, date in rows:
            place, infotext, seen = text(path), text(exif), moment(date)
            if not absolute(place):
                continue  # relative to a folder that only its owner knows
            program = _PROGRAM.search(infotext)
            own = program is not None and program[1].strip() != _WEBUI
            if own and not exists(place):
                lost.append(place)
                continue
            try:
                texts = read_metadata(place) if own else {"parameters": _PROGRAM.sub("", infotext)}
                generation = read_generation(texts, known) or _tagged(tagged.get(id_, ()))
            except BadFile as error:
                problems.append(ScanProblem(place, str(error)))
                continue
            if generation is None:
                continue
            made = seen if generation.made is None else generation.made
            generation = with_base_model(replace(generation, made=made))
            generations.append((generation, _image(place, whole(size) or 0, seen or 0.0)))
            if id_ in liked:
                outcomes.append((place, OutcomeKind.LIKED, liked[id_] or seen or 0.0))
        if lost:
            more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
            problems.append(ScanProblem(lost[0], f"gone{more}, and what is kept of it leaves its LoRAs out; left out"))
        yield Imported(
            source=SOURCE, generations=tuple(generations), outcomes=tuple(outcomes), problems=tuple(problems)
        )


def _tagged(names: Sequence[str]) -> Generation | None:
    """What the tags of an image without infotext tell."""
    if not names:
        return None
    uses = tuple(Use(name=name) for name in names)
    return Generation(prompt=None, loras=uses, host="a1111", reader=f"{SOURCE}:tags")


def _image(path: str, size: int, seen: float) -> ImageFile:
    """The file as it is; where it is gone, as it was."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return ImageFile(path, size, int(seen) * 1_000_000_000)
    return ImageFile(path, status.st_size, status.st_mtime_ns)


def _lora_tags(connection: sqlite3.Connection) -> dict[int, list[str]]:
    """Names of the LoRAs of each image that has no infotext."""
    found: dict[int, list[str]] = {}
    query = (
        "SELECT image.id, tag.name FROM image JOIN image_tag ON image_tag.image_id = image.id "
        "JOIN tag ON tag.id = image_tag.tag_id "
        "WHERE tag.type IN ('lora', 'lyco') AND coalesce(image.exif, '') = '' ORDER BY tag.id"
    )
    for id_, name in connection.execute(query):
        if cleaned := text(name):
            found.setdefault(id_, []).append(cleaned)
    return found


def _likes(connection: sqlite3.Connection) -> dict[int, float | None]:
    """Images with the like tag, and since when (seconds since the epoch, None where not stated)."""
    when = "image_tag.created_at" if "created_at" in columns(connection, "image_tag") else "NULL"
    query = (
        f"SELECT image_tag.image_id, {when} FROM image_tag JOIN tag ON tag.id = image_tag.tag_id "
        "WHERE tag.type = 'custom' AND tag.name = ?"
    )
    return {id_: moment(f"{text(date)}Z") for id_, date in connection.execute(query, (LIKE,))}
