"""Encoders: the same vectors from every backend, for one text and for many, for short and for long ones."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorarec.encode import onnx_export
from lorarec.encode.encoders import OnnxEncoder, SentenceTransformerEncoder, TorchEncoder, open_encoder
from lorarec.encode.models import find, read
from lorarec.encode.pooling import BATCH_TOKENS, normalize, pack
from lorarec.encode.profiles import MINILM
from lorarec.errors import MissingPart, NotReady

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")
has_torch = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
needs_torch = pytest.mark.skipif(not has_torch, reason="torch and transformers are not installed")

FAMILIES = ["bert", "roberta", "mpnet", "distilbert"]
LONG = "red fox, long hair, snow. " * 30
TEXTS = [
    "fox",
    "a red fox in the snow, painting",
    "",
    "   ",
    "girls (long hair:1.2), <cats>",
    LONG,
    "山 霧 fox",
    "x" * 200,
    "\ud800 fox",
]


def own_forward(folder: Any, encoder: Any, text: str) -> np.ndarray:
    """What the definition says for a text of one window, by the encoder's own token states."""
    tokens = encoder._tokenizer([text])[0]
    ids = np.array([[*encoder._tokenizer.prefix, *tokens.ids, *encoder._tokenizer.suffix]])
    states = encoder.forward(ids, np.ones_like(ids))[0]
    return normalize(states[0] if folder.pooling == "cls" else states.mean(0))


