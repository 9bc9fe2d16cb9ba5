"""Nodes that make strings: which of their results can be told from the graph, and which are made when it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..values import json_value
from .graph import Node, truth

if TYPE_CHECKING:
    from .text import Texts

Reader = Callable[["Texts", Node, int], "str | None"]  # texts, node, output -> text, None = unknown

_LONGEST = 100_000  # characters
_CHOICE = re.compile(r"\{[^{}|]*\|[^{}]*\}")  # {a|b}
_PART = re.compile(r"(?:string|text|prompt|str|input)?_?(?:[a-h]|\d{1,2})", re.I)
_JOINS = re.compile(r"concat|join|append|combine|merge|replace|string ?function", re.I)
_RUN_TIME = re.compile(
    r"florence|joy_?caption|caption|tagger|interrogat|blip|describe|llava|llm|ollama|gpt|gemini|claude|openai|deepseek"
    r"|moondream|minicpm|internvl|qwen\d?_?vl|vlm|vision ?language|text ?generat|prompt ?gen|generat\w*prompt"
    r"|(?:prompt|text).*(?:enhanc|expan|rewrit|upsampl|translat|styl|random|shuffle|cycl|list|file)"
    r"|(?:prompt|text).*(?<!multi)(?<!multi[-_ ])line"
    r"|(?:enhanc|expan|rewrit|upsampl|translat|random|load|cycl)\w*[ _]?(?:prompt|text|string)"
    r"|styles?_?selector|styler|wildcard|dprandom|dpcombin|dpmagic|dpjinja|superprompt|csv",
    re.I,
)
# They replace __names__ and {a|b} themselves when they run.
_EXPANDING = re.compile(r"wildcard|^easy |^dp|loramanager", re.I)
_SKIP_EMPTY = frozenset({"Text Concatenate", "JoinStringMulti", "StringFunction|pysssss"})


@lru_cache(maxsize=4096)
def made_at_run_time(kind: str) -> bool:
    """Whether a node makes its text when it runs."""
    return _RUN_TIME.search(kind) is not None


@lru_cache(maxsize=4096)
def _joining(kind: str) -> bool:
    return _JOINS.search(kind) is not None


@lru_cache(maxsize=4096)
def _expanding(kind: str) -> bool:
    return _EXPANDING.search(kind) is not None


def expands(kind: str, text: str, saved: bool) -> bool:
    """Whether a text is a template: ``{a|b}`` in a saved workflow, also ``__name__`` where the node itself expands it.

    In an API graph the editor has already chosen, and other nodes take the characters as they stand.
    """
    if _expanding(kind):
        return text.count("__") > 1 or _CHOICE.search(text) is not None
    return saved and _CHOICE.search(text) is not None


def joins(node: Node) -> bool:
    """Whether a node puts strings together or replaces parts of one."""
    return _joining(node.kind)


def joined(texts: Texts, node: Node) -> str | None:
    """The string that such a node makes, None = unknown."""
    if "eplace" in node.kind or node.values.get("action") == "replace":
        return _replaced(texts, node, "regex" in node.kind.lower())
    names = sorted(
        {name for name in (*node.links, *node.values) if _PART.fullmatch(name)}, key=lambda name: (len(name), name)
    )
    parts = [texts.string(node, name) for name in names]
    if not parts or None in parts:
        return None
    known = [part for part in parts if part is not None]
    if truth(node.values.get("clean_whitespace")):
        known = [part.strip() for part in known]
    if node.kind in _SKIP_EMPTY:
        known = [part for part in known if part]
    text = _delimiter(node.values).join(known)
    return text if len(text) <= _LONGEST else None


def _delimiter(values: dict[str, Any]) -> str:
    for name in ("delimiter", "separator"):
        if isinstance(found := values.get(name), str):
            return found.replace("\\n", "\n")
    if "linebreak_addition" in values:  # WAS, formerly
        return "\n" if truth(values["linebreak_addition"]) else ""
    return "" if values.get("tidy_tags") == "no" else ", "


def _replaced(texts: Texts, node: Node, regex: bool) -> str | None:
    names = ("string", "text", "prompt", "text_a")
    text = next((texts.string(node, name) for name in names if name in node.links or name in node.values), None)
    if text is None:
        return None
    if regex:  # one that only takes something away tidies up; its input is what was written
        return text if node.values.get("replace") == "" else None
    pairs = [("find", "replace"), ("text_b", "text_c"), *((f"find{i}", f"replace{i}") for i in (1, 2, 3))]
    for find, replace in pairs:
        if find in node.links or replace in node.links:
            return None
        old, new = node.values.get(find), node.values.get(replace, "")
        if isinstance(old, str) and isinstance(new, str) and old:
            text = text.replace(old, new)
            if len(text) > _LONGEST or (find == "text_b" and old.startswith("/")):
                return None
    return text


def _populated(texts: Texts, node: Node, slot: int) -> str | None:
    """Impact's wildcard nodes keep what came out of the wildcards."""
    name = "populated_text" if node.values.get("populated_text") or "populated_text" in node.links else "wildcard_text"
    return texts.string(node, name)


