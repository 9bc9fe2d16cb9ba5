"""Measure the quality of suggestions on a benchmark: real LoRAs, real prompts, and the LoRAs their users chose.

Libraries are laid on disk as other tools leave them and asked through the same door as everybody uses. They and their
vectors are kept in DATA/evaluate, so that a second run is quick. docs/measuring.md explains the figures.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from .. import settings as options
from ..encode import models
from ..encode.profiles import LENSES, encoder_names
from ..errors import UsageError
from ..history.clusters import assign, kmeans
from ..host import PlainHost
from ..measure import process, tables
from ..measure.bench_data import Bench
from ..measure.clusters import fold_of
from ..measure.lay import KINDS
from ..measure.metrics import Interval
from ..measure.protocol import TASKS, TOP, Plan, Setup
from ..measure.protocol import run as run_protocol
from ..measure.users import User, points, simulate, usable
from ..present import print_json
from ..progress import progress
from ..prompt.read import clean
from ..rank.blend import Model, shipped
from ..rank.rerank import Verdict
from ..settings import Settings
from ..types import Progress, ProgressSink
from .arguments import MOST, add_json, number, whole
from .laid import Laid

# What belongs to a benchmark and means nothing with --own, with its default.
_BENCH: dict[str, Any] = {
    **{"bench": None, "task": None, "libraries": "300,1000", "limit": None, "existing": False},
    **{"without_triggers": False, "no_popularity": False, "bare": 0.0, "kinds": ",".join(KINDS)},
    **{"baseline": None, "everything": False, "folds": "auto"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("bench", nargs="?", metavar="BENCH", help="a lorabench folder")
    parser.add_argument(
        "--own",
        action="store_true",
        help="judge on your own later history whether weights of your own rank better, and use them if so",
    )
    parser.add_argument("--task", action="append", choices=(*TASKS, "all"), help="repeatable (default: cold)")
    parser.add_argument(
        "--libraries", default=_BENCH["libraries"], metavar="SIZES", help="fixed libraries (default: 300,1000)"
    )
    parser.add_argument(
        "--limit", type=whole(1, MOST), metavar="N", help="at most N prompts per library, for a quick look"
    )
    parser.add_argument("--existing", action="store_true", help="also: only LoRAs that existed at the prompt's date")
    parser.add_argument("--without-triggers", action="store_true", help="also: trigger words removed from the prompts")
    parser.add_argument("--no-popularity", action="store_true", help="also: sidecars without downloads and ratings")
    parser.add_argument(
        "--bare", type=number(0, 1), default=_BENCH["bare"], metavar="SHARE", help="also: this share of files is bare"
    )
    parser.add_argument("--kinds", default=_BENCH["kinds"], metavar="LIST", help="kinds of sidecars beside --bare")
    parser.add_argument("--baseline", choices=("bm25",), help="also: BM25 over everything a LoRA's page says")
    parser.add_argument("--everything", action="store_true", help="all tasks and all of the above, with --bare 0.3")
    parser.add_argument(
        "--folds",
        choices=("auto", "on", "off"),
        default=_BENCH["folds"],
        help="score each LoRA by the model trained without it and its near-duplicates (auto: on the benchmark "
        "that the shipped model was trained on)",
    )
    add_json(parser)


def plan_of(args: argparse.Namespace) -> Plan:
    """What the arguments ask for."""
    tasks = tuple(args.task or ("cold",))
    everything = args.everything
    return Plan(
        tasks=TASKS if everything or "all" in tasks else tasks,
        sizes=tuple(size.strip() for size in args.libraries.split(",") if size.strip()),
        limit=args.limit,
        existing=args.existing or everything,
        without_triggers=args.without_triggers or everything,
        no_popularity=args.no_popularity or everything,
        bare=args.bare or (0.3 if everything else 0.0),
        kinds=tuple(kind.strip() for kind in args.kinds.split(",")),
        baseline=args.baseline is not None or everything,
    )


def simulated_users(bench: Bench, laid: Laid) -> list[User]:
    """The users of the task "warm"; their prompts are encoded by the recommender itself."""
    rows = usable(bench)
    ids = tuple(dict.fromkeys(label.id for row in rows for label in row.loras))
    with laid.open(Setup("used", ids)) as opened:
        prompts = opened.recommender.vectors.embed([clean(row.prompt) for row in rows], opened.meter)
        depicted = opened.recommender.vectors.embed(opened.texts(ids), opened.meter)
    tastes = points(rows, prompts, dict(zip(ids, depicted, strict=True)))
    return simulate(bench, tastes, lambda points, k, dice: assign(points, kmeans(points, k, dice)))


def settings_for(data_dir: Path) -> Settings:
    """The user's settings; encoders that lie in the data folder are named by path, for ours is another folder."""
    settings = options.load(data_dir)
    paths = {}
    for lens, name in encoder_names(settings).items():
        found = models.find(name, data_dir)
        if found is not None and found.source == "data folder":
            paths[f"encoder_{lens}"] = str(found.path)
    return msgspec.structs.replace(settings, loras=(), include=(), exclude=(), **paths)


