"""Text as people and tools write it -> plain, encodable text.

Whatever leaves this file can be encoded as UTF-8, holds no control or zero-width characters and no HTML.
"""

from __future__ import annotations

import html
import re

MAX_DESCRIPTION = 8_000  # characters kept of a description
MAX_LINE = 400  # characters kept of a title, tag or trigger word

_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff\ufff9-\ufffb]"
)
_BLOCK_TAG = re.compile(
    r"</?(?:p|br|div|h[1-6]|ul|ol|li|table|tr|blockquote|pre|hr|section|article)(?=[\s/>])[^<>]{0,4000}>", re.I
)
# Only real HTML elements: `<lora:name:0.7>` and `<3` are text.
_INLINE_TAG = re.compile(
    r"""</?(?:a|abbr|b|big|button|center|code|del|details|em|edge-media|figure|figcaption|font|i|iframe|img
    |input|ins|kbd|label|mark|q|s
    |samp|small|source|span|strike|strong|sub|summary|sup|tbody|td|tfoot|th|thead|tt|u|var|video|wbr|html|head
    |body|meta|link)
    (?=[\s/>])[^<>]{0,4000}>|<!--[^<>]{0,4000}-->""",
    re.I | re.X,
)
_HIDDEN = re.compile(r"<(script|style)(?=[\s>])", re.I)
_SPACES = re.compile(r"[^\S\n]+")


def encodable(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates dropped."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text


def line(text: str, limit: int = MAX_LINE) -> str:
    """One clean line: control and zero-width characters dropped, white space squeezed, cut at ``limit`` characters."""
    text = text[: limit * 4]
    if not (text.isascii() and text.isprintable()):
        text = _UNWANTED.sub("", encodable(text))
    return " ".join(text.split())[:limit].rstrip()


def plain(text: str, limit: int = MAX_DESCRIPTION) -> str:
    """HTML or plain text -> paragraphs of plain text, one per line, cut at ``limit`` characters."""
    text = encodable(text[: limit * 8])
    if "<" in text:
        text = _without_hidden(text)
        text = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text))
    if "&" in text:
        text = encodable(html.unescape(text))
    text = _SPACES.sub(" ", _UNWANTED.sub("", text.replace("\r", "\n")))
    lines = (piece.strip() for piece in text.split("\n"))
    return "\n".join(piece for piece in lines if piece)[:limit].rstrip()


def _without_hidden(text: str) -> str:
    """Drop scripts and style sheets with their content; an unclosed one ends the text."""
    parts: list[str] = []
    at = 0
    while match := _HIDDEN.search(text, at):
        parts.append(text[at : match.start()])
        end = text.lower().find(f"</{match[1].lower()}", match.end())
        if end < 0:
            return "".join(parts)
        at = text.find(">", end) + 1 or len(text)
    return "".join([*parts, text[at:]]) if parts else text


# What templates and trainers put where nobody wrote anything.
_EMPTY_VALUES = frozenset(
    """none null nil n/a na unknown untitled unnamed undefined default lora my_lora my-lora my_first_lora_v1 mylora last
    test new_lora model output adapter_model pytorch_lora_weights author anonymous your_name you string todo - .
    ?""".split()
) | {"my lora", "new lora", "my lora model", "your name", "no description", "my first lora"}


def stated(text: str) -> str:
    """The text, or "" if it is a template's default that nobody wrote."""
    return "" if text.lower().strip(" .\"'") in _EMPTY_VALUES else text