@needs_torch
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("family", FAMILIES)
def test_onnx_equals_torch(family: str, pooling: str, tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    folder = tiny(family, pooling=pooling)
    fast = open_encoder(folder, tmp_path / "data")
    slow = TorchEncoder(folder)
    assert isinstance(fast, OnnxEncoder)
    vectors = fast.encode(TEXTS)
    np.testing.assert_allclose(vectors, slow.encode(TEXTS), atol=2e-6)
    spans = [(0, 3), (2, 13), (1000, 1004)]
    for ours, theirs in zip(fast.encode_spans(LONG, spans), slow.encode_spans(LONG, spans), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert len({tuple(np.round(v, 3)) for v in vectors}) >= 7  # it does tell texts apart


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_one_and_many_agree(pooling: str, tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    folder = tiny(pooling=pooling)
    encoder = open_encoder(folder, tmp_path / "data", workers=3)
    many = TEXTS * 5 + [f"{text} {n}" for n in range(60) for text in ("fox", LONG[: n * 9])]
    vectors = encoder.encode(many)
    assert vectors.dtype == np.float32 and vectors.shape == (len(many), encoder.dim)
    for text, vector in zip(many[::7], vectors[::7], strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-6)
        np.testing.assert_allclose(encoder.encode_spans(text, [])[0], vector, atol=1e-6)
    lengths = np.linalg.norm(vectors, axis=1)
    empty = np.array([not text.strip() for text in many])
    np.testing.assert_allclose(lengths[~empty], 1, atol=1e-5)
    assert (lengths[empty] == 0).all()
    np.testing.assert_allclose(own_forward(folder, encoder, "a red fox"), encoder.encode(["a red fox"])[0], atol=1e-6)


def test_long_texts_are_chunked_and_weighted(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    encoder = open_encoder(tiny(window=12), tmp_path / "data")  # room for ten tokens of text
    first, second = "fox snow cat fox snow red girl hair.", "long red cat"
    tokens = encoder._tokenizer([f"{first} {second}"])[0]  # type: ignore[attr-defined]
    assert tokens.windows == [(0, 9), (9, 12)]
    raw = []
    for part in (first, second):
        ids = np.array([encoder._frame(encoder._tokenizer([part])[0], (0, 99))])  # type: ignore[attr-defined]
        raw.append(encoder.forward(ids, np.ones_like(ids))[0].mean(0))  # type: ignore[attr-defined]
    expected = normalize(9 * raw[0] + 3 * raw[1])
    np.testing.assert_allclose(encoder.encode([f"{first} {second}"])[0], expected, atol=1e-6)


def test_spans_are_pooled_from_the_text_s_own_states(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    encoder = open_encoder(tiny(), tmp_path / "data")
    text = "  red fox, snow"
    vector, spans = encoder.encode_spans(text, [(2, 5), (2, 9), (11, 15), (9, 10), (0, 2), (6, 6), (3, 4)])
    ids = np.array([encoder._frame(encoder._tokenizer([text])[0], (0, 4))])  # type: ignore[attr-defined]
    states = encoder.forward(ids, np.ones_like(ids))[0]  # type: ignore[attr-defined]
    assert states.shape[0] == 6  # [CLS] red fox , snow [SEP]
    expected = [states[1], states[1] + states[2], states[4], states[3]]
    np.testing.assert_allclose(spans[:4], [normalize(e) for e in expected], atol=1e-6)
    assert (spans[4] == 0).all() and (spans[5] == 0).all()
    np.testing.assert_allclose(spans[6], spans[0], atol=1e-6)  # a token belongs to a span that it touches
    np.testing.assert_allclose(vector, encoder.encode([text])[0], atol=1e-6)
    nothing = encoder.encode_spans("", [(0, 1)])
    assert not nothing[0].any() and nothing[1].shape == (1, encoder.dim)


def test_progress_counts_texts(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    encoder = open_encoder(tiny(), tmp_path / "data", workers=2)
    seen: list[int] = []
    encoder.encode(["", "fox", "fox", LONG, *(f"cat {n}" for n in range(200))], seen.append)
    assert seen == sorted(seen) and seen[-1] == 204


def test_many_threads_may_share_an_encoder(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    encoder = open_encoder(tiny(), tmp_path / "data")
    expected = encoder.encode(TEXTS)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(10):
            if not np.allclose(encoder.encode(TEXTS[number:]), expected[number:], atol=1e-6):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_batches_hold_each_window_once_within_their_budget() -> None:
    rng = np.random.default_rng(0)
    rows = [(n, (0, int(size))) for n, size in enumerate(rng.integers(1, 254, 500))] + [(999, (0, 5000))]
    batches = pack(rows)
    assert sorted(row for batch in batches for row in batch) == sorted(rows)
    for batch in batches:
        longest = max(end - start + 2 for _, (start, end) in batch)
        assert len(batch) == 1 or longest * len(batch) <= BATCH_TOKENS
    used = sum(end - start + 2 for batch in batches for _, (start, end) in batch)
    padded = sum(len(batch) * max(end - start + 2 for _, (start, end) in batch) for batch in batches)
    assert used / padded > 0.95
    assert pack([]) == []


def test_a_damaged_onnx_file_is_made_anew(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    folder, data = tiny(), tmp_path / "data"
    expected = open_encoder(folder, data).encode(["fox"])
    path = onnx_export.find(folder, data)
    assert path is not None
    path.write_bytes(bytes(path.stat().st_size))
    np.testing.assert_array_equal(open_encoder(folder, data).encode(["fox"]), expected)
    path.with_suffix(".data").write_bytes(b"short")
    assert onnx_export.find(folder, data) is None
    np.testing.assert_array_equal(open_encoder(folder, data).encode(["fox"]), expected)


@needs_torch
def test_without_onnxruntime_torch_does_the_work(tiny: Any, tmp_path: Path, without: Any) -> None:
    without("onnxruntime")
    assert isinstance(open_encoder(tiny(), tmp_path / "data"), TorchEncoder)
    assert not (tmp_path / "data").exists()


def test_with_nothing_installed_the_remedy_is_named(tiny: Any, tmp_path: Path, without: Any) -> None:
    folder = tiny()
    without("onnxruntime", "torch")
    with pytest.raises(MissingPart, match="pip install onnxruntime"):
        open_encoder(folder, tmp_path / "data")


def test_exports_can_be_forbidden(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    with pytest.raises(NotReady, match="being prepared"):
        open_encoder(tiny(), tmp_path / "data", allow_export=False)


def test_models_with_modules_of_their_own(tiny: Any, tmp_path: Path, without: Any) -> None:
    folder = tiny()
    modules = pytest.importorskip("sentence_transformers.models")
    SentenceTransformer = pytest.importorskip("sentence_transformers").SentenceTransformer
    parts = [modules.Transformer(str(folder.path)), modules.Pooling(folder.dim)]
    base = SentenceTransformer(modules=parts, device="cpu")
    base.append(modules.Dense(folder.dim, 7))
    base.save(str(tmp_path / "dense"))
    dense = read(tmp_path / "dense", "dense", "folder")
    assert "Dense" in dense.exotic
    encoder = open_encoder(dense, tmp_path / "data")
    assert isinstance(encoder, SentenceTransformerEncoder) and encoder.dim == 7
    texts = ["red fox", "", LONG]
    vectors = encoder.encode(texts)
    reference = base.encode(["red fox"], normalize_embeddings=True)
    np.testing.assert_allclose(vectors[0], reference[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1], atol=1e-5)
    whole, spans = encoder.encode_spans("red fox", [(0, 3), (7, 7)])
    np.testing.assert_allclose(whole, vectors[0], atol=1e-6)
    np.testing.assert_allclose(spans[0], encoder.encode(["red"])[0], atol=1e-6)
    without("sentence_transformers")
    with pytest.raises(MissingPart, match="sentence-transformers"):
        open_encoder(dense, tmp_path / "data")


def test_the_real_minilm(tmp_path: Path, no_torch_check: None) -> None:
    folder = find(MINILM, tmp_path)
    if folder is None:
        pytest.skip("all-MiniLM-L6-v2 is not installed")
    encoder = open_encoder(folder, tmp_path)
    assert (encoder.dim, encoder.window) == (384, 256)
    texts = ["a watercolor painting of a fox", "fox, watercolour art", "a photo of a sports car at night"]
    near, far = (encoder.encode(texts) @ encoder.encode(texts[:1])[0])[1:]
    assert near > 0.7 > 0.3 > far
    st = pytest.importorskip("sentence_transformers")
    reference = st.SentenceTransformer(str(folder.path), device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(texts), reference, atol=1e-6)


def test_importing_costs_nothing() -> None:
    code = (
        "import sys, lorarec.encode.encoders, lorarec.encode.pull, lorarec.index.vectors, lorarec.index.vector_store;"
        "heavy = {'torch', 'onnxruntime', 'tokenizers', 'transformers', 'faiss', 'sqlalchemy', 'huggingface_hub'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
