"""The LoRAs of a library, packed: what is asked of all of them stands in columns, one is decoded when first asked for.

Decoding every record would cost most of the time in which a process opens a library, in one piece during which no other
thread of a host runs, for the dozen that an answer shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .types import BaseModelGuess, Lora, Role

ROLES = tuple(Role)  # the order of their numbers
_DECODER = msgspec.msgpack.Decoder(Lora)


class Records(Struct, frozen=True, kw_only=True, dict=True):
    """A sequence of LoRAs with columns over them, each of shape (n,) or as long."""

    packed: NDArray[np.uint8]  # one record after the other, as MessagePack
    ends: NDArray[np.int64]  # where each ends in ``packed``
    ids: tuple[str, ...]
    paths: tuple[str, ...]
    titles: tuple[str, ...]
    fingerprints: tuple[str, ...]
    modified: NDArray[np.float64]
    roles: NDArray[np.int8]  # numbers, places in `ROLES`
    bases: tuple[tuple[BaseModelGuess, ...], ...]  # the distinct ``base_models``
    base: NDArray[np.int32]  # place of each LoRA's in ``bases``

    @classmethod
    def of(cls, loras: Iterable[Lora]) -> Records:
        """Pack LoRAs."""
        known = tuple(loras)
        encoder = msgspec.msgpack.Encoder()
        packed = [encoder.encode(lora) for lora in known]
        bases: dict[tuple[BaseModelGuess, ...], int] = {}
        return cls(
            packed=np.frombuffer(b"".join(packed), np.uint8),
            ends=np.cumsum([len(one) for one in packed], dtype=np.int64),
            ids=tuple(lora.id for lora in known),
            paths=tuple(lora.path for lora in known),
            titles=tuple(lora.title for lora in known),
            fingerprints=tuple(lora.fingerprint for lora in known),
            modified=np.asarray([lora.modified for lora in known], np.float64),
            roles=np.asarray([ROLES.index(lora.role) for lora in known], np.int8),
            base=np.asarray([bases.setdefault(lora.base_models, len(bases)) for lora in known], np.int32),
            bases=tuple(bases),
        )

    def __len__(self) -> int:
        """Number of LoRAs."""
        return len(self.ids)

    def __getitem__(self, row: int) -> Lora:
        """The LoRA of a row; decoded once."""
        known = self._decoded[row]
        if known is None:
            row = range(len(self))[row]
            start = int(self.ends[row - 1]) if row else 0
            known = self._decoded[row] = _DECODER.decode(self.packed[start : int(self.ends[row])].data)
        return known

    def __iter__(self) -> Iterator[Lora]:
        """All LoRAs, in order."""
        return map(self.__getitem__, range(len(self)))

    @cached_property
    def _decoded(self) -> list[Lora | None]:
        return [None] * len(self)

    @cached_property
    def place(self) -> dict[str, int]:
        """Id -> row."""
        return {id_: row for row, id_ in enumerate(self.ids)}

    def of_roles(self, roles: Sequence[Role]) -> NDArray[np.bool_]:
        """Which LoRAs have any of these roles, shape (n,)."""
        return np.isin(self.roles, [ROLES.index(role) for role in roles])
