"""Node definitions as ComfyUI's ``/object_info`` gives them: of its own nodes those that prompts and LoRAs pass
through, of other packs the shapes of their LoRA loaders, and ours as they are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

TEXT: tuple[str, dict[str, Any]] = ("STRING", {"multiline": True, "dynamicPrompts": True})
LINE: tuple[str, dict[str, Any]] = ("STRING", {})
STRENGTH = ("FLOAT", {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01})
SEED = ("INT", {"default": 0, "min": 0, "max": 2**53 - 1, "control_after_generate": True})
COUNT = ("INT", {"default": 20, "min": 0, "max": 10000})
CFG = ("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0})
SAMPLING = {"sampler_name": (["euler", "dpmpp_2m"], {}), "scheduler": (["normal", "karras"], {})}
ON = (["Off", "On"], {})
MODELS = [
    "flux1-dev.safetensors",
    "wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors",
    "wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors",
]
LOADERS = (  # the model library of the frontend wants them all
    ("ImageOnlyCheckpointLoader", "ckpt", "MODEL"),
    ("VAELoader", "vae", "VAE"),
    ("ControlNetLoader", "control_net", "CONTROL_NET"),
    ("UpscaleModelLoader", "model", "UPSCALE_MODEL"),
    ("StyleModelLoader", "style_model", "STYLE_MODEL"),
    ("GLIGENLoader", "gligen", "GLIGEN"),
)


def links(**types: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Inputs that are links."""
    return {name: (kind, {}) for name, kind in types.items()}


