"""The measurements of `lorarec bench`: made-up collections, the real recommender, the bare work beside it."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import library
from ..catalog.scan import scan
from ..catalog.store import Catalog
from ..database import open_database
from ..encode import models
from ..encode.lender import Lender
from ..encode.profiles import encoder_names
from ..index.vector_store import VectorStore, text_hash
from ..measure import process, speed, synthetic
from ..measure.bench_data import Bench
from ..measure.lay import lay
from ..measure.speed import Measured
from ..settings import Settings
from ..types import Encoder, Lora, Progress, ProgressSink

LENGTHS = {16: 1.45, 64: 1.35, 200: 1.25}  # tokens of made-up texts to encode -> least ratio
EXAMPLES = 3  # per made-up LoRA; the mean of the public benchmark


class Suite:
    """All measurements of one run."""

    def __init__(self, work: Path, data_dir: Path, settings: Settings, meter: ProgressSink, prompts: int) -> None:
        """``data_dir`` is the user's: encoders and their ONNX files are taken from there. ``prompts`` per figure."""
        self.work, self.meter, self.prompts = work, meter, prompts
        self.model = models.find(encoder_names(settings)["semantic"], data_dir)
        self.settings = _plain(settings, self.model)
        self.encoders = Lender(self.settings, data_dir)
        self._lent = contextlib.ExitStack()
        self._encoder: Encoder | None = None
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

        for length, least in LENGTHS.items():
            made = speed.prompts_of_length(length, texts // (1 + length // 32), count_tokens)
            rows.append(speed.throughput_row(f"{name}, {length} tokens", encoder.encode, theirs, made, least))
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
        texts = dict.fromkeys(text for lora in catalogued(self.work / "real-data", folder) for text in texts_of(lora))
        every = np.random.default_rng(0).permutation(list(texts))
        return [str(text) for text in every[:count]]

    def encoder(self) -> Encoder | None:
        """The user's semantic encoder; None without a model on this machine."""
        if self._encoder is None and self.encoders.available:
            # Lent until the end of the run: loading it again must not count in any figure.
            self._encoder = self._lent.enter_context(self.encoders.lend_bulk("semantic", 0))
        return self._encoder

    # -- collections -----------------------------------------------------------------------------------------------

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
            hashes = store.missing([text_hash(text) for lora in loras for text in texts_of(lora)], encoder.model_id)
            draw = np.random.default_rng(0)
            for start in range(0, len(hashes), 8192):
                part = hashes[start : start + 8192]
                vectors = draw.standard_normal((len(part), encoder.dim)).astype(np.float32)
                store.put(encoder.model_id, part, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        finally:
            database.close()
        self.prepare(data)
        return folder, data

    def prepare(self, data: Path) -> None:
        """Make the encoder's files in a data folder: without them its first prompts are matched by words."""
        lender = Lender(self.settings, data)
        try:
            lender.prepare()
        finally:
            lender.close()


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


def texts_of(lora: Lora) -> list[str]:
    """Everything that indexing encodes of a LoRA."""
    texts = library.texts_of(lora)
    return [t for t in (texts.semantic, texts.artistic, texts.technical, texts.name, *texts.examples) if t]


def token_counter(encoder: Encoder) -> Callable[[str], int]:
    """Counts tokens as this encoder does, special tokens included; words and a third where it does not tell."""
    tokenizer: Any = getattr(encoder, "_tokenizer", None)
    if tokenizer is None:
        return lambda text: len(text.split()) * 4 // 3
    special = len(tokenizer.prefix) + len(tokenizer.suffix)
    return lambda text: len(tokenizer([text])[0].ids) + special
