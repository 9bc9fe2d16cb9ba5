"""lorarec: recommends the LoRAs you have installed for the prompt you are writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .recommender import Recommender
    from .types import Active, Lora, Query, Suggestion, Suggestions

__all__ = ["Active", "Lora", "Query", "Recommender", "Suggestion", "Suggestions"]


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that ``import lorarec`` costs next to nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(".recommender" if name == "Recommender" else ".types", __name__), name)
