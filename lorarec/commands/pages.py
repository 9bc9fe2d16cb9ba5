"""What a page of several short tables is drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from ..present import NARROW, bar, unicode_output

if TYPE_CHECKING:
    from rich.console import Console

BAR_CELLS = 10
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS = " .:-=+*#@"
_NUMBERS = ("#", "n", "usual", "last", "how often", "sessions", "size")  # headings of columns set to the right

Cell = str | tuple[str, str]  # text, or text and style
Cells = Sequence[Cell]  # of a row


def spark(values: Sequence[float], stream: TextIO) -> str:
    """A chart of one character per value, the largest fills its cell; 0 is a blank, anything else is seen."""
    levels = _LEVELS if unicode_output(stream) else _ASCII_LEVELS
    most = max(values, default=0.0)
    if most <= 0:
        return " " * len(values)
    return "".join(levels[max(1, round(value / most * (len(levels) - 1))) if value > 0 else 0] for value in values)


def cut(text: str, cells: int) -> str:
    """A text cut to a number of terminal cells."""
    from rich.text import Text

    shorter = Text(text)
    shorter.truncate(cells, overflow="ellipsis")
    return shorter.plain


class Page:
    """Titles, lines and tables on a console."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self.width = out.width
        self.wide = out.width >= NARROW

    def bar(self, share: float) -> str:
        """A bar of a share 0..1."""
        return bar(share, BAR_CELLS, self._out.file)  # type: ignore[arg-type]

    def spark(self, values: Sequence[float]) -> str:
        """See `spark`."""
        return spark(values, self._out.file)  # type: ignore[arg-type]

    def title(self, text: str) -> None:
        """Begin a section."""
        from rich.text import Text

        self._out.print()
        self._out.print(Text(text, "bold underline" if self._out.is_terminal else "bold"))

    def line(self, *parts: Cell, indent: int = 0) -> None:
        """Print one line; where it is too long it goes on below, indented alike."""
        from rich.padding import Padding
        from rich.text import Text

        text = Text.assemble(*parts)
        self._out.print(Padding(text, (0, 0, 0, indent)) if indent else text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Cells], more: int) -> None:
        """A titled table, and how many rows were left out; nothing without rows."""
        from rich.table import Table
        from rich.text import Text

        if not rows:
            return
        self.title(title)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(columns))
        for heading in columns:
            table.add_column(Text(heading), justify="right" if heading in _NUMBERS else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(*cell) if isinstance(cell, tuple) else Text(cell) for cell in row))
        self._out.print(table)
        if more > 0:
            self.line((f"and {more} more; --json lists them", "dim"))
