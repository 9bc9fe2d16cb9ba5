"""List the LoRA files below the roots: one directory listing per folder, nothing opened.

Links and junctions are followed and files named by the path that leads through them, as the hosts do. A folder that
leads back to itself is cut by its real identity (device and inode, else real path). Where roots overlap, a folder is
listed under the first root that reaches it only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from stat import S_ISREG

from ..paths import Identity, absolute, identity, printable, unstorable
from ..types import ScanProblem
from .files import READERS, STATED, LoraFile, group

LONG_STAMP = 160  # characters; longer ones are stored as a digest
MAX_NAMES = 8  # under how many names one real folder is listed; folders linked into each other would explode


class Walk:
    """One pass over the roots. Iterate it, then read ``problems``."""

    def __init__(
        self,
        roots: Sequence[str | os.PathLike[str]],
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        on_folder: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            roots: LoRA folders in order of precedence.
            include: list only below these root-relative folders; none: everything.
            exclude: never list below these root-relative folders; wins over ``include``.
            on_folder: called before each folder is read; what it raises ends the walk.
        """
        self.roots = absolute(roots)
        self.problems: list[ScanProblem] = []
        self._include = [_folder_key(folder) for folder in include if _folder_key(folder)]
        self._exclude = [_folder_key(folder) for folder in exclude if _folder_key(folder)]
        self._on_folder = on_folder
        self._listed: dict[Identity, str] = {}  # real folder -> the root that listed it
        self._visits: dict[tuple[str, Identity], int] = {}

    def __iter__(self) -> Iterator[list[LoraFile]]:
        """The LoRA files of one folder after the other, sorted by name within each."""
        for root in self.roots:
            if not self._storable(root):
                continue
            # An explicit stack: a folder tree may be deeper than Python's recursion.
            stack: list[tuple[str, str, tuple[Identity, ...]]] = [(root, "", ())]
            while stack:
                self._on_folder()
                folder, prefix, chain = stack.pop()
                try:
                    real = identity(folder)
                    if real in chain or self._too_often(root, real, folder):
                        continue
                    with os.scandir(folder) as entries:
                        listing = list(entries)  # now, for listing itself may fail
                except OSError as error:
                    self._unreadable(root, folder, prefix, error)
                    continue
                chain = (*chain, real)
                wanted = self._included(prefix) and self._listed.setdefault(real, root) == root
                files: dict[str, tuple[int, int] | OSError | None] = {}
                folders: list[tuple[str, str, tuple[Identity, ...]]] = []
                for entry in listing:
                    name = entry.name
                    try:
                        if entry.is_dir():
                            if name != ".git" and not self._excluded(prefix + name):
                                folders.append((entry.path, f"{prefix}{name}/", chain))
                            continue
                        if not wanted:
                            continue
                        # Stat while listing: later, in another order, each would cost half as much again.
                        status = entry.stat() if name[name.rfind(".") :].lower() in STATED else None
                        if status and not S_ISREG(status.st_mode):
                            continue  # a pipe or a device: whoever opens it may wait for ever
                    except OSError as error:
                        files[name] = error
                    else:
                        files[name] = (status.st_size, status.st_mtime_ns) if status else None
                folders.sort(reverse=True)
                stack += [item for item in folders if self._storable(item[0])]
                found = self._loras(root, folder, prefix, files) if files else None
                if found:
                    yield found

    def _loras(
        self, root: str, folder: str, prefix: str, files: dict[str, tuple[int, int] | OSError | None]
    ) -> list[LoraFile]:
        """The LoRAs among the files of one folder: size and time in nanoseconds by name."""
        found: list[LoraFile] = []
        for name, (sidecars, previews) in group(files).items():
            state = files[name]
            if not name.isascii() and not self._storable(f"{folder}{os.sep}{name}"):
                continue
            if not isinstance(state, tuple):
                reason = state.strerror if state else "no file"
                path = printable(f"{folder}{os.sep}{name}")
                self.problems.append(ScanProblem(path, f"cannot be read ({reason}); a broken link?"))
                continue
            size, modified_ns = state
            # What may change a record. Of previews only the names count: their pixels are not in it.
            stamp = f"{READERS}:{size}:{modified_ns}"
            for sidecar in sidecars:
                state = files[sidecar]
                stamp += f"|{sidecar}:{state[0]}:{state[1]}" if isinstance(state, tuple) else f"|{sidecar}:gone"
            if previews:
                stamp += "|" + "|".join(previews)
            if len(stamp) > LONG_STAMP:
                stamp = blake2b(stamp.encode(), digest_size=16).hexdigest()
            found.append(LoraFile(root, prefix + name, size, modified_ns, sidecars, previews, stamp))
        return found

    def _included(self, prefix: str) -> bool:
        return not self._include or _below(prefix, self._include)

    def _excluded(self, folder: str) -> bool:
        return bool(self._exclude) and _below(folder, self._exclude)

    def _too_often(self, root: str, real: Identity, folder: str) -> bool:
        visits = self._visits[root, real] = self._visits.get((root, real), 0) + 1
        if visits == MAX_NAMES + 1:
            self.problems.append(
                ScanProblem(
                    printable(folder),
                    f"skipped: the same folder is already listed under {MAX_NAMES} names; remove some links",
                )
            )
        return visits > MAX_NAMES

    def _storable(self, path: str) -> bool:
        problem = unstorable(path)
        self.problems += [problem] if problem else []
        return problem is None

    def _unreadable(self, root: str, folder: str, prefix: str, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        if prefix:
            text = f"folder cannot be read ({reason}); check its permissions"
        else:
            text = f"LoRA folder cannot be read ({reason}); its LoRAs count as missing until it is back"
        self.problems.append(ScanProblem(printable(folder), text))


def _folder_key(folder: str) -> str:
    return os.path.normcase(folder.replace("\\", "/").strip("/")).replace("\\", "/")


def _below(folder: str, tops: list[str]) -> bool:
    key = _folder_key(folder)
    return any(key == top or key.startswith(top + "/") for top in tops)
