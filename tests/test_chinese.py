"""What the core says, in Chinese: known sentences whole and in parts, all else as it stands."""

from __future__ import annotations

import ast
import re
import string
from itertools import pairwise
from pathlib import Path

import pytest

from lorarec import chinese
from lorarec.chinese import in_chinese
from lorarec.settings import OPTIONS
from lorarec.types import Lora, Role

CORE = Path(chinese.__file__).parent


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ('its name says "knight", "a; b"', "名称含 “knight”, “a; b”"),
        ('tagged "a", "b "c"", "d" …', '标签含 “a”, “b "c"”, “d” …'),
        ("a style LoRA, which suits prompts like this", "画风类 LoRA，适合此类提示词"),
        ("used 3× with prompts like this, usually at 0.7, kept 2 of 5", "类似提示词用过 3 次，通常 0.7，5 张保留 2 张"),
        ("you used it 3×", "您用过 3 次"),
        ("your own use (n=4, usually 0.8), 3 LoRAs in the stack", "您的使用（4 次，通常 0.8），共 3 个 LoRA"),
        ("top is 5000; it must lie between 1 and 1000", "数量为 5000，应在 1 到 1000 之间"),
        ("matched by words only: no encoder is installed", "仅按词语匹配：未安装编码器"),
        ("a style LoRA", "画风类 LoRA"),
        (
            "matched by words only: the encoder a/b is not on this machine: run `lorarec models pull a/b` or name a "
            "local folder in the settings; no encoder is installed",
            "仅按词语匹配：本机没有编码器 a/b：请运行 `lorarec models pull a/b`，或在设置中填写本地文件夹；"
            "未安装编码器",
        ),
        (
            "matched by words only for the moment: memory ran out while a/b was loaded; close other programs",
            "暂时仅按词语匹配：加载 a/b 时内存不足；请关闭其他程序",
        ),
        (
            "The database /d/f was damaged (malformed: a); it was kept as f.damaged-1 and a new one started: of the "
            "history 1,204 generations and 3 events could be saved. The LoRAs must be scanned again; harvest your "
            "images to fill gaps.",
            "数据库 /d/f 已损坏（malformed: a），已另存为 f.damaged-1 并新建：历史记录中挽回了 1,204 generations "
            "and 3 events。请重新扫描 LoRA，并读取您的图片以补全记录。",
        ),
        ("what nobody foresaw; you liked it", "what nobody foresaw; you liked it"),
        ("", ""),
    ],
)
def test_sentences_are_found_by_their_fixed_parts(english, said):
    assert chinese.chinese(english) == said


def test_only_what_lorarec_says_is_translated():
    answer = {
        "prompt": "you liked it",
        "reasons": [{"signal": "own_opinion", "text": "you liked it"}],
        "notes": ("no encoder is installed", "{braces} %s"),
        "error": {"code": "busy", "message": "too much to do; try again"},
    }
    assert in_chinese(answer) == {
        "prompt": "you liked it",
        "reasons": [{"signal": "own_opinion", "text": "您喜欢它"}],
        "notes": ["未安装编码器", "{braces} %s"],
        "error": {"code": "busy", "message": "正忙，请稍后再试"},
    }


def test_a_long_text_is_somebody_elses():
    text = "matched by words only: no encoder is installed; " * 100
    assert chinese.chinese(text) is text


def test_every_sentence_is_one_that_the_core_says():
    """So that a sentence which is worded anew there is worded anew here."""
    said = []
    for path in CORE.rglob("*.py"):
        if path.name == "chinese.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    source = "\n".join(said)
    joints = 0  # between the parts that a sentence is made of
    for sentence in chinese.SENTENCES:
        for part in re.split(r"\{\w+\}", sentence):
            joints += sum(f"{before} {after}" not in source for before, after in pairwise(part.split()))
            assert all(word.strip(";") in source for word in part.split()), (sentence, part)
    assert joints <= 20


def test_slots_are_the_same_in_both_languages_but_for_what_chinese_leaves_out():
    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for english, said in chinese.SENTENCES.items():
        assert fields(said) <= fields(english), english


def test_every_role_and_setting_has_a_name():
    assert set(chinese.ROLES) == {role.value for role in Role} - {"unknown"}
    assert set(chinese.SETTINGS) == set(OPTIONS)


def test_every_field_that_sources_speak_of_has_a_name():
    of_the_file = {"id", "root", "path", "size", "modified", "fingerprint", "missing"}
    assert set(chinese.FIELDS) == set(Lora.__struct_fields__) - of_the_file
