"""Names for the widget values of saved workflows, which are kept by position.

A node in a saved workflow names its widgets in three ways: by itself (``widgets_values_named``, an object, or an input
slot for each widget), by this table, or not at all. Control values ("randomize" after a seed) have no name anywhere.
Orders were read from the packs' sources and from saved workflows.
"""

from __future__ import annotations

from typing import Any

_CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})

_FEW = 3  # values that a node may keep beyond its widgets: buttons, previews


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _series(text: str, numbers: range) -> tuple[str, ...]:
    return tuple(word.format(number) for number in numbers for word in text.split())


_SAMPLER = _words("seed steps cfg sampler_name scheduler denoise")
_LORA = _words("lora_name strength_model strength_clip")
_STARTS = _words("ckpt_name vae_name clip_skip lora_name lora_model_strength lora_clip_strength")
_LATENT = _words("resolution empty_latent_width empty_latent_height")
_PRESAMPLING = _words("steps cfg sampler_name scheduler denoise seed")
_WAN_SIZE = _words("width height length batch_size")

WIDGETS: dict[str, tuple[str, ...]] = {
    "KSampler": _SAMPLER,
    "KSamplerAdvanced": _words(
        "add_noise noise_seed steps cfg sampler_name scheduler start_at_step end_at_step return_with_leftover_noise"
    ),
    "KSampler (Efficient)": (*_SAMPLER, "preview_method", "vae_decode"),
    "KSamplerProvider": _SAMPLER,
    "KSamplerAdvancedProvider": _words("cfg sampler_name scheduler"),
    "TwoAdvancedSamplersForMask": _words("seed steps denoise overlap_factor"),
    "SamplerCustom": _words("add_noise noise_seed cfg"),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": _words("scheduler steps denoise"),
    "RandomNoise": ("noise_seed",),
    "CFGGuider": ("cfg",),
    "LoadImage": ("image",),
    "LoadImageOutput": ("image",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": _words("width height crop_w crop_h target_width target_height text_g text_l"),
    "CLIPTextEncodeSDXLRefiner": _words("ascore width height text"),
    "CLIPTextEncodeFlux": _words("clip_l t5xxl guidance"),
    "CLIPTextEncodeSD3": _words("clip_l clip_g t5xxl empty_padding"),
    "BNK_CLIPTextEncodeAdvanced": _words("text token_normalization weight_interpretation"),
    "TextEncodeQwenImageEdit": ("prompt",),
    "TextEncodeQwenImageEditPlus": ("prompt",),
    "EmptyLatentImage": _words("width height batch_size"),
    "EmptySD3LatentImage": _words("width height batch_size"),
    "EmptyFlux2LatentImage": _words("width height batch_size"),
    "EmptyHunyuanLatentVideo": _WAN_SIZE,
    "EmptyLTXVLatentVideo": _WAN_SIZE,
    "WanImageToVideo": _WAN_SIZE,
    "WanFirstLastFrameToVideo": _WAN_SIZE,
    "Wan22FunControlToVideo": _WAN_SIZE,
    "WanVaceToVideo": _words("width height length batch_size strength"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": _words("config_name ckpt_name"),
    "CheckpointLoader|pysssss": ("ckpt_name",),
    "ImageOnlyCheckpointLoader": ("ckpt_name",),
    "UNETLoader": _words("unet_name weight_dtype"),
    "UnetLoaderGGUF": ("unet_name",),
    "LoaderGGUF": ("gguf_name",),
    "NunchakuFluxDiTLoader": ("model_path",),
    "LoraLoader": _LORA,
    "LoraLoaderModelOnly": _words("lora_name strength_model"),
    "LoraLoaderBypass": _LORA,
    "LoraLoaderBypassModelOnly": _words("lora_name strength_model"),
    "LoraLoader|pysssss": _LORA,
    "CreateHookLora": _LORA,
    "CreateHookLoraModelOnly": _words("lora_name strength_model"),
    "Load Lora": _LORA,
    "LoraLoaderBlockWeight //Inspire": ("category_filter", *_LORA),
    "NunchakuFluxLoraLoader": _words("lora_name lora_strength"),
    "Lora Loader Stack (rgthree)": _series("lora_0{0} strength_0{0}", range(1, 5)),
    "CR Load LoRA": ("switch", *_LORA),
    "CR LoRA Stack": _series("switch_{0} lora_name_{0} model_weight_{0} clip_weight_{0}", range(1, 4)),
    "LoRA Stacker": (
        "input_mode",
        "lora_count",
        *_series("lora_name_{0} lora_wt_{0} model_str_{0} clip_str_{0}", range(1, 51)),
    ),
    "easy loraStack": (
        *("toggle", "mode", "num_loras"),
        *_series("lora_{0}_name lora_{0}_strength lora_{0}_model_strength lora_{0}_clip_strength", range(1, 11)),
    ),
    "WanVideoLoraSelect": _words("lora strength low_mem_load merge_loras"),
    "WanVideoLoraSelectMulti": _series("lora_{0} strength_{0}", range(5)),
    "Efficient Loader": (
        *(*_STARTS, "positive", "negative", "token_normalization", "weight_interpretation"),
        *("empty_latent_width", "empty_latent_height", "batch_size"),
    ),
    "Eff. Loader SDXL": _words(
        "base_ckpt_name base_clip_skip refiner_ckpt_name refiner_clip_skip positive_ascore negative_ascore vae_name "
        "positive negative token_normalization weight_interpretation empty_latent_width empty_latent_height batch_size"
    ),
    "easy fullLoader": (
        *("ckpt_name", "config_name", *_STARTS[1:], *_LATENT),
        *("positive", "positive_token_normalization", "positive_weight_interpretation"),
        *("negative", "negative_token_normalization", "negative_weight_interpretation", "batch_size"),
    ),
    "easy a1111Loader": (*_STARTS, *_LATENT, "positive", "negative", "batch_size", "a1111_prompt_style"),
    "easy comfyLoader": (*_STARTS, *_LATENT, "positive", "negative", "batch_size"),
    "easy fluxLoader": (*_STARTS[:2], *_STARTS[3:], *_LATENT, "positive", "batch_size"),
    "easy cascadeLoader": (
        *("stage_c", "stage_b", "stage_a", "clip_name", *_STARTS[3:], *_LATENT),
        *("compression", "positive", "negative", "batch_size"),
    ),
    "easy preSampling": _PRESAMPLING,
    "easy preSamplingNoiseIn": ("factor", *_PRESAMPLING),
    "easy preSamplingLayerDiffusion": ("method", "weight", *_PRESAMPLING),
    "easy preSamplingAdvanced": _words(
        "steps cfg sampler_name scheduler start_at_step end_at_step add_noise seed return_with_leftover_noise"
    ),
    "easy fullkSampler": (*_PRESAMPLING[:5], "image_output", "link_id", "save_prefix", "seed"),
    "easy fullCascadeKSampler": (
        *("encode_vae_name", "decode_vae_name", *_PRESAMPLING[:5]),
        *("image_output", "link_id", "save_prefix", "seed"),
    ),
    "easy positive": ("positive",),
    "easy negative": ("negative",),
    "easy wildcards": ("text",),
    "easy pipeEdit": _words(
        "clip_skip optional_positive positive_token_normalization positive_weight_interpretation optional_negative"
    ),
    "easy globalSeed": ("value",),
    "WanVideoModelLoader": _words("model base_precision quantization load_device attention_mode"),
    "WanVideoTextEncode": _words("positive_prompt negative_prompt force_offload"),
    "WanVideoSampler": _words(
        "steps cfg shift seed force_offload scheduler riflex_freq_index denoise_strength batched_cfg rope_function "
        "start_step end_step add_noise_to_samples"
    ),
    "WanVideoEmptyEmbeds": _words("width height num_frames"),
    "WanVideoImageToVideoEncode": _words("width height num_frames"),
    "ImpactWildcardProcessor": _words("wildcard_text populated_text mode seed"),
    "ImpactWildcardEncode": (*_words("wildcard_text populated_text mode"), "Select to add LoRA"),
    "WildcardEncode //Inspire": _words("token_normalization weight_interpretation wildcard_text populated_text mode"),
    "ImpactSwitch": _words("select sel_mode"),
    "ImpactInt": ("value",),
    "INTConstant": ("value",),
    "FloatConstant": ("value",),
    "StringConstant": ("string",),
    "StringConstantMultiline": _words("string strip_newlines"),
    "JoinStrings": ("delimiter",),
    "JoinStringMulti": _words("inputcount delimiter return_list"),
    "StringFunction|pysssss": _words("action tidy_tags text_a text_b text_c"),
    "StringConcatenate": _words("string_a string_b delimiter"),
    "Text Multiline": ("text",),
    "Text Concatenate": _words("delimiter clean_whitespace"),
    "CR Text": ("text",),
    "CR Prompt Text": ("prompt",),
    "CR Text Concatenate": ("separator",),
    "Power Prompt (rgthree)": _words("prompt insert_lora"),
    "Seed (rgthree)": ("seed",),
    "Lora Loader (LoraManager)": ("text",),
    "Lora Stacker (LoraManager)": ("text",),
    "WanVideo Lora Select (LoraManager)": _words("low_mem_load text"),
    "Prompt (LoraManager)": ("text",),
    "TriggerWord Toggle (LoraManager)": _words("group_mode default_active"),
    "LorarecRecommend": _words(
        "prompt mode selection negative base_model count min_score roles folders safety missing not_ready"
    ),
}
WIDGETS.update(dict.fromkeys(("PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveBoolean"), ("value",)))
WIDGETS.update(dict.fromkeys(("PrimitiveStringMultiline", "easy int", "easy float", "easy string"), ("value",)))


def named_values(node: dict[str, Any]) -> dict[str, Any]:
    """The widget values of a saved node by name; without any name by position, as "#0", "#1"."""
    for key in ("widgets_values_named", "widgets_values"):
        if isinstance(found := node.get(key), dict):
            return found
    values = node.get("widgets_values")
    if not isinstance(values, list):
        return {}
    slots = node.get("inputs")
    own = [name for slot in slots if (name := widget_name(slot))] if isinstance(slots, list) else []
    table = WIDGETS.get(str(node.get("type")))
    named, idle = _by_position(values, own)
    if own and named.keys() >= set(own) and (idle == 0 or (table is None and idle < _FEW)):
        return named
    if table is None:
        return _by_position(values, [f"#{place}" for place in range(len(values))])[0]
    # Here only widgets that were turned into sockets have slots; without a link, their values lie idle.
    return {name: value for name, value in _by_position(values, table)[0].items() if name not in own}


def widget_name(slot: Any) -> str | None:
    """The name of the widget behind an input slot, None for a plain socket."""
    widget = slot.get("widget") if isinstance(slot, dict) else None
    name = widget.get("name") if isinstance(widget, dict) else None
    return name if isinstance(name, str) else None


def _by_position(values: list[Any], names: list[str] | tuple[str, ...]) -> tuple[dict[str, Any], int]:
    """Values under names in this order, and how many telling values were left over.

    Values of a shape of their own need no name: the LoRAs of rgthree's Power Lora Loader, the lists of LoRA Manager.
    """
    named: dict[str, Any] = {}
    left = iter(names)
    idle = 0
    before: Any = None
    for place, value in enumerate(values):
        if isinstance(value, dict) and "lora" in value:
            named[f"lora_{place}"] = value
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            named["loras" if "name" in value[0] else "toggle_trigger_words"] = value
        elif not _is_nameless(value, before):
            name = next(left, None)
            if name is not None:
                named[name] = value
            elif value not in ("", None):
                idle += 1
        before = value
    return named, idle


def _is_nameless(value: Any, before: Any) -> bool:
    """Whether a value belongs to no widget of a name: what follows a seed, headers and buttons."""
    if isinstance(value, str):
        return value in _CONTROLS and isinstance(before, (int, float))
    return isinstance(value, list) or (isinstance(value, dict) and (not value or "type" in value or "version" in value))
