"""Personas: the distinct things one user makes, found as clusters of the meanings of prompts.

Distinct prompts are clustered, so that a batch of a hundred images has no more say than one image; afterwards every
generation belongs to the nearest cluster. Labels are class-based TF-IDF terms (Grootendorst's BERTopic, 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .activity import Activity, Floats, Incidence
from .clusters import assign, best_clusters
from .statements import Favoured, LoraName, NotYet, Persona
from .themes import Themes

LEAST_PROMPTS = 40  # distinct ones; with fewer, clusters are accidents of a few evenings
LEAST_IN_ONE = 5  # distinct prompts of a persona
MOST = 8
# Mean silhouette from which clusters are told apart. Measured with a common sentence encoder: the neighbourhood of one
# prompt reaches 0.1 to 0.2, a mixture of two different ones 0.2 to 0.45, prompts of everybody 0.12, noise 0.01.
LEAST_SILHOUETTE = 0.15
TERMS = 4  # of a label
LORAS = 4  # listed per persona
LEAST_USES = 3  # generations with a LoRA or a term in a persona

Vectors = NDArray[np.float32]


def personas(
    activity: Activity, vectors: Vectors | None, themes: Themes, name_of: Callable[[str], LoraName]
) -> tuple[tuple[Persona, ...], list[NotYet]]:
    """The personas, the largest first, or why there are none.

    Args:
        activity: the generations; only the project's own count.
        vectors: unit vectors of their prompts in the order of `Activity.generations`, shape (n, d); rows of zeros or
            NaN are unknown. None: there is no encoder.
        themes: what they are about.
        name_of: catalogue id -> what to call it.
    """
    if vectors is None:
        return (), [NotYet(about="personas", why="needs a text encoder; see `lorarec models`")]
    with np.errstate(invalid="ignore"):
        known = activity.in_project & (np.abs(np.linalg.norm(vectors, axis=1) - 1) < 0.1)
    row_of = {one.prompt: row for row, one in enumerate(activity.generations) if known[row]}
    distinct = np.asarray(sorted(row_of.values()), np.int64)
    if len(distinct) < LEAST_PROMPTS:
        why = f"needs {LEAST_PROMPTS} different prompts; there are {len(distinct)}"
        return (), [NotYet(about="personas", why=why)]
    centroids, width = best_clusters(vectors[distinct], MOST)
    of_prompt = assign(vectors[distinct], centroids)
    members = np.bincount(of_prompt, minlength=len(centroids))
    if width < LEAST_SILHOUETTE or (members >= LEAST_IN_ONE).sum() < 2:
        why = f"your {len(distinct)} different prompts form no groups that stand apart (silhouette {width:.2f})"
        return (), [NotYet(about="personas", why=why)]
    cluster = np.full(len(activity.generations), -1, np.int64)
    cluster[known] = assign(vectors[known], centroids)
    labels = _labels(activity, themes, cluster, len(centroids))
    whole = float(activity.mass[known].sum())
    found = []
    for number in np.flatnonzero(members >= LEAST_IN_ONE):
        which = cluster == number
        typical = distinct[(vectors[distinct] @ centroids[number]).argmax()]
        found.append(
            Persona(
                label=labels[number],
                n=int(which.sum()),
                share=min(float(activity.mass[which].sum()) / whole, 1.0),
                loras=_loras(activity, which, name_of),
                example=activity.generations[typical].prompt or "",
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.share, one.label))), []


def _labels(activity: Activity, themes: Themes, cluster: NDArray[np.int64], count: int) -> list[tuple[str, ...]]:
    """The terms that set each cluster apart, by c-TF-IDF: tf(term, class) · log(1 + A / f(term))."""
    items = _together(themes.styles, themes.subjects)
    mass = np.stack([items.sums(np.where(cluster == number, activity.mass, 0.0)) for number in range(count)])
    uses = np.stack([items.sums((cluster == number).astype(np.float64)) for number in range(count)])
    frequency = mass.sum(0)
    size = mass.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = mass / size * np.log1p(size.mean() / frequency)
    weight = np.where((uses >= LEAST_USES) & np.isfinite(weight), weight, 0.0)
    return [_top(items.names, row) for row in weight]


def _top(names: tuple[str, ...], weight: Floats) -> tuple[str, ...]:
    order = sorted(np.flatnonzero(weight > 0).tolist(), key=lambda at: (-round(float(weight[at]), 12), names[at]))
    return tuple(names[at] for at in order[:TERMS])


def _together(one: Incidence, other: Incidence) -> Incidence:
    """Two kinds of items side by side."""
    return Incidence(
        (*one.names, *other.names),
        np.concatenate([one.row, other.row]),
        np.concatenate([one.item, other.item + len(one.names)]),
    )


def _loras(activity: Activity, which: NDArray[np.bool_], name_of: Callable[[str], LoraName]) -> tuple[Favoured, ...]:
    """The LoRAs most used in some generations."""
    items = activity.loras
    uses, mass = items.sums(which.astype(np.float64)), items.sums(np.where(which, activity.mass, 0.0))
    whole = float(activity.mass[which].sum())
    often = sorted(np.flatnonzero(uses >= LEAST_USES).tolist(), key=lambda at: (-mass[at], items.names[at]))
    return tuple(
        Favoured(lora=name_of(items.names[at]), n=int(uses[at]), share=min(float(mass[at]) / whole, 1.0))
        for at in often[:LORAS]
    )
