"""The measurements of `lorarec bench` on the history: harvesting images, and suggesting with a long past."""

from __future__ import annotations

import contextlib
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ..batches import insert
from ..database import open_database
from ..history.harvest.base_model import with_base_model
from ..history.harvest.metadata import read_metadata
from ..history.harvest.readers import read_generation
from ..history.harvest.walk import Walk
from ..history.rows import touch
from ..history.schema import tables
from ..history.store import History
from ..history.tally import Tally
from ..history_types import Event, EventKind, Generation, ImageFile, OutcomeKind
from ..index.vector_store import VectorStore, text_hash
from ..measure import images, speed, synthetic, synthetic_past
from ..measure.speed import Measured, seconds
from ..prompt.read import clean
from ..recommender import Recommender
from ..types import Active, Encoder, Query
from .bench_suggest import TOKENS
from .bench_suite import EXAMPLES, Suite, catalogued, token_counter

INSTALLED = 3000  # LoRAs that harvested images are linked to
NAMED = 300  # of these are named by the images, and a tenth as many that are not installed
BATCH = 256  # generations stored at once
MORE = 100  # generations learned after the others
EVENTS = 1_000_000
WRITTEN = 50_000  # of these at once
ROUNDS = 3  # the best counts
IN_USE = 3  # heavily used LoRAs that are active in one row
PAST = "bench-past"  # user whose history is made up


# -- harvest --------------------------------------------------------------------------------------------------------


