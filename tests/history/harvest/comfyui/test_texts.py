"""Where a prompt is found, and where it must be called unknown."""

from __future__ import annotations

import json
from typing import Any

import pytest

CLIP = {"clip": ["checkpoint", 1]}


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


# encoders of all kinds -> the text
ENCODERS: list[tuple[dict[str, Any], str | None]] = [
    (node("CLIPTextEncode", text="a harbour", **CLIP), "a harbour"),
    (node("CLIPTextEncode", text="", **CLIP), ""),
    (node("CLIPTextEncode", text="{red|blue} __sea__", **CLIP), "{red|blue} __sea__"),  # it takes them as they stand
    (node("CLIPTextEncode", **CLIP), None),
    (node("CLIPTextEncodeSDXL", text_g="a harbour", text_l="a harbour", width=1024, **CLIP), "a harbour"),
    (node("CLIPTextEncodeSDXL", text_g="a harbour", text_l="ships", width=1024, **CLIP), "a harbour\nships"),
    (node("CLIPTextEncodeFlux", clip_l="ships", t5xxl="a harbour", guidance=3.5, **CLIP), "a harbour\nships"),
    (node("CLIPTextEncodeSD3", clip_l="a", clip_g="a", t5xxl="", empty_padding="none", **CLIP), "a"),
    (node("smZ CLIPTextEncode", text="a", with_SDXL=False, text_g="b", text_l="c", **CLIP), "a"),
    (node("smZ CLIPTextEncode", text="a", with_SDXL=True, text_g="b", text_l="c", **CLIP), "b\nc"),
    (node("BNK_CLIPTextEncodeAdvanced", text="a", token_normalization="none", **CLIP), "a"),
    (node("TextEncodeQwenImageEditPlus", prompt="make it night", image1=["decoded", 0], **CLIP), "make it night"),
    (node("Text to Conditioning", text="a", **CLIP), "a"),
    (node("ImpactWildcardEncode", wildcard_text="__any__", populated_text="a", seed=1, **CLIP), "a"),
    (node("ImpactWildcardEncode", wildcard_text="__any__", populated_text="", seed=1, **CLIP), None),
    (node("ImpactWildcardEncode", wildcard_text="plain", populated_text="", seed=1, **CLIP), "plain"),
    (node("Prompt (LoraManager)", text="a", **CLIP), "a"),
    (node("Prompt (LoraManager)", text="a __hair__ girl __here__", **CLIP), None),
    (node("SomeCaptioner", prompt="describe this", image=["decoded", 0], **CLIP), None),
    (node("ConditioningZeroOut", conditioning=["unwanted", 0]), ""),
]  # fmt: skip

