"""Which installed files are versions of one model.

Evidence is the model id of its page, a shared file hash, or the same name without version words, unless two different
model ids are known. Similar texts are no evidence: templated pages of different characters read alike. Versions belong
together only within one base model and one role.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..types import Lora, Role

_VERSION = re.compile(
    r"""(?:[\s_.-]*(?:\b|_)(?:v|ver|version|epoch|ep|e|step|steps|s)[\s_.-]?\d+(?:[._]\d+)*[a-z]?(?=\b|_|$))
    |[\s_-]+\d{2,7}$|[\s_.-]+\d+[._]\d+$
    |[\s_.-]+(?:final|beta|alpha|new|old|fix(?:ed)?|latest|last|pruned|fp16|bf16|fp8)(?=\b|_|$)""",
    re.I | re.X,
)


def model_name(lora: Lora) -> str:
    """The file name without version, epoch and precision words; "" if too little is left to be evidence."""
    name = lora.stem.lower()
    while True:
        shorter = _VERSION.sub("", name)
        if shorter == name:
            break
        name = shorter
    name = re.sub(r"[\W_]+", "", name)
    return name if len(name) >= 4 and not name.isdigit() else ""


def version_groups(loras: Sequence[Lora]) -> NDArray[np.int64]:
    """Group number of every LoRA, shape (n,): the row of the first member."""
    parent = list(range(len(loras)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    # All model ids of a group, kept at its first member: a file without one must not bridge two models.
    ids = [frozenset({lora.model_id} if lora.model_id else ()) for lora in loras]
    first: dict[tuple[str, ...], int] = {}
    for row, lora in enumerate(loras):
        base = lora.base_model.name if lora.base_model else ""
        kind = (base, lora.role.value if lora.role is not Role.UNKNOWN else "", lora.noise)
        keys: list[tuple[str, ...]] = [("hash", value) for value in lora.hashes if len(value) >= 12]
        if lora.model_id:
            keys.append(("model", lora.model_id))
        name = model_name(lora)
        if name:
            keys.append(("name", name, lora.title.lower() if not lora.model_id else ""))
        for key in keys:
            known = first.setdefault((*kind, *key), row)
            a, b = find(row), find(known)
            told_apart = key[0] == "name" and ids[a] and ids[b] and not ids[a] & ids[b]
            if a != b and not told_apart:
                parent[max(a, b)] = min(a, b)
                ids[min(a, b)] = ids[a] | ids[b]
    return np.asarray([find(row) for row in range(len(loras))], np.int64)
