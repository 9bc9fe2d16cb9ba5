"""Many queries at once: order, errors by line, defaults from the command line."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.commands import batch
from lorarec.errors import UsageError
from lorarec.types import Active, Query

MIRA = "characters/mira_lanternkeeper_v2.safetensors"


@pytest.fixture
def ask(call, collection, monkeypatch):
    """Feed lines on stdin; returns the exit code, the answers and stderr."""

    def run(lines: list[Any], *options: object) -> tuple[int, list[dict[str, Any]], str]:
        encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        source = SimpleNamespace(buffer=io.BytesIO(b"\n".join(encoded)), isatty=lambda: False)
        monkeypatch.setattr("sys.stdin", source)
        done = call("suggest", "--batch", "-", "--json", *options, *collection.flags)
        return done.code, [json.loads(line) for line in done.out.splitlines()], done.err

    return run


def test_answers_come_in_order_with_their_ids(ask) -> None:
    prompts = {"a": "grey coat, brass lantern, snow", "b": "floating islands, waterfalls", "c": "pixel art, 16-bit"}
    code, answers, _ = ask([{"id": key, "prompt": prompt} for key, prompt in prompts.items()], "--top", 2)
    assert code == 0
    assert [list(answer) for answer in answers] == [["id", "suggestions", "abstained", "took_ms"]] * 3
    assert [answer["id"] for answer in answers] == ["a", "b", "c"]
    first = [answer["suggestions"][0]["lora"] for answer in answers]
    assert first == [MIRA, "concepts/floating_islands_xl.safetensors", "styles/cozy_pixel_tiles.safetensors"]
    assert all(len(answer["suggestions"]) == 2 for answer in answers)


def test_a_batch_answers_like_single_calls(ask, call, collection) -> None:
    prompt = "grey coat, brass lantern, snow"
    _, [answer], _ = ask([{"id": 1, "prompt": prompt, "base_model": "Illustrious", "negative": "people"}])
    single = call(
        "suggest", prompt, "--base-model", "Illustrious", "--negative", "people", "--json", *collection.flags
    ).json
    assert answer["suggestions"] == single["suggestions"]


def test_the_run_goes_on_after_a_bad_line(ask) -> None:
    lines = [
        {"id": 1, "prompt": "grey coat, brass lantern"},
        b"",
        {"id": 2, "prompt": "  "},
        b"{not json",
        b"[1, 2]",
        {"id": 5},
        {"id": 6, "prompt": 7},
        {"id": 7, "prompt": "x", "active": [["a", "b"]]},
        b"\xff\xfe",
        b'{"id": NaN, "prompt": "x"}',
        {"prompt": "floating islands"},
    ]
    code, answers, _ = ask(lines)
    assert code == 1
    assert [answer["id"] for answer in answers] == [1, 2, None, None, 5, 6, 7, None, None, None]
    errors = [answer.get("error", "") for answer in answers]
    assert errors[0] == errors[-1] == ""
    numbers = [error.split(":")[0] for error in errors[1:-1]]
    assert numbers == [f"line {number}" for number in (3, 4, 5, 6, 7, 8, 9, 10)]


def test_active_and_options_come_from_line_or_command_line(ask) -> None:
    prompt = "grey coat, brass lantern, snow"
    lines = [
        {"id": 1, "prompt": prompt},
        {"id": 2, "prompt": prompt, "active": [["mira_lanternkeeper_v2", 0.8]]},
        {"id": 3, "prompt": prompt, "active": [["nobody", 1]]},
    ]
    code, answers, errors = ask(lines, "--folder", "characters")
    found = [[one["lora"] for one in answer["suggestions"]] for answer in answers]
    assert code == 0
    assert found[0][0] == MIRA and MIRA not in found[1]
    assert all(name.startswith("characters/") for names in found for name in names)
    assert "line 3" in errors and "nobody" in errors


def test_a_file_with_a_byte_order_mark(call, collection, tmp_path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": 1, "prompt": "floating islands"}\r\n{"id": 2, "prompt": "pixel art"}\r\n')
    done = call("suggest", "--batch", path, *collection.flags)
    assert done.code == 0
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == [1, 2]


def test_an_endless_line_is_one_error(ask, monkeypatch) -> None:
    monkeypatch.setattr(batch, "MAX_LINE", 100)
    _, answers, _ = ask([{"id": 1, "prompt": "x" * 1000}, {"id": 2, "prompt": "pixel art"}])
    assert "error" in answers[0] and answers[1]["id"] == 2 and "suggestions" in answers[1]


def test_pairs_without_a_weight_count_as_1() -> None:
    asked = {"prompt": "x", "active": ["a", ["b"], ["c", 2]]}
    assert batch.read_query(asked, Query(prompt="")).active == (Active("a", 1.0), Active("b", 1.0), Active("c", 2.0))


def test_halves_of_surrogate_pairs_are_made_valid() -> None:
    asked = batch.read_object(b'{"prompt": "a \\ud800 b"}')
    assert batch.read_query(asked, Query(prompt="")).prompt == "a ? b"


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_sentence(line: bytes) -> None:
    try:
        assert isinstance(batch.read_object(line), dict)
    except UsageError as error:
        assert str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional={key: JSON for key in ("prompt", "negative", "active", "base_model")}))
def test_any_object_is_a_query_or_a_sentence(asked: dict[str, Any]) -> None:
    try:
        query = batch.read_query(asked, Query(prompt=""))
    except UsageError as error:
        assert str(error)
    else:
        assert query.prompt.strip()
        assert all(isinstance(item, Active) for item in query.active)
