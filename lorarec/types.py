"""The nouns of lorarec. Every folder speaks in these; none of them does any work. The history's: `history_types`.

Data flows one way: files -> `Claim`s -> `Lora` -> vectors -> candidates -> signals -> `Suggestion`.

What is held by the ten thousand is not tracked by Python's collector (``gc=False``): it cannot be part of a cycle, and
looking at all of it would hold up every thread of a host.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Origin(enum.IntEnum):
    """Who says so. The smallest value wins when sources disagree."""

    USER = 0  # written by the user: A1111 metadata card, LoRA Manager notes, rgthree user fields
    AUTHOR = 1  # the LoRA's author: model page, ModelSpec header
    TRAINER = 2  # the training tool: kohya and other ss_* keys, tensor shapes
    GUESS = 3  # derived: file name, folder, community images


class Role(enum.Enum):
    """What a LoRA is for. Closed choice; compare members, never strings."""

    CHARACTER = "character"
    STYLE = "style"
    CONCEPT = "concept"
    CLOTHING = "clothing"
    POSE = "pose"
    DETAIL = "detail"
    SLIDER = "slider"
    ACCELERATOR = "accelerator"  # LCM, Lightning, Turbo, Hyper, DMD ...: changes sampling, not content
    UNKNOWN = "unknown"


class Safety(enum.IntEnum):
    """How explicit a LoRA's showcase is; higher is more explicit. "Unknown" is None, never a member."""

    SAFE = 0  # PG
    SUGGESTIVE = 1  # PG-13
    MATURE = 2  # R
    EXPLICIT = 3  # X, XXX


class Claim(Struct, frozen=True, gc=False):
    """One thing one source says about one field of a LoRA."""

    field: str  # a field name of `Lora`, e.g. "trigger_sets"
    value: Any  # JSON-compatible, in the shape of that field
    source: str  # where it stands, e.g. "civitai.info:trainedWords", "header:ss_tag_frequency"
    origin: Origin


class Example(Struct, frozen=True, gc=False):
    """A showcase image's prompt, as the author or a user published it."""

    prompt: str
    negative: str = ""
    strength: float | None = None  # this LoRA's strength in that image
    base_model: str = ""  # checkpoint name as written there


class BaseModelGuess(Struct, frozen=True, gc=False):
    """One entry of a distribution over base models."""

    name: str  # canonical name, see base_models.py
    probability: float  # 0..1; the entries of one LoRA sum to at most 1
    evidence: str  # e.g. "civitai.info:baseModel"


class RoleGuess(Struct, frozen=True, gc=False):
    """The role of a LoRA with the evidence for it."""

    role: Role
    probability: float  # 0..1
    evidence: str  # e.g. 'tag "character"'


class StrengthHint(Struct, frozen=True, gc=False):
    """A strength that a user or author stated, or that example images show."""

    source: str  # e.g. "metadata.json:usage_tips"
    origin: Origin
    model: float | None = None
    clip: float | None = None
    low: float | None = None
    high: float | None = None


class Stats(Struct, frozen=True, gc=False):
    """Community figures at the time the sidecar was written. None: not stated."""

    downloads: int | None = None
    likes: int | None = None
    rating: float | None = None  # 0..5
    rating_count: int | None = None


def stem_of(path: str) -> str:
    """File name of a catalogued path, which has "/" and always an extension, without folder and extension."""
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


