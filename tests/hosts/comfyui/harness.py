"""Loads the repository root as ComfyUI does, beside fakes of ComfyUI's own modules.

ComfyUI imports a pack under its path as module name, from a folder whose name is no identifier. Our own top-level
names (`lorarec`, `nodes`) are not importable there; `nodes` even means another module. Both are reproduced.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

REPOSITORY = Path(__file__).resolve().parents[3]
FAKES = Path(__file__).parent / "fakes"
FAKE_NAMES = ("folder_paths", "server", "comfy")
OUR_NAMES = ("lorarec", "nodes")


class _Unavailable:
    """Import hook: inside ComfyUI nobody can import our folders by their absolute names."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in OUR_NAMES:
            raise ModuleNotFoundError(f"{name} is not importable inside ComfyUI; use a relative import")


def link(folder: Path) -> Path:
    """Put the repository into a folder of custom nodes, under an odd name."""
    pack = folder / "custom_nodes" / "lora-recommender.v1"
    pack.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.symlink(REPOSITORY, pack, target_is_directory=True)
    except OSError:  # Windows without the right to make links
        pack.mkdir()
        shutil.copy2(REPOSITORY / "__init__.py", pack)
        for part in ("nodes", "lorarec", "javascript"):
            shutil.copytree(REPOSITORY / part, pack / part)
    return pack


@contextlib.contextmanager
def comfyui(folder: Path, *roots: Path) -> Iterator[SimpleNamespace]:
    """A fake ComfyUI with our pack in it.

    Gives ``pack`` (the module), ``part(name)`` (one of its submodules), ``load()`` (loads it anew, as packs for
    development do), ``settle()`` (waits until what happened is remembered), and the fakes ``folder_paths``,
    ``server``, ``sd``, ``utils``, ``management``, ``args``.
    """
    pack = link(folder)
    hidden = _take(*OUR_NAMES, *FAKE_NAMES)
    hook = _Unavailable()
    sys.meta_path.insert(0, hook)
    sys.path.insert(0, str(FAKES))
    name = str(pack).replace(".", "_x_")
    try:
        importlib.invalidate_caches()
        folder_paths = importlib.import_module("folder_paths")
        folder_paths.roots = [str(root) for root in roots]
        folder_paths.user = str(folder / "user")
        folder_paths.output = str(folder / "output")
        server = importlib.import_module("server").PromptServer.instance  # ComfyUI has one before it loads packs

        def load() -> ModuleType:
            _take(name)
            spec = importlib.util.spec_from_file_location(name, pack / "__init__.py")
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            return module

        def settle() -> None:
            worker = sys.modules[f"{name}.nodes.capture"]._worker
            done = threading.Event()
            worker.put(done.set)
            assert done.wait(20)

        yield SimpleNamespace(
            pack=load(),
            load=load,
            settle=settle,
            part=lambda part: importlib.import_module(f"{name}.{part}"),
            loaded=lambda part: f"{name}.{part}" in sys.modules,
            folder_paths=folder_paths,
            server=server,
            sd=importlib.import_module("comfy.sd"),
            utils=importlib.import_module("comfy.utils"),
            management=importlib.import_module("comfy.model_management"),
            args=importlib.import_module("comfy.cli_args").args,
        )
        if sys.modules[f"{name}.nodes.capture"]._worker._started:
            settle()
    finally:
        library = sys.modules.get(f"{name}.nodes.library")
        if library is not None:
            library.keeper.close()
        sys.path.remove(str(FAKES))
        sys.meta_path.remove(hook)
        _take(name, *FAKE_NAMES)
        sys.modules.update(hidden)


def _take(*names: str) -> dict[str, ModuleType]:
    """Remove modules and their submodules from the import cache."""
    taken = {}
    for module in list(sys.modules):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            taken[module] = sys.modules.pop(module)
    return taken
