"""Tiny transformers with random weights, in the folder layout of sentence-transformers models."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 4, 64, 66
WORDS = ["fox", "snow", "cat", "##s", "##ing", "paint", "hair", "long", "girl", "red"]
SPECIAL = {True: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], False: ["<s>", "<pad>", "</s>", "<unk>"]}


def save_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # transformers 4 insist on it
    offset = 0
    names = {"float32": "F32", "float16": "F16"}
    for name, value in tensors.items():
        span = [offset, offset + value.nbytes]
        header[name] = {"dtype": names[value.dtype.name], "shape": list(value.shape), "data_offsets": span}
        offset = span[1]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in tensors.values()))


def weights(family: str, vocabulary: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    out: dict[str, np.ndarray] = {}

    def matrix(name: str, *shape: int) -> None:
        out[name] = (rng.standard_normal(shape) * 0.3).astype(np.float32)

    def linear(name: str, rows: int, columns: int) -> None:
        matrix(name + ".weight", rows, columns)
        matrix(name + ".bias", rows)

    def norm(name: str) -> None:
        out[name + ".weight"] = (1 + 0.1 * rng.standard_normal(HIDDEN)).astype(np.float32)
        matrix(name + ".bias", HIDDEN)

    matrix("embeddings.word_embeddings.weight", vocabulary, HIDDEN)
    matrix("embeddings.position_embeddings.weight", POSITIONS, HIDDEN)
    if family in ("bert", "roberta"):
        matrix("embeddings.token_type_embeddings.weight", 2 if family == "bert" else 1, HIDDEN)
    norm("embeddings.LayerNorm")
    for number in range(LAYERS):
        if family == "distilbert":
            layer = f"transformer.layer.{number}."
            for name in ("q_lin", "k_lin", "v_lin", "out_lin"):
                linear(layer + "attention." + name, HIDDEN, HIDDEN)
            norms, inner, outer = ("sa_layer_norm", "output_layer_norm"), "ffn.lin1", "ffn.lin2"
        else:
            layer = f"encoder.layer.{number}."
            mpnet = family == "mpnet"
            parts = ("attn.q", "attn.k", "attn.v", "attn.o") if mpnet else ("self.query", "self.key", "self.value")
            for name in parts:
                linear(layer + "attention." + name, HIDDEN, HIDDEN)
            if not mpnet:
                linear(layer + "attention.output.dense", HIDDEN, HIDDEN)
            norms = ("attention.LayerNorm" if mpnet else "attention.output.LayerNorm", "output.LayerNorm")
            inner, outer = "intermediate.dense", "output.dense"
        linear(layer + inner, INNER, HIDDEN)
        linear(layer + outer, HIDDEN, INNER)
        for name in norms:
            norm(layer + name)
    if family == "mpnet":
        matrix("encoder.relative_attention_bias.weight", 32, HEADS)
    return out


def config(family: str, vocabulary: int) -> dict[str, Any]:
    if family == "distilbert":
        sizes = {"dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "activation": "gelu"}
        architecture = "DistilBertModel"
    else:
        sizes = {
            "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "intermediate_size": INNER,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "type_vocab_size": 2 if family == "bert" else 1,
        }
        architecture = {"bert": "BertModel", "roberta": "RobertaModel", "mpnet": "MPNetModel"}[family]
    pad = 0 if family in ("bert", "distilbert") else 1
    common = {"model_type": family, "architectures": [architecture], "vocab_size": vocabulary, "pad_token_id": pad}
    return {**common, **sizes, "max_position_embeddings": POSITIONS}


def save_tokenizer(path: Path, bert: bool) -> int:
    tokenizers = pytest.importorskip("tokenizers")
    letters = [*string.ascii_lowercase, *string.digits, *".,!?()<>:;_-", "山", "霧"]
    names = list(dict.fromkeys(SPECIAL[bert] + letters + ["##" + c for c in letters] + WORDS))
    vocabulary = {name: number for number, name in enumerate(names)}
    first, last = ("[CLS]", "[SEP]") if bert else ("<s>", "</s>")
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token=SPECIAL[bert][1 if bert else 3]))
    made.normalizer = tokenizers.normalizers.BertNormalizer()
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])]
    )
    made.add_special_tokens(SPECIAL[bert])
    made.enable_truncation(8)  # as some published files do: it must not cut texts
    made.enable_padding(length=8)
    made.save(str(path / "tokenizer.json"))
    return len(vocabulary)


def save_model(
    path: Path, family: str = "bert", *, pooling: str = "mean", window: int = 32, lower: bool = False, seed: int = 0
) -> Path:
    """Write a random model and return its folder."""
    path.mkdir(parents=True, exist_ok=True)
    size = save_tokenizer(path, family in ("bert", "distilbert"))
    save_safetensors(path / "model.safetensors", weights(family, size, seed))
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    flags = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    files = {
        "config.json": config(family, size),
        "modules.json": [
            {"idx": n, "name": str(n), "path": where, "type": f"sentence_transformers.models.{kind}"}
            for n, (where, kind) in enumerate(kinds)
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": HIDDEN, **flags},
        "sentence_bert_config.json": {"max_seq_length": window, "do_lower_case": lower},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": window},
    }
    for name, value in files.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(json.dumps(value), encoding="utf-8")
    return path