class Lora(Struct, frozen=True, kw_only=True, gc=False):
    """One installed LoRA file: the merged view of its header and sidecars."""

    id: str  # 16 hex digits; survives moves and renames; never a path
    root: str  # absolute path of the LoRA root it was found under
    path: str  # root-relative, always with "/"
    size: int  # bytes
    modified: float  # seconds since the epoch
    fingerprint: str = ""  # cheap content identity, see catalog/fingerprint.py; "" if unreadable
    missing: bool = False  # its root or file is gone; the record is kept
    title: str = ""  # model name on its page, else from the header; "" if only the file name is known
    version: str = ""  # version name on its page
    author: str = ""
    description: str = ""  # plain text: no HTML, boilerplate still inside
    notes: str = ""  # written by the user
    trigger_sets: tuple[tuple[str, ...], ...] = ()  # each set is used together; alternatives are separate sets
    tags: tuple[str, ...] = ()
    user_tags: tuple[str, ...] = ()
    training_tags: tuple[tuple[str, int], ...] = ()  # most frequent first, summed over datasets, capped
    examples: tuple[Example, ...] = ()
    base_models: tuple[BaseModelGuess, ...] = ()  # most probable first; () = unknown
    roles: tuple[RoleGuess, ...] = ()  # most probable first; () = unknown
    strengths: tuple[StrengthHint, ...] = ()  # best origin first
    stats: Stats = Stats()
    safety: Safety | None = None
    rank: int | None = None  # network dim
    resolution: int | None = None  # training resolution in pixels, longer side
    network: str = ""  # e.g. "lora", "locon", "lokr", "loha", "dora"
    created: float | None = None  # publication or training date, seconds since the epoch
    model_id: str = ""  # Civitai model id: versions of one model share it
    version_id: str = ""
    hashes: tuple[str, ...] = ()  # lower-case hex of any kind and length, for linking only
    preview: str = ""  # root-relative path of the preview image, "header:thumbnail", or ""
    favorite: bool = False
    excluded: bool = False  # the user told a manager to hide it
    partner: str = ""  # id of the other half of a pair (Wan high/low noise)
    noise: str = ""  # "high" | "low" for halves of such a pair

    @property
    def stem(self) -> str:
        """File name without folder and extension."""
        return stem_of(self.path)

    @property
    def name(self) -> str:
        """What to call it: its title, else its file name."""
        return self.title or self.stem

    @property
    def folder(self) -> str:
        """Root-relative folder, "" at the root."""
        return self.path.rsplit("/", 1)[0] if "/" in self.path else ""

    @property
    def base_model(self) -> BaseModelGuess | None:
        """The most probable base model, or None if nothing is known."""
        return self.base_models[0] if self.base_models else None

    @property
    def role(self) -> Role:
        """The most probable role, or UNKNOWN."""
        return self.roles[0].role if self.roles else Role.UNKNOWN


class LoraDetails(Struct, frozen=True):
    """A LoRA with everything every source says about it, also what lost the merge."""

    lora: Lora
    claims: tuple[Claim, ...]


class ScanProblem(Struct, frozen=True):
    """One file or folder that could not be read as it should; the scan went on."""

    path: str
    message: str  # one sentence with the remedy


class ScanReport(Struct, frozen=True, kw_only=True):
    """What one scan of the LoRA roots found."""

    found: int = 0  # LoRA files present
    added: int = 0
    changed: int = 0
    moved: int = 0  # rebound by fingerprint
    missing: int = 0  # known, but not there now
    problems: tuple[ScanProblem, ...] = ()
    cancelled: bool = False
    seconds: float = 0.0


class Progress(Struct, frozen=True):
    """A step of long work, for a progress bar."""

    stage: str  # "scan", "lexical", "encode", "hash", "harvest", "import", "download", "export"
    done: int
    total: int | None  # None while it is not known
    rate: float  # items per second so far
    seconds_left: float | None
    note: str = ""


ProgressSink = Callable[[Progress], None]
Cancelled = Callable[[], bool]


class Active(Struct, frozen=True):
    """A LoRA that is already in the user's stack."""

    name: str  # path, file name, stem or title as the host knows it
    strength: float = 1.0


class Query(Struct, frozen=True, kw_only=True):
    """What to recommend for. Everything but the prompt may be left out."""

    prompt: str
    negative: str = ""
    second: tuple[str, ...] = ()  # texts of further encoders (text_l, clip_l, t5xxl), merged into the positive
    active: tuple[Active, ...] = ()
    base_model: str | None = None  # checkpoint or base-model name; None = unknown
    roles: tuple[Role, ...] = ()  # only these; () = all, without accelerators
    exclude_roles: tuple[Role, ...] = ()
    folders: tuple[str, ...] = ()  # only below these root-relative folders; () = all
    exclude_folders: tuple[str, ...] = ()
    safety: Safety | None = None  # at most this level; None = chosen from the prompt
    min_score: float | None = None  # None = the setting
    diversity: float | None = None  # 0 = pure relevance .. 1 = as different as possible; None = the setting
    explore: float | None = None  # 0..1 share of slots for new or unused LoRAs; None = the setting
    collapse: bool | None = None  # show only the best version of one model; None = the setting
    seed: int = 0  # of the exploration share


