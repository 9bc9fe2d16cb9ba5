"""Which LoRAs go together.

What is counted are stacks: the different sets of LoRAs that were tried in each session. A batch of a hundred images of
one stack is one decision.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from itertools import combinations

from .activity import OTHER_PROJECTS, Activity
from .evidence import at_least, discoveries, shrunk
from .statements import LoraName, Pair

LEAST_GENERATIONS = 5
LEAST_SESSIONS = 3  # one evening with two LoRAs is one idea
LEAST_LIFT = 1.25
PRIOR_STACKS = 10.0  # that the popularity of the other LoRA counts as much as (a Dirichlet prior)
LARGEST_STACK = 20  # of larger ones nobody chose the pairs
MOST = 50


def pairs(activity: Activity, partners: Mapping[str, str], name_of: Callable[[str], LoraName]) -> tuple[Pair, ...]:
    """The pairs that occur together more often than chance explains, the most telling first.

    Args:
        activity: the generations.
        partners: catalogue id -> id of the other half of a pair of files, which always go together.
        name_of: catalogue id -> what to call it.
    """
    stacks: dict[tuple[int, frozenset[str]], bool] = {}  # (session, LoRAs) -> whether of the project
    together: Counter[tuple[str, str]] = Counter()
    in_sessions: dict[tuple[str, str], set[int]] = {}
    inside, sessions = activity.in_project.tolist(), activity.session.tolist()
    for one, in_project, session in zip(activity.generations, inside, sessions, strict=True):
        stack = frozenset(use.lora for use in one.loras if use.lora)
        if not stack or len(stack) > LARGEST_STACK:
            continue
        stacks[session, stack] = stacks.get((session, stack), False) or in_project
        if in_project:
            for pair in combinations(sorted(stack), 2):
                together[pair] += 1
                in_sessions.setdefault(pair, set()).add(session)
    candidates = [
        pair
        for pair, n in together.items()
        if n >= LEAST_GENERATIONS
        and len(in_sessions[pair]) >= LEAST_SESSIONS
        and partners.get(pair[0]) != pair[1]
        and partners.get(pair[1]) != pair[0]
    ]
    return _told_apart(candidates, stacks, together, in_sessions, name_of)


def _told_apart(
    candidates: list[tuple[str, str]],
    stacks: Mapping[tuple[int, frozenset[str]], bool],
    together: Mapping[tuple[str, str], int],
    in_sessions: Mapping[tuple[str, str], set[int]],
    name_of: Callable[[str], LoraName],
) -> tuple[Pair, ...]:
    """The candidates that pass Fisher's exact test over stacks and whose shrunk lift is worth saying."""
    wanted = set(candidates)
    alone: Counter[str] = Counter()  # stacks of the project with each LoRA
    both: Counter[tuple[str, str]] = Counter()
    mass: dict[str, float] = defaultdict(float)  # both again, with the weak rest
    mass_of_both: dict[tuple[str, str], float] = defaultdict(float)
    for (_, stack), in_project in stacks.items():
        weight = 1.0 if in_project else OTHER_PROJECTS
        found = [pair for pair in combinations(sorted(stack), 2) if pair in wanted]
        for lora in stack:
            mass[lora] += weight
        for pair in found:
            mass_of_both[pair] += weight
        if in_project:
            alone.update(stack)
            both.update(found)
    total = sum(stacks.values())
    whole = sum(1.0 if in_project else OTHER_PROJECTS for in_project in stacks.values())
    believed = discoveries([at_least(both[a, b], alone[a], alone[b], total) for a, b in candidates])
    kept: list[Pair] = []
    for (a, b), believe in zip(candidates, believed, strict=True):
        b_given_a = shrunk(mass_of_both[a, b], mass[a], mass[b] / whole, PRIOR_STACKS)
        a_given_b = shrunk(mass_of_both[a, b], mass[b], mass[a] / whole, PRIOR_STACKS)
        lift = min(b_given_a * whole / mass[b], a_given_b * whole / mass[a])
        if believe and lift >= LEAST_LIFT:
            if b_given_a < a_given_b:  # the stronger direction first
                a, b, b_given_a, a_given_b = b, a, a_given_b, b_given_a
            kept.append(
                Pair(
                    first=name_of(a),
                    second=name_of(b),
                    n=together[min(a, b), max(a, b)],
                    sessions=len(in_sessions[min(a, b), max(a, b)]),
                    second_given_first=b_given_a,
                    first_given_second=a_given_b,
                    lift=lift,
                )
            )
    kept.sort(key=lambda one: (-one.sessions * one.second_given_first, one.first.id, one.second.id))
    return tuple(kept[:MOST])
