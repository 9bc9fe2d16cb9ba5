"""Show or change settings, which are kept in settings.json in the data folder and are shared by all programs using it.

lorarec settings                        all settings
lorarec settings set top 8              change one
lorarec settings set loras DIR DIR      lists take several values
lorarec settings unset top              back to the default
"""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from ..errors import UsageError
from ..host import PlainHost
from ..paths import is_folder
from ..present import console, plain, print_json, remarks
from ..settings import FILE, OPTIONS, Settings, read
from .arguments import add_json
from .common import change_settings

_TRUE, _FALSE = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("action", nargs="?", choices=("show", "set", "unset"), default="show", help="default: show")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a setting")
    parser.add_argument("values", nargs="*", metavar="VALUE", help="its new value; several for lists")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Show or change settings.

    Raises:
        UsageError: the setting does not exist, or the value does not suit it.
        StorageError: the data folder cannot be written.
    """
    data_dir = PlainHost((), args.data).data_dir()
    if args.name is not None and args.name not in OPTIONS:
        raise UsageError(f"there is no setting {args.name!r}; there are {', '.join(OPTIONS)}")
    if args.action != "show":
        if args.name is None:
            raise UsageError(f"name the setting to {args.action}: one of {', '.join(OPTIONS)}")
        change_settings(data_dir, lambda settings: changed(settings, args.action, args.name, args.values))
    found = read(data_dir)
    settings = found.settings
    if args.action == "set" and args.name in ("loras", "images"):
        absent = [folder for folder in getattr(settings, args.name) if not is_folder(folder)]
        remarks([f"{folder} is no folder now; check its spelling, or that its drive is connected" for folder in absent])
    remarks([found.problem] if found.problem else [])
    names = [args.name] if args.name else list(OPTIONS)
    if args.json:
        print_json({name: getattr(settings, name) for name in names})
    else:
        _print(settings, names, str(data_dir / FILE))
    return 0


def changed(settings: Settings, action: str, name: str, values: list[str]) -> Settings:
    """Settings with one of them set or put back to its default.

    Raises:
        UsageError: the value does not suit the setting.
    """
    default = getattr(Settings(), name)
    if action == "unset":
        if values:
            raise UsageError("unset takes no value")
        return msgspec.structs.replace(settings, **{name: default})
    if not values:
        raise UsageError(f"give a value for {name}, or use `settings unset {name}`")
    if not isinstance(default, tuple) and len(values) > 1:
        raise UsageError(f"{name} takes one value")
    value: Any = tuple(values) if isinstance(default, tuple) else _read(name, values[0], default)
    return msgspec.structs.replace(settings, **{name: value})


def _read(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        raise UsageError(f"{name} is on or off, not {text!r}")
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            kind = "whole number" if isinstance(default, int) else "number"
            raise UsageError(f"{name} must be a {kind}, not {text!r}") from None
    return text


def _print(settings: Settings, names: list[str], path: str) -> None:
    out = console()
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("Setting", "Value", "Meaning"):
        table.add_column(title, overflow="fold")
    for name in names:
        value, default = getattr(settings, name), getattr(Settings(), name)
        table.add_row(
            Text(name), Text(plain(_text(value)), "bold" if value != default else ""), Text(_meaning(name), "dim")
        )
    out.print(table)
    out.print(Text(plain(path), "dim"))


def _meaning(name: str) -> str:
    option = OPTIONS[name]
    if option.choices:
        return f"{option.help} ({', '.join(option.choices)})"
    if option.low is not None and option.high is not None:
        return f"{option.help} ({option.low:g} to {option.high:g})"
    return option.help


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "\n".join(value) or "-"
    return str(value) or "-"
