"""What makes two LoRAs alike: a fixed, hand-set blend over the same signal table.

The learned blend answers "what would this prompt's user add", in which popularity and all-round detail tweakers have a
say. Likeness must not: it rests on meaning, look and technique (0.6 / 0.3 / 0.1) and on shared tags, names and example
prompts. Its probability is a scale for sorting and thresholds, not a calibrated one.
"""

from __future__ import annotations

from .blend import Blend, Calibration, Feature, Net

# signal, logarithm, mean and scale of unrelated pairs, weight
_PARTS: tuple[tuple[str, bool, float, float, float], ...] = (
    ("semantic", False, 0.25, 0.15, 1.2),
    ("artistic", False, 0.35, 0.20, 0.6),
    ("technical", False, 0.80, 0.15, 0.2),
    ("name_near", False, 0.25, 0.15, 0.3),
    ("example_mean", False, 0.25, 0.15, 0.3),
    ("bm25_tags", True, 0.50, 0.70, 0.5),
    ("bm25_names", True, 0.20, 0.60, 0.3),
    ("bm25_triggers", True, 0.20, 0.60, 0.2),
    ("bm25_content", True, 0.50, 0.70, 0.2),
    ("training_lift", True, 0.30, 0.60, 0.3),
)
_CALIBRATION = Calibration(slope=0.7, offset=-3.5)


def likeness() -> Blend:
    """The blend that `similar` ranks by."""
    features = [Feature(signal, log, mean, scale) for signal, log, mean, scale, _ in _PARTS]
    width = len(features)
    net = Net(hidden=[[0.0] * width], bias=[0.0], out=[0.0], linear=[weight for *_, weight in _PARTS])
    return Blend(features, net, _CALIBRATION)
