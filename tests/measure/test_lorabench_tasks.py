"""The benchmark's tasks, put to recommenders whose answers are known."""

from __future__ import annotations

import pytest

from lorarec.measure import lorabench
from lorarec.measure.baseline import Bm25
from lorarec.measure.bench_data import Bench, Label, Row
from lorarec.measure.lorabench import Answer


def fixed(prompt: str) -> list[tuple[str, float]]:
    """Always the same ranking."""
    return [("civitai:3", 0.9), ("civitai:1", 0.6), ("civitai:2", 0.1)]


def test_only_rows_whose_labels_are_all_installed_count(bench: Bench) -> None:
    assert [r.id for r in lorabench.eligible(bench.queries, {"civitai:1", "civitai:2"})] == ["b:1"]
    assert [r.id for r in lorabench.eligible(bench.queries, set(bench.corpus))] == ["b:1", "b:2", "b:3"]


def test_outcomes_hold_the_rank_of_every_label(bench: Bench) -> None:
    ticks: list[int] = []
    answers = lorabench.ask(fixed, bench.queries, lambda: ticks.append(1))
    found = lorabench.outcomes(answers, "all")
    assert [(o.labels, o.ranks) for o in found] == [
        (("civitai:1",), (2,)),
        (("civitai:2", "civitai:4"), (3, 0)),
        (("civitai:3",), (1,)),
    ]
    assert found[1].overlap == "name" and len(ticks) == 3


def test_loras_that_do_not_count_make_room_but_labels_stay(bench: Bench) -> None:
    answers = lorabench.ask(fixed, bench.queries)
    found = lorabench.outcomes(answers, "all", lambda row, lora: lora != "civitai:3")
    assert [o.ranks for o in found] == [(1,), (2, 0), (1,)]


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("Ink Wash, hills", ", hills"),
        ("inkwash, ink washes, (ink_wash:1.2)", "inkwash, ink washes, ( :1.2)"),
        ("sumi-e, sumi_e2", ", sumi_e2"),
        ("hills", "hills"),
    ],
)
def test_trigger_words_are_removed_on_word_boundaries(bench: Bench, prompt: str, left: str) -> None:
    row = Row("q", prompt, (Label("civitai:1"),))
    assert lorabench.without_triggers(row, bench.corpus).prompt == left


def test_a_comma_list_is_several_trigger_words(bench: Bench) -> None:
    row = Row("q", "blue dress, Ännie at sea", (Label("civitai:4"),))
    assert lorabench.without_triggers(row, bench.corpus).prompt == ", at sea"


def test_brackets_inside_a_trigger_word_need_not_match() -> None:
    from lorarec.measure.bench_data import CorpusLora

    corpus = {"x": CorpusLora("x", "X", trained_words=["makima \\(chainsaw man\\)"])}
    row = Row("q", "makima (chainsaw man), smile", (Label("x"),))
    assert lorabench.without_triggers(row, corpus).prompt == "), smile"


def test_abstention_compares_top_scores() -> None:
    wants = [Answer(Row("1", "", (Label("a"),)), (("a", 0.9), ("a2", 0.8), ("b", 0.3)))]
    content = [Answer(Row("2", ""), (("b", 0.4),)), Answer(Row("3", ""), ())]
    found = lorabench.abstention(wants, content, {"a": "a", "a2": "a"})
    assert (found.wanting, found.content, found.auc, found.auc_removed) == (1, 2, 1.0, 1.0)
    found = lorabench.abstention(wants, [Answer(Row("2", ""), (("b", 0.95),))], {})
    assert found.auc == 0
    assert lorabench.top_score(wants[0], lambda name: name in {"a", "a2"}) == 0.3


def test_weights_by_hand(bench: Bench) -> None:
    asked = []

    def strengthen(name: str, row: Row) -> float:
        asked.append((name, row.id))
        return 0.6

    found = lorabench.weights(bench.queries, bench.showcase, strengthen)
    # Labels with a weight: 0.7, 1.0, 0.4. LoRA 1 shows 0.6 and 0.8, median 0.7; the others nothing: 0.8.
    assert asked == [("civitai:1", "b:1"), ("civitai:2", "b:2"), ("civitai:4", "b:2")]
    assert (found.n, found.queries, found.with_showcase) == (3, 2, 1)
    assert found.error == pytest.approx((0.1 + 0.4 + 0.2) / 3)
    assert found.constant == pytest.approx((0.1 + 0.2 + 0.4) / 3)
    assert found.showcase == pytest.approx((0.0 + 0.2 + 0.4) / 3)
    assert found.gain_showcase.low <= found.error - found.showcase <= found.gain_showcase.high


def test_bm25_finds_what_shares_words(bench: Bench) -> None:
    pytest.importorskip("bm25s")
    rank = Bm25(bench, bench.corpus).rank
    assert rank("a red castle")[0][0] == "civitai:2"
    assert rank("zebra") == []
    assert {name for name, _ in rank("INK")} == {"civitai:1", "civitai:3"}
