"""Memories: the user's history laid out beside one library, built from the database, saved and mapped back.

Derived data: they can be thrown away, and are built anew whenever the history, the library or the encoder changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import mapped
from .history_types import PastGeneration
from .index.prompts import PromptIndex
from .learn.habits import Habits, habits
from .learn.past import Past, lay_out
from .library import Library
from .prompt.read import clean, weigh

FORMAT = 4  # of the saved form
_KIND = "own"  # in names of files and folders, since the first version

Floats = NDArray[np.float32]


class Memories(Struct, frozen=True, kw_only=True):
    """What suggestions take from the user's history. Immutable."""

    format: int
    version: str  # of the history it was built from
    library: str  # key of the library
    encoder: str  # identity of the semantic encoder, "" without vectors
    project: str
    prompts: PromptIndex
    texts: tuple[str, ...]  # the prompts, clean, in the order of the index
    numbers: dict[str, int]  # digest of a prompt as written -> its number in ``texts``, -1 = it is empty
    past: Past
    habits: Habits
    roles: NDArray[np.int64]  # number of each LoRA's role, shape (n,)


def digest(prompt: str) -> str:
    """Identity of a prompt as written."""
    return blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class PastPrompts(Struct, frozen=True):
    """The prompts of a history, read."""

    texts: tuple[str, ...]  # clean and distinct
    numbers: dict[str, int]  # digest of each as written -> its number in ``texts``, -1 = it is empty
    written: dict[str, int]  # the same by the prompt as written


def read_prompts(past: Sequence[PastGeneration], known: Memories | None) -> PastPrompts:
    """Read the prompts of a history; those of earlier memories keep their numbers unless one of them was deleted."""
    digests = {prompt: digest(prompt) for prompt in dict.fromkeys(one.prompt for one in past) if prompt is not None}
    numbers: dict[str, int] = {}
    texts: tuple[str, ...] = ()
    if known is not None and known.numbers.keys() <= set(digests.values()):
        numbers, texts = dict(known.numbers), known.texts
    place = {text: at for at, text in enumerate(texts)}
    for prompt, key in digests.items():
        if key not in numbers:
            text = clean(prompt)
            numbers[key] = place.setdefault(text, len(place)) if text else -1
    return PastPrompts(tuple(place), numbers, {prompt: numbers[key] for prompt, key in digests.items()})


def build(
    past: Sequence[PastGeneration],
    told: PastPrompts,
    library: Library,
    place: Mapping[str, int],
    vectors: Floats | None,
    *,
    version: str,
    project: str = "",
    counted: Mapping[str, float] | None = None,
    known: Memories | None = None,
) -> Memories:
    """Lay a history out beside a library.

    Args:
        past: generations, oldest first.
        told: their prompts, see `read_prompts`.
        library: what is installed.
        place: catalogue id -> library row.
        vectors: of ``told.texts``, shape (p, d), zeros where there is none; None: by words only.
        version: of the history.
        project: the project in hand.
        counted: catalogue id -> uses that other tools counted.
        known: earlier memories, which need not be read again where ``told`` goes on from them.
    """
    ordinary = library.vectors.means.get("example_mean") if library.vectors is not None else None
    goes_on = known is not None and told.texts[: len(known.texts)] == known.texts
    earlier = known.prompts if known is not None and goes_on else None
    laid = lay_out(past, place, told.written, count=len(library.loras), project=project, counted=counted)
    return Memories(
        format=FORMAT,
        version=version,
        library=library.key,
        encoder=library.models.get("semantic", "") if vectors is not None else "",
        project=project,
        prompts=PromptIndex.build(told.texts, weigh, vectors, ordinary, earlier),
        texts=told.texts,
        numbers=told.numbers,
        past=laid,
        habits=habits(laid),
        roles=library.loras.roles.astype(np.int64),
    )


def folder_of(library: Path, user: str | None) -> Path:
    """Where memories of a user beside a library are saved: nobody may see what was derived of another's history."""
    return library / "own" / digest(user or "")


def folders_like(folder: Path) -> set[Path]:
    """This folder of a user and theirs beside other libraries: hosts with other LoRA folders share the data folder."""
    return {folder, *folder.parents[2].glob(f"*/{folder.parent.name}/{folder.name}")}


def save(memories: Memories, folder: Path) -> None:
    """Save memories below a folder, atomically. Raises OSError."""
    mapped.save(memories, folder, _KIND)


def load(folder: Path) -> Memories | None:
    """Map saved memories back; None if there are none or they cannot be read."""
    found = mapped.load(folder, _KIND, Memories)
    return found if found is not None and found.format == FORMAT else None


def forget(folder: Path) -> None:
    """Delete saved memories."""
    mapped.forget(folder, _KIND)


def sweep(folder: Path) -> None:
    """Delete forgotten memories that could not be deleted while they were mapped."""
    mapped.sweep(folder, _KIND)
