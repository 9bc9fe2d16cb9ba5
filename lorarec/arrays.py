"""What live queries do with arrays: products, always on the calling thread, the largest and the distinct values, and
runs of rows.

BLAS spreads even small products over all cores and waits for them; beside a busy host that wait is longer than the
work, and it takes cores from sampling. Products below its threshold stay on one thread, so larger ones are done in
blocks of that size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_MANY = 2000  # rows from which BLAS in blocks is quicker than the plain loop
_LOOKED_FIRST = 512  # values of which the largest is looked at before all of them
_ONE_THREAD = 65536 * 4  # multiplications up to which OpenBLAS keeps a matrix product on the calling thread


def dot(matrix: Floats, vector: Floats) -> Floats:
    """``matrix @ vector``: (n, d) and (d,) -> (n,)."""
    if len(matrix) >= _MANY:
        return dots(matrix, vector[None])[:, 0]
    # A plain vectorised loop, since BLAS would spread even this over the cores.
    result: Floats = np.einsum("ij,j->i", matrix, vector)
    return result


def dots(left: Floats, right: Floats) -> Floats:
    """``left @ right.T``: (n, d) and (k, d) -> (n, k). The longer belongs on the left, which is cut into blocks."""
    rows = max(1, _ONE_THREAD // max(1, left.shape[1] * len(right)))
    if len(left) <= rows:
        small: Floats = left @ right.T
        return small
    out = np.empty((len(left), len(right)), np.float32)
    for start in range(0, len(left), rows):
        np.matmul(left[start : start + rows], right.T, out=out[start : start + rows])
    return out


def largest(values: NDArray[Any], count: int) -> Ints:
    """Positions of the largest positive values, at most ``count``, in no order: (n,) -> (at most count,).

    Values of subnormal size do not count: a host may have its threads take them for 0.
    """
    good = np.flatnonzero(values >= _edge(values, count))
    if len(good) <= count:
        return good
    return good[np.argpartition(-values[good], count - 1)[:count]]


def _edge(values: NDArray[Any], count: int) -> float:
    """A positive number that at least ``count`` values reach if so many are positive, near the last of these."""
    least = float(np.finfo(np.float32).tiny)
    blocks = len(values) // _LOOKED_FIRST
    if blocks < 2 * count:
        return least
    # So many blocks have a largest value that reaches it, and with it one value each at least.
    peaks = values[: blocks * _LOOKED_FIRST].reshape(blocks, _LOOKED_FIRST).max(1)
    return max(least, float(np.partition(peaks, blocks - count)[blocks - count]))


def first(order: Ints, mask: NDArray[np.bool_], count: int) -> Ints:
    """The first of some positions, in their order, that a mask lets through: (m,), (n,) -> (at most count,).

    It looks no further than it must: gathering from a mask of a million takes longer than all that is left to do.
    """
    looked = count
    while True:
        found: Ints = order[:looked][mask[order[:looked]]][:count]
        if len(found) == count or looked >= len(order):
            return found
        looked *= 8


def distinct(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values, ascending, and where each comes first: (n,) -> (k,), (k,).

    As ``np.unique``, whose first call imports numpy.ma: 30 ms of the first answer of a process.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.ones(len(values), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    return ordered[new], order[new]


def ranges(starts: Ints, counts: Ints) -> Ints:
    """``arange(start, start + count)`` of each pair, one after the other: (n,), (n,) -> (sum of counts,)."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    result: Ints = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return result


def runs(starts: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """The places ``starts[i]..starts[i + 1]`` of each i chosen, one after the other, and how many each i has.

    (n + 1,), (k,) -> (sum of counts,), (k,).
    """
    counts = starts[chosen + 1] - starts[chosen]
    return ranges(starts[chosen], counts), counts
