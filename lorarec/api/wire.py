"""What goes over the wire: plain requests and responses, JSON, and the one shape of errors.

A door (ComfyUI's aiohttp, the WebUI's FastAPI, the standard library's server) turns its framework's request into a
`Request`, and a `Response` back. It knows nothing else of the API.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ..chinese import in_chinese
from ..errors import LorarecError

PREFIX = "/lorarec/v1"
MAX_BODY = 256 * 1024  # bytes of a request's body
JSON = "application/json"
EVERY = 0.2  # seconds between two looks at `Response.events`

T = TypeVar("T")
_FIELD = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Lane(enum.Enum):
    """How much a route works. Doors give each lane threads of its own, so that no lane waits for another."""

    LIVE = "live"  # answers while somebody types
    BULK = "bulk"  # pictures, profiles, exports


class Request(Struct, frozen=True, kw_only=True):
    """A request as every door hands it in."""

    method: str  # upper case
    path: str  # decoded, without the query string, from `PREFIX` on
    query: Mapping[str, Sequence[str]] = {}
    headers: Mapping[str, str] = {}  # names in lower case
    body: bytes | None = b""  # None: larger than `MAX_BODY`, and not read
    peer: str = ""  # address of the client, for the bounds on rates
    admitted: bool = True  # False: the door has a login, and this client did not pass it
    logged_in: bool = False  # the door has a login, and this client passed it


class Response(Struct, frozen=True, kw_only=True):
    """An answer as every door sends it out: a body, or chunks of one, or events."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""
    chunks: Iterator[bytes] | None = None  # of a body too long for memory; reading one may take a moment
    events: Iterator[bytes] | None = None  # never blocks: b"" = nothing yet, look again after `EVERY` seconds

    def close(self) -> None:
        """Let go of what is being sent; every door calls it at the end of a body that is no `body`."""
        source: Any = self.chunks if self.events is None else self.events
        with suppress(ValueError):  # a thread is just reading the next piece, for nobody: it ends with that
            source.close()


class Refused(LorarecError):
    """The request itself is at fault, not what it asks for."""

    def __init__(self, status: int, code: str, message: str, *, field: str = "", headers: Mapping[str, str] = {}):
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.headers = headers


class Fault(Struct, frozen=True, omit_defaults=True):
    """What went wrong."""

    code: str  # for programs, e.g. "unknown_lora"
    message: str  # one sentence for the user
    field: str = ""  # the part of the request that is at fault, e.g. "active[0].strength"; absent if none is


class ErrorBody(Struct, frozen=True):
    """The body of every answer that is no success."""

    error: Fault


def encode(value: Any) -> bytes:
    """A value as JSON. Half a surrogate pair, from a file name that is no Unicode, has no UTF-8 but a JSON escape."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), ensure_ascii=True, separators=(",", ":")).encode("ascii")


def answer(value: Any, status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    """A JSON answer."""
    return Response(status=status, headers={"Content-Type": JSON, **headers}, body=encode(value))


def wants_chinese(request: Request) -> bool:
    """Whether whoever asks reads Chinese."""
    return request.headers.get("accept-language", "").lower().startswith("zh")


def told(request: Request, value: Any) -> Any:
    """A value with its sentences in the language of whoever asks."""
    return in_chinese(msgspec.to_builtins(value)) if wants_chinese(request) else value


def failure(error: LorarecError, message: str = "") -> Response:
    """An error as an answer; ``message`` replaces its own."""
    fault = Fault(code_of(error), message or str(error), getattr(error, "field", ""))
    return answer(ErrorBody(fault), error.status, getattr(error, "headers", {}))


def code_of(error: LorarecError) -> str:
    """The code of an error: its own, else its class in snake case."""
    return getattr(error, "code", "") or _WORD.sub("_", type(error).__name__).lower()


def decode_body(body: bytes, type_: type[T]) -> T:
    """A request's body as a struct; an empty one is an empty object.

    Raises:
        Refused: it is no valid JSON, or not of this shape; says which field.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "invalid_json", f"the body is no valid JSON ({error})") from None


def decode_query(query: Mapping[str, Sequence[str]], type_: Any) -> Any:
    """A query string as a struct: of a field that is no list the last value counts.

    Raises:
        Refused: a parameter is unknown or not of its type; says which.
    """
    lists = {field.name for field in msgspec.structs.fields(type_) if is_list(field.type)}
    plain = {name: list(values) if name in lists else values[-1] for name, values in query.items() if values}
    try:
        return msgspec.convert(plain, type_, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def is_list(type_: Any) -> bool:
    """Whether a parameter may be given several times."""
    return isinstance(msgspec.inspect.type_info(type_), msgspec.inspect.VarTupleType)


def _invalid(error: msgspec.ValidationError) -> Refused:
    text = str(error)
    found = _FIELD.search(text)
    message, field = (text[: found.start()], found[1]) if found else (text, "")
    named = re.search(r"(?:unknown|required) field `(.*)`", message)
    field = ".".join(filter(None, (field, named[1] if named else "")))
    message = f"{field}: {message}" if found else message
    return Refused(400, "invalid_request", message, field=field)
