"""The options that describe a query, and the query they describe."""

from __future__ import annotations

import argparse

from ..types import Active, Query, Role, Safety
from .arguments import bounds, number

HEAVIEST = 100.0  # weight of a LoRA that anybody may mean, as in the API
ROLES = [role.value for role in Role]
SAFETIES = ["auto", *(level.name.lower() for level in Safety)]


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which LoRAs qualify and how they are mixed."""
    parser.add_argument(
        "--min-score",
        type=number(*bounds("min_score")),
        metavar="X",
        help="below this score, 0 to 1, nothing counts as fitting",
    )
    parser.add_argument(
        "--diversity",
        type=number(*bounds("diversity")),
        metavar="D",
        help="0: by relevance alone, 1: as different as possible",
    )
    parser.add_argument(
        "--explore", type=number(*bounds("explore")), metavar="E", help="share of slots, 0 to 1, for new LoRAs"
    )
    parser.add_argument(
        "--no-collapse", action="store_true", help="show every version of a model instead of the best one"
    )
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        choices=ROLES,
        metavar="ROLE",
        help=f"only LoRAs of this role; repeatable; one of {', '.join(ROLES)}",
    )
    parser.add_argument(
        "--exclude-role",
        action="append",
        default=[],
        choices=ROLES,
        metavar="ROLE",
        help="no LoRAs of this role; repeatable",
    )
    parser.add_argument(
        "--folder", action="append", default=[], metavar="DIR", help="only below this folder of a LoRA root; repeatable"
    )
    parser.add_argument(
        "--exclude-folder", action="append", default=[], metavar="DIR", help="nothing below this folder; repeatable"
    )
    parser.add_argument(
        "--safety",
        choices=SAFETIES,
        default="auto",
        metavar="LEVEL",
        help=f"most explicit level to suggest: {', '.join(SAFETIES)} (default: auto, as the prompt)",
    )


def active(text: str) -> Active:
    """An argparse type: ``NAME``, ``NAME:0.8`` or ``<lora:NAME:0.8>``."""
    inner = text.strip()
    if inner.lower().startswith("<lora:") and inner.endswith(">"):
        inner = inner[6:-1]
    name, colon, weight = inner.rpartition(":")
    try:
        strength = float(weight) if colon and name else None
    except ValueError:
        strength = None
    if strength is None:
        return Active(inner)
    if not abs(strength) <= HEAVIEST:
        raise argparse.ArgumentTypeError(f"the weight of {name!r} is no usable number")
    return Active(name, strength)


def query(args: argparse.Namespace, prompt: str) -> Query:
    """The query that the options describe."""
    return Query(
        prompt=prompt,
        negative=clean(args.negative),
        active=tuple(args.active),
        base_model=args.base_model,
        roles=tuple(Role(name) for name in args.role),
        exclude_roles=tuple(Role(name) for name in args.exclude_role),
        folders=tuple(args.folder),
        exclude_folders=tuple(args.exclude_folder),
        safety=None if args.safety == "auto" else Safety[args.safety.upper()],
        min_score=args.min_score,
        diversity=args.diversity,
        explore=args.explore,
        collapse=False if args.no_collapse else None,
        seed=args.seed,
    )


def clean(text: str) -> str:
    """Text from a shell whose bytes were no valid Unicode, made valid."""
    return text.encode("utf-8", "replace").decode("utf-8")
