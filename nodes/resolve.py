"""From the LoRA a workflow names to a LoRA installed here, and never to a similar one.

A name may come from another machine: other folders, other separators, a moved or renamed file. Tried in this order:
relative path, content fingerprint (needs the catalogue), unique file name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..lorarec.errors import UnknownLora

EXTENSIONS = (".safetensors", ".sft", ".pt", ".pth", ".ckpt", ".bin", ".pt2", ".pkl")  # ComfyUI's own

# fingerprint -> the host's name of the file with that content, or None
ByContent = Callable[[str], "str | None"]


def with_slashes(name: str) -> str:
    """Write a relative path with "/", without a leading "./"."""
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name


def stem(name: str) -> str:
    """File name without folders and without a model file's extension; other dots stay."""
    base = with_slashes(name).rsplit("/", 1)[-1]
    lowered = base.lower()
    for extension in EXTENSIONS:
        if lowered.endswith(extension) and len(base) > len(extension):
            return base[: -len(extension)]
    return base


class Resolver:
    """Finds the host's own name for a LoRA."""

    def __init__(self, names: Sequence[str], by_content: ByContent | None = None) -> None:
        """Take the host's list, names as the host writes them, and optionally a way to know their content."""
        self._exact = set(names)
        self._by_content = by_content
        self._by_path: dict[str, str] = {}
        self._by_base: dict[str, list[str]] = {}
        for name in names:
            path = with_slashes(name)
            self._by_path.setdefault(path, name)
            base = path.rsplit("/", 1)[-1]
            for key in {base, stem(base)}:
                self._by_base.setdefault(key, []).append(name)

    def by_path(self, name: str) -> str | None:
        """The host's name for a relative path with either separator, with or without extension."""
        if name in self._exact:
            return name
        path = with_slashes(name)
        if path in self._by_path:
            return self._by_path[path]
        folder = path[: len(path) - len(path.rsplit("/", 1)[-1])]
        if stem(path) != path[len(folder) :]:
            return None
        without = [found for found in self._by_base.get(stem(path), ()) if _folder(found) == folder]
        return without[0] if len(without) == 1 else None

    def resolve(self, name: str, fingerprint: str = "") -> str:
        """The host's name for a LoRA.

        Raises:
            UnknownLora: it is not installed, or only its file name is known and several installed LoRAs share it.
        """
        found = self.by_path(name)
        if found is None and fingerprint and self._by_content is not None:
            found = self._by_content(fingerprint)
        if found is not None:
            return found
        same_base = self._by_base.get(with_slashes(name).rsplit("/", 1)[-1], [])
        if len(same_base) == 1:
            return same_base[0]
        if same_base:
            listed = ", ".join(with_slashes(other) for other in same_base[:5])
            raise UnknownLora(
                f'LoRA "{name}" is not installed under that path, and several have its file name ({listed}); '
                "write the path of the right one"
            )
        raise UnknownLora(f'LoRA "{name}" is not installed here; install it or correct its name')


def _folder(name: str) -> str:
    path = with_slashes(name)
    return path[: len(path) - len(path.rsplit("/", 1)[-1])]
