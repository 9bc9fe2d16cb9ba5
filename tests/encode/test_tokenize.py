"""Windows over long texts, and offsets that point into the text as it was given."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.encode.tokenize import MAX_CHARACTERS, Tokenizer, fill, split

pytest.importorskip("tokenizers")


def words(text: str) -> list[tuple[int, int]]:
    """Each word or punctuation mark is a token."""
    import re

    return [m.span() for m in re.finditer(r"\w+|[^\w\s]", text)]


def parts(text: str, room: int) -> list[str]:
    places = words(text)
    return [text[places[a][0] : places[b - 1][1]] for a, b in split(text, places, room)]


def test_windows_end_at_the_best_place() -> None:
    assert parts("a b c d", 4) == ["a b c d"]
    assert parts("a b, c d e f g", 4) == ["a b,", "c d e f", "g"]
    assert parts("a b c. d, e f", 5) == ["a b c.", "d, e f"]
    assert parts("a b c d e f", 4) == ["a b c d", "e f"]
    assert parts("a, b c d e f g", 6) == ["a, b c d e", "f g"]  # a comma in the first half is too early
    assert parts("a b c\nd e f", 5) == ["a b c", "d e f"]
    assert split("", [], 5) == []


def test_words_are_cut_only_if_they_fill_a_window() -> None:
    text = "aa bbbb"
    letters = [(i, i + 1) for i, c in enumerate(text) if c != " "]
    assert split(text, letters, 3) == [(0, 2), (2, 5), (5, 6)]


@given(st.text(alphabet="ab ,.\n", max_size=80), st.integers(1, 12))
def test_windows_cover_all_tokens_in_order(text: str, room: int) -> None:
    places = words(text)
    windows = split(text, places, room)
    assert [i for a, b in windows for i in range(a, b)] == list(range(len(places)))
    assert all(0 < b - a <= room for a, b in windows)


def test_offsets_point_into_the_given_text(tiny: Any) -> None:
    tokenizer = Tokenizer(tiny(lower=True))
    text = "  Red FOX, İx snow "
    found = tokenizer([text], offsets=True)[0]
    assert [text[a:b] for a, b in found.offsets][:3] == ["Red", "FOX", ","]
    assert text[slice(*found.offsets[-1])] == "snow"


def test_special_tokens_are_those_of_the_model(tiny: Any) -> None:
    tokenizer = Tokenizer(tiny(window=20))
    assert (len(tokenizer.prefix), len(tokenizer.suffix), tokenizer.room) == (1, 1, 18)
    ids = tokenizer(["fox"])[0].ids
    assert len(ids) == 1 and ids[0] not in tokenizer.prefix + tokenizer.suffix
    tokens = tokenizer(["fox " * 50])[0]
    assert len(tokens.ids) == 50 and all(b - a <= 18 for a, b in tokens.windows)  # the file's truncation is off


def test_endless_texts_have_an_end(tiny: Any) -> None:
    tokens = Tokenizer(tiny())(["fox " * MAX_CHARACTERS])[0]
    assert len(tokens.ids) == MAX_CHARACTERS // 4


def test_fill_pads_at_the_right() -> None:
    ids, mask = fill([[5, 6, 7], [8]], 1)
    assert ids.tolist() == [[5, 6, 7], [8, 1, 1]] and mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_vocabulary_loaded_in_a_step_of_its_own_is_the_same(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tokenizers

    folder = tiny()
    whole = tokenizers.Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    whole.add_special_tokens(["[NEW]"])  # one that the vocabulary lacks
    whole.save(str(folder.path / "tokenizer.json"))
    handed: list[str] = []
    real = tokenizers.Tokenizer.from_str
    monkeypatch.setattr(tokenizers, "Tokenizer", Mock(from_str=lambda text: handed.append(text) or real(text)))
    loaded = Tokenizer(folder)._tokenizer
    whole.no_truncation()
    whole.no_padding()
    assert loaded.to_str() == whole.to_str()
    assert len(handed) == 1 and "snow" not in handed[0], "no step has both"
    for text in ("red fox, snow", "[NEW] zzz \u6c34 [MASK]", ""):
        assert loaded.encode(text).ids == whole.encode(text).ids


def test_a_vocabulary_to_which_nothing_was_added_is_loaded_too(tiny: Any) -> None:
    folder = tiny()
    path = folder.path / "tokenizer.json"
    stated = json.loads(path.read_bytes())
    del stated["added_tokens"], stated["post_processor"]
    path.write_text(json.dumps(stated))
    assert Tokenizer(folder)(["fox"])[0].ids == [stated["model"]["vocab"]["fox"]]


def test_other_tokenizers_are_loaded_as_they_are(tiny: Any) -> None:
    import tokenizers

    folder = tiny()
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    other.save(str(folder.path / "tokenizer.json"))
    assert Tokenizer(folder)._tokenizer.encode("ab").ids == [2]
