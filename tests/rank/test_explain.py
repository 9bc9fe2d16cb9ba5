"""Reasons come from what moved the score, and name what both sides share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from lorarec.rank.blend import Blend, Calibration, Feature, Net
from lorarec.rank.explain import MOST, Personally, contributions, reasons
from lorarec.rank.signals import FAMILIES, FAMILY_OF, PERSONAL, SIGNALS
from lorarec.types import Lora, Reason, Role, RoleGuess, SignalTable

LORA = Lora(id="a", root="/r", path="a.pt", size=1, modified=0.0, roles=(RoleGuess(Role.STYLE, 1.0, "x"),))


@dataclass
class Found:
    triggers: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    chunk: str = ""


@dataclass
class Story:
    times: int = 0
    alike: int = 0
    usual: float | None = None
    images: int = 0
    kept: int = 0
    beside: tuple[tuple[int, int], ...] = ()
    opinion: int = 0
    counted: int = 0


def table(**signals: float) -> SignalTable:
    values = np.full((1, len(SIGNALS)), np.nan, np.float32)
    for name, value in signals.items():
        values[0, SIGNALS.index(name)] = value
    return SignalTable(np.zeros(1, np.int64), SIGNALS, values)


def told(moved: dict[str, float], found: Found, **signals: float) -> list[str]:
    return [reason.text for reason in reasons(table(**signals), 0, LORA, found, moved)]


def test_contributions_of_a_linear_net_are_its_terms() -> None:
    names = ["trigger_cover", "has_triggers", "name_cover", "semantic"]
    linear = [1.0, 0.5, -2.0, 3.0]
    net = Net(hidden=[[0.0] * 4], bias=[0.0], out=[0.0], linear=linear)
    blend = Blend([Feature(name, False, 0.0, 1.0) for name in names], net, Calibration(1.0, 0.0))
    inputs = np.asarray([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 1.0]], np.float32)
    moved = contributions(blend, inputs)
    assert moved.keys() == {"triggers", "name", "meaning"}
    assert moved["triggers"].tolist() == pytest.approx([1.0 * 1.0 + 0.5 * 2.0, 0.0])
    assert moved["name"].tolist() == pytest.approx([-2.0 * 3.0, 0.0])
    assert moved["meaning"].tolist() == pytest.approx([12.0, 3.0])


def test_the_strongest_come_first_and_at_most_three() -> None:
    found = Found(triggers=("redknight",), name=("knight",), tags=("armor",), description=("cape",))
    moved = {"tags": 0.5, "triggers": 2.0, "description": 0.2, "name": 1.0}
    listed = reasons(table(), 0, LORA, found, moved)
    assert [reason.signal for reason in listed] == ["triggers", "name", "tags"] and MOST == 3
    assert [reason.contribution for reason in listed] == [2.0, 1.0, 0.5]
    assert listed[0].text == 'your prompt has its trigger words: "redknight"'


def test_what_did_not_move_the_score_is_no_reason() -> None:
    found = Found(triggers=("redknight",), tags=("armor",))
    assert told({"triggers": -1.0, "tags": 0.01}, found) == []


def test_a_family_with_nothing_to_show_is_passed_over() -> None:
    assert told({"triggers": 2.0, "tags": 1.0}, Found(tags=("armor",))) == ['tagged "armor"']


def test_popularity_is_told_as_a_share_only_where_it_is_one() -> None:
    assert told({"popularity": 1.0}, Found(), popularity=0.9) == ["among the 10% most downloaded of your LoRAs"]
    assert told({"popularity": 1.0}, Found(), popularity=0.3) == []
    assert told({"popularity": 1.0}, Found()) == []


def test_meaning_is_told_only_where_a_person_would_agree() -> None:
    assert told({"meaning": 1.0}, Found(chunk="a tall ship"), chunk=0.8) == ['means much the same as "a tall ship"']
    assert told({"meaning": 1.0}, Found(chunk="a tall ship"), chunk=0.1, semantic_centred=0.0) == []
    assert told({"meaning": 1.0}, Found()) == []


def test_reasons_of_the_host_keep_a_place() -> None:
    host = (Reason("base_model", "made for SD 1.5, as your checkpoint", 0.0),)
    found = Found(triggers=("a",), name=("b",), tags=("c",))
    listed = reasons(table(), 0, LORA, found, {"triggers": 3.0, "name": 2.0, "tags": 1.0}, host)
    assert [reason.signal for reason in listed] == ["triggers", "name", "base_model"]


def test_long_lists_and_words_are_shortened() -> None:
    [text] = told({"tags": 1.0}, Found(tags=tuple(f"tag{number}" for number in range(20))))
    assert text.count('"') == 12 and text.endswith("…")
    [text] = told({"name": 1.0}, Found(name=("word " * 40,)))
    assert len(text) < 90


def test_every_family_that_the_blend_may_use_is_explained_or_deliberately_silent() -> None:
    found = Found(*[("x",)] * 6, chunk="x")
    signals = {"popularity": 0.9, "chunk": 0.9, "artistic": 0.9, "example_words": 0.9}
    silent = {family for family in FAMILIES if not told({family: 1.0}, found, **signals)}
    assert silent == {"technical", "prompt", "host", *PERSONAL} and set(FAMILY_OF.values()) == set(FAMILIES)


def test_own_use_is_one_reason_whichever_of_its_signals_moved_the_score() -> None:
    moved = {"own_prompts": 0.6, "own_use": 0.9, "own_images": -0.1, "own_base": 0.1, "tags": 1.0, "together": 0.3}
    past = Personally(Story(times=4, alike=2, usual=0.6, beside=((5, 3),)), {5: "Cape"})
    listed = reasons(table(), 0, LORA, Found(tags=("armor",)), moved, past=past)
    assert [(reason.signal, reason.contribution) for reason in listed] == [
        ("own", pytest.approx(1.5)),
        ("tags", 1.0),
        ("together", 0.3),
    ]
    assert listed[0].text == "used 2× with prompts like this, usually at 0.6"
    assert listed[2].text == "used 3× together with Cape"


def test_own_use_that_cancels_out_is_no_reason() -> None:
    past = Personally(Story(times=4), {})
    assert reasons(table(), 0, LORA, Found(), {"own_prompts": 0.5, "own_use": -0.48}, past=past) == ()
    assert reasons(table(), 0, LORA, Found(), {"own_opinion": -2.0, "own_use": -1.0}, past=past) == ()


def test_signals_of_a_history_that_is_not_there_are_passed_over() -> None:
    moved = dict.fromkeys(PERSONAL, 1.0) | {"tags": 0.5}
    assert [reason.signal for reason in reasons(table(), 0, LORA, Found(tags=("armor",)), moved)] == ["tags"]
    past = Personally(Story(), {})
    told = {reason.signal for reason in reasons(table(), 0, LORA, Found(), moved, past=past)}
    assert told == {"own_taste"}, "without any use only its likeness to what is used can be told"


def test_of_a_lora_like_another_no_reason_speaks_of_a_prompt() -> None:
    signals = {"artistic": 0.5, "semantic_centred": 0.5}
    for moved in ({"triggers": 3.0, "style": 2.0, "role": 1.0}, {"meaning": 1.0}):
        found = [table(**signals), 0, LORA, Found(triggers=("redknight",)), moved]
        about_prompt = [reason.text for reason in reasons(*found)]
        alike = [reason.text for reason in reasons(*found, likeness=True)]
        assert len(alike) == len(about_prompt) > 0 and not set(alike) & set(about_prompt)
        assert not any(word in text for text in alike for word in ("prompt", "describe"))
