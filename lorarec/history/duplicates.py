"""Files that lie beside a used one of the same content or the same model, never used themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from ..types import Lora
from .statements import Duplicates, LoraName, Spare

LEAST_USES = 3  # of a file before its unused copies count as spare


def with_copies(loras: Sequence[Lora], groups: Sequence[int]) -> list[int]:
    """Version groups, joined where files have the same content. Any numbers may name the groups."""
    joined_to: dict[int, int] = {}  # a group -> one that it belongs to

    def whole(group: int) -> int:
        while (above := joined_to.get(group, group)) != group:
            joined_to[group] = group = joined_to.get(above, above)  # the next way is half as long
        return group

    first: dict[str, int] = {}  # group of the first file of each content
    for lora, group in zip(loras, groups, strict=True):
        if lora.fingerprint:
            keep, other = whole(first.setdefault(lora.fingerprint, group)), whole(group)
            if keep != other:
                joined_to[other] = keep
    return [whole(group) for group in groups]


def duplicates(
    loras: Sequence[Lora], groups: Sequence[int], uses: Mapping[str, int], name_of: Callable[[str], LoraName]
) -> tuple[Duplicates, ...]:
    """Groups of which the user uses one file and not others, those that take most space first.

    Args:
        loras: the installed LoRAs.
        groups: number of the group of each, from `with_copies`.
        uses: catalogue id -> how often it was ever used.
        name_of: catalogue id -> what to call it.
    """
    together: dict[int, list[Lora]] = defaultdict(list)
    for lora, group in zip(loras, groups, strict=True):
        together[group].append(lora)
    found = []
    for members in together.values():
        used = max(members, key=lambda lora: (uses.get(lora.id, 0), lora.id))
        spare = [lora for lora in members if not uses.get(lora.id) and not uses.get(lora.partner)]
        if uses.get(used.id, 0) >= LEAST_USES and spare:
            files = [_spare(lora, used, name_of) for lora in spare]
            found.append(
                Duplicates(
                    used=name_of(used.id),
                    n=uses[used.id],
                    spare=tuple(sorted(files, key=lambda one: (-one.bytes, one.lora.id))),
                    bytes=sum(one.bytes for one in files),
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.bytes, one.used.id)))


def _spare(lora: Lora, used: Lora, name_of: Callable[[str], LoraName]) -> Spare:
    copy = bool(lora.fingerprint) and lora.fingerprint == used.fingerprint
    dated = lora.created is not None and used.created is not None
    newer = not copy and dated and (lora.created or 0.0) > (used.created or 0.0)
    return Spare(lora=name_of(lora.id), bytes=lora.size, copy=copy, newer=newer)