# strings, linked into an encoder -> the text
STRINGS: list[tuple[dict[str, Any], str | None]] = [
    (node("PrimitiveString", value="a"), "a"),
    (node("PrimitiveStringMultiline", value="a"), "a"),
    (node("PrimitiveInt", value=3), None),
    (node("Text Multiline", text="a"), "a"),
    (node("CR Prompt Text", prompt="a"), "a"),
    (node("CR Multi-Line Prompt", prompt="a"), "a"),
    (node("easy positive", positive="a"), "a"),
    (node("easy negative", negative="a"), "a"),
    (node("StringConstantMultiline", string=" a\nb ", strip_newlines=True), "ab"),
    (node("StringConstantMultiline", string=" a\nb ", strip_newlines=False), " a\nb "),
    (node("StringTrim", string=" a ", mode="Both"), " a "),  # as written
    (node("StringConcatenate", string_a="a", string_b="b", delimiter=", "), "a, b"),
    (node("JoinStrings", string1="a", string2=["more", 0], delimiter="\\n"), "a\nmore"),
    (node("JoinStringMulti", inputcount=3, string_1="a", string_2="", string_3="b", delimiter=" "), "a b"),
    (node("Text Concatenate", delimiter=", ", clean_whitespace="true", text_a=" a ", text_b="", text_c="b"), "a, b"),
    (node("Text Concatenate", linebreak_addition="false", text_a="a ", text_b="b"), "a b"),
    (node("Text Concatenate", linebreak_addition="true", text_a="a", text_b="b"), "a\nb"),
    (node("CR Text Concatenate", text1="a", text2="b", separator="; "), "a; b"),
    (node("easy promptConcat", prompt1="a", prompt2="b", separator=""), "ab"),
    (node("StringFunction|pysssss", action="append", tidy_tags="yes", text_a="a", text_b="", text_c="b"), "a, b"),
    (node("StringFunction|pysssss", action="replace", text_a="a cat", text_b="cat", text_c="dog"), "a dog"),
    (node("StringFunction|pysssss", action="replace", tidy_tags="no", text_a="a", text_b="/a+/", text_c="b"), None),
    (node("StringReplace", string="a cat", find="cat", replace="dog"), "a dog"),
    (node("StringReplace", string="a cat", find="cat", replace=["caption", 0]), None),
    (node("CR Text Replace", text="a b", find1="a", replace1="c", find2="b", replace2=""), "c "),
    (node("RegexReplace", string=",a,", regex_pattern="^,|,$", replace=""), ",a,"),  # as written
    (node("RegexReplace", string="a animal", regex_pattern="animal", replace="cat"), None),
    (node("RegexExtract", string="a b", regex_pattern="b", mode="First Match"), None),
    (node("ShowText|pysssss", text=["more", 0], text_0="of the last run"), "more"),
    (node("ShowText|pysssss", text=["caption", 0], text_0="of the last run"), None),
    (node("Textbox", text="of the last run", passthrough=["caption", 0]), None),
    (node("Textbox", text="a"), "a"),
    (node("ImpactWildcardProcessor", wildcard_text="__any__", populated_text="a", mode="populate", seed=1), "a"),
    (node("ImpactWildcardProcessor", wildcard_text="x", populated_text="{a|b}", mode="fixed", seed=1), None),
    (node("easy wildcards", text="a", seed=1), "a"),
    (node("easy wildcards", text="__person shot__", seed=1), None),
    (node("easy wildcards", text="{a|b}", seed=1), None),
    (node("easy stylesSelector", styles="fooocus_styles", positive="a", negative="b", select_styles="x"), None),
    (node("easy promptLine", prompt="a\nb", start_index=0, max_rows=1), None),
    (node("Florence2Run", text_input="a", image=["decoded", 0], seed=1), None),
    (node("OllamaGenerate", prompt="write a prompt", model="llama"), None),
    (node("TextGenerateLTX2Prompt", prompt="a", **CLIP), None),
    (node("SomeLanguageModel", prompt="write a prompt", temperature=0.7), None),
    (node("Text Random Line", text="a\nb", seed=1), None),
    (node("Text Load Line From File", text="a", file_path="p.txt"), None),
    (node("Load Text File", file_path="p.txt"), None),
    (node("SDXLPromptStyler", text_positive="a", text_negative="b", style="sai-anime"), None),
    (node("CR Text Input Switch", Input=2, text1="a", text2="b"), "b"),
    (node("Text Input Switch", boolean=True, text_a="a", text_b="b"), "a"),
    (node("ComfySwitchNode", switch=False, on_false=["more", 0], on_true=["caption", 0]), "more"),
    (node("ComfySwitchNode", switch=["caption", 1], on_false=["more", 0], on_true=["more", 0]), None),
    (node("ImpactSwitch", select=2, input1=["caption", 0], input2=["more", 0], sel_mode=False), "more"),
    (node("Any Switch (rgthree)", any_02=["more", 0], any_03=["caption", 0]), "more"),
    (node("Reroute", **{"": ["more", 0]}), "more"),
    (node("StringConcatenate", string_a="a", string_b=["caption", 0], delimiter=", "), None),
]  # fmt: skip

OTHERS = {
    "more": node("PrimitiveString", value="more"),
    "caption": node("JoyCaption", image=["decoded", 0], prompt="describe this"),
}


@pytest.mark.parametrize(("encoder", "text"), ENCODERS)
def test_encoder(ran: Any, encoder: dict[str, Any], text: str | None) -> None:
    assert ran({"wanted": encoder}).prompt == text


@pytest.mark.parametrize(("string", "text"), STRINGS)
def test_linked_string(ran: Any, string: dict[str, Any], text: str | None) -> None:
    made = ran({**OTHERS, "string": string, "wanted": node("CLIPTextEncode", text=["string", 0], **CLIP)})
    assert made.prompt == text
    assert made.negative == "blurry"


