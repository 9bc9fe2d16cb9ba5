"""Prompt dialects, one known prompt per item, and what must hold for any text at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorarec.prompt.syntax import MAX_PROMPT, parse

PIECES = st.sampled_from(
    [*"()[]{}|,:.\\ \n", "<lora:a:1>", "(cat:1.2)", "[a:b:0.5]", "{x|y}", "__w__", "BREAK", "AND", "embedding:e"]
)
PROMPTS = st.one_of(st.text(max_size=200), st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=40).map("".join))


def texts(prompt: str) -> list[str]:
    return [chunk.text for chunk in parse(prompt).chunks]


def weights(prompt: str) -> dict[str, float]:
    return {chunk.text: chunk.weight for chunk in parse(prompt).chunks}


@given(PROMPTS)
def test_any_text_is_parsed_and_its_spans_index_the_clean_text(prompt: str) -> None:
    parsed = parse(prompt)
    assert parse(prompt) == parsed
    end = 0
    for chunk in parsed.chunks:
        assert parsed.text[chunk.start : chunk.end] == chunk.text != ""
        assert chunk.start >= end and 0 <= chunk.weight < 1e12
        end = chunk.end
    assert parsed.text == ", ".join(chunk.text for chunk in parsed.chunks)


@given(st.lists(st.text(alphabet="abcdefgh ", min_size=1, max_size=12).filter(str.strip), max_size=8))
def test_plain_words_between_commas_come_back_as_they_are(words: list[str]) -> None:
    assert texts(", ".join(words)) == [" ".join(word.split()) for word in words]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        # attention
        ("(cat:1.3), dog", {"cat": 1.3, "dog": 1.0}),
        ("(cat), ((dog))", {"cat": 1.1, "dog": 1.21}),
        ("[cat]", {"cat": 0.9091}),
        ("((cat:1.2))", {"cat": 1.32}),
        ("(cat, dog:0.5)", {"cat": 0.5, "dog": 0.5}),
        ("a (very:1.4) tall man", {"a very tall man": 1.4}),
        ("{cat}", {"cat": 1.05}),
        ("(cat:99)", {"cat": 10.0}),
        ("(ratio 16:9 shot)", {"ratio 16:9 shot": 1.1}),
        # editing and alternatives: everything the user may get
        ("[cat:dog:0.5]", {"cat": 1.0, "dog": 1.0}),
        ("[cat::10]", {"cat": 1.0}),
        ("[cat|dog] in a hat", {"cat": 1.0, "dog": 1.0, "in a hat": 1.0}),
        ("{cat|dog|}", {"cat": 1.0, "dog": 1.0}),
        ("{2$$cat|dog}", {"cat": 1.0, "dog": 1.0}),
        ("{1-2$$ and $$cat|dog}", {"cat": 1.0, "dog": 1.0}),
        ("{0.7::cat|0.3::dog}", {"cat": 1.0, "dog": 1.0}),
        ("[(cat:1.5):dog:0.3]", {"cat": 1.5, "dog": 1.0}),
        # what is no content
        ("a __colours/dark*__ cat", {"a cat": 1.0}),
        ("cat BREAK dog", {"cat": 1.0, "dog": 1.0}),
        ("a cat :1.2 AND a dog", {"a cat": 1.0, "a dog": 1.0}),
        ("cat ADDCOMM dog ADDCOL owl COUPLE MASK(0 0.5, 0 1) fox", dict.fromkeys(["cat", "dog", "owl", "fox"], 1.0)),
        ("cat, embedding:easyneg, (embedding:other:1.2)", {"cat": 1.0}),
        # escapes
        (r"miku \(vocaloid\), cat", {"miku (vocaloid)": 1.0, "cat": 1.0}),
        (r"(miku \(vocaloid\):1.2)", {"miku (vocaloid)": 1.2}),
        # comments
        ("# a note\ncat", {"cat": 1.0}),
        ("cat // a note\ndog", {"cat": 1.0, "dog": 1.0}),
        ("cat /* a\nnote */ dog", {"cat": 1.0, "dog": 1.0}),
        ("/* never closed, cat", {"/* never closed": 1.0, "cat": 1.0}),
        ("#1girl, cat", {"#1girl": 1.0, "cat": 1.0}),
        # separators
        ("cat; dog\nowl. fox", dict.fromkeys(["cat", "dog", "owl", "fox"], 1.0)),
        ("猫、犬，鳥", {"猫": 1.0, "犬": 1.0, "鳥": 1.0}),
        ("v1.5 model", {"v1.5 model": 1.0}),
        # typing errors are text
        ("(cat, dog", {"cat": 1.0, "dog": 1.0}),
        ("cat), dog]", {"cat": 1.0, "dog": 1.0}),
        ("I <3 cats", {"I <3 cats": 1.0}),
        ("!!!, ...", {"!!!": 1.0}),
        ("", {}),
    ],
)
def test_known_prompts(prompt: str, expected: dict[str, float]) -> None:
    assert weights(prompt) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<lora:add_detail:0.8>", [("add_detail", 0.8)]),
        ("<lora:add_detail>", [("add_detail", 1.0)]),
        ("< LORA : folder/x y : -1.5 >", [("folder/x y", -1.5)]),
        ("<lora:x:0.5:0.7>", [("x", 0.7)]),
        ("<lora:x:te=0.5:unet=0.7>", [("x", 0.7)]),
        ("<lora:x:0.6:lbw=OUTD>", [("x", 0.6)]),
        ("<lyco:y:1>", [("y", 1.0)]),
        ("<hypernet:z:1>", []),
        ("<lora::1>", []),
        ("<lora:x:" + "9" * 400 + ">", [("x", 1.0)]),
    ],
)
def test_networks_are_named_and_cut_out(tag: str, expected: list[tuple[str, float]]) -> None:
    parsed = parse(f"cat {tag} dog")
    assert list(parsed.loras) == expected
    assert [chunk.text for chunk in parsed.chunks] == ["cat", "dog"]


def test_embeddings_are_cut_out() -> None:
    assert parse("cat, (embedding:good_hands:1.1), embedding:other").text == "cat"


def test_full_width_punctuation_is_read_as_plain() -> None:
    assert weights("（猫：1.2），犬") == {"猫": 1.2, "犬": 1.0}


@pytest.mark.parametrize(
    "piece",
    ["/* ", "<lora:" + " " * 999, "(" + " " * 999, "[a:" + "1" * 999, "(", "a (b:1.2) ", "[a|", "<a:", ":1", "ﷺ"],
)
def test_hostile_prompts_take_no_time(piece: str) -> None:
    prompt = (piece * MAX_PROMPT)[: MAX_PROMPT * 2]
    begun = time.process_time()
    assert len(parse(prompt).text) <= 3 * MAX_PROMPT
    assert time.process_time() - begun < 1.5


@settings(max_examples=20)
@given(st.integers(1, 60))
def test_deep_nesting_neither_fails_nor_overflows(depth: int) -> None:
    [chunk] = parse("(" * depth + "cat" + ")" * depth).chunks
    assert chunk.text == "cat" and 1.0 < chunk.weight <= 1.1**24 + 0.1
