"""``lorarec train BENCH``: fit the shipped numbers (background, strength curve, blend) to a benchmark folder."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import math
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import SEEDS, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..index.retrieve import QueryVectors
    from ..measure.bench_data import Bench
    from ..prompt.read import ReadPrompt
    from ..rank.train import Lists
    from ..recommender import Recommender

REMOVED = 0.3  # share of the calibrating prompts whose right LoRA is taken out of the library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bench", metavar="BENCH", help="benchmark folder (lorabench)")
    parser.add_argument("--out", metavar="DIR", help="where to write; default: the package's own data folder")
    parser.add_argument("--work", metavar="DIR", help="keep the laid collection and its vectors here between runs")
    parser.add_argument(
        "--shuffles", type=whole(1, 1000), default=2, help="random partitions of the corpus into libraries"
    )
    parser.add_argument("--seed", type=whole(*SEEDS), default=0)
    parser.add_argument("--only", choices=("background", "strength", "blend", "personal"), help="fit just one part")


def run(args: argparse.Namespace) -> int:
    """Lay the corpus on disk, index it, build lists, fit, write."""
    import tempfile

    from ..measure.bench_data import Bench
    from ..measure.lay import lay
    from ..recommender import Recommender

    bench = Bench(args.bench)
    out = Path(args.out) if args.out else Path(__file__).resolve().parent.parent / "data"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lorarec-train-") as scratch:
        work = Path(args.work) if args.work else Path(scratch)
        if args.only in (None, "background"):
            _write_background(bench, out)
        index = lay(bench, work / "loras", examples=1000)
        # A kept work folder has what an earlier run encoded.
        recommender = Recommender.open([work / "loras"], work / "data", keep_vectors=True)
        try:
            _say("indexing the corpus")
            recommender.refresh()
            recommender.encoders.prepare()  # vectors may be there already, and the ONNX file of another version
            loras = {
                index[lora.path]: recommender.details(lora.id).lora
                for lora in recommender.loras()
                if lora.path in index
            }
            if args.only in (None, "strength"):
                _write_strength(bench, loras, out)
            if args.only in (None, "blend"):
                _write_blend(bench, loras, recommender, out, args)
            if args.only in (None, "personal"):
                _write_personal(bench, loras, recommender, out, args)
        finally:
            recommender.close()
    return 0


def _say(text: str) -> None:
    print(f"{time.strftime('%X')}  {text}", file=sys.stderr, flush=True)


def _digest(bench: Bench) -> str:
    """Identity of the dev split."""
    return hashlib.sha256((bench.folder / "queries.jsonl.gz").read_bytes()).hexdigest()[:16]


def _provenance(bench: Bench, **more: Any) -> dict[str, str]:
    """Where the numbers come from."""
    from .. import __version__

    return {
        "command": "lorarec train BENCH",
        "lorarec": __version__,
        "date": datetime.date.today().isoformat(),
        "queries_sha256": _digest(bench),
        **{key: str(value) for key, value in more.items()},
    }


def _write_background(bench: Bench, out: Path) -> None:
    from ..prompt import background
    from ..prompt.syntax import parse
    from ..prompt.terms import terms

    shares = background.count(frozenset(terms(parse(row.prompt).text)) for row in bench.examples)
    text = json.dumps(shares, ensure_ascii=False, separators=(",", ":"))
    (out / background.FILE).write_text(text, encoding="utf-8")
    background.shares.cache_clear()
    _say(f"background: {len(shares)} terms of {len(bench.examples)} showcase prompts")


def _write_strength(bench: Bench, loras: dict[str, Any], out: Path) -> None:
    """Fit on the community history, so that the dev split stays unseen."""
    import msgspec

    from ..rank import strength
    from ..rank.train_strength import Used, fit
    from ..types import Active, Origin

    used = []
    often = Counter(
        label.id for row in bench.history for label in row.loras
    )  # one much used LoRA must not set the curve
    for row in bench.history:
        for label in row.loras:
            lora = loras.get(label.id)
            if label.weight is None or lora is None:
                continue
            first = msgspec.structs.replace(lora, examples=lora.examples[:8])
            stated = next((hint.model for hint in lora.strengths if hint.origin is Origin.AUTHOR and hint.model), None)
            rest = [Active(x.id, x.weight or 0.8) for x in row.loras if x.id != label.id]
            load = strength.stack_load(rest)
            used.append(Used(label.weight, strength.shown_in(first), stated, load, 1.0 / often[label.id]))
    curve = fit(used, _provenance(bench, rows=f"{len(used)} strengths of history.jsonl.gz"))
    (out / strength.FILE).write_bytes(msgspec.json.format(msgspec.json.encode(curve)) + b"\n")
    _say(f"strength: {curve}")


def _write_blend(
    bench: Bench, loras: dict[str, Any], recommender: Recommender, out: Path, args: argparse.Namespace
) -> None:
    import msgspec
    import numpy as np

    from ..measure.clusters import FOLDS, fold_of
    from ..rank import blend, train
    from ..training import Prompt, Source, samples

    dev = [Prompt(row.prompt, tuple(label.id for label in row.loras)) for row in bench.queries]
    source = Source(loras, [prompt for prompt in dev if loras.keys() >= set(prompt.right)], fold_of(bench))
    encode = _Encode(recommender)
    begun = time.monotonic()

    def tick(done: int, total: int) -> None:
        if done % 10 == 0:
            _say(f"libraries {done}/{total}, {time.monotonic() - begun:.0f} s")

    lists = samples(
        source,
        recommender.vectors.fetch,
        recommender.encoders.model_ids(),
        recommender.ranking.over,
        encode,
        shuffles=args.shuffles,
        sizes=(300, 1000),
        seed=args.seed,
        tick=tick,
    )
    features = train.features_of(lists)
    data = train.lay_out(lists, features)
    recipe = train.Recipe()
    _say(f"{len(lists)} lists, {len(features)} features")
    nets = []
    for fold in [*range(FOLDS), None]:
        nets.append(train.train(data, features, recipe, fold))
        _say(f"fold {fold}: fitted")
    *folds, net = nets
    calibration = _calibration(data, features, folds, np.random.default_rng(args.seed))
    provenance = _provenance(
        bench,
        lists=len(lists),
        recipe=recipe,
        shuffles=args.shuffles,
        seed=args.seed,
        encoder=recommender.encoders.model_ids().get("semantic", ""),
    )
    model = blend.Model(features, net, calibration, folds, provenance)
    (out / blend.FILE).write_bytes(msgspec.json.encode(model) + b"\n")
    _say(f"blend: {calibration}, {(out / blend.FILE).stat().st_size} bytes")


def _write_personal(
    bench: Bench, loras: dict[str, Any], recommender: Recommender, out: Path, args: argparse.Namespace
) -> None:
    """Fit on simulated users, and on the community as one user, with the blend just written."""
    import msgspec
    import numpy as np

    from ..measure.clusters import FOLDS, fold_of
    from ..rank import personal, train_personal
    from ..rank.blend import Blend, Model
    from ..training import choices

    model = msgspec.json.decode((out / "blend.json").read_bytes(), type=Model)
    nets = [Blend(model.features, net, model.calibration) for net in model.folds]

    def score(table: Any, folds: Any) -> NDArray[np.float32]:
        values, fold = nets[0].inputs(table), np.asarray(folds)
        logits = np.zeros(len(values), np.float32)
        for number, net in enumerate(nets):
            logits[fold == number] = net.logits(values[fold == number])
        return logits

    people = [*_simulated(bench, loras, recommender, args), *_communities(bench, loras, args)]
    begun = time.monotonic()
    data = choices(
        people,
        fold_of(bench),
        recommender.vectors.fetch,
        recommender.vectors.embed,
        recommender.encoders.model_ids(),
        recommender.ranking.over,
        _Encode(recommender),
        score,
        tick=lambda done: _say(f"people {done}/{len(people)}, {time.monotonic() - begun:.0f} s"),
    )
    _say(f"{len(data)} choices of {len(people)} people")
    folds = [train_personal.fit(data, fold) for fold in range(FOLDS)]
    weights = train_personal.fit(data)
    provenance = _provenance(bench, choices=len(data), people=len(people), shuffles=args.shuffles, seed=args.seed)
    fitted = personal.Model(weights, folds, provenance)
    (out / personal.FILE).write_bytes(msgspec.json.format(msgspec.json.encode(fitted)) + b"\n")
    _say(f"personal: {weights}")


def _simulated(bench: Bench, loras: dict[str, Any], recommender: Recommender, args: argparse.Namespace) -> list[Any]:
    """Simulated users whose past grows from prompt to prompt; other seeds than those of the evaluation."""
    from ..history.clusters import assign, kmeans
    from ..library import texts_of
    from ..measure import users
    from ..prompt.read import clean
    from ..training import Person, Prompt

    rows = users.usable(bench)
    ids = list(dict.fromkeys(one.id for row in rows for one in row.loras))
    depicted = recommender.vectors.embed([texts_of(loras[id_]).semantic for id_ in ids])
    prompts = recommender.vectors.embed([clean(row.prompt) for row in rows])
    vectors = users.points(rows, prompts, dict(zip(ids, depicted, strict=True)))
    people = []
    for shuffle in range(args.shuffles):
        seed = users.SEED + 1 + args.seed * 100 + shuffle
        for user in users.simulate(bench, vectors, lambda x, k, dice: assign(x, kmeans(x, k, dice)), seed):
            asked = [Prompt(row.prompt, tuple(one.id for one in row.loras)) for row in user.rows]
            made = users.times(user.days)
            people.append(
                Person(
                    [(id_, loras[id_]) for id_ in user.library if id_ in loras],
                    asked,
                    made,
                    [{one.id: one.weight for one in row.loras if one.weight is not None} for row in user.rows],
                    list(zip(asked, made, strict=True)),
                )
            )
    return people


def _communities(bench: Bench, loras: dict[str, Any], args: argparse.Namespace) -> list[Any]:
    """The whole history as one user's past, the dev prompts asked of random libraries."""
    import numpy as np

    from ..measure import dates, users
    from ..training import Person, Prompt

    draw = np.random.default_rng(args.seed)
    when = dates.prompt_dates(bench)
    rows = sorted(users.usable(bench), key=lambda row: (when(row.id), row.id))
    past = [Prompt(row.prompt, tuple(one.id for one in row.loras)) for row in rows]
    made = users.times([dates.ordinal(when(row.id)) for row in rows])
    strengths = [{one.id: one.weight for one in row.loras if one.weight is not None} for row in rows]
    dev = [Prompt(row.prompt, tuple(one.id for one in row.loras)) for row in bench.queries]
    people = []
    for size in (300, 1000):
        order = [list(loras)[at] for at in draw.permutation(len(loras))]
        for start in range(0, len(order) - size // 2, size):
            members = [(id_, loras[id_]) for id_ in order[start : start + size]]
            here = {id_ for id_, _ in members}
            asked = [(prompt, math.inf) for prompt in dev if here.issuperset(prompt.right)]
            people.append(Person(members, past, made, strengths, asked))
    return people


class _Encode:
    """Encodes prompts once; kept as float16, for a corpus has many."""

    def __init__(self, recommender: Recommender) -> None:
        self._encoders = recommender.encoders
        self._known: dict[str, tuple[Any, ...]] = {}

    def __call__(self, prompt: ReadPrompt) -> QueryVectors | None:
        import numpy as np

        from ..asking import encode
        from ..index.retrieve import QueryVectors

        if not prompt.text:
            return None
        if prompt.text not in self._known:
            vectors = encode(prompt, self._encoders)
            parts = (vectors.semantic, vectors.artistic, vectors.technical, vectors.chunks)
            self._known[prompt.text] = tuple(part.astype(np.float16) for part in parts)
        parts = tuple(part.astype(np.float32) for part in self._known[prompt.text])
        return QueryVectors(*parts, np.asarray(prompt.chunk_weights, np.float32))


def _calibration(data: Lists, features: Any, folds: Any, draw: np.random.Generator) -> Any:
    """Calibrate on the first suggestions for community prompts: "nothing fits" must be an answer.

    From a share of the lists the right LoRA is taken out. Every candidate is scored by the network that never saw it.
    Showcase prompts are left out: their own LoRA stands too far above the rest to say what a score means elsewhere.
    """
    import numpy as np

    from ..rank import blend
    from ..rank.train import calibrate

    scored: NDArray[np.float32] = np.zeros(data.right.shape, np.float32)
    neutral = blend.Calibration(1.0, 0.0)
    for fold, net in enumerate(folds):
        model = blend.Blend(features, net, neutral)
        mine = data.there & (data.fold == fold)
        scored[mine] = model.logits(data.inputs[mine])
    scored[~data.there] = -np.inf
    logits, right, weight = [], [], []
    for number in np.flatnonzero(data.community):
        removed = bool(draw.random() < REMOVED)
        values = np.where(data.right[number], -np.inf, scored[number]) if removed else scored[number]
        best = int(values.argmax())
        if np.isfinite(values[best]):
            logits.append(values[best])
            right.append(bool(data.right[number, best]))
            weight.append(data.weight[number])
    return calibrate(np.asarray(logits), np.asarray(right), np.asarray(weight))
