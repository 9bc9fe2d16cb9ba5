"""HTML of the tab. Every text that is not `Html` already is escaped; nothing makes `Html` of strings from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

PREFIX = "lorarec_"  # of all ids in the page

# A button inside HTML of ours tells a hidden text box, which tells the handler. What it tells is only ever compared
# with ids of the catalogue. The time makes pressing the same button twice two events.
TELL = (
    "(b=>{const t=b.getRootNode().querySelector('#'+b.dataset.to+' textarea,#'+b.dataset.to+' input');"
    "t.value=b.dataset.value+' '+Date.now();t.dispatchEvent(new Event('input',{bubbles:true}))})(this)"
)

_VOID = ("img", "br")
Part = object  # what stands in HTML: `Html` as it is, None as nothing, anything else as text


class Html(str):
    """Text that is HTML: made of constants and of escaped parts."""


def safe(part: Part) -> Html:
    """A part as HTML. Half a surrogate pair, from a file name that is no Unicode, is shown as a question mark."""
    if isinstance(part, Html):
        return part
    text = "" if part is None else str(part)
    return Html(escape(text.encode("utf-8", "replace").decode()))


def join(parts: Iterable[Part], between: str = "") -> Html:
    """Parts one after another."""
    return Html(safe(between).join(map(safe, parts)))


def tag(name: str, /, *parts: Part, **attributes: Part) -> Html:
    """An element: ``tag("p", "a < b", class_="lrt-dim")``. Attributes that are None or False are left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe("" if value is True else value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{join(parts)}</{name}>")


def note(sentence: Part, kind: Literal["info", "good", "warning", "error"] = "info") -> Html:
    """A sentence for the user; nothing if it is empty."""
    if not sentence:
        return Html("")
    return tag("p", sentence, class_=f"lrt-note lrt-{kind}", role="alert" if kind == "error" else "status")


def notes(sentences: Iterable[Part], kind: Literal["info", "good", "warning", "error"] = "info") -> Html:
    """Several sentences."""
    return join(note(sentence, kind) for sentence in sentences)


def heading(text: Part, aside: Part = "") -> Html:
    """A heading inside a sub-tab."""
    return tag("h3", text, " ", tag("small", aside) if aside else "", class_="lrt-heading")


def table(columns: Sequence[Part], rows: Iterable[Sequence[Part]], *, label: str, kind: str = "") -> Html:
    """A table; in a narrow place it scrolls by itself.

    Args:
        columns: headings.
        rows: cells.
        label: what it is, for screen readers.
        kind: a class for its look.
    """
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = (
        tag("tr", *(tag("td", cell, data_label=name or None) for name, cell in zip(columns, row, strict=True)))
        for row in rows
    )
    inner = tag("table", tag("thead", head), tag("tbody", *body), class_=f"lrt-table {kind}".strip())
    return tag("div", inner, class_="lrt-scroll", role="region", aria_label=label, tabindex="0")


def facts(pairs: Iterable[tuple[Part, Part]]) -> Html:
    """Names with their values; those without a value are left out."""
    shown = ((tag("dt", name), tag("dd", value)) for name, value in pairs if value not in (None, ""))
    return tag("dl", *(part for pair in shown for part in pair), class_="lrt-facts")


def chips(words: Iterable[Part]) -> Html:
    """Short words side by side."""
    return tag("span", *(tag("span", word, class_="lrt-chip") for word in words), class_="lrt-chips")


def more(summary: Part, *parts: Part, opened: bool = False) -> Html:
    """Something that unfolds."""
    return tag("details", tag("summary", summary), *parts, class_="lrt-more", open=opened)


def bar(share: float, text: Part = "") -> Html:
    """A bar from 0 to 1, with its value as text beside it."""
    width = f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"
    inner = tag("span", tag("span", style=width), class_="lrt-bar", aria_hidden="true")
    return tag("span", inner, tag("span", text or f"{share:.0%}"), class_="lrt-measure")


def button(text: Part, to: str, value: str, *, kind: str = "", title: str | None = None) -> Html:
    """A button that tells ``value`` to the channel ``to``, see `compat.Ui.channel`."""
    return tag(
        "button",
        text,
        type="button",
        class_=f"lrt-button {kind}".strip(),
        data_to=PREFIX + to,
        data_value=value,
        title=title,
        onclick=TELL,
    )
