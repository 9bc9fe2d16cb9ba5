"""How strongly to apply a suggested LoRA.

What the user wrote stands. Otherwise the author's word and the showcase images are shrunk to what people really use,
and lowered as the stack fills up; all of it by one small formula whose four numbers ``lorarec train`` fits to showcase
and community images by least absolute deviations. What the user did with this very LoRA before shifts the result. It
never leaves the author's bounds unless the user did.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Sequence
from importlib import resources

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..types import Active, Lora, Origin, Role, Strength, StrengthHint

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

FILE = "strength.json"
_DEFAULT_SPREAD = 0.2  # half range where nobody states one
_SLIDER_RANGE = (-2.0, 2.0)
MOST_LOAD = 1.8  # log stack load beyond which no image was seen
USUAL = 0.8  # strength of one LoRA, the unit of stack load
_ONE_USE = 3.0  # uses that one at the very same prompt may stand for against the shrinkage
SHRINK = 8.0  # uses that the user's past strengths are shrunk by
_PAST_SPEAKS = 3  # uses from which the user's past strengths are named as the source
_QUARTILES = 8  # uses from which quartiles mean something
_LEAST, _LIMIT = 0.1, 2.0  # of what the formula may say where the author sets no bounds


class Shown(Struct, frozen=True, gc=False):
    """The strengths of one LoRA in its showcase images."""

    count: int = 0
    median: float = 0.0


class PastStrengths(Struct, frozen=True):
    """How the user used one LoRA before; all of shape (u,)."""

    strengths: Floats
    loads: Floats  # log stack load beside it, see `stack_load`
    weights: Floats  # how much each use counts: recent, at prompts like this, with this base model

    def residual(self, predict: Callable[[Doubles], Doubles]) -> float:
        """How far the user departs from what ``predict(loads)`` says, shrunk to not at all by `SHRINK` uses.

        The median of the residuals, so that the size of the stack then does not count twice (Gelman and Hill 2006 on
        partial pooling; a median since strengths have outliers).
        """
        away = self.strengths - predict(self.loads.astype(np.float64))
        total = float(np.minimum(self.weights, _ONE_USE).sum())
        return weighted_median(away, self.weights) * total / (total + SHRINK)

    def spread(self, value: float, low: float, high: float) -> tuple[float, float]:
        """The range: the user's own quartiles, grown to hold the value; what others set stays outside it."""
        if len(self.strengths) < _QUARTILES:
            return min(low, value), max(high, value)
        usual_low, usual_high = (float(edge) for edge in np.quantile(self.strengths, (0.25, 0.75)))
        return min(usual_low, value), max(usual_high, value)


def weighted_median(values: Doubles, weights: Floats) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, reached[-1] / 2)), len(values) - 1)])


class Curve(Struct, frozen=True):
    """The fitted numbers."""

    base: float  # strength of a LoRA of which nothing is known, alone in its stack
    shown: float  # pull of the showcase median
    stated: float  # pull of the author's word
    stack: float  # per unit of log stack load; negative
    provenance: dict[str, str] = {}

    def predict(self, shown: Shown, stated: float | None, loads: Doubles) -> Doubles:
        """Expected strengths, shape (u,); ``loads`` are log stack loads, see `stack_load`."""
        shown_pull, stated_pull = pulls(shown, stated, self.base)
        pulled = self.base + self.shown * shown_pull + self.stated * stated_pull
        expected: Doubles = pulled + self.stack * np.minimum(loads, MOST_LOAD)
        return expected


def pulls(shown: Shown, stated: float | None, base: float) -> tuple[float, float]:
    """How far the showcase and the author's word lie from the base strength, discounted by how far they can be trusted.

    Few images count less (n / (n + 1)). A stated number beyond 1.3 is a limit ("works up to 2"), not advice.
    """
    trust = shown.count / (shown.count + 1.0)
    shown_pull = trust * (min(max(shown.median, 0.0), 1.2) - base) if shown.count else 0.0
    advice = stated is not None and 0.1 <= stated <= 1.3
    return shown_pull, (stated - base) * (1 - trust / 2) if advice and stated is not None else 0.0


@functools.cache
def shipped() -> Curve:
    """The curve that comes with this version."""
    package = (__package__ or "lorarec.rank").rpartition(".")[0]
    return msgspec.json.decode(resources.files(package).joinpath("data").joinpath(FILE).read_bytes(), type=Curve)


def shown_in(lora: Lora) -> Shown:
    """What a LoRA's example images say."""
    used = [example.strength for example in lora.examples if example.strength is not None]
    if not used:
        return Shown()
    return Shown(len(used), float(statistics.median(used)))


def stack_load(active: Sequence[Active]) -> float:
    """Log load of a stack: 0 when empty, log(k) when k - 1 LoRAs at the usual 0.8 are active already."""
    return float(np.log1p(sum(abs(lora.strength) for lora in active if np.isfinite(lora.strength)) / USUAL))


