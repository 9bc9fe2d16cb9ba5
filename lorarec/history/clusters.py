"""Spherical k-means (Dhillon and Modha, 2001) with k-means++ seeds, and the number of clusters by silhouette."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 20240501
ROUNDS = 40  # of k-means; it stops earlier when no label changes
STARTS = 3  # k-means++ seedings per number of clusters, the best is kept
SAMPLE = 1500  # points the silhouette is taken over; its cost is quadratic

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


def best_clusters(points: Vectors, most: int) -> tuple[Vectors, float]:
    """Cluster unit vectors into 2 to ``most`` clusters, as many as give the best silhouette.

    Args:
        points: shape (n, d), n >= 2.
        most: largest number of clusters.

    Returns:
        Unit centroids, shape (k, d), and the mean silhouette, -1..1.
    """
    dice = np.random.default_rng(SEED)
    sample = points[np.sort(dice.permutation(len(points))[:SAMPLE])]
    likeness = sample @ sample.T
    best: tuple[Vectors, float] = points[:1], -1.0
    for k in range(2, min(most, len(sample) - 1) + 1):
        centroids = kmeans(sample, k, dice)
        width = silhouette(likeness, assign(sample, centroids))
        if width > best[1]:
            best = centroids, width
    return _settle(points, best[0]), best[1]


def kmeans(points: Vectors, k: int, dice: np.random.Generator) -> Vectors:
    """Unit centroids of the best of several runs, shape (k, d)."""
    runs = [_settle(points, _seeds(points, k, dice)) for _ in range(STARTS)]
    return max(runs, key=lambda centroids: float((points @ centroids.T).max(1).sum()))


def assign(points: Vectors, centroids: Vectors) -> Labels:
    """The nearest centroid of every point, shape (n,)."""
    return np.asarray((points @ centroids.T).argmax(1), np.int64)


def silhouette(likeness: Vectors, labels: Labels) -> float:
    """Mean silhouette (Rousseeuw, 1987) with the distance 1 - cosine; -1 if there is one cluster only.

    ``likeness`` are the cosines of all pairs, shape (n, n). A point alone in its cluster counts 0.
    """
    used, labels = np.unique(labels, return_inverse=True)
    if len(used) < 2:
        return -1.0
    member = np.eye(len(used), dtype=np.float32)[labels]  # (n, k)
    size = member.sum(0)
    own = np.arange(len(labels)), labels
    total = (1 - likeness) @ member  # distance of every point to every cluster, summed
    inner = total[own] / np.maximum(size[labels] - 1, 1)  # a point is no distance from itself
    outer = total / size
    outer[own] = np.inf
    nearest = outer.min(1)
    widths = (nearest - inner) / np.maximum(np.maximum(nearest, inner), 1e-9)
    return float(np.where(size[labels] > 1, widths, 0.0).mean())


def _seeds(points: Vectors, k: int, dice: np.random.Generator) -> Vectors:
    """k-means++ (Arthur and Vassilvitskii, 2007): seeds far from each other."""
    chosen = [int(dice.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < k:
        distance = np.minimum(distance, np.maximum(1 - points @ points[chosen[-1]], 0.0))
        total = distance.sum()
        chosen.append(int(dice.choice(len(points), p=distance / total)) if total > 0 else chosen[0])
    return points[chosen]


def _settle(points: Vectors, centroids: Vectors) -> Vectors:
    """Move centroids to the middle of their points until nothing changes. An empty cluster stays where it was."""
    labels = np.full(len(points), -1, np.int64)
    for _ in range(ROUNDS):
        before, labels = labels, assign(points, centroids)
        if (before == labels).all():
            break
        sums = np.eye(len(centroids), dtype=np.float32)[labels].T @ points
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centroids = np.where(length > 1e-6, sums / np.maximum(length, 1e-6), centroids).astype(np.float32)
    return centroids
