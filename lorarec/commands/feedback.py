"""Tell what you think of your LoRAs: suggestions follow at once.

like, dislike, neutral    suggest it sooner, later, as if nothing had been said
hide, show                never suggest it, suggest it again
dismiss                   not for this prompt (--prompt) and prompts like it
undismiss                 takes that back for the prompt, or without --prompt for all

What you like and hide is kept even with the history off, without the prompt. Of a LoRA that is not installed any more
neutral, show and undismiss take the id, as `lorarec history show --json` lists it.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from ..errors import NotIndexed, UnknownLora, UsageError
from ..history_types import Event, EventKind
from ..naming import can_take_back
from ..present import plain, print_json, remark, remarks
from .arguments import add_json
from .common import opened, own_command

if TYPE_CHECKING:
    from ..recommender import Recommender

KINDS = (
    EventKind.LIKE,
    EventKind.DISLIKE,
    EventKind.NEUTRAL,
    EventKind.HIDE,
    EventKind.SHOW,
    EventKind.DISMISS,
    EventKind.UNDISMISS,
)
_SAID = {
    EventKind.LIKE: "liked",
    EventKind.DISLIKE: "disliked",
    EventKind.NEUTRAL: "neither liked nor disliked",
    EventKind.HIDE: "hidden",
    EventKind.SHOW: "no longer hidden",
    EventKind.DISMISS: "dismissed for this prompt",
    EventKind.UNDISMISS: "no longer dismissed",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("kind", choices=[kind.value for kind in KINDS])
    parser.add_argument("names", nargs="+", metavar="LORA", help="its path below the LoRA folder, file name or title")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="the prompt you were working on")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Record the feedback; none of it if a name is unknown.

    Raises:
        UsageError: a dismissal without a prompt, or with the history off.
        UnknownLora: no LoRA, or several, go by a name.
        NotIndexed: there is no index yet.
    """
    kind = EventKind(args.kind)
    if kind is EventKind.DISMISS and not args.prompt.strip():
        raise UsageError("say for which prompt: --prompt TEXT; `feedback hide` is for all prompts")
    with opened(args) as recommender:
        remarks(recommender.set_aside)
        memory = recommender.memory
        loras = [_meant(recommender, name, kind) for name in args.names]
        if kind in (EventKind.DISMISS, EventKind.UNDISMISS) and not memory.history.recording:
            raise UsageError(f"the history is off, so that nothing is kept for a prompt; `{own_command()} history on`")
        at, project = time.time(), recommender.settings.project
        stored = [
            memory.record_event(Event(kind=kind, lora=id_, at=at, prompt=args.prompt, project=project))
            for id_, _ in loras
        ]
    if args.json:
        rows = zip(loras, stored, strict=True)
        print_json(
            [
                {"lora": path, "id": id_, "kind": kind.value, "stored": number is not None}
                for (id_, path), number in rows
            ]
        )
    elif None not in stored:
        for _, path in loras:
            print(plain(f"{_SAID[kind]}: {path}"))
    if None in stored:
        remark("not recorded: the prompt matches one of the setting history_exclude")
    return 0


def _meant(recommender: Recommender, name: str, kind: EventKind) -> tuple[str, str]:
    """Id and path of a LoRA; of one that is not installed the id is all there is. Raises `UnknownLora`."""
    try:
        lora = recommender.find(name)
    except (UnknownLora, NotIndexed):
        if can_take_back(recommender, name, kind):
            return name, name
        raise
    return lora.id, lora.path
