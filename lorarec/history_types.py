"""The nouns of the history: what an image says of how it was made, what a user did, and how both are remembered.

Data flows one way: image -> `Generation` of `Use`s -> `Linked` to installed LoRAs -> history -> `PastGeneration`s.

What is held by the ten thousand is not tracked by Python's collector (``gc=False``), see `types`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from msgspec import Struct


class Use(Struct, frozen=True, kw_only=True):
    """A LoRA as the metadata of an image names it, before anybody knows which installed file is meant."""

    name: str  # as written: path, file name, stem or title; may be "" where only a hash or version is known
    strength: float | None = None  # of the diffusion model
    clip: float | None = None  # of the text encoder; None = the same, or not stated
    hashes: tuple[str, ...] = ()  # lower-case hex as written, any kind and length
    version_id: str = ""  # Civitai model-version id


class Generation(Struct, frozen=True, kw_only=True):
    """How an image was made, as its metadata says. Two images of one batch are one generation."""

    prompt: str | None  # as written, LoRA tags included; None = unknown, e.g. made at run time
    negative: str | None = None
    loras: tuple[Use, ...] = ()
    checkpoint: str = ""  # name as written
    base_model: str = ""  # canonical name, "" = unknown
    seed: int | None = None
    steps: int | None = None
    sampler: str = ""
    cfg: float | None = None
    width: int | None = None  # pixels
    height: int | None = None
    made: float | None = None  # seconds since the epoch; None = not stated
    host: str = ""  # the program: "a1111", "comfyui", "swarmui", "invokeai", "fooocus", "novelai" ...
    reader: str = ""  # the reader that understood it and from what, e.g. "a1111:parameters"
    project: str = ""
    sources: tuple[str, ...] = ()  # image files it started from: names, or paths relative to the output folder
    upscaled: int = 0  # times that the image was enlarged after its first pass, as far as stated

    @property
    def teaches(self) -> bool:
        """Whether it names anything to learn from: a prompt, a LoRA or a checkpoint."""
        return self.prompt is not None or bool(self.loras) or bool(self.checkpoint)


class ImageFile(Struct, frozen=True):
    """An image file as a harvest found it."""

    path: str  # absolute
    size: int  # bytes
    modified_ns: int  # nanoseconds since the epoch


class Linked(Struct, frozen=True):
    """Which installed LoRA a `Use` means."""

    lora: str  # catalogue id, "" = unknown or ambiguous
    how: str  # "path" | "name" | "alias" | "hash" | "version"; "" = unknown, "ambiguous" = several could be meant


Linker = Callable[[Use], Linked]


class EventKind(enum.Enum):
    """What a user did with a suggested or installed LoRA."""

    INSERT = "insert"
    REMOVE = "remove"
    STRENGTH = "strength"  # changed its strength
    LIKE = "like"
    DISLIKE = "dislike"
    NEUTRAL = "neutral"  # took a like or dislike back
    HIDE = "hide"
    SHOW = "show"  # took a hide back
    DISMISS = "dismiss"  # not for this prompt
    UNDISMISS = "undismiss"  # took that back, for this prompt, or without one for all


class Event(Struct, frozen=True, kw_only=True):
    """One thing a user did."""

    kind: EventKind
    lora: str  # catalogue id
    at: float  # seconds since the epoch
    strength: float | None = None  # after it
    before: float | None = None  # strength before it
    impression: int | None = None  # of which answer, see `Impression`
    prompt: str = ""
    project: str = ""


class ShownLora(Struct, frozen=True):
    """One LoRA of an answer that was shown."""

    lora: str  # catalogue id
    score: float
    propensity: float = 1.0  # probability with which it was shown at its position, 0..1


class Impression(Struct, frozen=True, kw_only=True):
    """An answer that a user saw."""

    at: float  # seconds since the epoch
    prompt: str
    shown: tuple[ShownLora, ...]  # in the order shown
    base_model: str = ""
    active: tuple[str, ...] = ()  # catalogue ids of LoRAs active then
    project: str = ""


class OutcomeKind(enum.Enum):
    """What became of an image."""

    KEPT = "kept"
    DELETED = "deleted"  # soon after it was made
    LIKED = "liked"
    UPSCALED = "upscaled"
    REUSED = "reused"  # opened again as the start of another image


class PastUse(Struct, frozen=True, gc=False):
    """A LoRA of a remembered generation."""

    lora: str  # catalogue id, "" = not linked
    name: str  # as the image names it
    strength: float | None
    how: str  # how the link was made, see `Linked`


class PastGeneration(Struct, frozen=True, kw_only=True, gc=False):
    """A generation as the history remembers it."""

    id: int
    made: float  # seconds since the epoch
    prompt: str | None
    negative: str | None
    base_model: str
    checkpoint: str
    project: str
    host: str
    loras: tuple[PastUse, ...]
    images: int  # files known to come of it
    deleted: int  # of these, soon gone
    liked: int  # of these, liked, upscaled or re-used
