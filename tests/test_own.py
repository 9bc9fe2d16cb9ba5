"""A history beside a library: prompts read once, saved and mapped back, asked about a query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lorarec import library as library_module
from lorarec import own
from lorarec.learn.signals import NAMES
from lorarec.library import Library
from lorarec.own import Memories
from lorarec.prompt.read import read
from lorarec.rank.signals import FAMILIES, PERSONAL
from lorarec.types import Event, EventKind, Lora, PastGeneration, Query, Role, RoleGuess
from traces import NOW, remembered

MODELS = {"semantic": "m", "artistic": "m", "technical": "m"}
LORAS = tuple(
    Lora(
        id=name,
        root="/r",
        path=f"{name}.safetensors",
        size=1,
        modified=float(at),
        roles=(RoleGuess(Role.STYLE, 1.0, "x"),) if name == "b" else (),
    )
    for at, name in enumerate("abc")
)
PLACE = {lora.id: row for row, lora in enumerate(LORAS)}
PROMPTS = [None, "", "<lora:a:1>", "a red castle", "a red castle <lora:a:0.7>", "(a red castle:1.2)", "deer, forest"]


def fetch(lens: str, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    return embed(texts), np.ones(len(texts), np.bool_)


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of two numbers, from the letters."""
    rows = np.asarray([[text.count("e") + 1.0, text.count("a")] for text in texts], np.float32).reshape(-1, 2)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


LIBRARY: Library = library_module.build(LORAS, "key", MODELS, fetch)


def made(
    number: int, prompt: str | None, uses: str = "a", strength: float | None = 0.6, **fields: object
) -> PastGeneration:
    return remembered(number, prompt, dict.fromkeys(uses, strength), **fields)


def remember(past: Sequence[PastGeneration], known: Memories | None = None, meaning: bool = True) -> Memories:
    told = own.read_prompts(past, known)
    vectors = embed(told.texts) if meaning else None
    return own.build(past, told, LIBRARY, PLACE, vectors, version="1", known=known)


def consult(asked: own.Own, prompt: str, vector: np.ndarray | None = None, **options: object) -> own.Consulted:
    return own.consult(asked, LIBRARY, read(Query(prompt=prompt)).terms, vector, **options)  # type: ignore[arg-type]


def with_wishes(
    memories: Memories | None, *events: Event, opinions: dict[str, int] | None = None, hidden: str = ""
) -> own.Own:
    found = own.own(memories, LIBRARY, opinions or {}, set(hidden), events)
    assert found is not None
    return found


def test_what_was_taken_out_and_used_since_is_no_removal() -> None:
    removed = [Event(kind=EventKind.REMOVE, lora=lora, at=NOW, prompt="castle") for lora in "ab"]
    used = remember([made(1, "deer", "a"), made(2, "castle", "c"), made(3, "deer", "a")])
    assert with_wishes(used, *removed).wishes.rows.tolist() == [PLACE["b"]]
    assert with_wishes(None, *removed).wishes.rows.tolist() == [PLACE["a"], PLACE["b"]]


def test_a_lora_put_in_is_no_wish() -> None:
    assert own.own(None, LIBRARY, {}, (), [Event(kind=EventKind.INSERT, lora="a", at=NOW, prompt="castle")]) is None


def test_the_same_prompt_in_other_words_of_its_syntax_is_one_prompt() -> None:
    prompts = ("a red castle", "a red castle <lora:a:0.7>", "(a red castle:1.2)")
    found = with_wishes(None, *(Event(kind=EventKind.REMOVE, lora="a", at=NOW, prompt=prompt) for prompt in prompts))
    assert found.wishes.rows.tolist() == [0] and found.wish_prompts.count == 1


def test_every_personal_signal_is_filled_by_the_past_or_by_wishes() -> None:
    dismissal = Event(kind=EventKind.DISMISS, lora="a", at=NOW, prompt="castle")
    columns = consult(with_wishes(remember([made(0, "castle")]), dismissal), "castle").columns(np.arange(3))
    wanted = [name for family in PERSONAL for name in FAMILIES[family]]
    assert sorted(columns) == sorted(wanted) and len(wanted) == len(set(wanted))
    assert set(columns) - set(NAMES) == {"own_opinion", "own_dismissed"}


# Prompts


