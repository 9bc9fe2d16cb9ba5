"""A history laid out beside a library: prompts read once, saved and mapped back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lorarec import memories
from lorarec.history_types import PastGeneration
from three_loras import consult, embed, made, remember, with_wishes

PROMPTS = [None, "", "<lora:a:1>", "a red castle", "a red castle <lora:a:0.7>", "(a red castle:1.2)", "deer, forest"]

# Prompts


def test_prompts_that_differ_in_syntax_only_are_one_text() -> None:
    told = memories.read_prompts([made(n, prompt) for n, prompt in enumerate(PROMPTS)], None)
    assert told.texts == ("a red castle", "deer, forest")
    assert told.written == {
        "": -1,
        "<lora:a:1>": -1,
        "a red castle": 0,
        "a red castle <lora:a:0.7>": 0,
        "(a red castle:1.2)": 0,
        "deer, forest": 1,
    }
    assert told.numbers == {memories.digest(prompt): number for prompt, number in told.written.items()}


def test_prompts_known_before_keep_their_numbers_whatever_came_in_between() -> None:
    known = remember([made(1, "deer"), made(2, "castle")])
    told = memories.read_prompts([made(0, "forest"), made(1, "deer"), made(2, "castle"), made(3, "")], known)
    assert told.texts == ("deer", "castle", "forest")
    assert told.written == {"forest": 2, "deer": 0, "castle": 1, "": -1}


def test_once_a_prompt_was_deleted_nothing_of_the_earlier_memories_is_taken_over() -> None:
    known = remember([made(0, "deer"), made(1, "a secret castle")])
    told = memories.read_prompts([made(0, "deer"), made(2, "forest")], known)
    assert told.texts == ("deer", "forest") and len(told.numbers) == 2
    again = remember([made(0, "deer"), made(2, "forest")], known)
    assert not {"secret", "castle"} & again.prompts.vocabulary.keys()


def test_what_was_known_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = remember([made(0, "deer"), made(1, "castle")])
    seen: list[str] = []
    weigh, clean = memories.weigh, memories.clean
    monkeypatch.setattr(memories, "weigh", lambda text: seen.append(text) or weigh(text))
    monkeypatch.setattr(memories, "clean", lambda text: seen.append(text) or clean(text))
    remember([made(0, "deer"), made(1, "castle"), made(2, "(forest)")], known)
    assert seen == ["(forest)", "forest"]


def test_digests_tell_prompts_apart_and_bear_anything() -> None:
    texts = ["", "a", "A", "a ", "ä", "\ud800", "\x00"]
    assert len({memories.digest(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("text", ["a red castle, sunset", "1girl, masterpiece, deer", "水墨画, 城市"])
def test_prompts_are_weighed_as_a_query_without_attention_is(text: str) -> None:
    found = remember([made(0, text)], meaning=False)
    near = consult(with_wishes(found), text).evidence
    assert near is not None and near.words.tolist() == pytest.approx([1])


PAST = st.lists(st.tuples(st.sampled_from(PROMPTS), st.sampled_from(["", "a", "b", "ab", "x"])), max_size=10)


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
    first = remember(past, meaning=meaning)
    memories.save(first, tmp_path)
    found = memories.load(tmp_path)
    assert found is not None
    assert (found.version, found.library, found.encoder, found.project) == ("1", "key", "m" if meaning else "", "")
    assert found.texts == first.texts and found.numbers == first.numbers
    vector = embed(["a red castle"])[0] if meaning else None
    one, other = (consult(with_wishes(kept), "a red castle", vector).columns(np.arange(3)) for kept in (first, found))
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)
    went_on = remember([*past, made(50, "a new one", "c")], found, meaning)
    assert went_on.texts[: len(found.texts)] == found.texts, "mapped memories are gone on from too"


def test_other_formats_and_deleted_memories_are_none(tmp_path: Path) -> None:
    memories.save(replace(remember([made(0, "x")]), format=-1), tmp_path)
    assert memories.load(tmp_path) is None
    memories.save(remember([made(0, "x")]), tmp_path)
    memories.forget(tmp_path)
    assert memories.load(tmp_path) is None and list(tmp_path.iterdir()) == []
