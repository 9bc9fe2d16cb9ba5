"""The measurements of `lorarec bench`: made-up collections, the real recommender, the bare work beside it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .. import library
from ..catalog.scan import scan
from ..catalog.store import Catalog
from ..database import open_database
from ..encode import models
from ..encode.lens_encoders import LensEncoders
from ..encode.profiles import encoder_names
from ..index.vector_store import VectorStore, text_hash
from ..index.vectors import index_class
from ..measure import process, speed, synthetic
from ..measure.bench_data import Bench
from ..measure.lay import lay
from ..measure.speed import Measured
from ..recommender import Recommender
from ..settings import Settings
from ..types import Encoder, Lora, Progress, ProgressSink, Query

LARGE = 100_000
TOKENS = (30, 75)  # of prompts
LENGTHS = (16, 64, 200)  # of made-up texts to encode
EXAMPLES = 3  # per made-up LoRA; the mean of the public benchmark
NEAREST = 200  # of the bare search


class Suite:
    """All measurements of one run."""

    def __init__(self, work: Path, data_dir: Path, settings: Settings, meter: ProgressSink, prompts: int) -> None:
        """``data_dir`` is the user's: encoders and their ONNX files are taken from there. ``prompts`` per figure."""
        self.work, self.meter, self.prompts = work, meter, prompts
        self.model = models.find(encoder_names(settings)["semantic"], data_dir)
        self.settings = _plain(settings, self.model)
        self.encoders = LensEncoders(self.settings, data_dir)
        self._collections: dict[int, tuple[Path, Path]] = {}  # by number of LoRAs

    def say(self, what: str) -> None:
        """Name the measurement that begins."""
        self.meter(Progress(what, 0, None, 0.0, None))

    # -- files ------------------------------------------------------------------------------------------------------

    def start(self, runs: int) -> list[Measured]:
        """What ComfyUI pays at every start."""
        root = Path(__file__).resolve().parents[2]
        if not (root / "__init__.py").is_file():
            return [Measured("import of the repository root", math.nan, "ms", 30, detail="installed without it")]
        self.say("import")
        cost, heavy = process.import_cost(root, runs)
        detail = f"heavy modules: {', '.join(heavy) or 'none'}; best of {runs} processes each"
        return [Measured("import of the repository root − empty Python", cost, "ms", 30, detail=detail)]

    def scans(self, files: int) -> list[Measured]:
        """First and later scans of files with long headers."""
        self.say(f"writing {files} headers")
        folder, few = self.work / f"headers-{files}", self.work / "headers-few"
        for place, number in ((folder, files), (few, 10)):
            if not place.exists():
                draft = place.with_suffix(".draft")
                synthetic.write_headers(draft, number)
                draft.rename(place)
        self.say("scans")
        with contextlib.ExitStack() as stack:

            def first_scan(of: Path = folder) -> Callable[[], object]:
                data = tempfile.TemporaryDirectory(prefix="catalogue-", dir=self.work, ignore_cleanup_errors=True)
                catalog = Catalog(stack.enter_context(open_database(Path(stack.enter_context(data)))))
                return lambda: scan(catalog, [of])

            first_scan(few)()  # loads what the first scan of a process imports
            return speed.scan_rows(folder, first_scan)

    # -- encoding ---------------------------------------------------------------------------------------------------

    def throughput(self, bench: Bench | None, texts: int) -> list[Measured]:
        """Bulk encoding against sentence-transformers on the same weights, on the CPU."""
        name = "bulk encoding ÷ plain SentenceTransformer.encode"
        encoder = self.encoder()
        if encoder is None:
            return [Measured(name, math.nan, "×", 1.25, at_least=True, detail="no encoder model on this machine")]
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            return [Measured(name, math.nan, "×", 1.25, at_least=True, detail="sentence-transformers is not installed")]
        assert self.model is not None  # the encoder was opened from it
        plain: Any = SentenceTransformer(str(self.model.path), device="cpu")

        def theirs(batch: Sequence[str]) -> object:
            return plain.encode(list(batch), normalize_embeddings=True, show_progress_bar=False)

        self.say("encoding")
        rows = []
        if bench is not None:
            real = self._real_texts(bench, texts)
            rows.append(
                speed.throughput_row(f"{name}, texts of the benchmark's LoRAs", encoder.encode, theirs, real, 1.25)
            )

        def count_tokens(text: str) -> int:
            return len(plain.tokenizer(text, verbose=False)["input_ids"])

        for length in LENGTHS:
            made = speed.prompts_of_length(length, texts // (1 + length // 32), count_tokens)
            rows.append(speed.throughput_row(f"{name}, {length} tokens", encoder.encode, theirs, made, None))
        if bench is None:
            made = [text for length in LENGTHS for text in speed.prompts_of_length(length, texts // 6, count_tokens)]
            random_order = np.random.default_rng(0).permutation(len(made))
            mixed = [made[i] for i in random_order]
            rows.insert(0, speed.throughput_row(f"{name}, made-up texts", encoder.encode, theirs, mixed, 1.25))
        return rows

    def _real_texts(self, bench: Bench, count: int) -> list[str]:
        """Texts that indexing encodes, each once, from LoRAs all over the corpus."""
        ids = list(bench.corpus)[:: max(1, len(bench.corpus) * 5 // count)]
        folder = self.work / f"real-{len(ids)}"
        lay(bench, folder, ids)
        texts = dict.fromkeys(text for lora in catalogued(self.work / "real-data", folder) for text in _texts(lora))
        every = np.random.default_rng(0).permutation(list(texts))
        return [str(text) for text in every[:count]]

    def encoder(self) -> Encoder | None:
        """The user's semantic encoder; None without a model on this machine."""
        return self.encoders.get("semantic") if self.encoders.available else None

    # -- suggestions ------------------------------------------------------------------------------------------------

    def suggestions(self, count: int) -> list[Measured]:
        """One suggestion from ``count`` LoRAs against the bare work, and the memory of a process that serves them."""
        encoder = self.encoder()
        name = f"one suggestion of {count:,} LoRAs ÷ "
        if encoder is None:
            return [Measured(name + "encoder forward", math.nan, "×", 2, detail="no encoder model on this machine")]
        folder, data = self.collection(count)
        rows = []
        with Recommender.open([folder], data, settings=self.settings) as recommender:
            recommender.refresh(self.meter)
            search = _flat_search(len(recommender.loras()), encoder.dim)
            self.say("suggestions")
            for tokens in TOKENS:
                rows.append(self._latency(recommender, encoder, search, count, tokens))
        memory = _served_memory(folder, data, self.settings)
        limit = 450.0 if count <= 10_000 else None
        text = "fresh process after open, refresh and 20 suggestions"
        rows.append(Measured(f"resident memory serving {count:,} LoRAs", memory, "MB", limit, detail=text))
        return rows

    def _latency(
        self, recommender: Recommender, encoder: Encoder, search: Callable[[Any], object], count: int, tokens: int
    ) -> Measured:
        counter = token_counter(encoder)
        prompts = speed.prompts_of_length(tokens, self.prompts + 3, counter, seed=count)

        def ours(prompt: str) -> object:
            return recommender.recommend(Query(prompt=prompt))

        def forward(prompt: str) -> object:
            return encoder.encode([prompt])

        def forward_and_search(prompt: str) -> object:
            return search(encoder.encode([prompt]))

        large = count >= LARGE
        bare = "(forward + flat search)" if large else "encoder forward"
        pair = speed.side_by_side(ours, forward_and_search if large else forward, prompts)
        return Measured(
            f"one suggestion of {count:,} LoRAs ÷ {bare}, {tokens} tokens",
            pair.ratio,
            "×",
            1.8 if large else 2,
            detail=f"{pair.ours:.2f} ms ÷ {pair.bare:.2f} ms, medians of {pair.runs} prompts, no cache",
        )

    def collection(self, count: int) -> tuple[Path, Path]:
        """A made-up library and a data folder whose vectors are random: only prompts are really encoded."""
        if count not in self._collections:
            self._collections[count] = self._collect(count)
        return self._collections[count]

    def _collect(self, count: int) -> tuple[Path, Path]:
        folder, data = self.work / f"loras-{count}", self.work / f"data-{count}"
        self.say(f"writing {count} LoRAs")
        synthetic.lay_synthetic(folder, count, examples=EXAMPLES)
        encoder = self.encoder()
        assert encoder is not None
        loras = catalogued(data, folder, self.meter)
        self.say("random vectors")
        database = open_database(data)
        try:
            store = VectorStore(database)
            hashes = store.missing([text_hash(text) for lora in loras for text in _texts(lora)], encoder.model_id)
            draw = np.random.default_rng(0)
            for start in range(0, len(hashes), 8192):
                part = hashes[start : start + 8192]
                vectors = draw.standard_normal((len(part), encoder.dim)).astype(np.float32)
                store.put(encoder.model_id, part, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        finally:
            database.close()
        return folder, data


def _plain(settings: Settings, model: models.ModelFolder | None) -> Settings:
    """Default dials with the user's semantic encoder for all lenses, named so that any data folder finds it."""
    named = str(model.path) if model and model.source == "data folder" else encoder_names(settings)["semantic"]
    return Settings(encoder_semantic=named, encoder_artistic=named, encoder_technical=named)


def catalogued(data: Path, folder: Path, meter: ProgressSink | None = None) -> list[Lora]:
    """Scan a folder and return its LoRAs."""
    database = open_database(data)
    try:
        catalog = Catalog(database)
        scan(catalog, [folder], progress=meter)
        return catalog.loras(roots=[os.path.abspath(folder)])  # noqa: PTH100 (as the scan names roots)
    finally:
        database.close()


def _texts(lora: Lora) -> list[str]:
    """Everything that indexing encodes of a LoRA."""
    texts = library.texts_of(lora)
    return [t for t in (texts.semantic, texts.artistic, texts.technical, texts.name, *texts.examples) if t]


def _flat_search(count: int, dim: int) -> Callable[[Any], object]:
    """The bare search: one matrix of as many vectors, nothing else."""
    matrix = np.random.default_rng(1).standard_normal((count, dim)).astype(np.float32)
    index = index_class().from_matrix(np.arange(count), matrix)
    return lambda query: index.search(query, NEAREST)


def token_counter(encoder: Encoder) -> Callable[[str], int]:
    """Counts tokens as this encoder does, special tokens included; words and a third where it does not tell."""
    tokenizer: Any = getattr(encoder, "_tokenizer", None)
    if tokenizer is None:
        return lambda text: len(text.split()) * 4 // 3
    special = len(tokenizer.prefix) + len(tokenizer.suffix)
    return lambda text: len(tokenizer([text])[0].ids) + special


_SERVE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from lorarec.commands.bench_suite import serve
print(json.dumps(serve(*sys.argv[2:])))
"""


def _served_memory(folder: Path, data: Path, settings: Settings) -> float:
    """Resident memory in MB of a fresh process that serves a library; NaN where it cannot be read."""
    home = str(Path(__file__).resolve().parents[2])
    arguments = [home, str(folder), str(data), msgspec.json.encode(settings).decode()]
    done = subprocess.run(
        [sys.executable, "-c", _SERVE, *arguments], capture_output=True, text=True, encoding="utf-8", check=True
    )
    value = json.loads(done.stdout)
    return math.nan if value is None else float(value)


def serve(folder: str, data: str, settings: str) -> float | None:
    """Body of the fresh process: serve a library as a host does and say how much memory that holds."""
    chosen = msgspec.json.decode(settings, type=Settings)
    with Recommender.open([folder], data, settings=chosen) as recommender:
        recommender.refresh()
        for prompt in speed.prompts_of_length(60, 20, lambda text: len(text.split())):
            recommender.recommend(Query(prompt=prompt))
        return process.resident_mb()
