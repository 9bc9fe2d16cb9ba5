"""Show, export and delete what is remembered of what you make, and switch remembering off or on.

lorarec history                                     the newest generations
lorarec history show --lora NAME --since 30d        those with a LoRA, of a period
lorarec history export FILE                         everything, as JSON Lines; - is stdout
lorarec history delete --since DATE --until DATE    a period, for good
lorarec history delete --lora NAME                  everything that mentions a LoRA
lorarec history delete --pattern TEXT               what has such a prompt: a word or a regular expression
lorarec history delete --all                        everything
lorarec history off                                 from now on nothing is recorded or used

NAME is an installed LoRA, or a name as `history show` prints it. DATE is like 2026-01-31, or an age like 30d or 12h.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict, replace

from ..database import FILE
from ..errors import StorageError, UsageError
from ..host import PlainHost
from ..naming import remembered
from ..present import console, number, plain, print_json, remark, remarks
from ..readable import minute, short
from .arguments import MOST, add_json, refuse_others, whole
from .common import change_settings, opened, own_command
from .moments import since, until

if TYPE_CHECKING:
    from ..history_types import PastGeneration
    from ..recommender import Recommender

LIMIT = 20  # generations shown unless asked otherwise
LONGEST = 160  # characters of a prompt in the table; --json prints all
_TAKES = {
    "show": {"since", "until", "lora", "pattern", "project", "limit"},
    "export": {"file"},
    "delete": {"since", "until", "lora", "pattern", "all", "yes"},
    "off": set[str](),
    "on": set[str](),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("action", nargs="?", choices=tuple(_TAKES), default="show", help="default: show")
    parser.add_argument("file", nargs="?", metavar="FILE", help="export: where to; - or nothing is stdout")
    parser.add_argument("--since", type=since, metavar="DATE", help="show, delete: not what is older")
    parser.add_argument("--until", type=until, metavar="DATE", help="show, delete: not what is newer than that day")
    parser.add_argument("--lora", metavar="NAME", help="show, delete: only with this LoRA")
    parser.add_argument("--pattern", metavar="TEXT", help="show, delete: only prompts that match this")
    parser.add_argument("--project", metavar="NAME", help="show: only of this project")
    parser.add_argument("--limit", type=whole(1, MOST), metavar="N", help=f"show: how many at most (default: {LIMIT})")
    parser.add_argument("--all", action="store_true", help="delete: everything")
    parser.add_argument("--yes", action="store_true", help="delete: do not ask")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Show, export, delete, or switch.

    Raises:
        UsageError: an option makes no sense here, or nobody agreed to a deletion.
        UnknownLora: neither an installed LoRA nor one in the history has that name.
    """
    refuse_others(args, "history", _TAKES)
    if args.action in ("on", "off"):
        return _switch(args)
    with opened(args) as recommender:
        remarks(recommender.set_aside)
        return {"show": _show, "export": _export, "delete": _delete}[args.action](args, recommender)


# -- show -------------------------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace, recommender: Recommender) -> int:
    history = recommender.memory.history
    lora = None if args.lora is None else remembered(recommender, args.lora)
    past = history.past(
        since=args.since,
        until=args.until,
        lora=lora,
        pattern=args.pattern,
        project=args.project,
        limit=args.limit or LIMIT,
    )
    past.reverse()
    loras = recommender.loras()
    paths = dict(zip(loras.ids, loras.paths, strict=True))
    opinions = history.opinions()
    state = {
        "recording": history.recording,
        "counts": history.counts(),
        "liked": sorted(paths.get(id_, id_) for id_, opinion in opinions.items() if opinion > 0),
        "disliked": sorted(paths.get(id_, id_) for id_, opinion in opinions.items() if opinion < 0),
        "hidden": sorted(paths.get(id_, id_) for id_ in history.hidden()),
    }
    if args.json:
        print_json({**state, "generations": past})
        return 0
    if past:
        _table(past)
    elif history.counts().generations:
        print("No generation is of this kind.")
    print(_summary(state))
    if not history.recording:
        remark(f"the history is off: nothing is recorded or used; `{own_command()} history on` changes that")
    return 0


