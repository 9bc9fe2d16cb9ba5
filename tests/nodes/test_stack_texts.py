"""Prompt, tags and stacks made from LoRAs."""

from __future__ import annotations

import pytest


@pytest.fixture
def texts(start):
    return start(core=False).part("nodes.texts")


@pytest.mark.parametrize(
    ("prompt", "words", "expected"),
    [
        ("a cat", ["ink wash", "sumi-e"], "a cat, ink wash, sumi-e"),
        ("a cat, ", ["ink"], "a cat, ink"),
        ("", ["ink"], "ink"),
        ("Ink_Wash, a cat", ["ink wash"], "Ink_Wash, a cat"),
        ("(ink wash:1.2), a cat\n", ["ink wash"], "(ink wash:1.2), a cat\n"),
        ("pink cat", ["ink"], "pink cat, ink"),
        (r"hatsune miku \(vocaloid\)", ["hatsune miku (vocaloid)"], r"hatsune miku \(vocaloid\)"),
        ("站着的初音未来", ["初音未来"], "站着的初音未来"),
    ],
)
def test_trigger_words_are_added_once(texts, prompt, words, expected):
    assert texts.with_trigger_words(prompt, words) == expected


def test_tags_never_reach_the_prompt(texts):
    assert texts.trigger_text(["<lora:ink:0.8> ink wash", "ink_wash", "<lora:x:1>", "sumi"]) == [
        "ink wash",
        "sumi",
    ]


def test_tags_name_the_file_without_folder_and_extension(texts):
    stack = [("styles\\ink.v2.safetensors", 0.8, 0.5), ("b.safetensors", -1.0, 1.0)]
    assert texts.lora_tags(stack) == "<lora:ink.v2:0.8> <lora:b:-1>"


def test_an_incoming_stack_is_copied_without_placeholders(texts):
    incoming = [("None", 1.0, 1.0), ("a\\b.safetensors", 1, 0.5)]
    assert texts.read_stack(incoming) == [("a\\b.safetensors", 1.0, 0.5)]
    assert incoming == [("None", 1.0, 1.0), ("a\\b.safetensors", 1, 0.5)]
    assert texts.read_stack(None) == []