class Strength(Struct, frozen=True):
    """A suggested strength with its range."""

    model: float
    clip: float
    low: float
    high: float
    source: str  # a sentence part: "author", "your notes", "example images (n=8)", "default" ...


class Reason(Struct, frozen=True):
    """Why this LoRA, written from one signal that moved its score."""

    signal: str
    text: str
    contribution: float  # share of the score's logit that this signal moved; may be negative


class BaseModelFit(Struct, frozen=True):
    """The base model of a suggested LoRA."""

    name: str
    probability: float


class Suggestion(Struct, frozen=True, kw_only=True):
    """One suggested LoRA. In JSON exactly these fields, in this order (a public contract)."""

    lora: str  # root-relative path with "/"
    name: str
    score: float  # calibrated probability that it fits, 0..1
    strength: Strength
    trigger_words: tuple[str, ...]  # chosen for this prompt
    base_model: BaseModelFit | None
    reasons: tuple[Reason, ...]  # at most three
    signals: dict[str, float | None]  # every column of the signal table; None = cannot say
    id: str = ""  # catalogue id
    fingerprint: str = ""
    role: str = "unknown"
    versions: tuple[str, ...] = ()  # other installed versions of this model, paths
    partner: str = ""  # path of its low-noise half
    base_model_doubt: str = ""  # set when its base model probably does not match
    preview: str = ""
    propensity: float = 1.0  # probability with which it is shown: below 1 for a place given to exploration


class Suggestions(Struct, frozen=True, kw_only=True):
    """An answer: ranked suggestions, and whether lorarec thinks that nothing fits."""

    suggestions: tuple[Suggestion, ...]
    abstained: bool  # no suggestion reaches the threshold; the list is still ranked
    took_ms: float
    stage: str  # "lexical" (no vectors yet) | "full"
    notes: tuple[str, ...] = ()  # sentences for the user: unknown active LoRAs, no encoder ...


class Encoder(Protocol):
    """A sentence encoder. Vectors are float32, L2-normalised; one and many texts give equal vectors."""

    model_id: str  # identity of the weights: changes whenever vectors would
    dim: int
    window: int  # tokens per forward, special tokens included

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts, shape (n, dim). Texts longer than the window are encoded in chunks and averaged."""
        ...

    def encode_spans(
        self, text: str, spans: Sequence[tuple[int, int]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode a text and parts of it with the same forward passes.

        ``spans`` are character ranges [start, end) of ``text``. Returns the text's vector, shape (dim,), equal to
        ``encode([text])[0]``, and the spans' vectors pooled from its token states, shape (len(spans), dim); a span
        without tokens is all zeros.
        """
        ...


class Candidates(Struct, frozen=True):
    """LoRAs worth ranking for one query, with what retrieval found out about each.

    ``rows`` are positions in the library, shape (c,), ascending; every column has shape (c,), NaN = cannot say.
    """

    rows: NDArray[np.int64]
    columns: dict[str, NDArray[np.float32]]
    best_chunk: NDArray[np.int64]  # number of the query chunk nearest to the LoRA, -1 without vectors


class SignalTable(Struct, frozen=True):
    """What is known about every candidate for one query: rows LoRAs, columns signals, NaN = cannot say."""

    rows: NDArray[np.int64]  # positions in the library, shape (c,)
    names: tuple[str, ...]  # signal names, length f
    values: NDArray[np.float32]  # shape (c, f)

    def column(self, name: str) -> NDArray[np.float32]:
        """One signal of all candidates, shape (c,). Raises ValueError for an unknown name."""
        return self.values[:, self.names.index(name)]


class Scorer(Protocol):
    """A model of relevance: signals in, logits out."""

    def score(self, table: SignalTable, ids: Sequence[str]) -> NDArray[np.float32]:
        """Logits of all candidates, shape (c,), higher is better. ``ids`` are the candidates' catalogue ids."""
        ...
