"""Reading headers: every kind of damage is one clear sentence, and odd but sound headers are read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.catalog.header import MAX_LENGTH, Header, read_header
from lorarec.catalog.tensors import inspect
from lorarec.errors import BadFile


def packed(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    return path


def read(tmp_path: Path, whole: Any) -> Header:
    return read_header(written(tmp_path, packed(json.dumps(whole).encode())))


def test_metadata_is_read_wherever_it_stands(tmp_path: Path) -> None:
    tensor = {"dtype": "F16", "shape": [1, 768], "data_offsets": [0, 1536]}
    first = read(tmp_path, {"__metadata__": {"a": "1", "b": '{"x": {"y": "z"}}'}, "t": tensor})
    last = read(tmp_path, {"t": tensor, "__metadata__": {"a": "1", "b": '{"x": {"y": "z"}}'}})
    assert first.metadata == last.metadata == {"a": "1", "b": '{"x": {"y": "z"}}'}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, {}),
        ({}, {}),
        ("text", {}),
        ({"a": 5, "b": 0.5, "c": "x", "d": None, "e": ["y"], "f": True}, {"a": "5", "b": "0.5", "c": "x"}),
        ({"a": "ends in backslash \\", "b": 'quote "}'}, {"a": "ends in backslash \\", "b": 'quote "}'}),
        ({"nested": {"a": "b"}, "c": "d"}, {"c": "d"}),
        ({"a": "\ud83d\ude00", "b": "lone \ud800 here"}, {"a": "😀", "b": "lone  here"}),
    ],
)
def test_odd_metadata_keeps_what_is_text_or_number(tmp_path: Path, metadata: Any, expected: dict[str, str]) -> None:
    assert read(tmp_path, {"__metadata__": metadata, "t": {"shape": [1]}}).metadata == expected


def test_padding_and_missing_metadata(tmp_path: Path) -> None:
    header = read_header(written(tmp_path, packed(b'{"t":{"shape":[1]}}       ') + bytes(8)))
    assert header.metadata == {}
    padded = packed(b'{ "__metadata__" : {"a":"b"} , "t":{"shape":[1]}}' + b" " * 300)
    assert read_header(written(tmp_path, padded)).metadata == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut off"),
        (b"abc", "cut off"),
        (packed(b'{"__metadata__":{"a":"b"}}', 10_000), "cut off inside its header"),
        (packed(b"{}", 1 << 30), "not a safetensors file"),
        (packed(b"{}", MAX_LENGTH + 1), "not a safetensors file"),
        (b"PK\x03\x04" + bytes(4000), "not a safetensors file"),
        (packed(b"not json at all"), "damaged header"),
        (packed(b'{"__metadata__":{"a":"b"'), "damaged header"),
        (packed(b"[1, 2]"), "no JSON object"),
        (packed(b"[" * 100_000), "damaged header"),
    ],
)
def test_damage_is_one_sentence_with_the_file_and_a_remedy(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says) as caught:
        read_header(written(tmp_path, content))
    message = str(caught.value)
    assert message.startswith("x.safetensors") and "\n" not in message and ";" in message


def test_a_missing_file_and_a_folder_are_bad_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path, tmp_path / "nul\0byte"):
        with pytest.raises(BadFile):
            read_header(path)


def test_digest_follows_the_content(tmp_path: Path) -> None:
    one = read(tmp_path, {"__metadata__": {"a": "1"}, "t": {"shape": [1]}})
    same = read(tmp_path, {"__metadata__": {"a": "1"}, "t": {"shape": [1]}})
    other = read(tmp_path, {"__metadata__": {"a": "2"}, "t": {"shape": [1]}})
    tensors = read(tmp_path, {"__metadata__": {"a": "1"}, "t": {"shape": [2]}})
    assert one.digest == same.digest and len(one.digest) == 16
    assert len({one.digest, other.digest, tensors.digest}) == 3


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(content=st.binary(max_size=200) | st.binary(max_size=200).map(packed))
def test_random_bytes_only_ever_raise_bad_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = written(tmp_path_factory.mktemp("h"), content)
    try:
        header = read_header(path)
    except BadFile as error:
        str(error).encode("utf-8")
    else:
        inspect(header)


@given(
    metadata=_JSON | st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=6),
    tensors=st.dictionaries(
        st.sampled_from(["lora_unet_a.attn2_to_k.lora_down.weight", "blocks.0.cross_attn.k.lora_A.weight", "x"]), _JSON
    ),
)
def test_any_json_gives_encodable_strings(
    tmp_path_factory: pytest.TempPathFactory, metadata: Any, tensors: dict[str, Any]
) -> None:
    text = json.dumps({"__metadata__": metadata, **tensors}).encode()
    header = read_header(written(tmp_path_factory.mktemp("h"), packed(text)))
    assert all(isinstance(value, str) for value in header.metadata.values())
    msgspec.json.encode(header.metadata)
    inspect(header)


@pytest.mark.parametrize(
    ("names", "base"),
    [
        ({"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (8, 768)}, "SD 1.5"),
        ({"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v.lora_down.weight": (8, 1024)}, "SD 2.1"),
        ({"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (8, 2048)}, "SDXL"),
        ({"lora_unet_input_blocks_7_1_transformer_blocks_5_attn1_to_q.lora_down.weight": (8, 1280)}, "SDXL"),
        ({"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (8, 1280)}, "SDXL"),
        ({"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": (16, 3072)}, "Flux.1"),
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (16, 3072)}, "Flux.1"),
        ({"diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight": (16, 6144)}, "Flux.2"),
        ({"diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight": (16, 4096)}, "Flux.2 Klein 9B"),
        (
            {
                "transformer.transformer_blocks.0.attn.add_k_proj.lora_A.weight": (16, 3072),
                "transformer.transformer_blocks.0.img_mlp.net.0.proj.lora_A.weight": (16, 3072),
            },
            "Qwen-Image",
        ),
        ({"diffusion_model.layers.3.attention.to_q.lora_A.weight": (16, 3840)}, "Z-Image"),
        ({"diffusion_model.blocks.3.cross_attn.k.lora_A.weight": (16, 5120)}, "Wan 2.1"),
        ({"diffusion_model.blocks.3.cross_attn.k.lora_A.weight": (16, 1536)}, "Wan 2.1 1.3B"),
        ({"diffusion_model.single_blocks.9.modulation.linear.lora_A.weight": (16, 3072)}, "HunyuanVideo"),
        ({"transformer.transformer_blocks.37.attn.add_k_proj.lora_A.weight": (16, 2432)}, "SD 3.5"),
        ({"something.else": (3, 3)}, ""),
    ],
)
def test_tensor_names_and_shapes_tell_the_base_model(tmp_path: Path, names: dict[str, Any], base: str) -> None:
    header = read(tmp_path, {name: {"dtype": "F16", "shape": list(shape)} for name, shape in names.items()})
    assert inspect(header).base_model == base


def test_rank_and_network_come_from_the_tensors(tmp_path: Path) -> None:
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    facts = inspect(read(tmp_path, {f"{name}.lora_down.weight": {"shape": [32, 768]}}))
    assert (facts.rank, facts.network) == (32, "lora")
    assert inspect(read(tmp_path, {f"{name}.lokr_w1": {"shape": [8, 8]}})).network == "lokr"
    assert inspect(read(tmp_path, {f"{name}.hada_w1_a": {"shape": [8, 8]}})).network == "loha"
