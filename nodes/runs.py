"""What a finished prompt made, read from the entry that ComfyUI keeps of it in its history.

An entry is what GET /history gives, the same in every version:

    prompt   (number, prompt id, API graph as it was queued, extra data, output nodes)
    outputs  node id -> {"images": [{"filename", "subfolder", "type"}, ...], ...}; a cached node repeats its old ones
    status   {"status_str", "completed", "messages": [(event, {...}), ...]}
    meta     node id -> {"real_node_id", ...}; differs from the id for nodes that another node expanded into

The graph was copied before the first node ran. So it holds what the user asked for, and not what a Recommend LoRAs
node chose in this very run: nobody has seen that choice yet, and to learn from it would be lorarec agreeing with
itself. Once the browser has put the choice into the workflow and it is queued again, it is in the graph and counts.
Where the browser asked for the choice as it queued the workflow, it is in the graph already and the workflow says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

UNSEEN = "lorarec_unseen"  # in the workflow's "extra": ids of nodes that got their selection as they were queued
VIDEOS = (".gif", ".mp4", ".webm", ".mkv", ".mov")  # made like images, but without metadata that anybody harvests


class Run(NamedTuple):
    """A prompt that was executed to its end and saved something new."""

    graph: dict[str, Any]  # API graph as queued
    images: tuple[str, ...]  # absolute paths of the new image files that are there; none where it made a video


def read_run(entry: dict[str, Any], output_dir: str) -> Run | None:
    """Read a history entry; None if the prompt failed, was cancelled, or saved no new image or video.

    Previews lie in the temporary folder and do not count: a draft is not kept by its maker either. ``completed`` of the
    status is not asked, since ComfyUI carries it over from the prompt before when no node ran.
    """
    messages = {message[0]: message[1] for message in (entry.get("status") or {}).get("messages", ())}
    if "execution_success" not in messages:
        return None
    from ..lorarec.history.harvest.walk import ENDINGS

    cached = set(messages.get("execution_cached", {}).get("nodes", ()))
    saved = [(os.path.splitext(item["filename"])[1].lower(), item) for item in _saved(entry, cached)]
    if not any(ending in ENDINGS or ending in VIDEOS for ending, _ in saved):
        return None
    paths = (_inside(output_dir, item) for ending, item in saved if ending in ENDINGS)
    images = dict.fromkeys(path for path in paths if path and os.path.isfile(path))
    return Run(_without_unseen(*entry["prompt"][2:4]), tuple(images))


def _without_unseen(graph: dict[str, Any], extra_data: Any = None) -> dict[str, Any]:
    """The graph without selections that nobody had seen when it was queued."""
    ids: Any = extra_data
    for name in ("extra_pnginfo", "workflow", "extra", UNSEEN):
        ids = ids.get(name) if isinstance(ids, dict) else None
    found: dict[str, Any] = {}
    for id_ in ids if isinstance(ids, list) and isinstance(graph, dict) else ():
        node = graph.get(id_) if isinstance(id_, str) else None
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict):
            found[id_] = {**node, "inputs": {**node["inputs"], "selection": ""}}
    return {**graph, **found} if found else graph


def _saved(entry: dict[str, Any], cached: set[str]) -> Iterator[dict[str, Any]]:
    """Everything that nodes of this run saved as output. Its key differs by node: images, gifs, video ..."""
    meta = entry.get("meta") or {}
    for node_id, shown in entry["outputs"].items():
        if meta.get(node_id, {}).get("real_node_id", node_id) in cached or not isinstance(shown, dict):
            continue
        for items in shown.values():
            for item in items if isinstance(items, (list, tuple)) else ():
                if isinstance(item, dict) and item.get("type") == "output" and isinstance(item.get("filename"), str):
                    yield item


def _inside(folder: str, item: dict[str, Any]) -> str | None:
    """Absolute path of a saved file; None if that is not below the output folder."""
    path = os.path.normpath(os.path.join(folder, str(item.get("subfolder") or ""), item["filename"]))
    return path if path.startswith(os.path.join(folder, "")) else None
