"""Reports as plain text, aligned by hand so that nothing is wrapped or cut when it goes into a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .metrics import OVERLAPS, Figures, Interval
from .protocol import FULL, PLAIN, Ranking, Report
from .speed import Measured
from .warm import Comparison, Completion, SeenWeights

# What the project promises on the public queries, (size, variant) -> macro MRR, MRR without the frequent labels.
TARGETS = {("300", PLAIN): (0.66, 0.64), (FULL, PLAIN): (0.53, None)}


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """A table of text: columns numbered in ``left`` to the left, the others to the right."""
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        sized = enumerate(zip(cells, widths, strict=True))
        return "  ".join(cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in sized).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def number(value: float) -> str:
    """Three digits without the leading zero; a dash where there is no figure."""
    if value != value:
        return "-"
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0.") else text.replace("-0.", "-.")


def span(interval: Interval) -> str:
    """An interval in brackets."""
    return f"[{number(interval.low)} {number(interval.high)}]"


def rankings(rows: Sequence[Ranking]) -> str:
    """The main table: macro first, micro beside it."""
    head = [
        *("libraries, variant", "rows", "queries", "LoRAs", "macro MRR", "95%", "hit@1", "hit@5", "hit@10", "nDCG@10"),
        *("without 10 frequent", "95%", "n", "micro MRR", "95%", "per library: macro", "micro", "ms"),
    ]
    lines = []
    for row in rows:
        s = row.summary
        macro_target, rare_target = TARGETS.get((row.libraries, row.variant), (None, None))
        lines.append(
            [
                f"{row.libraries}, {row.variant}",
                *(str(s.rows), str(s.queries), str(s.loras)),
                number(s.macro.mrr) + _mark(s.macro.mrr, macro_target),
                span(s.intervals["macro"]),
                *(number(value) for value in (s.macro.hit_1, s.macro.hit_5, s.macro.hit_10, s.macro.ndcg_10)),
                number(s.without_frequent.mrr) + _mark(s.without_frequent.mrr, rare_target),
                span(s.intervals["without_frequent"]),
                str(s.without_frequent.n),
                number(s.micro.mrr),
                span(s.intervals["micro"]),
                number(s.macro_by_library),
                number(s.micro_by_library),
                f"{row.median_ms:.1f}" if row.median_ms else "-",
            ]
        )
    return grid(head, lines)


def _mark(value: float, target: float | None) -> str:
    return "" if target is None else f" (≥ {number(target)}{'' if value >= target else ' missed'})"


def overlaps(rows: Sequence[Ranking]) -> str:
    """MRR over rows by the strongest overlap between prompt and label, with n."""
    lines = [
        [f"{row.libraries}, {row.variant}", *(_with_n(row.summary.by_overlap.get(kind)) for kind in OVERLAPS)]
        for row in rows
    ]
    return grid(["MRR by overlap (n)", *OVERLAPS], lines)


def _with_n(figures: Figures | None) -> str:
    return f"{number(figures.mrr)} ({figures.n})" if figures else "-"


def evaluation(report: Report) -> str:
    """All tables of one evaluation."""
    parts = []
    if report.rankings:
        parts += [rankings(report.rankings), overlaps(report.rankings)]
    for size in dict.fromkeys(row.libraries for row in report.rankings):
        lost = report.lost_when_bare(size)
        if lost is not None:
            parts.append(f"{size}: bare files and mixed sidecars lose {lost:.1%} of macro MRR (at most 25%)")
    if report.weights:
        w = report.weights
        better = 1 - w.error / w.showcase if w.showcase else float("nan")
        parts.append(
            grid(
                [f"strength, mean absolute error (n={w.n} labels, {w.queries} queries)", "error", "ours minus it, 95%"],
                [
                    ["ours (at most .205)", number(w.error), ""],
                    ["always 0.8", number(w.constant), span(w.gain_constant)],
                    [
                        f"the LoRA's own showcase median ({w.with_showcase} have one)",
                        number(w.showcase),
                        span(w.gain_showcase),
                    ],
                ],
            )
            + f"\n{better:.1%} below the showcase median (at least 3%)"
        )
    if report.seen_weights:
        parts.append(seen_weights(report.seen_weights))
    if report.warm:
        parts.append(warm(report.warm))
    if report.completion:
        parts.append(completion(report.completion))
    if report.abstaining:
        head = ["nothing fits: AUC of the top score", "vs no-LoRA prompts", "vs right LoRAs removed", "n prompts"]
        lines = [
            [
                f"{row.libraries}, {row.variant}",
                number(row.auc),
                number(row.auc_removed),
                " + ".join(
                    str(sum(getattr(one, side) for one in row.by_library.values())) for side in ("wanting", "content")
                ),
            ]
            for row in report.abstaining
        ]
        parts.append(grid(head, lines))
    return "\n\n".join(parts)


def warm(rows: Sequence[Comparison]) -> str:
    """With and without a past, paired."""
    head = [
        "with a past",
        "people",
        "generations",
        "labels seen",
        "rows",
        "LoRAs",
        "macro MRR",
        "95%",
        "over cold, 95%",
    ]
    head += ["over prior, 95%", "micro MRR", "without 10 frequent", *(f"{kind} (n)" for kind in OVERLAPS)]
    lines = []
    for row in rows:
        for way in row.variants.values():
            s = way.summary
            lines.append(
                [
                    f"{row.name}: {way.name}",
                    *(str(row.people), str(row.generations), f"{row.seen:.0%}", str(s.rows), str(s.loras)),
                    *(number(s.macro.mrr), span(s.intervals["macro"])),
                    gain(s.macro.mrr - row.variants["cold"].summary.macro.mrr, way.gain),
                    gain(s.macro.mrr - row.variants["prior"].summary.macro.mrr, way.over_prior),
                    *(number(s.micro.mrr), number(s.without_frequent.mrr)),
                    *(_with_n(s.by_overlap.get(kind)) for kind in OVERLAPS),
                ]
            )
    return grid(head, lines)


def gain(value: float, interval: Interval | None) -> str:
    """A difference with its interval; "" without one."""
    return "" if interval is None else f"{value:+.3f} {span(interval)}"


def completion(found: Completion) -> str:
    """Finding the missing LoRA."""
    lines = [
        [way, number(found.hit_10[way]), span(found.interval[way]), number(found.mrr[way])] for way in found.hit_10
    ]
    head = [f"all LoRAs but one given (n={found.rows} rows, {found.queries} queries)", "hit@10", "95%", "MRR"]
    return grid(head, lines)


def seen_weights(found: SeenWeights) -> str:
    """Strengths of LoRAs that the past has."""
    head = [
        f"strength where the past has the LoRA (n={found.n} labels, {found.queries} queries)",
        "error",
        "within 0..2",
    ]
    lines = [[way, number(found.errors[way]), number(found.clipped[way])] for way in found.errors]
    best = min(found.errors["history median"], found.errors["showcase median"])
    if not best > 0:  # nothing was asked, or a median is always right
        return grid(head, lines)
    text = f"{1 - found.errors['ours'] / best:.1%} below the better median (at least 5%)"
    return grid(head, lines) + f"\n{text}; ours minus history median {span(found.gain)}"


def speed(rows: Sequence[Measured]) -> str:
    """The speed table."""
    lines = []
    for row in rows:
        digits = 2 if row.unit == "×" else 1
        value = "-" if row.value != row.value else f"{row.value:.{digits}f} {row.unit}"
        limit = "" if row.limit is None else f"{'≥' if row.at_least else '≤'} {row.limit:g} {row.unit}"
        lines.append([row.name, value, limit, {True: "ok", False: "missed", None: ""}[row.good], row.detail])
    return grid(["measured", "value", "limit", "", "detail"], lines, left=(0, 3, 4))
