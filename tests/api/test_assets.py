"""The page's files: what is sent, as what, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from lorarec.api import assets

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_has_its_path_and_type() -> None:
    pages = assets.pages()
    files = {f"/{p.parent.name}/{p.name}" for name in assets.FOLDERS for p in (ROOT / "javascript" / name).iterdir()}
    assert set(pages) == (files - {"/page/index.html"}) | {"/"}
    assert pages["/"].headers["Content-Type"] == "text/html; charset=utf-8"
    assert pages["/core/panel.mjs"].headers["Content-Type"].startswith("text/javascript")
    assert pages["/core/panel.css"].headers["Content-Type"].startswith("text/css")
    assert len({page.headers["ETag"] for page in pages.values()}) == len(pages)


def test_all_that_files_name_is_sent() -> None:
    pages = assets.pages()
    html = pages["/"].body.decode()
    assert {f"/{name}" for name in re.findall(r'(?:href|src)="(?!data:)([^"]+)"', html)} <= set(pages)
    for path, page in pages.items():
        for folder, name in re.findall(r'from "(\./|\.\./core/)([\w.]+)"', page.body.decode()):
            assert (f"/core/{name}" if folder != "./" else f"{path.rpartition('/')[0]}/{name}") in pages


def test_no_inline_script_is_allowed_or_needed() -> None:
    page = assets.pages()["/"]
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(rb"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page.body)