def harvests(suite: Suite, count: int) -> list[Measured]:
    """Images a second from files to history, where that time goes, and a harvest with nothing new."""
    suite.say(f"writing {count} images")
    installed = min(INSTALLED, count)
    library = suite.work / f"loras-{installed}"
    synthetic.lay_synthetic(library, installed, examples=EXAMPLES)
    with tempfile.TemporaryDirectory(prefix="history-", dir=suite.work, ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        names = [Path(lora.path).stem for lora in catalogued(data, library, suite.meter)]
        pictures = _images(suite.work, names, count)
        few = _images(suite.work, names, 10)
        suite.say("harvest")
        with Recommender.open([library], data, settings=suite.settings, user="warm") as recommender:
            recommender.memory.harvest([few])  # loads what the first harvest of a process imports
        first, again = [], []
        parts: dict[str, float] = {}
        for number in range(ROUNDS):
            with Recommender.open([library], data, settings=suite.settings, user=f"parts-{number}") as recommender:
                for part, taken in _parts(recommender, pictures).items():
                    parts[part] = min(taken, parts.get(part, taken))
            with Recommender.open([library], data, settings=suite.settings, user=f"user-{number}") as recommender:
                harvest = partial(recommender.memory.harvest, [pictures])
                first.append(seconds(harvest))
                again.append(seconds(harvest))
    best = min(first)
    each = 1e6 / count
    text = (
        f"best of {ROUNDS}; half by ComfyUI, half by A1111, disk cache warm, {installed:,} LoRAs installed; "
        f"{best * each:.0f} µs an image, by parts {sum(parts.values()) * each:.0f}"
    )
    rows = [Measured(f"harvest of {count:,} images", count / best, "images/s", 1000, at_least=True, detail=text)]
    rows += [Measured(f"harvest: {part}", taken * each, "µs", None, detail="an image") for part, taken in parts.items()]
    still = min(again)
    text = f"{still * each:.0f} µs an image"
    return [*rows, Measured(f"harvest of {count:,} images, nothing new", still * 1000, "ms", None, detail=text)]


def _images(work: Path, names: Sequence[str], count: int) -> Path:
    """A folder of images that use some of these LoRAs and some that are not installed."""
    folder = work / f"images-{count}-{len(names)}"
    if not folder.exists():
        draft = folder.with_suffix(".draft")
        named = names[:: max(1, len(names) // NAMED)]
        images.lay_images(draft, count, [*named, *(f"elsewhere_{number}" for number in range(len(named) // 10))])
        draft.rename(folder)
    return folder


def _parts(recommender: Recommender, folder: Path) -> dict[str, float]:
    """Seconds that each part of a harvest takes, done in the same portions as there."""
    memory = recommender.memory
    taken: dict[str, float] = {}

    @contextlib.contextmanager
    def timed(part: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        taken[part] = taken.get(part, 0.0) + time.perf_counter() - begun

    with timed("names of the LoRAs"):
        links = memory.links
    with timed("listing and stat"):
        files = [image for listed in Walk([folder]) for image in listed]
    tally = Tally(links)
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        with timed("reading"):
            texts = [read_metadata(image.path) for image in batch]
        with timed("understanding"):
            read = [read_generation(metadata, links.known) for metadata in texts]
            found = [with_base_model(generation) for generation in read if generation is not None]
        with timed("linking"):
            for generation in found:
                tally.count(generation.loras)
        with timed("storing"):
            memory.history.add_generations(list(zip(found, batch, strict=True)), tally)
    return taken


# -- suggestions ----------------------------------------------------------------------------------------------------


def pasts(suite: Suite, count: int, generations: int) -> list[Measured]:
    """One suggestion with a long history against the same without, and how long learning it takes."""
    encoder = suite.encoder()
    name = f"one suggestion of {count:,} LoRAs, {generations:,} generations of history ÷ none"
    if encoder is None:
        return [Measured(name, math.nan, "×", 1.3, detail="no encoder model on this machine")]
    folder, data = suite.collection(count)
    with Recommender.open([folder], data, settings=suite.settings, user=PAST) as recommender:
        recommender.refresh(suite.meter)
        if recommender.memory.history.counts().generations:  # of an earlier run
            recommender.memory.delete(everything=True)
        suite.say("history")
        names = [Path(lora.path).stem for lora in recommender.loras()]
        _remember(recommender, data, encoder, synthetic_past.generations(names, generations))
        learned = seconds(recommender.learn)
        _remember(recommender, data, encoder, synthetic_past.generations(names, MORE, first=generations))
        again = seconds(recommender.learn)
        suite.say("suggestions with history")
        often = tuple(Active(made) for made in names[:IN_USE])  # the most used ones
        with Recommender.open([folder], data, settings=suite.settings, user=None) as nobody:
            rows = [_latency(suite, recommender, nobody, encoder, name, tokens) for tokens in TOKENS]
            rows.append(_latency(suite, recommender, nobody, encoder, name, TOKENS[0], often))
    text = "read, compared and laid out beside the library; the prompts' vectors are there already"
    return [
        *rows,
        Measured(f"learning {generations:,} generations", learned, "s", None, detail=text),
        Measured(f"learning {MORE} more", again, "s", None, detail=text),
    ]


def _latency(
    suite: Suite,
    recommender: Recommender,
    nobody: Recommender,
    encoder: Encoder,
    name: str,
    tokens: int,
    active: tuple[Active, ...] = (),
) -> Measured:
    """A user with a past and nobody, asked the same of the same library in turns."""
    each = suite.prompts + 3
    prompts = speed.prompts_of_length(tokens, ROUNDS * each, token_counter(encoder), seed=len(name) + len(active))

    def ask(one: Recommender) -> Callable[[str], object]:
        return lambda prompt: one.recommend(Query(prompt=prompt, active=active))

    pairs = [
        speed.side_by_side(ask(recommender), ask(nobody), prompts[start : start + each])
        for start in range(0, len(prompts), each)
    ]
    pair = min(pairs, key=lambda pair: pair.ours + pair.bare)  # while the machine was least disturbed
    text = (
        f"{pair.ours:.2f} ms ÷ {pair.bare:.2f} ms, medians of {pair.runs} prompts, no cache, the quickest of {ROUNDS} "
        f"rounds; all past prompts differ, vectors of {synthetic_past.READ} encoded, the others disturbed copies"
    )
    used = f", {len(active)} heavily used LoRAs active" if active else ""
    return Measured(f"{name}, {tokens} tokens{used}", pair.ratio, "×", 1.3, detail=text)


def _remember(recommender: Recommender, data: Path, encoder: Encoder, made: Sequence[Generation]) -> None:
    """Record generations with an image each, of which some were liked or soon deleted, and store vectors of them."""
    memory = recommender.memory
    for start in range(0, len(made), BATCH):
        shown = [(one, _image(one)) for one in made[start : start + BATCH]]
        memory.history.add_generations(shown, memory.links)
        memory.history.add_outcomes(
            [
                (image.path, OutcomeKind.LIKED if number % 20 else OutcomeKind.DELETED, image.modified_ns / 1e9)
                for number, (_, image) in enumerate(shown)
                if number % 10 == 0
            ]
        )
    texts = list(dict.fromkeys(clean(one.prompt) for one in made if one.prompt))
    with open_database(data) as database:
        hashes = [text_hash(text) for text in texts]
        VectorStore(database).put(encoder.model_id, hashes, synthetic_past.vectors(texts, encoder.encode))


def _image(made: Generation) -> ImageFile:
    return ImageFile(f"/made-up/{made.seed}.png", 1_500_000, int((made.made or 0) * 1e9))


# -- events ---------------------------------------------------------------------------------------------------------


def events(suite: Suite, count: int = EVENTS) -> list[Measured]:
    """Writing to, and asking after, a history with very many events."""
    suite.say(f"writing {count} events")
    with (
        tempfile.TemporaryDirectory(prefix="history-", dir=suite.work, ignore_cleanup_errors=True) as folder,
        open_database(Path(folder)) as database,
    ):
        history = History(database, PAST)
        for start in range(0, count, WRITTEN):
            made = [_event_row(number) for number in range(start, min(start + WRITTEN, count))]
            with database.write() as connection:
                insert(connection, tables().event, made)
                touch(connection, PAST)
        event = Event(kind=EventKind.INSERT, lora="1", at=float(count), prompt="a castle")
        added = _median_ms(lambda: history.add_event(event))
        asked = _median_ms(history.version)
    return [
        Measured(f"adding an event to {count:,}", added, "ms", None, detail="median of 100, a transaction each"),
        Measured(f"asking whether a history of {count:,} events changed", asked, "ms", None, detail="median of 100"),
    ]


def _event_row(number: int) -> dict[str, object]:
    nothing = {"strength": None, "before": None, "impression": None, "project": ""}
    what = EventKind.INSERT if number % 10 else EventKind.DISMISS
    return {
        "user": PAST,
        "what": what.value,
        "lora": str(number % 5000),
        "at": float(number),
        "prompt": f"a castle, picture {number}",
        **nothing,
    }


def _median_ms(work: Callable[[], object], times: int = 100) -> float:
    return statistics.median(seconds(work) for _ in range(times)) * 1000
