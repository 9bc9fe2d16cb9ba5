"""LoRA tags; what they mean in an image is tested with the readers of image metadata."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorarec.lora_tags import LoraTag, find_tags, read_tag


def test_tags_in_order() -> None:
    text = "cat <lora:a:0.5>, <hypernet:x:1> <LyCO:b:te=1:unet=0.2><lora:c> <lora:><lora:d"
    assert find_tags(text) == [LoraTag("a", 0.5, 0.5), LoraTag("b", 0.2, 1.0), LoraTag("c", 1.0, 1.0)]


def test_a_tag_inside_another_is_the_one_that_is_closed() -> None:
    assert find_tags("<lora:a<lora:b:1>") == [LoraTag("b", 1.0, 1.0)]


def test_a_strength_that_is_no_number_is_unknown() -> None:
    assert read_tag("a:0@0,1@1") == LoraTag("a", None, None)
    assert read_tag("a:1,2:0.5") == LoraTag("a", 0.5, None)
    assert read_tag("a:" + "9" * 400) == LoraTag("a", None, None)


@given(text=st.lists(st.sampled_from(["<lora:", "a", ":", "1", ">", "=", "te", " ", "<", "0.5"])).map("".join))
def test_any_text(text: str) -> None:
    for tag in find_tags(text):
        assert tag.name == tag.name.strip() != ""
