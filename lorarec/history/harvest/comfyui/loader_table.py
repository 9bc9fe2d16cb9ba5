"""The table of LoRA loaders: how the inputs of common packs' nodes name LoRAs and their strengths.

Read from the packs' own sources: ComfyUI, efficiency-nodes, Comfyroll, Easy-Use, rgthree, LoRA Manager, Impact and
Inspire packs, WanVideoWrapper, KJNodes, Custom-Scripts, nunchaku, lora_tag_loader, prompt-control.
"""

from __future__ import annotations

from msgspec import Struct


class Shape(Struct, frozen=True):
    """Names of a loader's inputs; "{}" stands for the number in a series."""

    name: str = "lora_name"
    strength: str = "strength_model"
    clip: str = ""  # "" = it has no such strength
    switch: str = ""  # a LoRA whose switch is off is not used
    count: str = ""  # rows beyond it are hidden and not used
    chosen: str = ""  # the number of the only row that is used
    both: str = ""  # one strength for model and clip, where `mode` says "simple"
    mode: str = ""


_LOADER = Shape(clip="strength_clip")
_MODEL_ONLY = Shape()
_EASY = Shape(strength="lora_model_strength", clip="lora_clip_strength")
_WAN = Shape("lora", "strength")

SHAPES: dict[str, Shape] = {
    "LoraLoader": _LOADER,
    "LoraLoaderModelOnly": _MODEL_ONLY,
    "LoraLoaderBypass": _LOADER,
    "LoraLoaderBypassModelOnly": _MODEL_ONLY,
    "LoraLoader|pysssss": _LOADER,
    "CreateHookLora": _LOADER,
    "CreateHookLoraModelOnly": _MODEL_ONLY,
    "LoraLoaderBlockWeight //Inspire": _LOADER,
    "Load Lora": _LOADER,
    "Lora Loader": _LOADER,
    "Efficient Loader": _EASY,
    "LoRA Stacker": Shape(
        "lora_name_{}", "model_str_{}", "clip_str_{}", count="lora_count", both="lora_wt_{}", mode="input_mode"
    ),
    "CR Load LoRA": Shape(clip="strength_clip", switch="switch"),
    "CR LoRA Stack": Shape("lora_name_{}", "model_weight_{}", "clip_weight_{}", switch="switch_{}"),
    "easy loraStack": Shape(
        "lora_{}_name",
        "lora_{}_model_strength",
        "lora_{}_clip_strength",
        switch="toggle",
        count="num_loras",
        both="lora_{}_strength",
        mode="mode",
    ),
    "easy loraSwitcher": Shape("lora_{}_name", "lora_strength", "lora_strength", switch="toggle", chosen="select"),
    "easy fullLoader": _EASY,
    "easy a1111Loader": _EASY,
    "easy comfyLoader": _EASY,
    "easy fluxLoader": _EASY,
    "easy hunyuanDiTLoader": _EASY,
    "easy kolorsLoader": _EASY,
    "easy cascadeLoader": _EASY,
    "easy pixArtLoader": Shape(strength="lora_model_strength"),
    "Lora Loader Stack (rgthree)": Shape("lora_{}", "strength_{}"),
    "WanVideoLoraSelect": _WAN,
    "WanVideoLoraSelectMulti": Shape("lora_{}", "strength_{}"),
    "WanVideoLoraSelectByName": Shape("lora_name", "strength"),
    "HyVideoLoraSelect": _WAN,
    "CogVideoLoraSelect": _WAN,
    "NunchakuFluxLoraLoader": Shape(strength="lora_strength"),
    "NunchakuFluxLoraStack": Shape("lora_name_{}", "lora_strength_{}"),
}
# Texts whose <lora:...> tags a node takes out and applies.
TAGGED: dict[str, tuple[str, ...]] = {
    "ImpactWildcardEncode": ("populated_text",),
    "WildcardEncode //Inspire": ("populated_text",),
    "LoraTagLoader": ("text",),
    "CachedLoraTagLoader": ("text",),
    "LoRA Text Loader (LoraManager)": ("lora_syntax",),
    "WanVideo Lora Select From Text (LoraManager)": ("lora_syntax",),
    "Power Prompt (rgthree)": ("prompt",),
    "SDXL Power Prompt - Positive (rgthree)": ("prompt_g", "prompt_l"),
    "LoraSyntaxProcessor": ("text",),
    "PCLazyLoraLoader": ("text",),
    "PCLazyLoraLoaderAdvanced": ("text",),
    "easy loraPromptApply": ("positive", "negative"),
    "easy fullLoader": ("positive", "negative"),
    "easy a1111Loader": ("positive", "negative"),
    "easy comfyLoader": ("positive", "negative"),
    "easy fluxLoader": ("positive",),
    "FaceDetailer": ("wildcard",),
    "FaceDetailerPipe": ("wildcard",),
    "DetailerForEach": ("wildcard",),
    "DetailerForEachDebug": ("wildcard",),
}
# They tell about LoRAs, write them to files, or choose them at run time.
NO_LOADERS = frozenset(
    {
        "CR Random LoRA Stack",
        "CR Random Weight LoRA",
        "LoraBlockInfo //Inspire",
        "Lora Info (LoraManager)",
        "LoraSave",
        "LoraExtractKJ",
        "LoraReduceRank",
        "Lora Randomizer (LoraManager)",
        "easy loraNames",
    }
)
