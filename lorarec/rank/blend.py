"""The learned blend: signals -> logits -> probability.

One hidden tanh layer beside a linear part, about a thousand numbers in ``lorarec/data/blend.json``, written by
``lorarec train``. It is fitted listwise (softmax cross entropy, Cao et al. 2007, "ListNet") and calibrated afterwards
by a logistic curve against an explicit "none of these" (Platt 1999), so that ranking and probability are separate.
Unknown signals (NaN) count as average.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import dot, dots
from ..types import SignalTable
from .signals import FAMILY_OF

Floats = NDArray[np.float32]
FILE = "blend.json"
CLIP = 6.0  # standard deviations; beyond it a signal says no more


class Feature(Struct, frozen=True):
    """How one signal enters the blend."""

    signal: str
    log: bool  # log1p of the positive part
    mean: float
    scale: float


class Net(Struct, frozen=True):
    """The weights of one network over f features with h hidden units."""

    hidden: list[list[float]]  # shape (h, f)
    bias: list[float]  # shape (h,)
    out: list[float]  # shape (h,)
    linear: list[float]  # shape (f,)


class Calibration(Struct, frozen=True):
    """probability = 1 / (1 + exp(-(slope * logit + offset)))."""

    slope: float
    offset: float


class Model(Struct, frozen=True):
    """Everything in the shipped file."""

    features: list[Feature]
    net: Net
    calibration: Calibration
    folds: list[Net]  # the same, each trained without one fold of LoRAs; for honest figures on the training bench
    provenance: dict[str, str]


class Blend:
    """A network ready to score; implements `types.Scorer`."""

    def __init__(self, features: Sequence[Feature], net: Net, calibration: Calibration) -> None:
        """Lay the numbers out as arrays."""
        self.features = tuple(features)
        self.calibration = calibration
        self._mean = np.asarray([f.mean for f in features], np.float32)
        self._scale = np.asarray([f.scale for f in features], np.float32)
        self._log = np.asarray([f.log for f in features])
        self._hidden = np.asarray(net.hidden, np.float32)
        self._bias = np.asarray(net.bias, np.float32)
        self._out = np.asarray(net.out, np.float32)
        self._linear = np.asarray(net.linear, np.float32)
        self._known: dict[tuple[str, ...], list[int]] = {}
        self.families: dict[str, list[int]] = {}  # family of signals -> its columns among the features
        for column, feature in enumerate(self.features):
            self.families.setdefault(FAMILY_OF[feature.signal], []).append(column)

    @classmethod
    def of(cls, model: Model) -> Blend:
        """The blend of a model file."""
        return cls(model.features, model.net, model.calibration)

    def inputs(self, table: SignalTable, rows: Sequence[int] | None = None) -> Floats:
        """Standardised features of all candidates or of some, shape (c, f); 0 where unknown."""
        values = table.values if rows is None else table.values[rows]
        return standardise(values.T[self._columns(table.names)].T, self._log, self._mean, self._scale)

    def _columns(self, names: tuple[str, ...]) -> list[int]:
        """Where the features stand in a table with these columns; looked up once per kind of table."""
        if names not in self._known:
            self._known[names] = [names.index(feature.signal) for feature in self.features]
        return self._known[names]

    def logits(self, inputs: Floats) -> Floats:
        """Logits of standardised features, shape (c,)."""
        active = np.tanh(dots(inputs, self._hidden) + self._bias)
        return dot(active, self._out) + dot(inputs, self._linear)

    def score(self, table: SignalTable, ids: Sequence[str]) -> Floats:
        """Logits of all candidates, shape (c,)."""
        return self.logits(self.inputs(table))

    def probability(self, logits: Floats) -> Floats:
        """Calibrated probability that a LoRA with this logit fits, 0..1."""
        z = self.calibration.slope * logits + self.calibration.offset
        result: Floats = (1.0 / (1.0 + np.exp(-np.clip(z, -30, 30)))).astype(np.float32)
        return result


class FoldScorer:
    """Scores every LoRA by the network that was trained without it and its near-duplicates."""

    def __init__(self, model: Model, fold_of: Mapping[str, int]) -> None:
        """``fold_of`` gives the fold of every catalogue id; ids without one get fold 0."""
        self._blends = [Blend(model.features, net, model.calibration) for net in model.folds]
        self._fold_of = fold_of

    def score(self, table: SignalTable, ids: Sequence[str]) -> Floats:
        """Logits of all candidates, shape (c,)."""
        inputs = self._blends[0].inputs(table)
        fold = np.asarray([self._fold_of.get(id_, 0) for id_ in ids], np.int64)
        out = np.zeros(len(ids), np.float32)
        for number, blend in enumerate(self._blends):
            mine = fold == number
            if mine.any():
                out[mine] = blend.logits(inputs[mine])
        return out


def standardise(values: Floats, log: NDArray[np.bool_], mean: Floats, scale: Floats) -> Floats:
    """Signals of the features' columns -> standardised, clipped, NaN -> 0; shape kept."""
    columns = np.array(values.T, np.float32)  # whole rows of it are quicker to take out and put back
    columns[log] = np.log1p(np.maximum(columns[log], 0))
    columns -= mean[:, None]
    columns /= scale[:, None]
    np.minimum(np.maximum(columns, -CLIP, out=columns), CLIP, out=columns)
    columns[np.isnan(columns)] = 0
    result: Floats = columns.T
    return result


@functools.cache
def shipped() -> Model:
    """The model that comes with this version."""
    raw = (
        resources.files("lorarec" if not __package__ else __package__.rpartition(".")[0])
        .joinpath("data")
        .joinpath(FILE)
    )
    return msgspec.json.decode(raw.read_bytes(), type=Model)
