"""Seeing, taking along, deleting and switching off what is remembered, and telling what one thinks of LoRAs."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from lorarec.commands.moments import moment
from lorarec.database import open_database
from lorarec.history.store import History
from lorarec.history_types import Event, EventKind, Generation, ImageFile, Linked, OutcomeKind, Use
from lorarec.settings import load

MIRA = "characters/mira_lanternkeeper_v2.safetensors"
DAY = 86400.0
START = datetime(2026, 1, 1, 12).timestamp()  # local time, as people type it


@contextmanager
def remembered(folder: Path) -> Iterator[History]:
    with open_database(folder) as database:
        yield History(database)


def fill(folder: Path, mira: str = "id-mira") -> None:
    """One generation at noon of each of the first five days of 2026; on odd days with Mira and an unknown LoRA."""
    with remembered(folder) as history:
        for day in range(5):
            uses = (Use(name="mira_v2", strength=0.75), Use(name="gone")) if day % 2 else (Use(name="other"),)
            generation = Generation(
                prompt=f"prompt {day}\nof two lines", loras=uses, made=START + day * DAY, host="a1111", project="book"
            )
            image = ImageFile(f"/out/{day}.png", 1, 1)
            history.add_generations(
                [(generation, image)],
                lambda use: (
                    Linked(mira, "alias") if use.name == "mira_v2" else Linked("", "ambiguous" * (use.name == "other"))
                ),
            )
        history.add_outcomes([("/out/3.png", OutcomeKind.LIKED, START + 3 * DAY)])


@pytest.fixture
def indexed(collection, tmp_path: Path) -> list[str]:
    """Flags of a data folder of its own, with the sample collection indexed."""
    shutil.copytree(collection.data, tmp_path / "indexed")
    return ["--loras", str(collection.loras), "--data", str(tmp_path / "indexed")]


def mira_id(call, indexed: list[str]) -> str:
    return call("show", MIRA, "--json", "--no-refresh", *indexed).json["lora"]["id"]


# -- show -------------------------------------------------------------------------------------------------------------


def test_an_empty_history_says_so(call, data: Path) -> None:
    done = call("history", "--data", data)
    assert (done.code, done.out.strip()) == (0, "Nothing is remembered yet.")
    assert call("history", "--data", data, "--json").json["generations"] == []


@pytest.mark.parametrize("verb", [("history",), ("history", "export"), ("feedback", "like", MIRA)])
def test_a_damaged_database_is_not_replaced_in_silence(call, data: Path, verb: tuple[str, ...]) -> None:
    (data / "lorarec.sqlite3").write_bytes(b"garbage" * 500)
    assert "was damaged" in call(*verb, "--data", str(data)).err
    assert len(list(data.glob("lorarec.sqlite3.damaged-*"))) == 1


def test_show_prints_the_newest_generations_with_loras_and_links(call, data: Path) -> None:
    fill(data)
    done = call("history", "--data", data, "--limit", 3)
    assert done.code == 0
    assert done.out.index("prompt 4") < done.out.index("prompt 3") < done.out.index("prompt 2")
    assert "prompt 1" not in done.out
    assert "2026-01-05 12:00" in done.out and "a1111" in done.out and "book" in done.out
    assert "mira_v2 0.75 alias" in done.out and "gone not linked" in done.out and "other ambiguous" in done.out
    assert "1 liked" in done.out
    assert "5 generations from 2026-01-01 12:00 to 2026-01-05 12:00, 1 LoRAs, 2 names not linked" in done.out
    assert "\x1b" not in done.out + done.err


def test_show_chooses(call, data: Path) -> None:
    fill(data)

    def prompts(*options: object) -> list[str]:
        shown = call("history", "show", "--json", "--data", data, *options).json["generations"]
        return [one["prompt"].split()[1] for one in shown]

    assert prompts() == ["4", "3", "2", "1", "0"]
    assert prompts("--since", "2026-01-03") == ["4", "3", "2"]
    assert prompts("--until", "2026-01-03") == ["2", "1", "0"], "the day named is included"
    assert prompts("--since", "2026-01-02T12:00", "--until", "2026-01-03T12:00") == ["1"]
    assert prompts("--lora", "gone") == ["3", "1"]
    assert prompts("--project", "book", "--limit", 1) == ["4"]
    assert prompts("--project", "film") == []


def test_an_unknown_lora_is_refused(call, data: Path) -> None:
    fill(data)
    done = call("history", "--lora", "never heard of", "--data", data)
    assert done.code == 1 and "nor does the history have that name" in done.err


def test_an_installed_lora_is_found_by_its_own_name(call, indexed: list[str], tmp_path: Path) -> None:
    fill(tmp_path / "indexed", mira_id(call, indexed))
    shown = call("history", "--lora", "mira_lanternkeeper_v2", "--json", *indexed).json["generations"]
    assert [one["loras"][0]["name"] for one in shown] == ["mira_v2", "mira_v2"]


def test_control_characters_of_prompts_do_not_reach_the_terminal(call, data: Path) -> None:
    with remembered(data) as history:
        found = Generation(prompt="a\x1b[31mred", loras=(Use(name="b\x1b[2J"),), host="c\x07")
        history.add_generations([(found, None)], lambda use: Linked("", ""))
    done = call("history", "--data", data)
    assert "\x1b" not in done.out and "\x07" not in done.out and "a?[31mred" in done.out


# -- export -----------------------------------------------------------------------------------------------------------


def test_export_writes_lines_of_json(call, data: Path, tmp_path: Path) -> None:
    fill(data)
    shown = call("history", "export", "--data", data)
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [line["kind"] for line in lines] == ["generation"] * 5 + ["use"] * 7 + ["image"] * 5 + ["outcome"]
    assert lines[0]["prompt"] == "prompt 0\nof two lines"
    done = call("history", "export", tmp_path / "mine.jsonl", "--data", data)
    assert (done.code, done.out) == (0, "") and "18 lines" in done.err
    written = (tmp_path / "mine.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in written] == lines


def test_export_where_nothing_can_be_written_is_one_sentence(call, data: Path, tmp_path: Path) -> None:
    done = call("history", "export", tmp_path / "absent" / "mine.jsonl", "--data", data)
    assert done.code == 1 and "absent" in done.err and "name a file elsewhere" in done.err


# -- delete -----------------------------------------------------------------------------------------------------------


def left(data: Path) -> list[str]:
    with remembered(data) as history:
        return [past.prompt.split()[1] for past in history.past() if past.prompt]


def test_delete_a_period_a_lora_and_all(call, data: Path) -> None:
    fill(data)
    done = call("history", "delete", "--until", "2026-01-01", "--yes", "--json", "--data", data)
    assert done.json == {
        "generations": 1,
        "images": 1,
        "outcomes": 0,
        "impressions": 0,
        "events": 0,
        "usage": 0,
        "wiped": True,
    }
    assert left(data) == ["1", "2", "3", "4"]
    call("history", "delete", "--lora", "gone", "--since", "2026-01-03", "--yes", "--data", data)
    assert left(data) == ["1", "2", "4"]
    call("history", "delete", "--pattern", "PROMPT 9|nowhere", "--yes", "--data", data)
    assert left(data) == ["1", "2", "4"]
    done = call("history", "delete", "--all", "--yes", "--data", data)
    assert done.code == 0 and "3 generations, 5 image files forgotten" in done.out
    assert left(data) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say what to delete"),
        (("--all", "--lora", "gone"), "--all deletes everything"),
        (("--all", "--since", "1d"), "--all deletes everything"),
        (("--all",), "--yes"),
        (("--lora", ""), "nor does the history"),
        (("--project", "book", "--yes"), "takes no --project"),
        (("mine.jsonl", "--all", "--yes"), "takes no file"),
        (("--since", "yesterday"), "no date"),
        (("--pattern", "(", "--yes"), "no regular expression"),
        (("--all", "--pattern", "x", "--yes"), "leave it out"),
    ],
)
def test_a_deletion_that_cannot_be_meant_deletes_nothing(call, data: Path, options: tuple, said: str) -> None:
    fill(data)
    done = call("history", "delete", *options, "--data", data)
    assert done.code in (1, 2) and said in done.err
    assert len(left(data)) == 5


@pytest.mark.parametrize("options", [("show", "--all"), ("export", "--lora", "gone"), ("off", "--yes"), ("on", "x")])
def test_options_of_other_actions_are_refused(call, data: Path, options: tuple) -> None:
    done = call("history", *options, "--data", data)
    assert done.code == 2 and "takes no" in done.err
    assert load(data).history


@pytest.mark.parametrize(("answer", "deleted"), [("y\n", 5), ("yes\n", 5), ("\n", 0), ("n\n", 0), ("", 0)])
def test_delete_asks_on_a_terminal(call, data: Path, monkeypatch, answer: str, deleted: int) -> None:
    fill(data)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=io.StringIO(answer).readline))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    done = call("history", "delete", "--all", "--data", data)
    assert done.code == (0 if deleted else 2)
    assert "deletes 5 generations" in done.err
    assert len(left(data)) == 5 - deleted


def test_delete_all_names_databases_set_aside(call, data: Path) -> None:
    (data / "lorarec.sqlite3.damaged-20260101-000000").write_bytes(b"old prompts")
    done = call("history", "delete", "--all", "--yes", "--data", data)
    assert "damaged-20260101-000000" in done.err


# -- off, on ----------------------------------------------------------------------------------------------------------


def test_off_keeps_what_there_is_and_says_so(call, data: Path) -> None:
    fill(data)
    done = call("history", "off", "--data", data)
    assert done.code == 0 and "delete --all" in done.err
    assert load(data).history is False and load(data).encoder_semantic == "absent/encoder"
    shown = call("history", "--data", data)
    assert "prompt 4" in shown.out and "the history is off" in shown.err
    assert call("history", "--json", "--data", data).json["recording"] is False
    assert call("history", "on", "--json", "--data", data).json == {"history": True}
    assert load(data).history is True


# -- feedback ---------------------------------------------------------------------------------------------------------


def test_feedback_is_kept_and_shown(call, indexed: list[str]) -> None:
    done = call(
        "feedback", "like", "mira_lanternkeeper_v2", MIRA.replace("_v2", "_v1"), "--prompt", "a castle", *indexed
    )
    assert (done.code, done.out.splitlines()) == (0, [f"liked: {MIRA}", f"liked: {MIRA.replace('_v2', '_v1')}"])
    assert call("feedback", "hide", MIRA, *indexed).out == f"hidden: {MIRA}\n"
    call("feedback", "neutral", MIRA.replace("_v2", "_v1"), *indexed)
    state = call("history", "--json", *indexed).json
    assert (state["liked"], state["hidden"], state["disliked"]) == ([MIRA], [MIRA], [])
    call("feedback", "show", MIRA, *indexed)
    [row] = call("feedback", "dislike", MIRA, "--json", *indexed).json
    assert row == {"lora": MIRA, "id": mira_id(call, indexed), "kind": "dislike", "stored": True}
    state = call("history", "--json", *indexed).json
    assert (state["liked"], state["hidden"], state["disliked"]) == ([], [], [MIRA])


def test_of_a_lora_that_is_gone_only_what_was_said_can_be_taken_back(call, indexed: list[str], tmp_path: Path) -> None:
    gone = "0123456789abcdef"
    with remembered(Path(indexed[-1])) as history:
        history.add_event(Event(kind=EventKind.HIDE, lora=gone, at=1.0))
    assert call("history", "show", "--json", *indexed).json["hidden"] == [gone]
    assert call("feedback", "hide", gone, *indexed).code == 1
    assert call("feedback", "show", gone, *indexed).out == f"no longer hidden: {gone}\n"
    assert call("history", "show", "--json", *indexed).json["hidden"] == []


def test_one_unknown_name_and_nothing_is_recorded(call, indexed: list[str]) -> None:
    done = call("feedback", "hide", MIRA, "never heard of", *indexed)
    assert done.code == 1 and "never heard of" in done.err
    assert call("history", "--json", *indexed).json["hidden"] == []


def test_a_dismissal_is_taken_back(call, indexed: list[str]) -> None:
    assert call("feedback", "dismiss", MIRA, "--prompt", "a castle", *indexed).code == 0
    done = call("feedback", "undismiss", MIRA, *indexed)
    assert done.code == 0 and "no longer dismissed" in done.out


def test_a_dismissal_needs_a_prompt_and_the_history(call, indexed: list[str], tmp_path: Path) -> None:
    assert call("feedback", "dismiss", MIRA, *indexed).code == 2
    assert call("feedback", "dismiss", MIRA, "--prompt", "a castle", *indexed).code == 0
    with remembered(tmp_path / "indexed") as history:
        [event] = history.events()
    assert (event.kind, event.prompt) == (EventKind.DISMISS, "a castle")
    call("history", "off", *indexed)
    done = call("feedback", "dismiss", MIRA, "--prompt", "a castle", *indexed)
    assert done.code == 2 and "history is off" in done.err
    assert call("feedback", "hide", MIRA, "--prompt", "a castle", *indexed).code == 0
    with remembered(tmp_path / "indexed") as history:
        assert [(event.kind, event.prompt) for event in history.events()][1:] == [(EventKind.HIDE, "")]


def test_feedback_on_an_excluded_prompt(call, indexed: list[str], tmp_path: Path) -> None:
    call("settings", "set", "history_exclude", "castle", *indexed)
    done = call("feedback", "dismiss", MIRA, "--prompt", "a Castle", *indexed)
    assert done.code == 0 and "not recorded" in done.err and done.out == ""
    call("feedback", "like", MIRA, "--prompt", "a Castle", *indexed)
    with remembered(tmp_path / "indexed") as history:
        assert [(event.kind, event.prompt) for event in history.events()] == [(EventKind.LIKE, "")]


def test_a_pattern_that_is_none_is_one_sentence(call, data: Path) -> None:
    done = call("settings", "set", "history_exclude", "(oops", "--data", data)
    assert done.code == 2 and "(oops" in done.err and "Traceback" not in done.err


# -- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("30d", False, 1e9 - 30 * DAY),
        ("12h", True, 1e9 - 12 * 3600),
        ("1.5W", False, 1e9 - 10.5 * DAY),
        ("2026-01-31", False, datetime(2026, 1, 31).timestamp()),
        ("2026-01-31", True, datetime(2026, 2, 1).timestamp()),
        ("2026-01-31T18:30", True, datetime(2026, 1, 31, 18, 30).timestamp()),
        ("2026-01-31T18:30:00Z", False, 1769884200.0),
        ("2026-01-31T18:30:00+02:00", False, 1769884200.0 - 7200),
    ],
)
def test_dates_and_ages(text: str, end: bool, expected: float) -> None:
    assert moment(text, 1e9, end=end) == expected


@pytest.mark.parametrize("text", ["", "soon", "30", "d", "2026-13-01", "-3d", "12 months", "2026-02-30", "9999-12-31"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no date"):
        moment(text, 1e9, end=True)


def test_the_end_of_a_day_is_that_of_the_calendar() -> None:
    ends = moment("2026-03-29", 0.0, end=True)
    assert datetime.fromtimestamp(ends) == datetime(2026, 3, 29) + timedelta(days=1)
