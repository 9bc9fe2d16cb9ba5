"""The files of the browser's panel and of the page of `lorarec serve`, as responses by path.

There is one copy of them: ``javascript/`` in the repository, where ComfyUI and the WebUI find them too; an installed
package carries it below the environment's ``share/lorarec``. All are read once, and only what stands in the table is
ever sent: a path that a client names is never joined to a folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import MissingPart
from .wire import Response

FOLDERS = ("core", "page")
INDEX = "page/index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
}
# No inline script or style runs, nothing comes from elsewhere, and no other site's page may frame this one.
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def pages() -> dict[str, Response]:
    """What a browser may read, by path; "/" is the page.

    Raises:
        MissingPart: the files are not installed.
    """
    root = folder()
    found = {
        f"/{name}/{path.name}": _response(path)
        for name in FOLDERS
        for path in sorted((root / name).iterdir())
        if path.suffix in TYPES
    }
    found["/"] = found.pop(f"/{INDEX}")
    return found


def folder() -> Path:
    """Where the files are.

    Raises:
        MissingPart: they are nowhere.
    """
    for place in _places():
        if (place / INDEX).is_file():
            return place
    raise MissingPart("the files of the page are missing; install lorarec anew")


def _places() -> Iterator[Path]:
    """The repository, then what the installed package lists: where that lies depends on how it was installed."""
    from importlib import metadata

    above = Path(__file__).resolve().parents[2]
    yield above / "javascript"
    yield above / "share" / "lorarec"  # `pip install --target`
    try:
        files = metadata.files("lorarec") or []
    except metadata.PackageNotFoundError:
        return
    yield from (Path(str(file.locate())).parents[1] for file in files if str(file).endswith(f"lorarec/{INDEX}"))


def _response(path: Path) -> Response:
    data = path.read_bytes()
    tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    return Response(headers={**_HEADERS, "Content-Type": TYPES[path.suffix], "ETag": tag}, body=data)