def folds_for(choice: str, bench: Bench, model: Model) -> tuple[dict[str, int] | None, str]:
    """Whether to score by folds, and a sentence that says so.

    Raises:
        UsageError: folds are wanted but the shipped model has none.
    """
    trained_here = model.provenance.get("queries_sha256") == bench.queries_digest()
    if choice == "on" and not model.folds:
        raise UsageError("the shipped model has no folds; train it with `lorarec train`")
    if choice == "off" or (choice == "auto" and not (trained_here and model.folds)):
        known = "the shipped model was trained on these queries" if trained_here else "queries the model has not seen"
        return None, f"shipped model; {known}"
    return fold_of(bench), "folds by near-duplicate cluster: no LoRA is scored by a model that was trained on it"


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.own:
        for name, usual in _BENCH.items():
            if getattr(args, name) != usual:
                what = "the benchmark folder" if name == "bench" else f"--{name.replace('_', '-')}"
                raise UsageError(f"--own measures on your own history; leave out {what}")
        return run_own(args)
    if not args.bench:
        raise UsageError("name a lorabench folder, or give --own to measure on your own history")
    if args.loras:
        raise UsageError("evaluate lays its own libraries on disk; leave out --loras")
    bench, plan = Bench(args.bench), plan_of(args)
    known = {name.partition(":")[0] for name in bench.libraries}
    for size in plan.sizes if {"cold", "abstain"} & set(plan.tasks) else ():
        if size not in known:
            raise UsageError(
                f"the benchmark has no libraries of {size}; choose among {', '.join(sorted(known, key=int))}"
            )
    data_dir = PlainHost(data=args.data).data_dir()
    settings = settings_for(data_dir)
    folds, judged_by = folds_for(args.folds, bench, shipped())
    begun = time.monotonic()
    with progress() as meter:
        laid = Laid(bench, data_dir / "evaluate", settings, folds, meter)
        report = run_protocol(plan, bench, laid.open, _teller(meter), lambda: simulated_users(bench, laid))
    facts = {
        "lorarec": __version__,
        "bench": str(bench.folder),
        "queries": bench.queries_digest(),
        "judged_by": judged_by,
        "encoders": _encoders(settings, data_dir),
        "plan": plan,
        "settings": {"top": TOP, "collapse": False, "diversity": 0, "explore": 0, "min_score": 0},
        "seconds": round(time.monotonic() - begun, 1),
        "machine": process.machine(),
        "versions": process.versions(),
    }
    if args.json:
        print_json(_without_nan(msgspec.to_builtins({**facts, "report": report})))
        return 0
    print(tables.evaluation(report))
    print(f"\n{judged_by}; encoders {', '.join(dict.fromkeys(facts['encoders'].values()))}; {facts['seconds']} s")  # type: ignore[attr-defined]
    return 0


def run_own(args: argparse.Namespace) -> int:
    """Replay the user's own history and print the verdict."""
    from .common import bring_up_to_date, opened

    with opened(args) as recommender:
        bring_up_to_date(recommender)
        judged = recommender.judge()
    if args.json:
        print_json(_without_nan(msgspec.to_builtins(judged)))
    else:
        print(_own_table(judged.verdict))
    return 0


def _own_table(verdict: Verdict) -> str:
    """The verdict on a user's own weights, with what it rests on."""
    cold, shared, own = verdict.cold, verdict.shared, verdict.own
    if verdict.since is None or cold is None or shared is None or own is None:
        return verdict.why
    head = [f"your last {verdict.later} moments, since {date.fromtimestamp(verdict.since)}", "MRR", "over shared, 95%"]
    over = tables.gain(own - shared, Interval(verdict.low or 0.0, verdict.high or 0.0))
    lines = [
        ["without your history", tables.number(cold), ""],
        ["with your history, shared weights", tables.number(shared), ""],
        [f"with your history, own weights (fitted to {verdict.earlier} moments)", tables.number(own), over],
    ]
    return f"{tables.grid(head, lines)}\n{verdict.why}"


def _teller(meter: ProgressSink) -> Any:
    """Progress over the prompts of one library."""
    begun: dict[str, float] = {}

    def say(what: str, done: int, total: int) -> None:
        taken = time.monotonic() - begun.setdefault(what, time.monotonic())  # since the first was done
        rate = (done - 1) / taken if taken > 0 else 0.0
        meter(Progress("ask", done, total, rate, (total - done) / rate if rate else None, what))

    return say


def _encoders(settings: Settings, data_dir: Path) -> dict[str, str]:
    """Identity of the encoder of each lens, "none" where there is no model."""
    names = encoder_names(settings)
    found = {name: models.find(name, data_dir) for name in set(names.values())}
    return {lens: found_model.model_id if (found_model := found[names[lens]]) else "none" for lens in LENSES}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null instead."""
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value
