"""What the user chooses more often than is ordinary: roles, base models, styles, subjects, tones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..types import Lora, Role
from .activity import Activity, Incidence
from .evidence import shrunk
from .statements import Preference
from .themes import Themes

LEAST_SESSIONS = 5  # with fewer, one mood would be called a preference
LEAST_EACH = 3  # sessions with an item: twice may be the same image taken up again
LEAST_LIFT = 1.25  # a quarter more than ordinary; less is not worth a word
PRIOR_SESSIONS = 5.0  # that the ordinary share counts as much as
MOST = 20  # styles, and as many subjects


class Preferences(Struct, frozen=True):
    """The preferences of each kind; empty where there is too little."""

    roles: tuple[Preference, ...] = ()
    base_models: tuple[Preference, ...] = ()
    styles: tuple[Preference, ...] = ()
    subjects: tuple[Preference, ...] = ()
    tones: tuple[Preference, ...] = ()


def preferences(activity: Activity, loras: Sequence[Lora], themes: Themes) -> Preferences:
    """Compare what is made with what is installed (roles, base models) or ordinary in prompts (the rest)."""
    role_of = {lora.id: lora.role.value for lora in loras if lora.role is not Role.UNKNOWN}
    base_of = {lora.id: lora.base_model.name for lora in loras if lora.base_model}
    roles = Incidence.of([role_of[u.lora] for u in one.loras if u.lora in role_of] for one in activity.generations)
    bases = Incidence.of([one.base_model] if one.base_model else () for one in activity.generations)
    spoken = np.asarray([bool(one.prompt or one.loras) for one in activity.generations], np.bool_)

    def compare(items: Incidence, ordinary: Mapping[str, float], of: NDArray[np.bool_]) -> list[Preference]:
        return list(_compare(activity, items, ordinary, of))

    return Preferences(
        roles=_largest(compare(roles, _shares(role_of.values()), _has(roles, activity))),
        base_models=_largest(compare(bases, _shares(base_of.values()), _has(bases, activity))),
        styles=_telling(compare(themes.styles, themes.ordinary, spoken)),
        subjects=_telling(compare(themes.subjects, themes.ordinary, spoken)),
        tones=_largest(compare(themes.tones, themes.ordinary, spoken)),
    )


def _compare(
    activity: Activity, items: Incidence, ordinary: Mapping[str, float], of: NDArray[np.bool_]
) -> Iterator[Preference]:
    """Every item in enough sessions. ``of``: the generations of which something is known, shape (n,)."""
    sessions = activity.count_sessions(of & activity.in_project)
    if sessions < LEAST_SESSIONS:
        return
    whole = float(activity.mass[of].sum())
    parts = items.sums(activity.mass)
    for name, part, n in zip(items.names, parts, items.sessions(activity.session, activity.in_project), strict=True):
        if n < LEAST_EACH:
            continue
        expected = ordinary.get(name)
        lift = shrunk(part, whole, expected, PRIOR_SESSIONS) / expected if expected else None
        share = min(float(part) / whole, 1.0)
        yield Preference(name=name, n=int(n), share=share, ordinary=expected, lift=lift)


def _has(items: Incidence, activity: Activity) -> NDArray[np.bool_]:
    found = np.zeros(len(activity.generations), np.bool_)
    found[items.row] = True
    return found


def _shares(names: Iterable[str]) -> dict[str, float]:
    counted = Counter(names)
    whole = sum(counted.values())
    return {name: count / whole for name, count in counted.items()}


def _largest(found: list[Preference]) -> tuple[Preference, ...]:
    return tuple(sorted(found, key=lambda one: (-one.share, one.name)))


def _telling(found: list[Preference]) -> tuple[Preference, ...]:
    """Those that say most about the user: by their part of the divergence from the ordinary (Kullback and Leibler)."""
    lifted = [one for one in found if one.lift is None or one.lift >= LEAST_LIFT]
    lifted.sort(key=lambda one: (-one.share * (log(one.lift) if one.lift else log(_UNHEARD)), one.name))
    return tuple(lifted[:MOST])


_UNHEARD = 100.0  # lift to rank by where nothing is known to compare with: words that no ordinary prompt has
