"""``N.swarm.json`` of SwarmUI: ModelSpec keys, edited by the user in SwarmUI's own dialog or taken from the header."""

from __future__ import annotations

from ...types import Origin
from ..findings import Fields, Findings
from ..modelspec import read_modelspec


def read(data: Fields, findings: Findings) -> None:
    """Claims of the ``modelspec.*`` keys, with or without that prefix."""
    values = {
        key.lower().removeprefix("modelspec."): data.raw_text(key)
        for key, value in data.data.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }
    read_modelspec(values, findings, "swarm.json", Origin.AUTHOR)
