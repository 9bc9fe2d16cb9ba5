"""List, download and choose the sentence encoders that read texts.

lorarec models list               what is on this machine, and what the profile in use wants
lorarec models pull               download what the profile in use lacks
lorarec models pull PROFILE       download what another profile lacks
lorarec models pull NAME          download one model by its Hugging Face id
lorarec models use PROFILE        speed, balanced or quality
lorarec models use NAME           one model, by folder or Hugging Face id, for all texts or for one --lens
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..errors import UsageError
from ..host import PlainHost
from ..paths import expanded, is_folder
from ..present import console, plain, print_json, remark
from ..progress import progress
from ..settings import Settings, read
from .arguments import add_json, refuse_others
from .common import change_settings, own_command

if TYPE_CHECKING:
    from ..encode.models import ModelFolder

_TAKES = {"list": set[str](), "pull": {"name", "yes", "mirror", "proxy"}, "use": {"name", "lens"}}
_LENSES = ("semantic", "artistic", "technical")  # as in encode.profiles, which is imported when it is needed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("action", choices=tuple(_TAKES))
    parser.add_argument("name", nargs="?", metavar="NAME", help="a profile, a Hugging Face id or a model's folder")
    parser.add_argument("--lens", choices=_LENSES, help="use: only for these texts; the others stay as they are")
    parser.add_argument("--yes", action="store_true", help="pull: do not ask before downloading")
    parser.add_argument("--mirror", metavar="URL", help="pull: a Hugging Face mirror (default: the setting `mirror`)")
    parser.add_argument("--proxy", metavar="URL", help="pull: an HTTP proxy (default: the setting `proxy`)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """List, pull or use.

    Raises:
        UsageError: a name is missing, or something makes no sense here.
    """
    refuse_others(args, "models", _TAKES)
    data_dir = PlainHost((), args.data).data_dir()
    settings = read(data_dir).settings
    if args.action == "pull":
        return _pull(args, data_dir, settings)
    if args.action == "use":
        change_settings(data_dir, lambda now: chosen(now, args.name, args.lens))
        settings = read(data_dir).settings
    state = overview(settings, data_dir)
    if args.json:
        print_json(state)
    else:
        _print(state)
    if args.action == "use":
        remark(f"`{own_command()} index` encodes your LoRAs anew where that is needed")
    return 0


def chosen(settings: Settings, name: str | None, lens: str | None) -> Settings:
    """Settings that use a profile, or a model for one lens or all.

    Raises:
        UsageError: no name, or a lens together with a profile.
    """
    from ..encode.profiles import PROFILES

    if not name:
        raise UsageError(f"name a profile ({', '.join(PROFILES)}) or a model to use")
    none = {f"encoder_{each}": "" for each in _LENSES}
    if name in PROFILES:
        if lens:
            raise UsageError("a profile is for all lenses; leave --lens out, or name a model")
        return replace(settings, profile=name, **none)
    folder = Path(expanded(name))
    if is_folder(folder):
        name = str(folder.resolve())
    elif name.startswith((".", "~", "/")) or "\\" in name:
        raise UsageError(f"{name} is no folder; name a model's folder, a Hugging Face id or a profile")
    return replace(settings, **{f"encoder_{each}": name for each in ([lens] if lens else _LENSES)})


def overview(settings: Settings, data_dir: Path) -> dict[str, Any]:
    """What is wanted, what is there, what is missing; JSON-like."""
    from ..encode.missing import missing
    from ..encode.models import available, find
    from ..encode.profiles import PROFILES, encoder_names

    wanted = encoder_names(settings)
    there = [{**_described(model), "used_for": _uses(wanted, model.name)} for model in available(data_dir)]
    lacking = missing(settings, data_dir)
    others = set(wanted.values()) - {model["name"] for model in there} - {one.name for one in lacking}
    for name in sorted(others):  # folders, and models of the cache that are no sentence-transformers
        model = find(name, data_dir)
        if model is not None:
            there.append({**_described(model), "used_for": _uses(wanted, name)})
    profile = settings.profile
    if any(getattr(settings, f"encoder_{lens}") for lens in _LENSES):
        profile += " (with encoders of your own)"
    return {
        "profile": profile,
        "profiles": {key: dict(value) for key, value in PROFILES.items()},
        "available": there,
        "missing": [{"name": one.name, "used_for": list(one.lenses), "problem": one.problem} for one in lacking],
    }


def _described(model: ModelFolder) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(model.path),
        "source": model.source,
        "size": model.size,
        "dim": model.dim,
        "window": model.window,
    }


def _uses(wanted: dict[str, str], name: str) -> list[str]:
    return [lens for lens, which in wanted.items() if which == name]


def _pull(args: argparse.Namespace, data_dir: Path, settings: Settings) -> int:
    from ..encode.profiles import PROFILES
    from ..encode.pull import list_files, pull

    mirror, proxy = args.mirror or settings.mirror, args.proxy or settings.proxy
    names = [args.name]
    if not args.name or args.name in PROFILES:
        wanted = chosen(settings, args.name, None) if args.name else settings
        names = [entry["name"] for entry in overview(wanted, data_dir)["missing"]]
        if not names:
            remark(f"nothing to do: every encoder of the profile {args.name or 'in use'} is here")
    pulled: list[dict[str, str]] = []
    for name in names:
        size = sum(file.size for file in list_files(name, mirror=mirror, proxy=proxy))
        if not _agreed(f"{name}: {size / 1e6:.0f} MB, into {data_dir / 'models'}", args.yes):
            remark(f"{name} was not downloaded")
            continue
        with progress() as meter:
            path = pull(name, data_dir, mirror=mirror, proxy=proxy, progress=meter)
        pulled.append({"name": name, "path": str(path)})
        if not args.json:
            print(plain(str(path)))
    if args.json:
        print_json({"pulled": pulled})
    return 0


def _agreed(what: str, yes: bool) -> bool:
    """Name the download, and ask where somebody can answer. A script's call is its answer."""
    print(what, file=sys.stderr)
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print("Download? [Y/n] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def _print(state: dict[str, Any]) -> None:
    out = console()
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out.print(Text(f"profile: {state['profile']}", "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("Model", "Used for", "Size", "From"):
        table.add_column(title, overflow="fold")
    for model in state["available"]:
        uses = "all texts" if len(model["used_for"]) == len(_LENSES) else ", ".join(model["used_for"])
        cells = (plain(model["name"]), uses or "-", f"{model['size'] / 1e6:.0f} MB", plain(model["source"]))
        table.add_row(*(Text(cell, "bold" if model["used_for"] else "") for cell in cells))
    if state["available"]:
        out.print(table)
    else:
        out.print(Text("No encoder is on this machine: suggestions go by words alone.", "yellow"))
    for entry in state["missing"]:
        text = f"missing: {entry['name']} ({', '.join(entry['used_for'])}): {entry['problem']}"
        out.print(Text(plain(text), "yellow"))