def _table(past: Sequence[PastGeneration]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Made", no_wrap=True)
    table.add_column("LoRAs", ratio=2, overflow="fold")
    table.add_column("Prompt", ratio=3, overflow="fold")
    table.add_column("Images", overflow="fold")
    for one in past:
        loras = Text()
        for use in one.loras:
            loras.append("\n" if loras else "")
            loras.append(plain(use.name or "?"))
            loras.append(f" {number(use.strength)}" if use.strength is not None else "", "cyan")
            loras.append(f" {use.how if use.lora else use.how or 'not linked'}", "dim" if use.lora else "yellow")
        prompt = "unknown" if one.prompt is None else short(" ".join(one.prompt.split()), LONGEST)
        made = [minute(one.made), *filter(None, (one.host, one.project))]
        table.add_row(
            Text(plain("\n".join(made))),
            loras,
            Text(plain(prompt), "dim" if one.prompt is None else ""),
            Text("\n".join(_images(one)), "dim"),
        )
    console().print(table)


def _images(one: PastGeneration) -> Iterator[str]:
    yield str(one.images or "-")
    for name in ("liked", "deleted"):
        if amount := getattr(one, name):
            yield f"{amount} {name}"


def _summary(state: dict[str, Any]) -> str:
    counts = state["counts"]
    if not any(value for name, value in asdict(counts).items() if name not in ("first", "last")):
        return "Nothing is remembered yet."
    parts = [f"{counts.generations:,} generations"]
    if counts.first is not None:
        parts[0] += f" from {minute(counts.first)} to {minute(counts.last)}"
    named = {
        "LoRAs": counts.loras,
        "names not linked": counts.unlinked,
        "image files seen": counts.images,
        "answers": counts.impressions,
        "events": counts.events,
        "counts of other tools": counts.usage,
        **{name: len(state[name]) for name in ("liked", "disliked", "hidden")},
    }
    return ", ".join([*parts, *(f"{amount:,} {name}" for name, amount in named.items() if amount)])


# -- export -----------------------------------------------------------------------------------------------------------


def _export(args: argparse.Namespace, recommender: Recommender) -> int:
    rows = recommender.memory.history.export()
    if args.file in (None, "-"):
        for row in rows:
            print_json(row, compact=True)
        return 0
    count = 0
    try:
        with Path(args.file).open("wb") as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")
                count += 1
    except OSError as error:
        raise StorageError(f"{args.file} cannot be written ({error.strerror}); name a file elsewhere") from error
    remark(f"{count:,} lines were written to {args.file}; they hold your prompts")
    return 0


# -- delete -----------------------------------------------------------------------------------------------------------


def _delete(args: argparse.Namespace, recommender: Recommender) -> int:
    history = recommender.memory.history
    part = any(given is not None for given in (args.since, args.until, args.lora, args.pattern))
    if args.all and part:
        raise UsageError("--all deletes everything; leave it out to delete a part of it")
    if not args.all and not part:
        raise UsageError("say what to delete: --since, --until, --lora, --pattern, or --all")
    lora = None if args.lora is None else remembered(recommender, args.lora)
    period = {"since": args.since, "until": args.until, "lora": lora, "pattern": args.pattern}
    if not args.yes:
        amount = history.counts().generations if args.all else len(history.past(**period))
        _ask(f"This deletes {amount:,} generations and all else that is remembered of {_what(args)}, for good.")
    deleted = recommender.memory.delete(**period, everything=args.all)
    if args.json:
        print_json(deleted)
    else:
        named = {"impressions": "answers", "usage": "counts of other tools", "images": "image files forgotten"}
        amounts = {name: value for name, value in asdict(deleted).items() if name != "wiped"}
        print("deleted:", ", ".join(f"{amount:,} {named.get(name, name)}" for name, amount in amounts.items()))
    if not deleted.wiped:
        remark("another program is using the database: remains may stand in its files; close it and delete again")
    if args.all:
        for kept in sorted(recommender.data_dir.glob(f"{FILE}.damaged-*")):
            remark(f"{kept} was set aside when it was damaged, and may hold an older history; delete it yourself")
    return 0


def _what(args: argparse.Namespace) -> str:
    if args.all:
        return "you"
    parts = [args.lora or "you"]
    parts += [f"since {minute(args.since)}"] if args.since is not None else []
    parts += [f"until {minute(args.until)}"] if args.until is not None else []
    parts += [f"with prompts that match {args.pattern!r}"] if args.pattern is not None else []
    return " ".join(parts)


def _ask(sentence: str) -> None:
    """Ask on a terminal whether to go on.

    Raises:
        UsageError: there is nobody to ask, or the answer was no.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("deleting cannot be undone; add --yes where nobody can be asked")
    print(plain(sentence), "Delete? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was deleted")


# -- off, on ----------------------------------------------------------------------------------------------------------


def _switch(args: argparse.Namespace) -> int:
    data_dir = PlainHost((), args.data).data_dir()
    on = args.action == "on"
    change_settings(data_dir, lambda now: replace(now, history=on))
    if args.json:
        print_json({"history": on})
    elif on:
        print("The history is on: what you make is remembered, on this machine only.")
    else:
        print("The history is off: nothing is recorded or used.")
        remark(f"what was recorded before is kept until `{own_command()} history delete --all`")
    return 0
