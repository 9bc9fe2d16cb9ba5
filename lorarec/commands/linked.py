"""How `harvest` and `import` show which LoRAs they could link to installed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..present import plain, remark
from .common import own_command

if TYPE_CHECKING:
    from ..history.harvest.harvest import HarvestReport
    from ..history.imports.importing import ImportReport
    from ..history.tally import Names
    from ..recommender import Recommender
    from ..types import ProgressSink, ScanProblem

PROBLEMS = 20  # listed at most
_WIDTH = 44  # columns of the names


def index_loras(recommender: Recommender) -> None:
    """Bring the index up to date, so that names can be linked; without LoRAs say that they stay unlinked."""
    from ..errors import NotIndexed
    from .common import bring_up_to_date

    if not recommender.roots:
        remark("no LoRA folder is known, so that LoRAs stay names; name one with --loras DIR, they are linked then")
        return
    try:
        bring_up_to_date(recommender)
    except NotIndexed as error:
        remark(f"{error}; until then LoRAs stay names")


def learn(recommender: Recommender, meter: ProgressSink) -> None:
    """Take what came in into account now, so that the next suggestion need not wait for its prompts to be encoded."""
    if recommender.stage != "empty":
        recommender.learn(meter)


def show_counts(title: str, counts: Mapping[str, int]) -> None:
    """Print a heading and a line for each count; nothing if there are none."""
    if not counts:
        return
    print(title)
    for name, count in counts.items():
        print(f"  {plain(name):<{_WIDTH}} {count:>8,}")


def show_links(report: HarvestReport | ImportReport) -> None:
    """Print how LoRAs were linked, and the names that were not."""
    show_counts("LoRAs linked by", report.linked)
    _show_names("LoRAs not linked: several installed ones could be meant", report.ambiguous)
    _show_names("LoRAs not linked: not installed, or renamed", report.unknown)
    if report.ambiguous.uses or report.unknown.uses:
        remark(f"what is not linked is kept; `{own_command()} hash` lets renamed files be recognised")


def show_problems(problems: tuple[ScanProblem, ...]) -> None:
    """Say on stderr what could not be read."""
    for problem in problems[:PROBLEMS]:
        remark(plain(f"{problem.path}: {problem.message}"))
    if len(problems) > PROBLEMS:
        remark(f"{len(problems) - PROBLEMS:,} more problems; --json lists all")


def _show_names(title: str, names: Names) -> None:
    show_counts(title, names.most)
    if more := names.names - len(names.most):
        print(f"  and {more:,} more names")