def suggest(
    lora: Lora, shown: Shown, active: Sequence[Active], curve: Curve, past: PastStrengths | None = None
) -> Strength:
    """The strength of one LoRA beside those already active.

    Args:
        lora: the LoRA.
        shown: strengths in its example images.
        active: what is in the stack.
        curve: the fitted numbers.
        past: how the user used it before; None: never.
    """
    user = _first(lora, Origin.USER)
    author = _first(lora, Origin.AUTHOR)
    low, high = _bounds(lora)
    if user is not None and user.model:
        # Bounds that somebody else set do not move it: the range grows to hold it.
        low = user.model - _DEFAULT_SPREAD if low is None else min(low, user.model)
        high = user.model + _DEFAULT_SPREAD if high is None else max(high, user.model)
        return _within(user.model, user.clip, low, high, "your own setting")
    stated = author.model if author else None
    clip = author.clip if author else None
    if lora.role is Role.ACCELERATOR:
        value = stated if stated is not None else shown.median if shown.count else 1.0
        if low is None:
            low = value if high is None else min(value, high)
        high = max(value, low) if high is None else high
        return _fixed(value, clip, low, high, "fixed: sets the sampling speed", active, past)
    if lora.role is Role.SLIDER:
        low = min(_SLIDER_RANGE[0], high or 0.0) if low is None else low
        high = max(_SLIDER_RANGE[1], low) if high is None else high
        return _fixed(stated if stated is not None else 1.0, clip, low, high, "slider", active, past)
    # The stack curve was seen on SD 1.5; other bases get half of it as a weak prior.
    same = lora.base_model is None or lora.base_model.name.startswith("SD 1")
    advised = stated if stated is not None else shown.median if shown.count else 0.0

    def expected(loads: Doubles) -> Doubles:
        if advised < 0:  # made to be subtracted: the curve knows only LoRAs that add
            return np.full_like(loads, advised)
        return np.maximum(curve.predict(shown, stated, loads if same else loads / 2), _LEAST)

    value = float(expected(np.asarray([stack_load(active)]))[0])
    if past is not None and len(past.strengths):
        value += past.residual(expected)
    value = round(min(max(value, -_LIMIT), _LIMIT) * 20) / 20
    seen_low, seen_high = _spread(lora, value)
    if low is None:
        low = seen_low if high is None else min(seen_low, high)
    if high is None:
        high = max(seen_high, low)
    source = _source(shown, author, active)
    if past is not None and len(past.strengths) >= _PAST_SPEAKS:
        low, high = past.spread(value, low, high)
        source = _past_source(past, active)
    if clip is not None and stated:
        clip *= min(max(value, low), high) / stated  # lowered or raised as the model's strength is
    return _within(value, clip, low, high, source)


def _fixed(
    value: float,
    clip: float | None,
    low: float,
    high: float,
    source: str,
    active: Sequence[Active],
    past: PastStrengths | None,
) -> Strength:
    """A strength that the stack does not move; only the user's own use does."""
    if past is None or len(past.strengths) < _PAST_SPEAKS:
        return _within(value, clip, low, high, source)
    plain = value
    value = round((value + past.residual(lambda loads: np.full_like(loads, plain))) * 20) / 20
    return _within(value, clip, min(low, value), max(high, value), _past_source(past, active))


def _first(lora: Lora, origin: Origin) -> StrengthHint | None:
    """The first hint of one origin that names a strength, else its first; 0 is a slider's middle, or "unset"."""
    hints = [hint for hint in lora.strengths if hint.origin is origin]
    return next((hint for hint in hints if hint.model), hints[0] if hints else None)


def _bounds(lora: Lora) -> tuple[float | None, float | None]:
    """Bounds that the user or author set, from the first hint that has any; None where nobody did."""
    for hint in lora.strengths:
        if hint.origin in (Origin.USER, Origin.AUTHOR) and (hint.low is not None or hint.high is not None):
            return hint.low, hint.high
    return None, None


def _spread(lora: Lora, value: float) -> tuple[float, float]:
    """A range around a value: the quartiles of the example images where known."""
    seen = _first(lora, Origin.GUESS)
    low, high = value - _DEFAULT_SPREAD, value + _DEFAULT_SPREAD
    if seen and seen.low is not None and seen.high is not None and seen.low < seen.high:
        low, high = min(seen.low, value), max(seen.high, value)
    return low, high


def _within(value: float, clip: float | None, low: float, high: float, source: str) -> Strength:
    """A strength inside its bounds, rounded to what interfaces show."""
    model = min(max(value, low), high)
    return Strength(
        model=round(model, 2),
        clip=round(clip if clip is not None else model, 2),
        low=round(low, 2),
        high=round(high, 2),
        source=source,
    )


def _past_source(past: PastStrengths, active: Sequence[Active]) -> str:
    """What the value rests on where the user's own use decides."""
    usual = float(np.median(past.strengths))
    text = f"your own use (n={len(past.strengths)}, usually {usual:.2g})"
    return f"{text}, {len(active) + 1} LoRAs in the stack" if active else text


def _source(shown: Shown, author: StrengthHint | None, active: Sequence[Active]) -> str:
    """What the value rests on, in words."""
    if author is not None:
        text = "the author's advice"
    elif shown.count:
        text = f"example images (n={shown.count})"
    else:
        text = "usual strength"
    return f"{text}, {len(active) + 1} LoRAs in the stack" if active else text
