"""Hand-edited selections: what is read, what is refused, and in which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def selection(start):
    return start(core=False).part("nodes.selection")


def test_a_row_needs_only_name_and_model(selection):
    (row,) = selection.parse('[{"name": "styles\\\\ink.safetensors", "model": 0.8}]')
    assert row == ("styles/ink.safetensors", 0.8, 0.8, True, "", "", ())


def test_what_is_written_is_read_again(selection):
    rows = [
        selection.Row("a/ink.safetensors", 0.8, 0.5, False, "f00d", "a/low.safetensors", ("ink wash", "墨")),
        selection.Row("b.safetensors", -1.25, -1.25),
    ]
    text = selection.dump(rows)
    assert selection.parse(text) == rows
    assert selection.dump(selection.parse(text)) == text
    assert [json.loads(line.strip("[],"))["on"] for line in text.split("\n")[1:-1]] == [False, True]


def test_blank_is_not_the_same_as_nothing_chosen(selection):
    assert selection.is_blank(" \n") and not selection.is_blank("[]")
    assert selection.parse("") == selection.parse("[]") == []
    assert selection.dump([]) == "[]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"name": "a", "model": 1},\n {"name": "b", "model": 0,8}]', ["row 2", "line 2"]),
        ('[{"name": "a", "model": 1}\n {"name": "b", "model": 1}]', ["after row 1", "line 2"]),
        ("ink 0.8", ["line 1"]),
        ('{"name": "a", "model": 1}', ["list of rows"]),
        ('[{"name": "a", "model": 1}, 3]', ["row 2", "object"]),
        ('[{"model": 1}]', ["row 1", "name"]),
        ('[{"name": 7, "model": 1}]', ["row 1", "name", "7"]),
        ('[{"name": "a", "modle": 1}]', ["row 1", "no model"]),
        ('[{"name": "a", "model": "strong"}]', ["row 1", "model", "strong"]),
        ('[{"name": "a", "model": true}]', ["row 1", "model", "true"]),
        ('[{"name": "a", "model": NaN}]', ["row 1", "model", "between"]),
        ('[{"name": "a", "model": 1, "clip": 1e9}]', ["row 1", "clip", "between"]),
        ('[{"name": "a", "model": 1, "on": "no"}]', ["row 1", "on", "no"]),
        ('[{"name": "a", "model": 1, "trigger_words": "ink"}]', ["row 1", "trigger_words"]),
    ],
)
def test_a_broken_selection_is_refused_naming_row_and_field(selection, text, words):
    with pytest.raises(Exception) as caught:
        selection.parse(text)
    assert type(caught.value).__name__ == "UsageError"
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_any_text_is_read_or_refused(selection):
    @settings(max_examples=200)
    @given(st.text(alphabet='[]{}",:.01aemno \n\\') | st.text())
    def check(text):
        try:
            assert all(row.name for row in selection.parse(text))
        except selection.UsageError as error:
            assert "selection" in str(error)

    check()
