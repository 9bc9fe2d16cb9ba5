"""Live capture: what this ComfyUI makes and what our node suggests is remembered as it happens.

ComfyUI has no callback for a finished prompt, and nothing it offers says what counts: executed to its end, and with
which files. ``add_on_prompt_handler`` is called on the event loop when a prompt is *queued*, which may yet be cancelled
or fail. The message ``execution_success`` goes to a browser, and only if one listens. Progress handlers are dropped at
the start of every prompt. Whoever polls the history misses what a client deletes at once.

So ``task_done`` of the one prompt queue is wrapped. Every version calls it once per prompt, on the worker thread, after
the last node. The wrapper hands on exactly what it was given, then puts a reference to the stored entry on a short list
that one thread reads. Nothing else happens on ComfyUI's threads: no file, no database, no import.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..lorarec.worker import Worker
from . import host, library
from .resolve import with_slashes
from .runs import read_run

if TYPE_CHECKING:
    from ..lorarec.types import Query, Suggestions

LISTENER = "lorarec_executed"  # attribute of the queue: who is told about a finished prompt

_worker = Worker(host.warn)


def install() -> None:
    """Listen to the prompt queue of this process, if there is one; loading the pack again listens no second time."""
    queue = host.prompt_queue()
    if queue is None:
        return
    kept = (getattr(queue, name, None) for name in ("currently_running", "history"))
    if not all(isinstance(one, dict) for one in kept) or not callable(getattr(queue, "task_done", None)):
        host.warn("this ComfyUI's queue is unknown; images are not remembered live, only with `lorarec harvest`")
        return
    listening = hasattr(queue, LISTENER)
    setattr(queue, LISTENER, executed)
    if listening:
        return
    original = queue.task_done

    @functools.wraps(original)
    def task_done(item_id: Any, *rest: Any, **named: Any) -> Any:
        item = queue.currently_running.get(item_id)
        answer = original(item_id, *rest, **named)
        try:
            entry = queue.history.get(item[1])
            if entry is not None:
                getattr(queue, LISTENER)(entry)
        except Exception as error:  # ComfyUI's worker thread: it dies of an exception and takes no more prompts
            _worker.complain(error)
        return answer

    queue.task_done = task_done


def executed(entry: dict[str, Any]) -> None:
    """Remember a finished prompt, given as ComfyUI's history entry. Returns at once."""
    at = time.time()
    _worker.put(lambda: _remember_run(entry, at))


def shown(query: Query, answer: Suggestions) -> None:
    """Remember that a node suggested something to the user. Returns at once."""
    at = time.time()
    _worker.put(lambda: _remember_shown(query, answer, at))


def recording() -> bool:
    """Whether things may be remembered. The setting is read anew each time: it may be switched off from the shell.

    Not under ``--multi-user``: ComfyUI knows who calls a route, but a prompt in its queue carries no user, and one
    person's images must not become another's history.

    Raises:
        BadFile: what the settings say about the history cannot be read.
        MissingPart: this Python lacks a package.
    """
    with library.packages_named():
        from ..lorarec import settings

    return settings.remembers(host.ComfyHost().data_dir()) and not host.multi_user()


def _remember_run(entry: dict[str, Any], at: float) -> None:
    run = read_run(entry, host.output_dir())
    if run is None or not recording():
        return
    import json

    from msgspec.structs import replace

    from ..lorarec.history.harvest.readers import read_generation

    shared = library.recommender()
    # The host's own list tells a LoRA from another text before the first scan is done.
    names = {with_slashes(name) for name in host.lora_names()}
    links = shared.memory.links
    # As a harvest reads the file, where an infotext beside the graph may hold a text that was made at run time.
    texts = {**_texts(run.images), "prompt": json.dumps(run.graph)}
    made = read_generation(texts, lambda name: with_slashes(name) in names or links.known(name))
    if made is not None:
        shared.memory.record_generation(replace(made, made=at, project=shared.settings.project), run.images)


def _texts(images: Sequence[str]) -> dict[str, str]:
    """What the first image says of itself; nothing if there is none, or it cannot be read."""
    from ..lorarec.errors import BadFile
    from ..lorarec.history.harvest.metadata import read_metadata

    try:
        return read_metadata(images[0]) if images else {}
    except BadFile:
        return {}


def _remember_shown(query: Query, answer: Suggestions, at: float) -> None:
    if recording():
        library.recommender().memory.record_shown(query, answer, at=at)