# between encoder and sampler; ["wanted", 0] is "a lighthouse", ["more", 0] is "ships", ["caption", 0] is unknown
PASSED: list[tuple[dict[str, Any], str | None]] = [
    (node("ConditioningCombine", conditioning_1=["wanted", 0], conditioning_2=["more", 0]), "a lighthouse\nships"),
    (node("ConditioningCombine", conditioning_1=["wanted", 0], conditioning_2=["wanted", 0]), "a lighthouse"),
    (node("ConditioningCombine", conditioning_1=["caption", 0], conditioning_2=["more", 0]), "ships"),
    (node("ConditioningCombine", conditioning_1=["caption", 0], conditioning_2=["caption", 0]), None),
    (node("ConditioningConcat", conditioning_to=["wanted", 0], conditioning_from=["more", 0]), "a lighthouse\nships"),
    (node("ConditioningAverage", conditioning_to=["wanted", 0], conditioning_from=["more", 0]), "a lighthouse\nships"),
    (node("ConditioningSetArea", conditioning=["wanted", 0], width=64, height=64), "a lighthouse"),
    (node("FluxGuidance", conditioning=["wanted", 0], guidance=3.5), "a lighthouse"),
    (node("ReferenceLatent", conditioning=["wanted", 0], latent=["size", 0]), "a lighthouse"),
    (node("ControlNetApply", conditioning=["wanted", 0], control_net=["more", 0]), "a lighthouse"),
    (node("GLIGENTextBoxApply", conditioning_to=["wanted", 0], text="a box", **CLIP), "a lighthouse"),
    (node("ControlNetApplyAdvanced", positive=["wanted", 0], negative=["more", 0], strength=1.0), "a lighthouse"),
    (node("WanImageToVideo", positive=["wanted", 0], negative=["more", 0], width=640, height=640), "a lighthouse"),
    (node("FromBasicPipe", basic_pipe=["pipe", 0]), "a lighthouse"),
    (node("Pairs", positive_1=["wanted", 0], positive_2=["more", 0], negative_1=["caption", 0]), "a lighthouse\nships"),
    (node("CR Conditioning Input Switch", Input=2, conditioning1=["caption", 0], conditioning2=["more", 0]), "ships"),
]  # fmt: skip


@pytest.mark.parametrize(("between", "text"), PASSED)
def test_conditioning_is_followed(ran: Any, between: dict[str, Any], text: str | None) -> None:
    nodes = {
        "more": node("CLIPTextEncode", text="ships", **CLIP),
        "words": node("Florence2Run", image=["decoded", 0]),
        "caption": node("CLIPTextEncode", text=["words", 2], **CLIP),
        "pipe": node("ToBasicPipe", model=["checkpoint", 0], positive=["wanted", 0], negative=["unwanted", 0]),
        "between": between,
    }
    assert ran(nodes, positive=["between", 0]).prompt == text


def test_the_output_tells_the_two_prompts_apart(ran: Any) -> None:
    control = node("ControlNetApplyAdvanced", positive=["wanted", 0], negative=["unwanted", 0], image=["decoded", 0])
    made = ran({"control": control}, positive=["control", 0], negative=["control", 1])
    assert (made.prompt, made.negative) == ("a lighthouse", "blurry")
    crossed = ran({"control": control}, positive=["control", 1], negative=["control", 0])
    assert (crossed.prompt, crossed.negative) == ("blurry", "a lighthouse")


def test_outputs_after_a_model_are_told_by_where_they_go(ran: Any) -> None:
    brush = node("BrushNet", model=["checkpoint", 0], positive=["wanted", 0], negative=["unwanted", 0])
    made = ran({"brush": brush}, model=["brush", 0], positive=["brush", 1], negative=["brush", 2])
    assert (made.prompt, made.negative, made.checkpoint) == ("a lighthouse", "blurry", "base.safetensors")


def test_loaders_may_have_their_texts_linked(ran: Any) -> None:
    nodes = {
        "words": node("PrimitiveString", value="ships"),
        "against": node("PrimitiveString", value="rain"),
        "all": node("Efficient Loader", ckpt_name="x.safetensors", positive=["words", 0], negative=["against", 0]),
    }
    made = ran(nodes, model=["all", 0], positive=["all", 1], negative=["all", 2])
    assert (made.prompt, made.negative) == ("ships", "rain")


def test_an_edited_pipe_keeps_what_was_not_edited(ran: Any) -> None:
    nodes = {
        "pipe": node("ToBasicPipe", model=["checkpoint", 0], positive=["wanted", 0], negative=["unwanted", 0]),
        "more": node("CLIPTextEncode", text="ships", **CLIP),
        "edited": node("EditBasicPipe", basic_pipe=["pipe", 0], positive=["more", 0]),
        "sampler": node("ImpactKSamplerBasicPipe", basic_pipe=["edited", 0], seed=4, steps=5, latent_image=["size", 0]),
    }
    made = ran(nodes, **dict.fromkeys(["model", "positive", "negative", "seed", "steps"]))
    assert (made.prompt, made.negative) == ("ships", "blurry")