def comfyui(loras: list[str]) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Inputs and outputs ("NAME:TYPE" where the two differ) by node."""
    lora = {"lora_name": (loras, {})}
    none = (["None", *loras], {})
    conditioned = links(positive="CONDITIONING", negative="CONDITIONING")
    both = links(model="MODEL", clip="CLIP")
    stack = links(lora_stack="LORA_STACK")
    rows = {}
    for k in (1, 2, 3):
        rows |= {f"switch_{k}": ON, f"lora_name_{k}": none, f"model_weight_{k}": STRENGTH, f"clip_weight_{k}": STRENGTH}
    return {
        "CheckpointLoaderSimple": (
            {"ckpt_name": (["sdxl/juggernautXL_v9.safetensors", "v1-5-pruned-emaonly.safetensors"], {})},
            ["MODEL", "CLIP", "VAE"],
        ),
        "UNETLoader": ({"unet_name": (MODELS, {}), "weight_dtype": (["default"], {})}, ["MODEL"]),
        **{name: ({f"{kind}_name": (["some.safetensors"], {})}, [output]) for name, kind, output in LOADERS},
        "DualCLIPLoader": ({"clip_name1": (["clip_l.safetensors"], {}), "type": (["flux"], {})}, ["CLIP"]),
        "LoraLoader": ({**both, **lora, "strength_model": STRENGTH, "strength_clip": STRENGTH}, ["MODEL", "CLIP"]),
        "LoraLoaderModelOnly": ({**links(model="MODEL"), **lora, "strength_model": STRENGTH}, ["MODEL"]),
        "ModelSamplingDiscrete": ({**links(model="MODEL"), "sampling": (["eps", "v"], {})}, ["MODEL"]),
        "CLIPSetLastLayer": ({**links(clip="CLIP"), "stop_at_clip_layer": COUNT}, ["CLIP"]),
        "CLIPTextEncode": ({"text": TEXT, **links(clip="CLIP")}, ["CONDITIONING"]),
        "CLIPTextEncodeSDXL": ({**links(clip="CLIP"), "text_g": TEXT, "text_l": TEXT}, ["CONDITIONING"]),
        "FluxGuidance": ({**links(conditioning="CONDITIONING"), "guidance": CFG}, ["CONDITIONING"]),
        "ConditioningCombine": (
            links(conditioning_1="CONDITIONING", conditioning_2="CONDITIONING"),
            ["CONDITIONING"],
        ),
        "ConditioningZeroOut": (links(conditioning="CONDITIONING"), ["CONDITIONING"]),
        "ControlNetApplyAdvanced": (
            {**conditioned, **links(control_net="CONTROL_NET", image="IMAGE"), "strength": STRENGTH},
            ["positive:CONDITIONING", "negative:CONDITIONING"],
        ),
        "KSampler": (
            {**links(model="MODEL"), "seed": SEED, "steps": COUNT, "cfg": CFG, **SAMPLING, **conditioned}
            | {**links(latent_image="LATENT"), "denoise": STRENGTH},
            ["LATENT"],
        ),
        "KSamplerAdvanced": (
            {**links(model="MODEL"), "add_noise": (["enable", "disable"], {}), "noise_seed": SEED, "steps": COUNT}
            | {"cfg": CFG, **SAMPLING, **conditioned, **links(latent_image="LATENT")},
            ["LATENT"],
        ),
        "SamplerCustomAdvanced": (
            links(noise="NOISE", guider="GUIDER", sampler="SAMPLER", sigmas="SIGMAS", latent_image="LATENT"),
            ["output:LATENT", "denoised_output:LATENT"],
        ),
        "BasicGuider": (links(model="MODEL", conditioning="CONDITIONING"), ["GUIDER"]),
        "CFGGuider": ({**links(model="MODEL"), **conditioned, "cfg": CFG}, ["GUIDER"]),
        "EmptyLatentImage": ({"width": COUNT, "height": COUNT, "batch_size": COUNT}, ["LATENT"]),
        "VAEDecode": (links(samples="LATENT", vae="VAE"), ["IMAGE"]),
        "SaveImage": ({**links(images="IMAGE"), "filename_prefix": LINE}, []),
        "PrimitiveStringMultiline": ({"value": TEXT}, ["STRING"]),
        "StringConcatenate": ({"string_a": TEXT, "string_b": TEXT, "delimiter": LINE}, ["STRING"]),
        "CR LoRA Stack": (rows, ["LORA_STACK"]),
        "CR Apply LoRA Stack": ({**both, **stack}, ["MODEL", "CLIP"]),
        "Power Lora Loader (rgthree)": (both, ["MODEL", "CLIP"]),
        "Lora Loader (LoraManager)": ({**links(model="MODEL"), "text": TEXT}, ["MODEL", "CLIP"]),
    }


def definitions(comfy: SimpleNamespace) -> dict[str, Any]:
    """The answer to ``/object_info``."""
    found = {}
    for name, (inputs, outputs) in comfyui(comfy.folder_paths.get_filename_list("loras")).items():
        named = [output.rpartition(":") for output in outputs]
        found[name] = _info(name, {"required": inputs}, [(title or kind, kind) for title, _, kind in named], name)
        found[name]["output_node"] = name == "SaveImage"
    for name, node in comfy.pack.NODE_CLASS_MAPPINGS.items():
        outputs = list(zip(getattr(node, "RETURN_NAMES", node.RETURN_TYPES), node.RETURN_TYPES, strict=True))
        title = comfy.pack.NODE_DISPLAY_NAME_MAPPINGS[name]
        found[name] = _info(name, node.INPUT_TYPES(), outputs, title)
        found[name] |= {"output_node": getattr(node, "OUTPUT_NODE", False), "category": node.CATEGORY}
        found[name]["python_module"] = "custom_nodes.lora-recommender.v1"
    return found


def _info(name: str, inputs: dict[str, Any], outputs: list[tuple[str, str]], title: str) -> dict[str, Any]:
    return {
        "input": inputs,
        "input_order": {group: list(named) for group, named in inputs.items()},
        "output": [kind for _, kind in outputs],
        "output_name": [label for label, _ in outputs],
        "output_is_list": [False for _ in outputs],
        "output_tooltips": ["" for _ in outputs],
        "name": name,
        "display_name": title,
        "description": "",
        "python_module": "nodes",
        "category": "test",
        "output_node": False,
        "is_input_list": False,
    }
