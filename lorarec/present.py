"""What the command line shows: tables on stdout, remarks on stderr, JSON for programs.

Colour appears on a terminal only. Drawing falls back to ASCII where the console knows no more.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from .errors import MissingPart
from .types import Suggestion, Suggestions

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

NARROW = 96  # columns below which a suggestion is a block of lines instead of a table row
PIPE_WIDTH = 110  # columns where there is no terminal to ask


def console(stream: TextIO | None = None) -> Console:
    """A rich console on a stream (default stdout).

    Raises:
        MissingPart: rich is not installed.
    """
    try:
        from rich.console import Console
    except ImportError as error:
        raise MissingPart("tables need the package rich: pip install rich, or ask for --json") from error
    stream = stream or sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=False)


def unicode_output(stream: TextIO) -> bool:
    """Whether a stream can show any character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")


def print_json(value: Any, *, compact: bool = False) -> None:
    """Print a value as JSON: one line if compact, else indented. Valid on a console of any encoding."""
    plain = msgspec.to_builtins(value)
    ascii_only = not unicode_output(sys.stdout)
    text = json.dumps(plain, ensure_ascii=ascii_only, allow_nan=False, indent=None if compact else 2)
    # Half a surrogate pair, from a file name that is no Unicode, has no UTF-8 but a JSON escape.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    print(text, flush=compact)


def remark(sentence: str) -> None:
    """Say something on stderr that is no result."""
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def remarks(sentences: Sequence[str]) -> None:
    """Say each sentence once, on stderr."""
    for sentence in dict.fromkeys(sentences):
        remark(sentence)


def bar(share: float, cells: int, stream: TextIO) -> str:
    """A bar of a share 0..1."""
    share = min(max(share, 0.0), 1.0)
    if not unicode_output(stream):
        full = round(share * cells)
        return "#" * full + "." * (cells - full)
    eighths = round(share * cells * 8)
    text = "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
    return text + " " * (cells - len(text))


def number(value: float) -> str:
    """A strength: two digits, without a needless third."""
    return f"{value:.2f}"


def show_suggestions(answer: Suggestions, out: Console, *, least: float = 0.0, what: str = "prompt") -> None:
    """Print ranked suggestions as a table with reasons; a tail of scores below ``least`` is only counted."""
    from rich.text import Text

    if not answer.suggestions:
        out.print(Text(f"No LoRA in your library qualifies for this {what}.", "yellow"))
        return
    if answer.abstained:
        out.print(Text("Nothing in your library fits well; closest:", "yellow"))
    wide = out.width >= NARROW
    if wide:
        out.print(_header(out))
    fitting = [rank for rank, one in enumerate(answer.suggestions, 1) if one.score >= least]
    shown = answer.suggestions[: fitting[-1]] if fitting else answer.suggestions
    for rank, suggestion in enumerate(shown, 1):
        if wide:
            out.print(_row(rank, suggestion, out))
        else:
            _print_block(rank, suggestion, out)
        for line in _below(suggestion):
            out.print(_indented(line, 4))
        if rank < len(shown):
            out.print()
    if more := len(answer.suggestions) - len(shown):
        out.print()
        out.print(
            Text(
                f"and {more} less likely (below {least:g}); --min-score 0 shows {'it' if more == 1 else 'them'}", "dim"
            )
        )


def _widths(out: Console) -> tuple[int, int, int, int, int, int]:
    """Columns of rank, name, strength, trigger words, base model, fit."""
    fixed = (3, 14, 13, 12)
    rest = max(out.width - sum(fixed) - 5, 24)
    return fixed[0], rest * 45 // 100, fixed[1], rest - rest * 45 // 100, fixed[2], fixed[3]


def _grid(out: Console, cells: Sequence[RenderableType]) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    for width in _widths(out):
        grid.add_column(width=width, overflow="fold")
    grid.add_row(*cells)
    return grid


def _header(out: Console) -> RenderableType:
    from rich.text import Text

    names = (" #", "LoRA", "Strength", "Trigger words", "Base model", "Fit")
    return _grid(out, [Text(name, "bold underline" if out.is_terminal else "bold") for name in names])


def _row(rank: int, suggestion: Suggestion, out: Console) -> RenderableType:
    from rich.text import Text

    triggers = ", ".join(suggestion.trigger_words)
    return _grid(
        out,
        [
            Text(f"{rank:>2}", "dim"),
            Text(plain(suggestion.name), "bold"),
            _strength(suggestion),
            Text(plain(triggers), "green") if triggers else Text("-", "dim"),
            _base(suggestion),
            _fit(suggestion.score, out),
        ],
    )


def _print_block(rank: int, suggestion: Suggestion, out: Console) -> None:
    from rich.text import Text

    fit, name = _fit(suggestion.score, out), Text(plain(suggestion.name), "bold")
    out.print(Text.assemble((f"{rank:>2}  ", "dim"), fit, "  ", name))
    strength = suggestion.strength
    facts = Text.assemble("strength ", (number(strength.model), "cyan"))
    if strength.clip != strength.model:
        facts.append(f", clip {number(strength.clip)}", "cyan")
    if strength.low != strength.high:
        facts.append(f" ({number(strength.low)} to {number(strength.high)})", "dim")
    facts.append(" | ", "dim").append_text(_base(suggestion))
    if suggestion.trigger_words:
        facts.append(" | ", "dim").append(plain(", ".join(suggestion.trigger_words)), "green")
    out.print(_indented(facts, 4))


def _indented(text: RenderableType, columns: int) -> RenderableType:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, columns))


def _strength(suggestion: Suggestion) -> Any:
    from rich.text import Text

    strength = suggestion.strength
    text = Text.assemble((number(strength.model), "bold cyan"))
    if strength.clip != strength.model:
        text.append(f" clip {number(strength.clip)}", "cyan")
    if strength.low != strength.high:
        text.append(f"\n{number(strength.low)} to {number(strength.high)}", "cyan")
    return text


def _base(suggestion: Suggestion) -> Any:
    from rich.text import Text

    fit = suggestion.base_model
    if fit is None:
        return Text("unknown", "dim")
    text = Text(fit.name, "yellow" if suggestion.base_model_doubt else "")
    if fit.probability < 0.9:
        text.append(f" {fit.probability:.0%}", "dim")
    return text


def _fit(score: float, out: Console) -> Any:
    from rich.text import Text

    style = "green" if score >= 0.5 else "yellow" if score >= 0.2 else "red"
    return Text.assemble((bar(score, 6, out.file), style), f" {score:.2f}")  # type: ignore[arg-type]


def _below(suggestion: Suggestion) -> Iterator[Any]:
    """Lines under a suggestion: reasons, doubts, other versions, its file."""
    from rich.text import Text

    for reason in suggestion.reasons:
        yield Text(f"- {plain(reason.text)}")
    if suggestion.base_model_doubt:
        yield Text(f"- {plain(suggestion.base_model_doubt)}", "yellow")
    tail = [plain(suggestion.lora)]
    if suggestion.partner:
        tail.append(f"low noise: {plain(suggestion.partner)}")
    if suggestion.versions:
        tail.append("also installed: " + ", ".join(plain(name) for name in suggestion.versions))
    if suggestion.strength.source:
        tail.append(f"strength: {plain(suggestion.strength.source)}")
    yield Text(" | ".join(tail), "dim")


def plain(text: str) -> str:
    """Text from files and pages without control characters, which could move the cursor or recolour the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else " " if char in "\t\r" else "?" for char in text)
