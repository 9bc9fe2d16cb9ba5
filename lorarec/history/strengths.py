"""The strengths that each LoRA was really used at, per base model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import isfinite

import numpy as np

from .activity import OTHER_PROJECTS, Activity, Floats
from .statements import LoraName, StrengthUse

LEAST = 5  # generations: the fewest of which each quartile is another value


def strengths(activity: Activity, name_of: Callable[[str], LoraName]) -> tuple[StrengthUse, ...]:
    """One distribution per LoRA and base model, those of most generations first."""
    used: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)  # oldest first
    for one, in_project in zip(activity.generations, activity.in_project.tolist(), strict=True):
        stated = {u.lora: u.strength for u in one.loras if u.lora and u.strength is not None and isfinite(u.strength)}
        for lora, strength in stated.items():
            used[lora, one.base_model].append((strength, in_project))
    found = []
    for (lora, base), values in used.items():
        project_values = [value for value, in_project in values if in_project]
        if len(project_values) < LEAST:
            continue
        value = np.asarray([strength for strength, _ in values], np.float64)
        weight = np.where([in_project for _, in_project in values], 1.0, OTHER_PROJECTS)
        low, lower, median, upper, high = quantiles(value, weight, (0.0, 0.25, 0.5, 0.75, 1.0))
        found.append(
            StrengthUse(
                lora=name_of(lora),
                base_model=base,
                n=len(project_values),
                low=low,
                lower_quartile=lower,
                median=median,
                upper_quartile=upper,
                high=high,
                latest=project_values[-1],
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.n, one.lora.id, one.base_model)))


def quantiles(values: Floats, weights: Floats, shares: tuple[float, ...]) -> list[float]:
    """Weighted quantiles, each a value that occurs: the smallest one that enough of the weight lies at or below."""
    order = np.argsort(values, kind="stable")
    ordered, reached = values[order], np.cumsum(weights[order])
    # A hair less than the share: sums of tenths must not miss the value they reach exactly.
    at = np.searchsorted(reached, np.asarray(shares) * reached[-1] * (1 - 1e-9), "left")
    return [float(value) for value in ordered[np.minimum(at, len(ordered) - 1)]]
