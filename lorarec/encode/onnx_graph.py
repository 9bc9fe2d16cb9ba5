"""ONNX graphs of the BERT family, written straight from the weights: no torch, no ``onnx`` package.

Nearly every sentence encoder is one of five architectures that differ in tensor names, position numbers and, for
MPNet, a relative position bias (Raffel et al. 2020, section 2.1; Song et al. 2020). Other architectures go through
torch's exporter, see onnx_export.py.
"""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from .onnx_file import FUSED, Graph
from .weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Names(Struct, frozen=True):
    """Where an architecture keeps its tensors; ``layer`` is formatted with the layer's number."""

    layer: str
    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    inner: str
    outer: str
    outer_norm: str


_BERT = _Names(
    "encoder.layer.{}.",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_MPNET = _Names(
    "encoder.layer.{}.",
    "attention.attn.q",
    "attention.attn.k",
    "attention.attn.v",
    "attention.attn.o",
    "attention.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_DISTIL = _Names(
    "transformer.layer.{}.",
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
)
FAMILIES = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "mpnet": _MPNET,
    "distilbert": _DISTIL,
}


class Architecture(Struct, frozen=True):
    """The numbers of a transformer's config.json."""

    family: str
    layers: int
    heads: int
    hidden: int
    epsilon: float
    pad: int
    buckets: int  # of MPNet's relative positions
    prefix: str = ""  # of all tensor names


def architecture(config: dict[str, Any], names: list[str]) -> Architecture | None:
    """What kind of transformer a config.json describes; None if this file cannot write it.

    Args:
        config: the decoded config.json.
        names: tensor names of the weights, to find a common prefix such as "bert.".
    """
    family = str(config.get("model_type", ""))
    activation = config.get("activation" if family == "distilbert" else "hidden_act", "gelu")
    usual = config.get("position_embedding_type", "absolute") == "absolute" and not config.get("is_decoder", False)
    if family not in FAMILIES or activation != "gelu" or not usual:
        return None
    word = [n for n in names if n.endswith("embeddings.word_embeddings.weight")]
    if len(word) != 1:
        return None
    short = family == "distilbert"
    return Architecture(
        family=family,
        layers=int(config["n_layers" if short else "num_hidden_layers"]),
        heads=int(config["n_heads" if short else "num_attention_heads"]),
        hidden=int(config["dim" if short else "hidden_size"]),
        epsilon=1e-12 if short else float(config.get("layer_norm_eps", 1e-12)),
        pad=1 if family == "mpnet" else int(config.get("pad_token_id") or 0),
        buckets=int(config.get("relative_attention_num_buckets", 32)),
        prefix=word[0].removesuffix("embeddings.word_embeddings.weight"),
    )


def write(config: dict[str, Any], weights: Weights, data: IO[bytes], location: str, int8: bool = False) -> bytes | None:
    """Write the graph of an encoder: ``input_ids``, ``attention_mask`` (b, s) int64 -> ``last_hidden_state`` (b, s, h).

    Args:
        config: the decoded config.json.
        weights: the model's tensors.
        data: receives the weights; the file must end up as ``location`` beside the graph.
        location: name of the data file.
        int8: products with 8-bit weights and, token by token, 8-bit states; word vectors in 8 bits too.

    Returns:
        the serialised ModelProto, or None if the architecture is not one of `FAMILIES`.

    Raises:
        BadFile: a tensor is missing or has the wrong size.
    """
    found = architecture(config, weights.names())
    return _Writer(found, weights, Graph(data, location), int8).write() if found else None


