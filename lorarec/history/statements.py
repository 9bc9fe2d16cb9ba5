"""What a profile says, as data. In JSON exactly these fields (a public contract, see docs/cli.md).

``n`` is how much a statement rests on. Shares lie in 0..1; those of generations count each session once. With a
project, ``n`` counts its own generations, the rest only shifts the estimates a little.
"""

from __future__ import annotations

from msgspec import Struct


class LoraName(Struct, frozen=True, kw_only=True):
    """Which LoRA."""

    id: str  # catalogue id
    lora: str  # root-relative path; "" = not installed now
    name: str


class Totals(Struct, frozen=True, kw_only=True):
    """How much was made, and with how much of the collection."""

    generations: int
    images: int  # files known to come of them
    with_loras: int  # generations that name a LoRA
    unlinked: int  # LoRAs named in generations that are none of the catalogue, or could be several
    undated: int  # generations of unknown time
    other_generations: int  # of other projects, with a project; 0 without
    first: float | None  # seconds since the epoch
    last: float | None
    installed: int
    used: int  # installed LoRAs ever used, whenever and in whichever project
    used_share: float | None  # None: nothing is installed


class Sessions(Struct, frozen=True, kw_only=True):
    """How the user works: a session ends where nothing is made for 45 minutes."""

    n: int
    minutes: float  # median from first to last generation
    generations: float  # median


class Favourite(Struct, frozen=True, kw_only=True):
    """A LoRA that is used often or lately."""

    lora: LoraName
    n: int = 0  # generations
    sessions: int = 0
    elsewhere: int = 0  # uses that other tools counted; may be the same ones
    recent: float = 0.0  # generations, each halved every 45 days
    last: float | None = None  # seconds since the epoch
    spans: tuple[int, ...] = ()  # generations in each of the last twelve spans of 30 days, oldest first
    trend: str = ""  # "new" | "rising" | "fading" | "" = no evidence
    kept: float | None = None  # share of its images not soon deleted, drawn to the user's mean; None = cannot say
    images: int = 0  # that ``kept`` is counted from
    liked: int = 0  # images liked, upscaled or re-used
    opinion: int = 0  # 1 liked, -1 disliked, 0 not said


class Preference(Struct, frozen=True, kw_only=True):
    """Something the user chooses, and how much more often than is ordinary."""

    name: str
    n: int  # sessions
    share: float  # of generations
    ordinary: float | None  # share to expect: of installed LoRAs, or of ordinary prompts; None = not known
    lift: float | None  # share against the ordinary, drawn to 1; None = not known


class StrengthUse(Struct, frozen=True, kw_only=True):
    """The strengths that a LoRA was used at with one base model. Quartiles are values really used."""

    lora: LoraName
    base_model: str  # "" = unknown
    n: int  # generations
    low: float
    lower_quartile: float
    median: float
    upper_quartile: float
    high: float
    latest: float


class Pair(Struct, frozen=True, kw_only=True):
    """Two LoRAs that go together."""

    first: LoraName
    second: LoraName
    n: int  # generations with both
    sessions: int
    second_given_first: float  # probability, drawn to how often the second is used at all
    first_given_second: float
    lift: float  # how many times as often as if they had nothing to do with each other, drawn to 1


class Peak(Struct, frozen=True, kw_only=True):
    """A time at which more is made."""

    name: str  # "18:00 to 21:00", "Saturday", "December"
    share: float
    expected: float  # share if time made no difference


class TimePattern(Struct, frozen=True, kw_only=True):
    """When the user makes images."""

    kind: str  # "hour" | "weekday" | "month"
    n: int  # sessions
    shares: tuple[float, ...]  # 24 hours, 7 days from Monday or 12 months
    peaks: tuple[Peak, ...]  # largest share first
    effect: float  # Cohen's w without what chance adds: 0.3 medium, 0.5 large
    chance: float  # probability of seeing as much by chance


class Mover(Struct, frozen=True, kw_only=True):
    """Something that became more or less frequent."""

    name: str
    before: float  # share of all there was of its kind in that period
    after: float


class Change(Struct, frozen=True, kw_only=True):
    """How the taste moved from one quarter of a year to the next that has enough sessions."""

    kind: str  # "LoRAs" | "styles" | "subjects"
    before: str  # "2025 Q1"
    after: str
    n_before: int  # sessions
    n_after: int
    distance: float  # Jensen-Shannon distance, 0 equal .. 1 nothing in common
    by_chance: float  # the distance to expect if the sessions were shuffled
    more: tuple[Mover, ...] = ()
    less: tuple[Mover, ...] = ()


class Favoured(Struct, frozen=True, kw_only=True):
    """A LoRA of a persona."""

    lora: LoraName
    n: int  # generations
    share: float  # of the persona's generations


class Persona(Struct, frozen=True, kw_only=True):
    """One of several distinct things the user makes."""

    label: tuple[str, ...]  # the terms that set it apart
    n: int  # generations
    share: float  # of generations, each session counted once
    loras: tuple[Favoured, ...]
    example: str  # the most typical prompt


class WorthALook(Struct, frozen=True, kw_only=True):
    """An installed LoRA that was never used and is near to what the user makes."""

    lora: LoraName
    score: float  # 0..1, higher is nearer
    like: LoraName | None  # the favourite it is most like
    like_n: int  # generations with that favourite
    themes: tuple[str, ...]  # of the user's that it shares


class Spare(Struct, frozen=True, kw_only=True):
    """An unused file that is a copy or another version of a used one."""

    lora: LoraName
    bytes: int
    copy: bool  # the same content; else another version
    newer: bool  # than the used one


class Duplicates(Struct, frozen=True, kw_only=True):
    """Files of one model of which the user uses one or some."""

    used: LoraName
    n: int  # generations
    spare: tuple[Spare, ...]
    bytes: int  # of all spare files


class NotYet(Struct, frozen=True, kw_only=True):
    """A statement that is not made, and why."""

    about: str  # the profile's field
    why: str


class Profile(Struct, frozen=True, kw_only=True):
    """What the history says about its user."""

    at: float  # seconds since the epoch
    project: str  # "" = all
    since: float | None  # older generations are left out
    totals: Totals
    sessions: Sessions | None
    favourites: tuple[Favourite, ...]
    roles: tuple[Preference, ...]
    base_models: tuple[Preference, ...]
    styles: tuple[Preference, ...]
    subjects: tuple[Preference, ...]
    tones: tuple[Preference, ...]
    strengths: tuple[StrengthUse, ...]
    pairs: tuple[Pair, ...]
    times: tuple[TimePattern, ...]
    changes: tuple[Change, ...]
    personas: tuple[Persona, ...]
    worth_a_look: tuple[WorthALook, ...]
    duplicates: tuple[Duplicates, ...]
    notes: tuple[str, ...]  # how it was counted
    not_yet: tuple[NotYet, ...] = ()
