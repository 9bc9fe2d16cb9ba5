"""Names from other machines."""

from __future__ import annotations

import pytest


@pytest.fixture
def resolve(start):
    return start(core=False).part("nodes.resolve")


def test_either_separator_gives_the_hosts_own_name(resolve):
    windows = resolve.Resolver(["styles\\ink.safetensors", "ink2.safetensors"])
    assert windows.resolve("styles/ink.safetensors") == "styles\\ink.safetensors"
    assert windows.resolve("styles\\ink.safetensors") == "styles\\ink.safetensors"
    assert resolve.Resolver(["styles/ink.safetensors"]).resolve("styles\\ink.safetensors") == "styles/ink.safetensors"


def test_extension_may_be_left_out_but_dots_in_names_stay(resolve):
    resolver = resolve.Resolver(["a/v1.5.safetensors", "a/v1.6.safetensors", "b/v1.5.pt"])
    assert resolver.resolve("a/v1.5") == "a/v1.5.safetensors"
    assert resolve.stem("a/v1.5.safetensors") == "v1.5" and resolve.stem("a\\v1.5") == "v1.5"


def test_path_comes_before_fingerprint_and_fingerprint_before_file_name(resolve):
    asked = []

    def by_content(fingerprint):
        asked.append(fingerprint)
        return "moved\\renamed.safetensors" if fingerprint == "f00d" else None

    resolver = resolve.Resolver(["x/ink.safetensors", "moved\\renamed.safetensors"], by_content)
    assert resolver.resolve("x/ink.safetensors", "f00d") == "x/ink.safetensors"
    assert asked == []
    assert resolver.resolve("old/ink.safetensors", "f00d") == "moved\\renamed.safetensors"
    assert resolver.resolve("old/ink.safetensors", "beef") == "x/ink.safetensors"
    assert asked == ["f00d", "beef"]


def test_never_a_similar_or_ambiguous_one(resolve):
    resolver = resolve.Resolver(["a/ink.safetensors", "b/ink.safetensors", "ink_v2.safetensors"])
    with pytest.raises(resolve.UnknownLora, match=r"a/ink\.safetensors, b/ink\.safetensors"):
        resolver.resolve("c/ink.safetensors")
    with pytest.raises(resolve.UnknownLora, match=r"ink_v1\.safetensors"):
        resolver.resolve("ink_v1.safetensors")
    with pytest.raises(resolve.UnknownLora):
        resolver.resolve("../../etc/passwd")
