"""The protocol put to recommenders whose answers are known, and the tables it prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lorarec.errors import UsageError
from lorarec.measure import protocol, tables
from lorarec.measure.bench_data import Bench, Row
from lorarec.measure.metrics import Interval
from lorarec.measure.protocol import Plan, Setup
from lorarec.measure.speed import Measured


class Stub:
    """Ranks the LoRAs of its library by number; without popularity figures the other way round."""

    def __init__(self, setup: Setup) -> None:
        self.names = sorted(setup.ids, reverse=not setup.stats)
        self.asked: list[tuple[str, int]] = []

    def rank(self, prompt: str, top: int = protocol.TOP) -> list[tuple[str, float]]:
        self.asked.append((prompt, top))
        best = 0.2 if prompt == "a cat" else 0.9
        return [(name, best - place / 10) for place, name in enumerate(self.names)][:top]

    def strengthen(self, lora: str, row: Row) -> float:
        return 0.7


@pytest.fixture
def opened() -> list[tuple[Setup, Stub]]:
    return []


@pytest.fixture
def opener(opened: list[tuple[Setup, Stub]]) -> protocol.Opener:
    @contextmanager
    def open_library(setup: Setup) -> Iterator[Stub]:
        opened.append((setup, Stub(setup)))
        yield opened[-1][1]

    return open_library


def test_cold_asks_every_library_for_the_rows_it_can_answer(
    bench: Bench, opener: protocol.Opener, opened: list[tuple[Setup, Stub]]
) -> None:
    report = protocol.run(Plan(sizes=("2",)), bench, opener)
    assert [(setup.name, [p for p, _ in stub.asked]) for setup, stub in opened] == [
        ("2:0", ["Ink Wash, hills"]),
        ("2:1", ["rain"]),
    ]
    [ranking] = report.rankings
    assert (ranking.libraries, ranking.variant, ranking.summary.rows) == ("2", protocol.PLAIN, 2)
    assert ranking.summary.macro.mrr == 1
    assert report.weights is None and report.abstaining == []


def test_variants_stand_beside_the_plain_figures(bench: Bench, opener: protocol.Opener) -> None:
    plan = Plan(sizes=("2",), existing=True, without_triggers=True, no_popularity=True, bare=0.3, baseline=True)
    report = protocol.run(plan, bench, opener)
    found = {row.variant: row.summary.macro.mrr for row in report.rankings}
    assert set(found) == {
        protocol.PLAIN,
        protocol.EXISTING,
        protocol.NO_TRIGGERS,
        protocol.NO_POPULARITY,
        protocol.BARE,
        protocol.BASELINE,
    }
    assert found[protocol.NO_POPULARITY] == pytest.approx(0.5)
    assert report.lost_when_bare("2") == 0
    assert report.lost_when_bare("9") is None


def test_the_bare_variant_is_laid_as_asked(
    bench: Bench, opener: protocol.Opener, opened: list[tuple[Setup, Stub]]
) -> None:
    protocol.run(Plan(sizes=("2",), bare=0.4, kinds=("json",)), bench, opener)
    assert [(s.bare, s.kinds) for s, _ in opened if s.bare] == [(0.4, ("json",))] * 2


def test_the_whole_corpus_is_one_library(bench: Bench, opener: protocol.Opener) -> None:
    report = protocol.run(Plan(tasks=("full",), limit=2), bench, opener)
    [ranking] = report.rankings
    assert ranking.libraries == protocol.FULL
    assert ranking.summary.rows == 2 and ranking.summary.micro.mrr == pytest.approx((1 + 1 / 2) / 2)


def test_abstaining_asks_only_for_the_top_where_that_is_enough(
    bench: Bench, opener: protocol.Opener, opened: list[tuple[Setup, Stub]]
) -> None:
    report = protocol.run(Plan(tasks=("abstain",), sizes=("2",)), bench, opener)
    [found] = report.abstaining
    assert found.auc == 1 and set(found.by_library) == {"2:0", "2:1"}
    assert report.rankings == []
    assert all((top == 1) == (prompt == "a cat") for _, stub in opened for prompt, top in stub.asked)


def test_weights_need_a_library_of_the_labels_alone(
    bench: Bench, opener: protocol.Opener, opened: list[tuple[Setup, Stub]]
) -> None:
    report = protocol.run(Plan(tasks=("weights",)), bench, opener)
    assert report.weights is not None and report.weights.n == 3
    [(setup, stub)] = opened
    assert setup.ids == ("civitai:1", "civitai:2", "civitai:4", "civitai:3") and stub.asked == []


def test_progress_names_the_library(bench: Bench, opener: protocol.Opener) -> None:
    said: list[tuple[str, int, int]] = []
    protocol.run(Plan(sizes=("2",)), bench, opener, lambda *what: said.append(what))
    assert said == [("2:0, as it is", 1, 1), ("2:1, as it is", 1, 1)]


def test_tables_show_every_variant_with_its_n(bench: Bench, opener: protocol.Opener) -> None:
    plan = Plan(tasks=protocol.TASKS, sizes=("2",), bare=0.3, baseline=True, existing=True)
    text = tables.evaluation(protocol.run(plan, bench, opener))
    lines = text.splitlines()
    assert lines[0].startswith("libraries, variant")
    for name in ("2, as it is", "2, LoRAs that existed", "2, BM25", "full, as it is", "full, bare and mixed"):
        assert any(line.startswith(name) for line in lines), name
    assert "(≥ .530)" in text  # the stub is right about the whole corpus
    assert "n=3 labels" in text and "2 + 2" in text and "lose 0.0% of macro MRR" in text


def test_numbers_are_short() -> None:
    assert [tables.number(v) for v in (0.5, 1.0, -0.25, float("nan"))] == [".500", "1.000", "-.250", "-"]
    assert tables.span(Interval(0.1, 0.25)) == "[.100 .250]"


def test_columns_line_up() -> None:
    text = tables.grid(["a", "b"], [["long name", "1"], ["x", "22"]])
    assert text.splitlines() == ["a           b", "---------  --", "long name   1", "x          22"]


def test_the_speed_table_says_what_is_missed() -> None:
    text = tables.speed(
        [Measured("fast", 1.5, "×", 2), Measured("slow", 31.25, "ms", 30), Measured("n/a", float("nan"), "×", 2)]
    )
    rows = [line.split() for line in text.splitlines()[2:]]
    assert rows == [
        ["fast", "1.50", "×", "≤", "2", "×", "ok"],
        ["slow", "31.2", "ms", "≤", "30", "ms", "missed"],
        ["n/a", "-", "≤", "2", "×"],
    ]


def test_an_empty_size_is_no_error(bench: Bench, opener: protocol.Opener) -> None:
    assert protocol.run(Plan(sizes=("77",)), bench, opener).rankings == []
    with pytest.raises(UsageError):
        Bench(bench.folder / "nowhere")