def test_prompts_that_differ_in_syntax_only_are_one_text() -> None:
    told = own.read_prompts([made(n, prompt) for n, prompt in enumerate(PROMPTS)], None)
    assert told.texts == ("a red castle", "deer, forest")
    assert told.written == {
        "": -1,
        "<lora:a:1>": -1,
        "a red castle": 0,
        "a red castle <lora:a:0.7>": 0,
        "(a red castle:1.2)": 0,
        "deer, forest": 1,
    }
    assert told.numbers == {own.digest(prompt): number for prompt, number in told.written.items()}


def test_prompts_known_before_keep_their_numbers_whatever_came_in_between() -> None:
    known = remember([made(1, "deer"), made(2, "castle")])
    told = own.read_prompts([made(0, "forest"), made(1, "deer"), made(2, "castle"), made(3, "")], known)
    assert told.texts == ("deer", "castle", "forest")
    assert told.written == {"forest": 2, "deer": 0, "castle": 1, "": -1}


def test_once_a_prompt_was_deleted_nothing_of_the_earlier_memories_is_taken_over() -> None:
    known = remember([made(0, "deer"), made(1, "a secret castle")])
    told = own.read_prompts([made(0, "deer"), made(2, "forest")], known)
    assert told.texts == ("deer", "forest") and len(told.numbers) == 2
    again = remember([made(0, "deer"), made(2, "forest")], known)
    assert not {"secret", "castle"} & again.prompts.vocabulary.keys()


def test_what_was_known_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = remember([made(0, "deer"), made(1, "castle")])
    seen: list[str] = []
    weigh, clean = own.weigh, own.clean
    monkeypatch.setattr(own, "weigh", lambda text: seen.append(text) or weigh(text))
    monkeypatch.setattr(own, "clean", lambda text: seen.append(text) or clean(text))
    remember([made(0, "deer"), made(1, "castle"), made(2, "(forest)")], known)
    assert seen == ["(forest)", "forest"]


