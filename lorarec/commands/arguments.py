"""Options that several verbs have, and the argparse types that read numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping

from ..errors import UsageError
from ..settings import OPTIONS

POSITIONAL = ("file", "name")  # arguments without dashes
MOST = 1_000_000_000  # of whatever is counted: more fits neither memory nor the database
SEEDS = (0, 2**32 - 1)  # as numpy's generators take them, and the API


def add_json(parser: argparse.ArgumentParser, help: str = "print JSON instead of a table") -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help=help)


def add_top(parser: argparse.ArgumentParser) -> None:
    """Add --top."""
    parser.add_argument(
        "--top",
        type=whole(*bounds("top")),
        metavar="N",
        help="how many to show, 1 to 1000 (default: the setting `top`)",
    )


def add_refresh(parser: argparse.ArgumentParser) -> None:
    """Add --no-refresh."""
    parser.add_argument(
        "--no-refresh", action="store_true", help="answer from the index as it is, without looking for changed files"
    )


def add_address(parser: argparse.ArgumentParser, usual: int) -> None:
    """Add --host, --port and --allow-host: where to serve, by default at a port of this machine alone."""
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="listen on it (default: 127.0.0.1)")
    parser.add_argument("--port", type=port, default=usual, metavar="N", help=f"0: any free one (default: {usual})")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name that browsers reach it by, e.g. of a proxy before it; repeatable",
    )


def refuse_others(args: argparse.Namespace, verb: str, takes: Mapping[str, Collection[str]]) -> None:
    """Refuse what the action of a verb does not take, instead of passing over it.

    Args:
        args: with ``action``; what was not given is None or False.
        verb: its name.
        takes: action -> names of the arguments that it takes and others may not; those of `POSITIONAL` have no dashes.

    Raises:
        UsageError: something was given that the action does not take.
    """
    for name in sorted(set().union(*takes.values()) - set(takes[args.action])):
        given = getattr(args, name)
        if given is not None and given is not False:  # 0 is something given
            shown = name if name in POSITIONAL else f"--{name}"
            raise UsageError(f"{verb} {args.action} takes no {shown}")


def bounds(setting: str) -> tuple[float, float]:
    """The least and the largest value of a setting."""
    option = OPTIONS[setting]
    return option.low or 0.0, option.high if option.high is not None else float("inf")


def number(low: float, high: float) -> Callable[[str], float]:
    """An argparse type: a number within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} must lie between {low:.10g} and {high:.10g}")
        return value

    return read


def whole(low: float, high: float) -> Callable[[str], int]:
    """An argparse type: a whole number within bounds."""
    within = number(low, high)

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        within(text)
        return value

    return read


def port(text: str) -> int:
    """An argparse type: a port number."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; 0 to 65535")
    return int(text)
