"""Reading and changing settings. What names folders, models or addresses of this machine is changed on this machine."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .. import settings as settings_module
from ..errors import UsageError
from ..settings import OPTIONS, Settings
from .fields import Name, Nothing
from .wire import Refused, Request

if TYPE_CHECKING:
    from .context import Context

_log = logging.getLogger(__name__)

# What clients may change. All else names folders or models of this machine, or runs what is there.
EDITABLE = (
    *("include", "exclude", "top", "min_score", "diversity", "explore", "collapse", "safety", "profile", "threads"),
    *("gpu", "precision", "query_int8", "memory_mb", "idle_minutes"),
    *("wait_seconds", "history", "project"),
)
# Addresses that this machine calls, and patterns that it runs over every prompt: seen and changed only by those who sit
# at it, or had to log in.
ADDRESSES = ("mirror", "proxy")
TRUSTED = (*ADDRESSES, "history_exclude")
HARVEST_SECONDS = 10.0  # to store what it has read when it is stopped
_ADDRESS = re.compile(r"https?://[^/\s]\S*")


def _type(name: str) -> Any:
    """What a client may send for a setting, bounds included."""
    option, usual = OPTIONS[name], getattr(Settings(), name)
    if isinstance(usual, tuple):
        return Annotated[tuple[Name, ...], Meta(max_length=1000)]
    if option.choices:
        return Literal[option.choices]
    if isinstance(usual, bool):
        return bool
    return Name if isinstance(usual, str) else Annotated[type(usual), Meta(ge=option.low, le=option.high)]


Changes = msgspec.defstruct(
    "Changes",
    [(name, _type(name) | None | UnsetType, UNSET) for name in (*EDITABLE, *TRUSTED)],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    module=__name__,
    namespace={"__doc__": "New values of some settings; null puts one back to its default."},
)


class Setting(Struct, frozen=True, kw_only=True):
    """One setting with all that a form needs."""

    name: str
    kind: Literal["bool", "int", "float", "text", "list"]
    value: Any  # null where it is not shown: it names something of this machine
    default: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    editable: bool  # false: `lorarec settings set` on this machine changes it


class AllSettings(Struct, frozen=True):
    """All settings in their order."""

    settings: tuple[Setting, ...]


def show(context: Context, _: Nothing, request: Request) -> AllSettings:
    """All settings."""
    now, default = context.recommender().settings, Settings()
    open_ = (*EDITABLE, *TRUSTED) if context.trusts(request) else EDITABLE
    return AllSettings(tuple(_setting(name, now, default, name in open_) for name in OPTIONS))


def change(context: Context, changes: Struct, request: Request) -> AllSettings:
    """Change settings, for all programs that use this data folder; here they count at once.

    Raises:
        UsageError: a value is out of bounds, or no address.
        StorageError: the data folder cannot be written.
        Refused: an address is changed from another machine without a login.
    """
    default = Settings()
    given = {name: value for name in (*EDITABLE, *TRUSTED) if (value := getattr(changes, name)) is not UNSET}
    for name in TRUSTED:
        if name not in given:
            continue
        if not context.trusts(request):
            raise Refused(
                403, "not_from_here", f"{name} is changed on the machine itself: `lorarec settings set`", field=name
            )
        if name in ADDRESSES and given[name] and not _ADDRESS.fullmatch(given[name]):
            raise UsageError(f"{name} is {given[name]!r}, which is no address; one looks like https://hf-mirror.com")
    new = {name: getattr(default, name) if value is None else value for name, value in given.items()}
    if new:
        store(context, lambda now: msgspec.structs.replace(now, **new))
    return show(context, Nothing(), request)


def store(context: Context, changed: Callable[[Settings], Settings]) -> None:
    """Change the stored settings and go on with them.

    A harvest that runs by other rules of what is remembered is stopped first.

    Raises:
        UsageError: a value is out of bounds.
        StorageError: the data folder cannot be written, or used.
    """
    with context.changing:
        recommender = context.recommender()
        used, folder = recommender.settings, recommender.data_dir
        before = settings_module.read(folder)
        after = settings_module.check(changed(before.settings))
        if after == before.settings == used and not before.problem:
            return
        if (after.history, after.history_exclude) != (used.history, used.history_exclude):
            context.harvest.cancel()
            context.harvest.wait(HARVEST_SECONDS)
        if kept := settings_module.change(folder, changed):
            _log.warning("%s", kept)
        context.keeper.reopen()


def _setting(name: str, now: Settings, default: Settings, editable: bool) -> Setting:
    option, usual = OPTIONS[name], getattr(default, name)
    kinds: dict[type, Literal["bool", "int", "float", "text", "list"]] = {
        bool: "bool",
        int: "int",
        float: "float",
        tuple: "list",
    }
    return Setting(
        name=name,
        kind=kinds.get(type(usual), "text"),
        value=getattr(now, name) if editable else None,
        default=usual,
        help=option.help,
        low=option.low,
        high=option.high,
        choices=option.choices,
        editable=editable,
    )
