"""Node "Similar LoRAs": which installed LoRAs are most like a given one."""

from __future__ import annotations

from typing import Any, ClassVar

from ..lorarec.errors import UnknownLora
from . import host, library
from .resolve import Resolver
from .suggest import similar


class SimilarLoras:
    """Lists the LoRAs most like one. It only informs: nothing it says flows into sampling."""

    CATEGORY = "loaders/lorarec"
    DESCRIPTION = "Lists the installed LoRAs that are most like the given one, with reasons."
    SEARCH_ALIASES: ClassVar = ["lorarec", "lora alternatives", "related lora", "find similar lora"]
    RETURN_TYPES = ("STRING", "STRING")
    RETURN_NAMES = ("names", "report")
    OUTPUT_TOOLTIPS = ("The LoRAs' names, one per line, most similar first.", "The same with scores and reasons.")
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """A LoRA and how many to list."""
        library.rescan_soon()
        return {
            "required": {
                "lora": (host.lora_names(), {"tooltip": "The LoRA to compare with."}),
                "count": ("INT", {"default": 5, "min": 1, "max": 100, "tooltip": "How many LoRAs to list."}),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, lora: str | None = None) -> bool | str:
        """Take over the list's check, so that a workflow from a system with the other separator still runs."""
        try:
            if lora is not None:
                Resolver(host.lora_names()).resolve(lora)
        except UnknownLora as error:
            return str(error)
        return True

    @classmethod
    def IS_CHANGED(cls, lora: str | None = None, count: int | None = None, **hidden: Any) -> str:
        """The index's version, since the answer is about what is installed now."""
        shared = library.recommender()
        return f"{shared.version}:{shared.stage}"

    def run(self, lora: str, count: int = 5, unique_id: str | None = None) -> dict[str, Any]:
        """List similar LoRAs.

        Raises:
            UnknownLora: the LoRA is not installed.
            NotIndexed: there is no index yet.
        """
        found = similar(Resolver(host.lora_names()).resolve(lora), count, unique_id)
        lines = []
        for one in found:
            lines.append(f"{one.score:.2f}  {one.lora}")
            lines += [f"      {reason.text}" for reason in one.reasons]
        report = "\n".join(lines) or "No other LoRA is like it."
        return {"ui": {"text": [report]}, "result": ("\n".join(one.lora for one in found), report)}
