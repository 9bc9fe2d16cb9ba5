"""Inputs of the nodes: names, defaults, bounds and tooltips. Importing it costs nothing."""

from __future__ import annotations

from typing import Any

FILL, FIXED, ALWAYS = "fill once", "fixed", "always"
ERROR, SKIP, EMPTY = "error", "skip and warn", "empty"
AUTO = "auto"
ROLES = ("character", "style", "concept", "clothing", "pose", "detail", "slider", "accelerator", "unknown")
SAFETY = (AUTO, "safe", "suggestive", "mature", "explicit")

Spec = tuple[Any, dict[str, Any]]

MISSING: Spec = ([ERROR, SKIP], {"default": ERROR, "tooltip": "What to do when a chosen LoRA is not installed here."})

# Saved workflows keep widget values by position: append new widgets at the end, never reorder or remove.
WIDGETS: dict[str, Spec] = {
    "prompt": (
        "STRING",
        {
            "multiline": True,
            "dynamicPrompts": True,
            "default": "",
            "tooltip": "The positive prompt to find LoRAs for.",
        },
    ),
    "mode": (
        [FILL, FIXED, ALWAYS],
        {
            "default": FILL,
            "tooltip": "fill once: choose LoRAs when the selection is empty, then keep them. "
            "fixed: use the selection as it is. always: choose anew on every change.",
        },
    ),
    "selection": (
        "STRING",
        {
            "multiline": True,
            "dynamicPrompts": False,
            "default": "",
            "placeholder": "chosen LoRAs (empty: choose when the workflow runs)",
            "tooltip": 'The LoRAs in use, one JSON row each. Edit strengths, set "on" to false to leave one out, '
            "or empty the field to choose anew.",
        },
    ),
    "negative": (
        "STRING",
        {
            "multiline": True,
            "dynamicPrompts": True,
            "default": "",
            "tooltip": "The negative prompt; LoRAs for what it names are ranked lower.",
        },
    ),
    "base_model": (
        "STRING",
        {
            "default": AUTO,
            "tooltip": "Base model the LoRAs must fit, such as SDXL or Pony. auto: from the checkpoint behind model.",
        },
    ),
    "count": ("INT", {"default": 5, "min": 1, "max": 100, "tooltip": "How many LoRAs to choose at most."}),
    "min_score": (
        "FLOAT",
        {
            "default": 0.05,
            "min": 0.0,
            "max": 1.0,
            "step": 0.01,
            "tooltip": "Leave out LoRAs whose probability to fit is lower than this.",
        },
    ),
    "roles": (
        "STRING",
        {
            "default": "",
            "tooltip": "Only these roles, or not those with a minus, such as: style, -character. Roles: character, "
            "style, concept, clothing, pose, detail, slider, accelerator, unknown. Empty: all but accelerators.",
        },
    ),
    "folders": (
        "STRING",
        {
            "default": "",
            "tooltip": "Only LoRAs below these subfolders, or not those with a minus, such as: sdxl, -sdxl/old.",
        },
    ),
    "safety": (
        list(SAFETY),
        {"default": AUTO, "tooltip": "Most explicit LoRAs to choose. auto follows the prompt."},
    ),
    "missing": MISSING,
    "not_ready": (
        [ERROR, EMPTY],
        {
            "default": ERROR,
            "tooltip": "What to do when the LoRA folders are not indexed yet: stop, or go on without LoRAs.",
        },
    ),
}
SOCKETS: dict[str, Spec] = {
    "lora_stack": (
        "LORA_STACK",
        {"tooltip": "LoRAs that are in use already: kept in front of the chosen ones and not suggested again."},
    ),
    "model": (
        "MODEL",
        {
            "lazy": True,
            "tooltip": "Only looked at to tell the base model; the LoRAs are applied by Apply LoRA Stack.",
        },
    ),
}
HIDDEN = {"graph": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO", "unique_id": "UNIQUE_ID"}
