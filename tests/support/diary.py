"""Made-up pasts of users of whom everything is known, and the profiles that are told of them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

import numpy as np

from lorarec.history.profile import profile
from lorarec.history.statements import Profile
from lorarec.history_types import PastGeneration, PastUse
from lorarec.types import BaseModelGuess, Lora, Role, RoleGuess

NOW = datetime(2025, 7, 1, tzinfo=timezone.utc).timestamp()
DAY = 86400.0
LAKES = ("watercolor", "lake", "boat", "mist", "reed", "heron")
ROBOTS = ("robot", "steel", "neon", "engine", "cable", "hangar")
ORDINARY = {"masterpiece": 0.5, "girl": 0.4, "lake": 0.02, "robot": 0.01, "watercolor": 0.01, "dark": 0.05}


def lora(name: str, role: Role = Role.STYLE, base: str = "SDXL", **fields: object) -> Lora:
    """An installed LoRA whose id is its name."""
    return Lora(
        id=name,
        root="/loras",
        path=f"{name}.safetensors",
        size=int(fields.pop("size", 100)),  # type: ignore[call-overload]
        modified=0.0,
        base_models=(BaseModelGuess(base, 1.0, "test"),),
        roles=(RoleGuess(role, 1.0, "test"),),
        **fields,  # type: ignore[arg-type]
    )


class Diary:
    """Writes a past, one session after the other."""

    def __init__(self) -> None:
        self.past: list[PastGeneration] = []

    def session(self, at: float, *made: tuple[str, Mapping[str, float | None]], **fields: object) -> Diary:
        """Generations one minute apart, each a prompt and LoRAs with strengths."""
        for minute, (prompt, loras) in enumerate(made):
            uses = tuple(
                PastUse(name, f"folder/{name}.safetensors", strength, "name") for name, strength in loras.items()
            )
            given = {"base_model": "SDXL", "project": "", "images": 1, "deleted": 0, "liked": 0, **fields}
            self.past.append(
                PastGeneration(
                    id=len(self.past) + 1,
                    made=at + 60.0 * minute,
                    prompt=prompt,
                    negative=None,
                    checkpoint="",
                    host="",
                    loras=uses,
                    **given,  # type: ignore[arg-type]
                )
            )
        return self

    def sessions(
        self, times: Sequence[float], *made: tuple[str, Mapping[str, float | None]], **fields: object
    ) -> Diary:
        for at in times:
            self.session(at, *made, **fields)
        return self


def evenings(count: int, *, until: float = NOW, hour: float = 20.0, every: float = 1.0) -> list[float]:
    """Moments on so many days, the last one the day before ``until``, oldest first."""
    midnight = until - until % DAY
    return [midnight - DAY * every * (count - day) + hour * 3600 for day in range(count)]


def tell(past: Sequence[PastGeneration], loras: Sequence[Lora] = (), **options: object) -> Profile:
    given: dict[str, object] = {"now": NOW, "words": str.split, "ordinary": ORDINARY, "zone": timezone.utc, **options}
    usage, opinions = given.pop("usage", ()), given.pop("opinions", {})
    return profile(past, usage, opinions, loras, **given)  # type: ignore[arg-type]


def missing(found: Profile) -> set[str]:
    return {one.about for one in found.not_yet}


def names(found: Sequence[object]) -> list[str]:
    return [one.lora.id for one in found]  # type: ignore[attr-defined]


def mixed(seed: int, days: int = 60) -> Diary:
    """Sessions of stacks drawn at random from eight LoRAs; "tea" comes with "cup"."""
    dice = random.Random(seed)
    diary = Diary()
    for at in evenings(days):
        stack = dict.fromkeys(dice.sample([f"l{number}" for number in range(8)], 2), 1.0)
        if dice.random() < 0.3:
            stack |= {"tea": 1.0, **({"cup": 0.5} if dice.random() < 0.9 else {})}
        diary.session(at, *[("x", stack)] * dice.randint(1, 6))
    return diary


def moving(seed: int, moves: bool) -> Diary:
    """Three quarters of sessions; in the last one the user may turn from lakes in watercolor to robots in ink."""
    dice = random.Random(seed)
    diary = Diary()
    for at in evenings(270, every=1.0):
        turned = moves and at > datetime(2025, 4, 1, tzinfo=timezone.utc).timestamp()
        words = dice.sample(["tree", "boat", "house", "river", "cloud", "robot" if turned else "lake"], 3)
        style, name = ("ink", "mecha") if turned else ("watercolor", "wash")
        loras = {dice.choice(["one", "two", "three"]): 1.0, **({name: 1.0} if dice.random() < 0.5 else {})}
        diary.session(at, (" ".join([*words, dice.choice([style, "photo"])]), loras))
    return diary


def two_tastes(count: int = 40) -> Diary:
    dice = random.Random(5)
    diary = Diary()
    for number, at in enumerate(evenings(count)):
        words, name = (LAKES, "wash") if number % 4 else (ROBOTS, "mecha")
        chosen = " ".join(["girl", *dice.sample(words, 4), f"w{number}"])
        diary.session(at, *[(chosen, {name: 0.8, "detail": 0.5})] * 2, (f"{chosen} close", {name: 0.8}))
    return diary


def embed(past: Sequence[PastGeneration]) -> np.ndarray:
    """A prompt as counts of the words of two tastes and of what both have, of length 1."""
    vocabulary = ["girl", *LAKES, *ROBOTS]
    counts = np.asarray([[(one.prompt or "").split().count(word) for word in vocabulary] for one in past], np.float32)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


def two_projects() -> Diary:
    diary = Diary().sessions(evenings(20, hour=9), *[("robot", {"mecha": 1.0})] * 2)
    return diary.sessions(evenings(10), *[("lake", {"wash": 0.4, "mecha": 0.2})] * 2, project="book")