class _Writer:
    def __init__(self, shape: Architecture, weights: Weights, graph: Graph, int8: bool) -> None:
        self.int8 = int8
        self.shape = shape
        self.weights = weights
        self.graph = graph
        self.names = FAMILIES[shape.family]
        self.ids = graph.input("input_ids", "int64", ("batch", "sequence"))
        self.mask = graph.input("attention_mask", "int64", ("batch", "sequence"))
        # Layers see all tokens as rows of one matrix: only products of matrices take a bias along, which else is an
        # operator of its own. Shapes of states by row, by text and by head:
        axes = graph.node("Shape", self.ids)
        self.by_row = graph.constant(np.array([-1, shape.hidden], np.int64))
        self.by_text = self._joined(axes, shape.hidden)
        self.by_head = self._joined(axes, shape.heads, shape.hidden // shape.heads)

    def write(self) -> bytes:
        g = self.graph
        state = g.node("Reshape", self._embed(self.ids), self.by_row)
        bias = self._mask_bias(self.mask)
        if self.shape.family == "mpnet":
            bias = g.node("Add", bias, self._relative_bias(self.ids))
        for number in range(self.shape.layers):
            state = self._layer(self.names.layer.format(number), state, bias)
        state = g.node("Reshape", state, self.by_text)
        g.output("last_hidden_state", state, ("batch", "sequence", self.shape.hidden))
        return g.serialize()

    def _joined(self, axes: str, *more: int) -> str:
        return self.graph.node("Concat", axes, self.graph.constant(np.array(more, np.int64)), axis=0)

    def _tensor(self, name: str) -> NDArray[np.float32]:
        name = self.shape.prefix + name
        if name not in self.weights and "LayerNorm." in name:  # TensorFlow's names, in old checkpoints
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return self.weights[name]

    def _norm_weights(self, name: str) -> tuple[str, str]:
        return self.graph.constant(self._tensor(name + ".weight")), self.graph.constant(self._tensor(name + ".bias"))

    def _embed(self, ids: str) -> str:
        g, shape = self.graph, self.shape
        words = self._rows(self._tensor("embeddings.word_embeddings.weight"), ids)
        table = self._tensor("embeddings.position_embeddings.weight")
        if shape.family in ("bert", "roberta", "xlm-roberta", "camembert"):
            table = table + self._tensor("embeddings.token_type_embeddings.weight")[0]  # one text: always type 0
        places = g.constant(table)
        if shape.family in ("bert", "distilbert"):
            length = g.node("Gather", g.node("Shape", ids), g.constant(np.array(1, np.int64)))
            zero, one = g.constant(np.array(0, np.int64)), g.constant(np.array(1, np.int64))
            place = g.node("Gather", places, g.node("Range", zero, length, one))
        else:  # counted over what is not padding, from pad + 1
            real = g.node("Cast", g.node("Not", g.node("Equal", ids, g.constant(np.array(shape.pad, np.int64)))), to=7)
            count = g.node("CumSum", real, g.constant(np.array(1, np.int64)))
            number = g.node("Add", g.node("Mul", count, real), g.constant(np.array(shape.pad, np.int64)))
            place = g.node("Gather", places, number)
        total = g.node("Add", words, place)
        return g.node("LayerNormalization", total, *self._norm_weights("embeddings.LayerNorm"), epsilon=shape.epsilon)

    def _relative_bias(self, ids: str) -> str:
        g = self.graph
        table = self._tensor("encoder.relative_attention_bias.weight")  # (buckets, heads)
        reach = len(self._tensor("embeddings.position_embeddings.weight"))
        offsets = np.arange(-reach, reach + 1)  # of the key from the query
        by_offset = g.constant(table[relative_bucket(offsets, self.shape.buckets)])
        zero, one = g.constant(np.array(0, np.int64)), g.constant(np.array(1, np.int64))
        length = g.node("Gather", g.node("Shape", ids), one)
        place = g.node("Range", zero, length, one)
        row = g.node("Unsqueeze", place, g.constant(np.array([0], np.int64)))
        column = g.node("Unsqueeze", place, g.constant(np.array([1], np.int64)))
        offset = g.node("Add", g.node("Sub", row, column), g.constant(np.array(reach, np.int64)))
        values = g.node("Transpose", g.node("Gather", by_offset, offset), perm=[2, 0, 1])
        return g.node("Unsqueeze", values, g.constant(np.array([0], np.int64)))  # (1, heads, s, s)

    def _mask_bias(self, mask: str) -> str:
        """What is added to attention scores: 0 for tokens, so much for padding that its share is exactly zero."""
        g = self.graph
        padding = g.node("Cast", g.node("Equal", mask, g.constant(np.array(0, np.int64))), to=1)
        bias = g.node("Mul", padding, g.constant(np.array(-1e9, np.float32)))
        return g.node("Unsqueeze", bias, g.constant(np.array([1, 2], np.int64)))  # (b, 1, 1, s)

    def _layer(self, prefix: str, state: str, bias: str) -> str:
        names = self.names
        attended = self._linear(prefix + names.attended, self._attention(prefix, state, bias))
        state = self._add_norm(prefix + names.attended_norm, attended, state)
        # Not the fused BiasGelu, which is slower.
        inner = self.graph.node("Gelu", self._linear(prefix + names.inner, state), domain=FUSED)
        return self._add_norm(prefix + names.outer_norm, self._linear(prefix + names.outer, inner), state)

    def _attention(self, prefix: str, state: str, bias: str) -> str:
        # Plain operators: the fused MultiHeadAttention is no faster on CPUs, and ONNX Runtime 1.19 silently computes it
        # wrong with a position bias.
        g, names, shape = self.graph, self.names, self.shape
        query = self._heads(prefix + names.query, state, (0, 2, 1, 3), 1 / math.sqrt(shape.hidden // shape.heads))
        key = self._heads(prefix + names.key, state, (0, 2, 3, 1))
        value = self._heads(prefix + names.value, state, (0, 2, 1, 3))
        share = g.node("Softmax", g.node("Add", g.node("MatMul", query, key), bias), axis=-1)
        mixed = g.node("Transpose", g.node("MatMul", share, value), perm=[0, 2, 1, 3])
        return g.node("Reshape", mixed, self.by_row)

    def _heads(self, name: str, state: str, order: tuple[int, ...], scale: float = 1.0) -> str:
        """A projection, (b * s, h) -> (b, heads, s, width) or as ``order`` says."""
        g = self.graph
        return g.node("Transpose", g.node("Reshape", self._linear(name, state, scale), self.by_head), perm=order)

    def _linear(self, name: str, state: str, scale: float = 1.0) -> str:
        """Product with a weight, plus its bias; scaling both here costs nothing."""
        g = self.graph
        weight, bias = (self._tensor(f"{name}.{part}") * np.float32(scale) for part in ("weight", "bias"))
        if not self.int8:
            return g.node("Gemm", state, g.constant(weight.T), g.constant(bias))
        small, scales = quantized(weight.T, 0)
        parts = (state, g.constant(small), g.constant(scales[0]), "", g.constant(bias))
        return g.node("DynamicQuantizeMatMul", *parts, domain=FUSED)

    def _rows(self, table: NDArray[np.float32], ids: str) -> str:
        """The rows of a table that ids name, (b, s) -> (b, s, h)."""
        g = self.graph
        if not self.int8:
            return g.node("Gather", g.constant(table), ids)
        small, scale = quantized(table, 1)
        rows = g.node("Cast", g.node("Gather", g.constant(small), ids), to=1)
        return g.node("Mul", rows, g.node("Gather", g.constant(scale), ids))

    def _add_norm(self, norm: str, state: str, skip: str) -> str:
        g = self.graph  # plain operators: on CPUs they are many times faster than the fused SkipLayerNormalization
        total = g.node("Add", state, skip)
        return g.node("LayerNormalization", total, *self._norm_weights(norm), epsilon=self.shape.epsilon)


def quantized(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix in 8 bits and the scale of each column (``axis`` 0) or row (1), shape (1, n) or (m, 1)."""
    scale = np.maximum(np.abs(weight).max(axis, keepdims=True), 1e-12).astype(np.float32) / 127
    return np.rint(weight / scale).astype(np.int8), scale


def relative_bucket(offsets: NDArray[np.int64], buckets: int, reach: int = 128) -> NDArray[np.int64]:
    """T5's bucket of a relative position: exact when near, logarithmic when far (Raffel et al. 2020, section 2.1).

    Args:
        offsets: positions of the key relative to the query, any shape.
        buckets: number of buckets, half of them for each direction.
        reach: distance from which all share the last bucket.
    """
    half = buckets // 2
    distance = np.abs(offsets)
    near = half // 2
    far = np.log(np.maximum(distance, near).astype(np.float32) / near) / math.log(reach / near) * (half - near)
    bucket = np.where(distance < near, distance, np.minimum(near + far.astype(np.int64), half - 1))
    return np.where(offsets > 0, half, 0) + bucket
