"""The one file that imports the WebUI: what it is asked for, and the `Host` that the core sees.

Its modules are imported inside the functions. The hosts differ in small ways; whatever only some of them have is asked
for with `getattr`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lorarec.graphics import GraphicsMemory

DATA = ".lorarec"  # in the WebUI's data folder; Gradio 3 serves no file whose path has a part with a dot in front
SECTION = ("lorarec", "LoRA Recommender")

_graphics: GraphicsMemory | None = None


class WebuiHost:
    """The `Host` that the core sees inside a WebUI."""

    name = "webui"

    def lora_roots(self) -> Sequence[Path]:
        """The WebUI's LoRA folder, then those that only some of the family have, as far as they are there."""
        from lorarec.paths import is_folder

        given = _options()
        more = [getattr(given, "lyco_dir_backcompat", None), *(getattr(given, "lora_dirs", None) or ())]
        first = getattr(given, "lora_dir", None)
        roots = [Path(str(first))] if first else []
        roots += [Path(str(folder)) for folder in more if folder and is_folder(str(folder))]
        return list(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))  # noqa: PTH100 (links keep their names)

    def data_dir(self) -> Path:
        """A folder in the WebUI's data folder, which is kept from being served (`door`); ``LORAREC_DATA`` wins."""
        from lorarec.paths import expanded

        named = os.environ.get("LORAREC_DATA", "")
        if named:
            return Path(expanded(named))
        from modules import paths

        return Path(os.path.abspath(paths.data_path or ".")) / DATA  # noqa: PTH100

    def busy(self) -> bool:
        """Whether the WebUI generates, or loads a model: then its lock is held, while its job may still be empty."""
        from modules import call_queue

        lock = call_queue.queue_lock
        if not lock.acquire(blocking=False):
            return True
        lock.release()
        return False

    def graphics(self) -> GraphicsMemory:
        """The WebUI's graphics memory; one for the process, since it keeps what is borrowed."""
        global _graphics
        if _graphics is None:
            from .memory import webui_memory

            _graphics = webui_memory(_module)
        return _graphics


def _module(name: str) -> Any:
    """A module of the WebUI, None if this one has none such."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def listen(event: str, callback: Callable[..., Any]) -> bool:
    """Register for one of the WebUI's callbacks, e.g. "image_saved"; False where this WebUI has none such.

    Never with ``name=``, which some of the family do not take.
    """
    from modules import script_callbacks

    register = getattr(script_callbacks, f"on_{event}", None)
    if register is None:
        return False
    register(callback)
    return True


def before_generation(callback: Callable[[], None]) -> type | None:
    """Have ``callback`` called as each generation begins, on the thread that generates.

    Returns:
        A class for the file in ``scripts/`` to hold, where the WebUI looks for such; None where a callback is enough.
    """
    if listen("before_process", lambda processing: callback()):  # SD.Next; its scripts are not asked in every tab
        return None
    from modules import scripts

    class BeforeGeneration(scripts.Script):  # type: ignore[misc]
        create_group = False

        def title(self) -> str:
            return SECTION[1]

        def show(self, is_img2img: bool) -> object:
            return scripts.AlwaysVisible

        def ui(self, is_img2img: bool) -> list[Any]:
            return []

        def before_process(self, processing: Any, *given: Any) -> None:
            callback()

    return BeforeGeneration


def option(name: str, default: Any = None) -> Any:
    """One of the user's settings, of the WebUI's or ours."""
    from modules import shared

    value = getattr(shared.opts, name, None)
    return default if value is None else value


def add_option(
    name: str,
    default: Any,
    label: str,
    component: Any,
    arguments: Mapping[str, Any],
    changed: Callable[[], None] | None,
) -> None:
    """Put a setting on the WebUI's page of settings; ``changed`` is called when the user has changed it."""
    from modules import shared

    info = shared.OptionInfo(default, label, component, dict(arguments), onchange=changed, section=SECTION)
    shared.opts.add_option(name, info)


def show_options(values: Mapping[str, Any]) -> None:
    """Have the page of settings show these values. They are not the WebUI's to keep: its own checks do not matter."""
    from modules import shared

    shared.opts.data.update(values)


def output_folders() -> list[str]:
    """Where images are saved, as absolute paths."""
    kinds = [f"outdir_{kind}_samples" for kind in ("txt2img", "img2img", "control", "extras")]
    return _absolute(
        [*(_folder(name, "outdir_samples", True) for name in kinds), _folder("outdir_save", "outdir_samples", False)]
    )


def side_folders() -> list[str]:
    """Where grids, and copies of the images that img2img began with, are saved, as absolute paths."""
    kinds = [f"outdir_{kind}_grids" for kind in ("txt2img", "img2img", "control")]
    begun = _folder("outdir_init_images", "outdir_samples", False)
    return _absolute([*(_folder(name, "outdir_grids", True) for name in kinds), begun])


def interrupted() -> bool:
    """Whether the user stopped or skipped the image that is being made."""
    from modules import shared

    return bool(getattr(shared.state, "interrupted", False) or getattr(shared.state, "skipped", False))


def bound_to() -> list[str]:
    """The address, or name of one, that the WebUI's server listens at."""
    given = _options()
    named = getattr(given, "server_name", None)
    return [str(named)] if named else ["0.0.0.0" if getattr(given, "listen", False) else "127.0.0.1"]


def for_this_machine() -> bool:
    """Whether the WebUI can be reached from this machine alone: neither by others, a tunnel nor a proxy with a name."""
    from lorarec.api.guard import Hosts, is_loopback

    given = _options()
    tunnels = (getattr(given, name, None) for name in ("share", "ngrok", "localtunnel", "cloudflared"))
    return all(map(is_loopback, bound_to())) and not any(tunnels) and not Hosts().named


def logins() -> list[tuple[str, str]]:
    """User and password of the WebUI's own API, which count where there is no page to log in at."""
    given = getattr(_options(), "api_auth", None)
    pairs = [pair.partition(":") for pair in str(given or "").split(",") if pair.strip()]
    return [(user.strip(), password.strip()) for user, _, password in pairs]


def warn(text: str) -> None:
    """Write a line into the WebUI's log."""
    import logging

    logging.getLogger("lorarec").warning("lorarec: %s", text)


def _options() -> Any:
    """What the WebUI was started with."""
    from modules import shared

    return shared.cmd_opts


def _folder(name: str, base: str, replaced: bool) -> str:
    """A folder as the hosts read their settings: SD.Next puts the base before a relative one, on A1111 it takes the
    place of most."""
    from modules import paths

    own, above = str(option(name, "")), str(option(base, ""))
    join = getattr(paths, "resolve_output_path", None)
    if join is not None:
        return str(join(above, own)) if own else ""
    return above if above and replaced else own


def _absolute(folders: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(os.path.abspath(folder) for folder in folders if folder))  # noqa: PTH100
