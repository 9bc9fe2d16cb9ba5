"""Node "Apply LoRA Stack": a LORA_STACK onto a model and its text encoder."""

from __future__ import annotations

from typing import Any, ClassVar

from ..lorarec.errors import UnknownLora
from . import host
from .resolve import Resolver
from .texts import read_stack
from .widgets import ERROR, MISSING, SKIP

# (full path, modification time in ns, size in bytes): a file replaced in place is loaded again
FileKey = tuple[str, int, int]


class ApplyStack:
    """Applies every LoRA of a stack in order. Files of the last run stay loaded: changing a strength is quick."""

    CATEGORY = "loaders/lorarec"
    DESCRIPTION = "Applies all LoRAs of a stack to the model and, if connected, CLIP. An empty stack changes nothing."
    SEARCH_ALIASES: ClassVar = ["lorarec", "lora stack loader", "load lora stack", "multi lora"]
    RETURN_TYPES = ("MODEL", "CLIP")
    RETURN_NAMES = ("MODEL", "CLIP")
    OUTPUT_TOOLTIPS = ("The model with the LoRAs applied.", "The CLIP with the LoRAs applied; nothing without a CLIP.")
    FUNCTION = "run"

    def __init__(self) -> None:
        """Start without loaded files."""
        self._loaded: dict[FileKey, Any] = {}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Sockets first, then what to do about a LoRA that is not installed."""
        return {
            "required": {"model": ("MODEL", {"tooltip": "The model to apply the LoRAs to."})},
            "optional": {
                "clip": ("CLIP", {"tooltip": "The text encoder to apply them to; many newer models need none."}),
                "lora_stack": (
                    "LORA_STACK",
                    {"tooltip": "LoRAs with their strengths, from any node that makes a stack."},
                ),
                "missing": MISSING,
            },
        }

    def run(self, model: Any, clip: Any = None, lora_stack: Any = None, missing: str = ERROR) -> tuple[Any, Any]:
        """Apply the stack.

        Raises:
            UnknownLora: a LoRA is not installed and ``missing`` is "error".
        """
        stack = [entry for entry in read_stack(lora_stack) if entry[1] != 0 or entry[2] != 0]
        before, self._loaded = self._loaded, {}
        if not stack:
            return model, clip
        import comfy.sd

        resolver = Resolver(host.lora_names())
        for name, strength_model, strength_clip in stack:
            try:
                path = host.lora_path(resolver.resolve(name))
            except UnknownLora as error:
                if missing == ERROR:
                    raise UnknownLora(f'{error} or set missing to "{SKIP}"') from None
                host.warn(f"left out: {error}")
                continue
            weights = self._load(path, before)
            model, clip = comfy.sd.load_lora_for_models(model, clip, weights, strength_model, strength_clip)
        return model, clip

    def _load(self, path: str, before: dict[FileKey, Any]) -> Any:
        from pathlib import Path

        import comfy.utils

        stat = Path(path).stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self._loaded:
            kept = before.get(key)
            self._loaded[key] = comfy.utils.load_torch_file(path, safe_load=True) if kept is None else kept
        return self._loaded[key]
