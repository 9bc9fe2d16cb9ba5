"""Small charts as inline SVG: the same in every Gradio, in dark and light, and readable without seeing them."""

from __future__ import annotations

from collections.abc import Sequence

from ..readable import day
from .markup import Html, Part, bar, tag

Point = tuple[float, float, str]  # seconds since the epoch, value, what it says when pointed at

_PAD = 4.0
_TICKS = 5


def _svg(width: float, height: float, label: str, *parts: Part, kind: str = "") -> Html:
    return tag(
        "svg",
        tag("title", label),
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
        class_=f"lrt-chart {kind}".strip(),
        style=f"max-width:{width:g}px;min-width:{min(width, 140):g}px",
    )


def bars(rows: Sequence[tuple[Part, float, str]], label: str) -> Html:
    """Horizontal bars: name, value, the value as text. The longest fills its place."""
    most = max((value for _, value, _ in rows), default=0) or 1
    lines = (tag("tr", tag("th", name, scope="row"), tag("td", bar(value / most, text))) for name, value, text in rows)
    return tag("table", tag("tbody", *lines), class_="lrt-bars", aria_label=label)


def columns(values: Sequence[float], names: Sequence[str], label: str, *, every: int = 1) -> Html:
    """Upright columns, the highest as high as there is room; ``every`` n-th has its name below it."""
    width, height, step = 460.0, 110.0, 460.0 / max(len(values), 1)
    most = max(values, default=0) or 1
    parts: list[Part] = []
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        tall = 84 * value / most
        spot = {"x": f"{place * step + step * 0.12:.1f}", "width": f"{step * 0.76:.1f}"}
        parts.append(
            tag(
                "rect",
                tag("title", f"{name}: {value:.0%}"),
                y=f"{90 - max(tall, 1):.1f}",
                height=f"{max(tall, 1):.1f}",
                rx="2",
                class_="lrt-fill",
                **spot,
            )
        )
        if place % every == 0:
            parts.append(tag("text", name, x=f"{(place + 0.5) * step:.1f}", y="104", text_anchor="middle"))
    said = "; ".join(f"{name} {value:.0%}" for value, name in zip(values, names, strict=True))
    return _svg(width, height, f"{label}: {said}", *parts)


def spark(values: Sequence[float], label: str) -> Html:
    """Columns as small as a word, oldest first."""
    most = max(values, default=0) or 1
    parts = [
        tag(
            "rect",
            x=f"{place * 6}",
            width="5",
            y=f"{18 - max(17 * value / most, 1):.1f}",
            height=f"{max(17 * value / most, 1):.1f}",
            class_="lrt-fill",
        )
        for place, value in enumerate(values)
    ]
    return _svg(max(len(values) * 6, 6), 18, f"{label}: {', '.join(f'{value:g}' for value in values)}", *parts)


def points(found: Sequence[Point], label: str) -> Html:
    """Values over time: a dot each, with a scale of values and the first and last day."""
    if not found:
        return Html("")
    width, height, left, right, top, bottom = 460.0, 150.0, 34.0, 452.0, 8.0, 126.0
    times, values = [when for when, _, _ in found], [value for _, value, _ in found]
    first, last = min(times), max(times)
    low, high = min([0.0, *values]), max([1.0, *values])
    span, tall = (last - first) or 1.0, (high - low) or 1.0

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / tall

    parts: list[Part] = []
    for tick in range(_TICKS):
        value = low + tall * tick / (_TICKS - 1)
        parts += [
            tag("line", x1=left, x2=right, y1=f"{y(value):.1f}", y2=f"{y(value):.1f}", class_="lrt-grid"),
            tag("text", f"{value:.2g}", x=left - 6, y=f"{y(value) + 4:.1f}", text_anchor="end"),
        ]
    for when, value, said in found:
        x = (left + right) / 2 if first == last else left + _PAD + (right - left - 2 * _PAD) * (when - first) / span
        parts.append(tag("circle", tag("title", said), cx=f"{x:.1f}", cy=f"{y(value):.1f}", r="3.5", class_="lrt-dot"))
    parts.append(tag("text", day(first), x=left, y=height - 6))
    if last > first:
        parts.append(tag("text", day(last), x=right, y=height - 6, text_anchor="end"))
    return _svg(width, height, f"{label}: {min(values):g} to {max(values):g}", *parts)


def span(low: float, first: float, middle: float, third: float, high: float, scale: tuple[float, float]) -> Html:
    """A box of quartiles on a line from least to most, on a scale that several of them share."""
    begin, end = scale

    def x(value: float) -> str:
        return f"{4 + 152 * (value - begin) / ((end - begin) or 1):.1f}"

    label = f"{low:g} to {high:g}, half of them {first:g} to {third:g}, median {middle:g}"
    wide = max(float(x(third)) - float(x(first)), 3)
    parts = (
        tag("line", x1=x(low), x2=x(high), y1="9", y2="9", class_="lrt-line"),
        tag("rect", x=x(first), y="4", width=f"{wide:.1f}", height="10", rx="2", class_="lrt-box"),
        tag("circle", cx=x(middle), cy="9", r="3.5", class_="lrt-dot"),
    )
    return _svg(160, 18, label, *parts)
