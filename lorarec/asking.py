"""A query -> what a pipeline is asked: read, encoded, its active LoRAs found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from . import base_models
from .catalog.lenses import STYLE_WORDS
from .encode.lender import Lender
from .encode.profiles import LENSES
from .errors import BadFile, LorarecError, MissingPart, NotReady
from .filtering import base_known
from .index.retrieve import QueryVectors, Words, match, read_ahead
from .knowledge import Consulted, UserKnowledge, consult
from .library import Library
from .lookup import Lookup
from .pipeline import Ask
from .prompt.read import ReadPrompt, read
from .timings import Lap, no_lap
from .types import Active, Query

Floats = NDArray[np.float32]
Looked = tuple[Words, "Consulted | None"]  # what the words say, of library and history

VERY_MANY = 200_000  # LoRAs whose vectors seldom are all in memory; with fewer, reading ahead keeps an answer waiting
MANY = 2000  # LoRAs or past prompts from which looking words up takes longer than handing it to another thread


def ask(
    query: Query,
    library: Library,
    lookup: Lookup,
    encoders: Lender,
    knowledge: UserKnowledge | None = None,
    lap: Lap = no_lap,
    beside: Callable[[Callable[[], Looked]], Future[Looked] | None] = lambda work: None,
    nearest: Callable[[Floats], NDArray[np.int64] | None] = lambda vector: None,
) -> Ask:
    """Read and encode a query; what could not be understood becomes a note.

    Args:
        query: the prompt and everything else known.
        library: what it is asked of.
        lookup: its names.
        encoders: given up if none of them can be run.
        knowledge: of the user, beside the library; None: there is none.
        lap: told of the parts "parse", "encode" and "history".
        beside: has another thread look up what the words say, of library and history, while the prompt is encoded,
            which keeps this thread waiting; gives None if no thread can be had.
        nearest: the rows nearest to a vector, asked of this thread if words are looked up meanwhile.
    """
    prompt = read(query)
    notes: list[str] = []
    active: dict[int | str, Active] = {}  # by row, or by name if unknown: a tag and a stack may name the same one
    for lora in (*query.active, *prompt.active):
        found = lookup.rows(lora.name)
        if len(found) == 1:
            active.setdefault(found[0], lora)
        elif active.setdefault(lora.name.lower(), lora) is lora:
            why = f"is not clear: {lookup.several(lora.name, found)}" if found else "is not in the index"
            notes.append(f'active LoRA "{lora.name}" {why}')
    if query.base_model and not base_known(query.base_model):
        notes.append(f'"{query.base_model}" does not tell its base model; LoRAs of all base models are suggested')
    lap("parse")
    rows = np.asarray([row for row in active if isinstance(row, int)], np.int64)

    def remembered() -> Consulted | None:
        if knowledge is None:
            return None
        base_model = base_models.named(query.base_model)
        return consult(knowledge, library, prompt.terms, None, active=rows.tolist(), base_model=base_model)

    def by_words() -> Looked:
        words, consulted = match(library.lexical, prompt.terms), remembered()
        if library.vectors is not None and len(library.loras) >= VERY_MANY:
            read_ahead(library.lexical, library.vectors, words)
        return words, consulted

    vectors = near = None
    looked_up = None
    if library.vectors is not None and prompt.text and encoders.available:
        if max(len(library.loras), knowledge.prompt_count if knowledge else 0) >= MANY:
            looked_up = beside(by_words)
        try:
            vectors = encode(prompt, encoders, library.models)
            if looked_up is not None:
                near = nearest(vectors.semantic)
        except NotReady as error:
            notes.append(f"matched by words only for the moment: {error}")
        except (MissingPart, BadFile) as error:
            encoders.give_up(str(error))
    if not encoders.available:
        notes.append("matched by words only: " + ("; ".join(encoders.problems) or "no encoder is installed"))
    lap("encode")
    if looked_up is None or looked_up.cancel():  # or it has not begun: others were first
        words, consulted = None, remembered()
    else:
        words, consulted = looked_up.result()
    if consulted is not None and vectors is not None:
        consulted.add_meaning(vectors.semantic)
    lap("history")
    return Ask(
        query,
        prompt,
        vectors,
        tuple(active.values()),
        rows,
        notes=tuple(notes),
        consulted=consulted,
        words=words,
        nearest=near,
    )


def encode(prompt: ReadPrompt, encoders: Lender, models: Mapping[str, str] | None = None) -> QueryVectors:
    """Encode a prompt for every lens: one pass per distinct model.

    Args:
        prompt: what was read of the query.
        encoders: lends them.
        models: lens -> model that the library's vectors are of, and no other: spaces of two models do not mix; None:
            those in use.

    Raises:
        MissingPart: no encoder can be run.
        BadFile: a model is damaged.
        NotReady: the semantic one cannot be had now. Of the other lenses such a one says nothing: zeros.
    """
    spans = [(chunk.start, chunk.end) for chunk in prompt.chunks]
    if models is None:
        models = encoders.model_ids()
    if not models:
        raise MissingPart("; ".join(encoders.problems) or "no encoder is installed")
    done: dict[str, tuple[Floats, Floats]] = {}
    for lens in LENSES:
        if models[lens] not in done:
            try:
                with encoders.lend(models[lens]) as encoder:
                    done[models[lens]] = encoder.encode_spans(prompt.text, spans)
            except NotReady:
                if lens == "semantic":
                    raise
                done[models[lens]] = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    whole, chunks = done[models["semantic"]]
    return QueryVectors(
        semantic=whole,
        artistic=_style(prompt, *done[models["artistic"]]),
        technical=done[models["technical"]][0],
        chunks=chunks,
        chunk_weights=np.asarray(prompt.chunk_weights, np.float32),
    )


def warm(encoders: Lender, model: str) -> None:
    """Load a model for the query that comes next; what stands against it, that query will hear."""
    with contextlib.suppress(LorarecError), encoders.lend(model):
        pass


def _style(prompt: ReadPrompt, whole: Floats, chunks: Floats) -> Floats:
    """The vector of the chunks that speak of style, else of the whole prompt."""
    about = [at for at, chunk in enumerate(prompt.chunks) if STYLE_WORDS & set(chunk.text.lower().split())]
    if not about or len(chunks) == 0:
        return whole
    mean: Floats = chunks[about].mean(0)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 1e-6 else whole
