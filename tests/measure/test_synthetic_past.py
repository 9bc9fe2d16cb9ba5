"""A made-up past is as long, as varied and as skewed as it says; its vectors lie about the encoded ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lorarec.lora_tags import find_tags
from lorarec.measure import synthetic_past
from lorarec.measure.synthetic_past import EVERY, NOISE, READ, generations, vectors

NAMES = [f"lora{number}" for number in range(50)]


def test_each_generation_has_a_prompt_of_its_own_and_names_its_loras_in_it() -> None:
    made = generations(NAMES, 300)
    assert len({one.prompt for one in made}) == 300
    for number, one in enumerate(made):
        assert one.seed == number and one.prompt is not None
        assert 1 <= len(one.loras) <= 3 and {use.name for use in one.loras} <= set(NAMES)
        assert [(tag.name, tag.strength) for tag in find_tags(one.prompt)] == [
            (use.name, use.strength) for use in one.loras
        ]
    times = [one.made for one in made if one.made is not None]
    assert np.allclose(np.diff(times), EVERY) and len(times) == 300


def test_the_first_names_are_used_most() -> None:
    uses = Counter(use.name for one in generations(NAMES, 2000) for use in one.loras)
    ranked = [uses[name] for name in NAMES]
    assert ranked[0] > 1.5 * ranked[1] > 2 * ranked[5] > 4 * ranked[40] > 0


def test_a_past_goes_on_where_it_ended_and_is_the_same_each_time() -> None:
    assert generations(NAMES, 20) == generations(NAMES, 20) != generations(NAMES, 20, seed=1)
    later = generations(NAMES, 5, first=20)
    before = generations(NAMES, 20)
    assert [one.seed for one in later] == [20, 21, 22, 23, 24]
    assert later[0].made == (before[-1].made or 0) + EVERY
    assert not {one.prompt for one in later} & {one.prompt for one in before}


def test_few_vectors_are_encoded_and_the_others_lie_about_them() -> None:
    asked: list[str] = []
    corners = np.eye(64, dtype=np.float32)

    def encode(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return corners[[int(text) % 64 for text in texts]]

    texts = [str(number) for number in range(READ + 128)]
    made = vectors(texts, encode)
    assert asked == texts[:READ]
    assert made.shape == (READ + 128, 64) and made.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(made[:READ], corners[np.arange(READ) % 64])
    near = (made[READ:] * corners[np.arange(128) % 64]).sum(1)
    np.testing.assert_allclose(near, 1 / np.sqrt(1 + NOISE**2), atol=0.25)
    assert len({row.tobytes() for row in made[READ:]}) == 128


def test_a_past_shorter_than_what_is_encoded() -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        return np.ones((len(texts), 1), np.float32)

    assert synthetic_past.vectors(["a", "b"], encode).tolist() == [[1.0], [1.0]]