def test_trigger_words_of_lora_manager(ran: Any) -> None:
    loader = node("Lora Loader (LoraManager)", loras=[{"name": "ink", "strength": 1, "active": True}], **CLIP)
    words = [{"text": "inkwash", "active": True}, {"text": "off", "active": False}, {"text": "paper", "active": True}]
    toggle = node("TriggerWord Toggle (LoraManager)", trigger_words=["lora", 2], toggle_trigger_words=words)
    prompt = node("Prompt (LoraManager)", text="a harbour", trigger_words1=["toggle", 0], **CLIP)
    nodes = {"lora": loader, "toggle": toggle, "wanted": prompt}
    assert ran(nodes).prompt == "inkwash, paper, a harbour"
    del toggle["inputs"]["toggle_trigger_words"]
    assert ran(nodes).prompt is None  # the words are in the file
    loader["inputs"]["loras"] = []
    assert ran(nodes).prompt == "a harbour"


def test_our_own_node_adds_trigger_words_once(ran: Any) -> None:
    rows = [
        {"name": "ink.safetensors", "model": 1, "trigger_words": ["inkwash", "Harbour"]},
        {"name": "fog.safetensors", "model": 1, "trigger_words": ["fog"], "on": False},
    ]
    choice = node("LorarecRecommend", prompt="a harbour", selection=json.dumps(rows))
    for output, text in ((1, "a harbour, inkwash"), (2, "inkwash, Harbour"), (3, None), (4, None)):
        wanted = node("CLIPTextEncode", text=["choice", output], **CLIP)
        assert ran({"choice": choice, "wanted": wanted}).prompt == text


def test_video_embeddings_hold_both_prompts(ran: Any) -> None:
    nodes = {
        "texts": node("WanVideoTextEncode", positive_prompt="a wolf", negative_prompt="static", t5=["checkpoint", 0]),
        "guided": node("WanVideoApplyNAG", original_text_embeds=["texts", 0], nag_text_embeds=["texts", 1]),
        "sampler": node("WanVideoSampler", text_embeds=["guided", 0], scheduler="unipc"),
    }
    gone = dict.fromkeys(["positive", "negative", "sampler_name"])
    made = ran(nodes, **gone)
    assert (made.prompt, made.negative, made.sampler) == ("a wolf", "static", "unipc")


def test_embeddings_of_one_text_have_no_negative(ran: Any) -> None:
    nodes = {
        "texts": node("HyVideoTextEncode", prompt="a wolf", text_encoders=["checkpoint", 0]),
        "sampler": node("HyVideoSampler", hyvid_embeds=["texts", 0]),
    }
    gone = dict.fromkeys(["positive", "negative"])
    made = ran(nodes, **gone)
    assert (made.prompt, made.negative) == ("a wolf", None)
    nodes["around"] = node("Reroute", **{"": ["texts", 0]})
    made = ran(nodes, **gone, hyvid_embeds=["around", 0])
    assert (made.prompt, made.negative) == ("a wolf", None)


def test_a_sampler_with_one_conditioning_has_no_negative(ran: Any) -> None:
    nodes = {"guided": node("FluxGuidance", conditioning=["wanted", 0], guidance=3.5)}
    made = ran(nodes, positive=None, negative=None, conditioning=["guided", 0])
    assert (made.prompt, made.negative) == ("a lighthouse", None)


def test_a_text_that_depends_on_itself_is_unknown(ran: Any) -> None:
    nodes = {
        "one": node("StringConcatenate", string_a="a", string_b=["two", 0], delimiter=""),
        "two": node("StringConcatenate", string_a="b", string_b=["one", 0], delimiter=""),
        "wanted": node("CLIPTextEncode", text=["one", 0], **CLIP),
    }
    assert ran(nodes).prompt is None


def test_texts_that_double_again_and_again_are_given_up(ran: Any) -> None:
    nodes = {"s0": node("PrimitiveString", value="a" * 100)}
    for i in range(1, 40):
        nodes[f"s{i}"] = node("StringConcatenate", string_a=[f"s{i - 1}", 0], string_b=[f"s{i - 1}", 0], delimiter="")
    wanted = {"wanted": node("CLIPTextEncode", text=["s4", 0], **CLIP)}
    assert ran({**nodes, **wanted}).prompt == "a" * 1600
    wanted["wanted"]["inputs"]["text"] = ["s39", 0]
    assert ran({**nodes, **wanted}).prompt is None