def test_digests_tell_prompts_apart_and_bear_anything() -> None:
    texts = ["", "a", "A", "a ", "ä", "\ud800", "\x00"]
    assert len({own.digest(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("text", ["a red castle, sunset", "1girl, masterpiece, deer", "水墨画, 城市"])
def test_prompts_are_weighed_as_a_query_without_attention_is(text: str) -> None:
    memories = remember([made(0, text)], meaning=False)
    near = consult(with_wishes(memories), text).evidence
    assert near is not None and near.words.tolist() == pytest.approx([1])


PAST = st.lists(st.tuples(st.sampled_from(PROMPTS), st.sampled_from(["", "a", "b", "ab", "x"])), max_size=10)


@settings(deadline=None)
@given(PAST, st.data())
def test_learning_in_steps_is_learning_at_once(told: list[tuple[str | None, str]], data: st.DataObject) -> None:
    past = [made(number, prompt, uses) for number, (prompt, uses) in enumerate(told)]
    cut = data.draw(st.integers(0, len(past)))
    meaning = data.draw(st.booleans())
    steps, once = remember(past, remember(past[:cut], meaning=meaning), meaning), remember(past, meaning=meaning)
    assert steps.texts == once.texts and steps.numbers == once.numbers
    assert steps.prompts.vocabulary == once.prompts.vocabulary
    for query in ("a red castle", "deer"):
        vector = embed([query])[0] if meaning else None
        one, other = (consult(with_wishes(kept), query, vector).columns(np.arange(3)) for kept in (steps, once))
        for name, column in one.items():
            np.testing.assert_array_equal(column, other[name], err_msg=name)


# Saving


@pytest.mark.parametrize("meaning", [True, False])
@pytest.mark.parametrize("past", [[made(n, prompt, "ab") for n, prompt in enumerate(PROMPTS)], [made(0, None, "x")]])
def test_memories_come_back_as_they_were(tmp_path: Path, past: list[PastGeneration], meaning: bool) -> None:
    memories = remember(past, meaning=meaning)
    own.save(memories, tmp_path)
    found = own.load(tmp_path)
    assert found is not None
    assert (found.version, found.library, found.encoder, found.project) == ("1", "key", "m" if meaning else "", "")
    assert found.texts == memories.texts and found.numbers == memories.numbers
    vector = embed(["a red castle"])[0] if meaning else None
    one, other = (
        consult(with_wishes(kept), "a red castle", vector).columns(np.arange(3)) for kept in (memories, found)
    )
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)
    went_on = remember([*past, made(50, "a new one", "c")], found, meaning)
    assert went_on.texts[: len(found.texts)] == found.texts, "mapped memories are gone on from too"


def test_other_formats_and_deleted_memories_are_none(tmp_path: Path) -> None:
    own.save(replace(remember([made(0, "x")]), format=-1), tmp_path)
    assert own.load(tmp_path) is None
    own.save(remember([made(0, "x")]), tmp_path)
    own.forget(tmp_path)
    assert own.load(tmp_path) is None and list(tmp_path.iterdir()) == []


# Asking


def test_without_memories_and_wishes_there_is_nothing_to_ask() -> None:
    assert own.own(None, LIBRARY, {}, frozenset(), ()) is None


def test_wishes_alone_can_be_asked() -> None:
    dismissal = Event(kind=EventKind.DISMISS, lora="b", at=NOW, prompt="(a red castle:1.4)")
    asked = with_wishes(None, dismissal, opinions={"a": -1, "gone": 1}, hidden="c")
    found = consult(asked, "red castle")
    columns = found.columns(np.arange(3))
    assert columns["own_opinion"].tolist() == [-1, 0, 0] and columns.keys() == {"own_opinion", "own_dismissed"}
    assert columns["own_dismissed"].tolist() == pytest.approx([0, 1, 0])
    assert consult(asked, "deer").columns(np.arange(3))["own_dismissed"].tolist() == pytest.approx([0, 0.1, 0])
    assert found.own.wishes.hidden.tolist() == [False, False, True]
    assert found.strengths(0, "") is None and found.story(0).opinion == -1 and found.evidence is None


def test_where_the_past_has_no_say_wishes_still_have() -> None:
    asked = with_wishes(remember([made(0, "castle")]), opinions={"a": 1}, hidden="c")
    only = own.wishes_only(asked)
    assert only.evidence is None and only.own.wishes.hidden.tolist() == [False, False, True]
    assert only.columns(np.arange(3)).keys() == {"own_opinion", "own_dismissed"}


def test_strengths_and_story_are_those_of_prompts_like_this() -> None:
    past = [made(n, "a red castle", strength=0.4) for n in range(3)] + [made(9, "deer, forest", strength=0.9)]
    asked = with_wishes(remember(past, meaning=False), opinions={"a": 1})
    found = consult(asked, "red castle")
    used, told = found.strengths(0, ""), found.story(0)
    assert used is not None and used.strengths.tolist() == pytest.approx([0.4, 0.9])
    assert used.weights[0] > 10 * used.weights[1]
    assert (told.times, told.alike, told.usual, told.opinion) == (4, 3, pytest.approx(0.4), 1)
    assert found.strengths(2, "") is None and found.story(2).times == 0


def test_only_what_was_known_then_is_told() -> None:
    past = [made(0, "a red castle", "a"), made(1, "deer, forest", "b"), made(2, "a red castle, sunset", "c")]
    asked = with_wishes(remember(past))
    found = consult(asked, "red castle", embed(["red castle"])[0], upto=1, active=[1])
    assert found.evidence is not None and found.evidence.told == 1
    columns = found.columns(np.arange(3))
    assert columns["own_uses"].tolist() == pytest.approx([1, 0, 0])
    assert found.strengths(2, "") is None and found.story(2).times == 0 and found.story(1).times == 0


def test_vectors_of_another_length_are_left_out_of_it() -> None:
    asked = with_wishes(remember([made(0, "castle")]))
    columns = consult(asked, "castle", np.ones(7, np.float32)).columns(np.arange(3))
    assert np.isnan(columns["own_meaning"]).all() and columns["own_words"][0] == pytest.approx(1)


def test_roles_and_base_models_of_the_library_are_known() -> None:
    asked = with_wishes(remember([made(0, "castle", "b", base_model="SDXL"), made(1, "deer", "a")]))
    columns = consult(asked, "castle", base_model="SDXL").columns(np.arange(3))
    assert columns["own_role"][1] > columns["own_role"][0] == columns["own_role"][2] > 0
    assert columns["own_base"][1] > 0 > columns["own_base"][0] and np.isnan(columns["own_base"][2])
