"""ComfyUI as lorarec's host, and the few calls the nodes make to it.

ComfyUI's modules are imported inside the functions: this package must load without them, and every version of
ComfyUI has a slightly different set of them. The standard library's slower ones are too, since ComfyUI imports every
pack at every start.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..lorarec.graphics import GraphicsMemory

FOLDER = "loras"

_graphics: GraphicsMemory | None = None
_waiting = 0
_waiting_lock = threading.Lock()


class ComfyHost:
    """The `Host` that the core sees inside ComfyUI."""

    name = "comfyui"

    def lora_roots(self) -> Sequence[Path]:
        """All folders registered for LoRAs, in ComfyUI's order of precedence.

        It adds one below its output by itself, which only those have who save LoRAs: nobody is to be told it is gone.
        """
        from pathlib import Path

        import folder_paths

        from ..lorarec.paths import is_folder

        saved = Path(folder_paths.get_output_directory()) / FOLDER
        roots = [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)]
        return [root for root in roots if root != saved or is_folder(root)]

    def data_dir(self) -> Path:
        """A folder in ComfyUI's user directory that its web server does not serve.

        ``LORAREC_DATA`` wins, so that one data folder can serve several hosts.
        """
        from pathlib import Path

        from ..lorarec.paths import expanded

        named = os.environ.get("LORAREC_DATA", "")
        if named:
            return Path(expanded(named))
        import folder_paths

        system = getattr(folder_paths, "get_system_user_directory", None)
        if system is not None:
            return Path(system("lorarec"))
        return Path(folder_paths.get_user_directory()) / "__lorarec"

    def busy(self) -> bool:
        """Whether a prompt runs. Not while one of our own nodes waits for the index: that would never end."""
        if _waiting:
            return False
        return bool(getattr(prompt_queue(), "currently_running", None))

    def graphics(self) -> GraphicsMemory:
        """ComfyUI's memory management; one for the process, since it keeps what is borrowed."""
        global _graphics
        if _graphics is None:
            from .memory import comfy_memory

            _graphics = comfy_memory()
        return _graphics


@contextmanager
def waiting_for_index() -> Iterator[None]:
    """Let scans go on although a prompt runs, because that prompt waits for them."""
    global _waiting
    with _waiting_lock:
        _waiting += 1
    try:
        yield
    finally:
        with _waiting_lock:
            _waiting -= 1


def lora_names() -> list[str]:
    """Every installed LoRA under the name ComfyUI's nodes use, with the system's own separators."""
    import folder_paths

    return list(folder_paths.get_filename_list(FOLDER))


def lora_path(name: str) -> str:
    """Full path of an installed LoRA; raises FileNotFoundError if it vanished since it was listed."""
    import folder_paths

    raising = getattr(folder_paths, "get_full_path_or_raise", None)
    if raising is not None:
        return str(raising(FOLDER, name))
    path = folder_paths.get_full_path(FOLDER, name)
    if path is None:
        raise FileNotFoundError(f"LoRA {name} vanished from the LoRA folders")
    return str(path)


def show(text: str, node_id: str | None) -> None:
    """Show a text in a node while it works, where this ComfyUI can.

    Results go through the node's "ui" answer instead, which the browser also gets when the node was cached.
    """
    send = getattr(_server(), "send_progress_text", None)
    if send is not None and node_id is not None:
        send(text, node_id)


def warn(text: str) -> None:
    """Write a warning into ComfyUI's log."""
    import logging

    logging.getLogger("lorarec").warning("lorarec: %s", text)


def stop_if_interrupted() -> None:
    """Raise ComfyUI's own exception if the user cancelled the running prompt."""
    try:
        from comfy.model_management import throw_exception_if_processing_interrupted
    except ImportError:
        return
    throw_exception_if_processing_interrupted()


def prompt_queue() -> Any:
    """The queue of prompts, waiting, running and done; None outside a running ComfyUI."""
    return getattr(_server(), "prompt_queue", None)


def routes() -> Any:
    """The table of ComfyUI's HTTP routes, open until every pack is loaded; None outside a running ComfyUI."""
    return getattr(_server(), "routes", None)


def listens_at() -> list[str]:
    """The addresses that ComfyUI's server listens on."""
    try:
        from comfy.cli_args import args
    except ImportError:
        return []
    return str(getattr(args, "listen", None) or "127.0.0.1").split(",")


def output_dir() -> str:
    """Where ComfyUI saves images, as an absolute path."""
    import folder_paths

    return os.path.abspath(folder_paths.get_output_directory())  # noqa: PTH100 (links keep their names)


def multi_user() -> bool:
    """Whether several people share this ComfyUI (``--multi-user``)."""
    try:
        from comfy.cli_args import args
    except ImportError:
        return False
    return bool(getattr(args, "multi_user", False))


def _server() -> Any:
    # Not imported: ComfyUI has it loaded before any pack, and elsewhere a module of that name is a stranger.
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
