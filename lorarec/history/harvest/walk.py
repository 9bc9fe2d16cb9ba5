"""List the image files below folders: one directory listing per folder, nothing opened.

Links and junctions are followed; every real folder is listed once, under the first name that reaches it, so that links
in a circle end and overlapping folders count nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from stat import S_ISREG

from ...history_types import ImageFile
from ...paths import Identity, absolute, as_on_disk, exists, identity, printable, unstorable
from ...types import ScanProblem

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
SKIPPED = frozenset({"$recycle.bin", "system volume information", "@eadir", "lost+found"})  # of systems, lower case


class Walk:
    """One pass over some folders. Iterate it, then read the rest."""

    def __init__(
        self, folders: Sequence[str | os.PathLike[str]], on_folder: Callable[[], object] = lambda: None
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            folders: image folders; hidden folders and files below them are left out.
            on_folder: called before each folder is read; what it raises ends the walk.
        """
        # What was seen before is known by its path, so that a folder must have one spelling.
        self.folders = list(dict.fromkeys(map(as_on_disk, absolute(folders))))
        self.problems: list[ScanProblem] = []
        self.unread: list[str] = []  # folders that could not be listed: what is below them is not known to be gone
        self.filled: list[str] = []  # those of `folders` below which an image was found
        self._on_folder = on_folder
        self._listed: set[Identity] = set()

    def __iter__(self) -> Iterator[list[ImageFile]]:
        """The images of one folder after the other."""
        for top in self.folders:
            stack = [top]  # a folder tree may be deeper than Python's recursion
            while stack:
                self._on_folder()
                images = self._list(stack.pop(), stack)
                if images:
                    if self.filled[-1:] != [top]:
                        self.filled.append(top)
                    yield images

    def _list(self, folder: str, stack: list[str]) -> list[ImageFile]:
        images: list[ImageFile] = []
        folders: list[str] = []
        try:
            real = identity(folder)
            if real in self._listed:
                return []
            self._listed.add(real)
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if not name.isascii() and not self._storable(entry.path):
                        continue
                    try:
                        below = entry.is_dir()
                    except OSError as error:  # a link in a circle, or to where nothing may be seen
                        self._unreadable(entry, error)
                        continue
                    if below:
                        if name.lower() not in SKIPPED:
                            folders.append(entry.path)
                    elif name[name.rfind(".") :].lower() in ENDINGS:
                        self._add(entry, images)
                    elif entry.is_symlink() and not exists(entry.path):
                        self.unread.append(entry.path)  # perhaps to a folder on a drive that is not connected
        except OSError as error:
            self.unread.append(folder)
            reason = error.strerror or type(error).__name__
            self.problems.append(
                ScanProblem(printable(folder), f"folder cannot be read ({reason}); is its drive connected?")
            )
        stack += sorted(folders, reverse=True)
        return images

    def _add(self, entry: os.DirEntry[str], images: list[ImageFile]) -> None:
        try:
            status = entry.stat()
        except OSError as error:
            self._unreadable(entry, error)
        else:
            if S_ISREG(status.st_mode):  # whoever opens a pipe may wait for ever
                images.append(ImageFile(entry.path, status.st_size, status.st_mtime_ns))

    def _unreadable(self, entry: os.DirEntry[str], error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        self.unread.append(entry.path)
        self.problems.append(ScanProblem(entry.path, f"cannot be read ({reason}); a broken link?"))

    def _storable(self, path: str) -> bool:
        problem = unstorable(path)
        self.problems += [problem] if problem else []
        return problem is None


def vanished(known: Sequence[str], walk: Walk) -> list[str]:
    """Which images that no longer appear are really gone, not merely out of reach.

    Args:
        known: paths that were seen before below the walk's folders and that the walk did not find.
        walk: a complete one. Below folders that it could not list, and below those of its top folders in which it found
            no image at all, as where a drive is not mounted, nothing counts as gone.
    """
    tops = tuple(os.path.join(top, "") for top in walk.filled)
    unread = tuple(os.path.join(folder, "") for folder in walk.unread)
    return [
        path
        for path in known
        if path.startswith(tops) and not path.startswith(unread) and path not in walk.unread and _is_gone(path)
    ]


def _is_gone(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