def _wildcards(texts: Texts, node: Node, slot: int) -> str | None:
    """A text in which wildcards are allowed."""
    return texts.string(node, "text")


def _one_line(texts: Texts, node: Node, slot: int) -> str | None:
    text = texts.string(node, "string")
    if text is None or not truth(node.values.get("strip_newlines", True)):
        return text
    return text.replace("\n", "").strip()


def _toggled(texts: Texts, node: Node, slot: int) -> str | None:
    """LoRA Manager's trigger words: those that are on. Without a list of them only "none" can be known."""
    words = node.values.get("toggle_trigger_words")
    if isinstance(words, str):
        words = json_value(words)
    if isinstance(words, list) and words:
        on = [w["text"].strip() for w in words if isinstance(w, dict) and isinstance(w.get("text"), str) and _on(w)]
        return ", ".join(word for word in on if word)
    return texts.string(node, "trigger_words") if "trigger_words" in node.links else ""


def _on(entry: dict[str, Any]) -> bool:
    return truth(entry.get("active", False))


def _trigger_words(texts: Texts, node: Node, slot: int) -> str | None:
    """The trigger words that a LoRA Manager loader reads from its files: unknown, unless it loads none."""
    if slot == 0:
        return None
    loras = node.values.get("loras")
    active = [entry for entry in loras if isinstance(entry, dict) and _on(entry)] if isinstance(loras, list) else []
    return None if active or "lora_stack" in node.links else ""


def _with_trigger_words(texts: Texts, node: Node, slot: int) -> str | None:
    """LoRA Manager's prompt: linked trigger words in front of the text."""
    names = [*(name for name in node.links if name.startswith("trigger_words")), "text"]
    parts = [texts.string(node, name) for name in names]
    known = [part for part in parts if part]
    return None if None in parts else ", ".join(known)


def _chosen(texts: Texts, node: Node, slot: int) -> str | None:
    """Our own node: the prompt with the trigger words of the chosen LoRAs (output 1), or these alone (output 2)."""
    rows = json_value(node.values.get("selection") or "[]")
    words: dict[str, str] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and truth(row.get("on", True)) and isinstance(row.get("trigger_words"), list):
            words.update((word.lower(), word) for word in row["trigger_words"] if isinstance(word, str))
    if slot == 2:
        return ", ".join(words.values())
    prompt = texts.string(node, "prompt") if slot == 1 else None
    if prompt is None:
        return None
    return ", ".join([prompt, *(word for folded, word in words.items() if folded not in prompt.lower())])


READERS: dict[str, Reader] = {
    "ImpactWildcardProcessor": _populated,
    "ImpactWildcardEncode": _populated,
    "WildcardEncode //Inspire": _populated,
    "easy wildcards": _wildcards,
    "DPRandomGenerator": _wildcards,
    "Text (LoraManager)": _wildcards,
    "StringConstantMultiline": _one_line,
    "TriggerWord Toggle (LoraManager)": _toggled,
    "Lora Loader (LoraManager)": _trigger_words,
    "Lora Stacker (LoraManager)": _trigger_words,
    "Prompt (LoraManager)": _with_trigger_words,
    "LorarecRecommend": _chosen,
}
