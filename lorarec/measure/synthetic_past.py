"""A past made up for speed tests: what somebody generated with the LoRAs of a made-up library, nobody's.

Prompts come from the same words as the library's texts; which LoRAs are used is skewed, as it is with everybody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..history_types import Generation, Use
from .synthetic import prompt

Floats = NDArray[np.float32]

NEWEST = 1_750_000_000.0  # seconds since the epoch; the time of the last generation
EVERY = 1800.0  # seconds between two generations
READ = 256  # prompts that are really encoded
NOISE = 0.7  # length of what is added to the vector of one of these


def generations(names: Sequence[str], count: int, *, first: int = 0, seed: int = 0) -> list[Generation]:
    """``count`` generations, oldest first, each with a prompt of its own and one to three LoRAs.

    Args:
        names: of LoRAs, as an image would name them; the n-th is used 1/n as often as the first (Zipf).
        count: how many.
        first: number of the first one, for a past that goes on.
        seed: of the content.
    """
    dice = random.Random(f"{seed}-{first}")
    often = list(accumulate(1 / rank for rank in range(1, len(names) + 1)))
    drawn = (dice.choices(names, cum_weights=often, k=dice.randint(1, 3)) for _ in range(count))
    return [_generation(dice, number, chosen) for number, chosen in enumerate(drawn, first)]


def _generation(dice: random.Random, number: int, names: Sequence[str]) -> Generation:
    used = {name: dice.randint(4, 10) / 10 for name in names}
    tags = "".join(f" <lora:{name}:{strength}>" for name, strength in used.items())
    return Generation(
        prompt=f"{prompt(dice, dice.randint(12, 45))}, picture {number}{tags}",
        loras=tuple(Use(name=name, strength=strength) for name, strength in used.items()),
        base_model="SD 1.5",
        checkpoint="dreamshaper_8.safetensors",
        seed=number,
        made=NEWEST + number * EVERY,
    )


def vectors(texts: Sequence[str], encode: Callable[[Sequence[str]], Floats], seed: int = 0) -> Floats:
    """Unit vectors of texts at the distances that real ones have, though few are encoded, shape (len(texts), d).

    The first `READ` texts are encoded; each of the others gets the vector of one of these, disturbed.
    """
    draw = np.random.default_rng(seed)
    read = encode(texts[:READ])
    noise = draw.standard_normal((len(texts), read.shape[1])).astype(np.float32)
    out: Floats = read[np.arange(len(texts)) % len(read)] + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    out[: len(read)] = read
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    return out
