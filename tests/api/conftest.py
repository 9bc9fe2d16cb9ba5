"""The API over a real recommender of six LoRAs that matches by words only, asked without any server between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lorarec.api.app import Api
from lorarec.api.context import Context
from lorarec.api.guard import Guard, Hosts
from lorarec.api.keeper import Keeper
from lorarec.api.wire import PREFIX, Request, Response
from lorarec.history_types import Generation, Use
from lorarec.recommender import Recommender

WORDS_ONLY = '{"encoder_semantic": "absent/encoder", "encoder_artistic": "absent/encoder"}'
FREELY = {"rate": 1e6, "burst": 1e6}


class Reply(NamedTuple):
    """An answer, with its body read as JSON where it is some."""

    status: int
    json: Any
    headers: dict[str, str]
    response: Response

    @property
    def code(self) -> str:
        """The code of an error; "" if it is none of our shape."""
        assert set(self.json) == {"error"} and set(self.json["error"]) - {"field"} == {"code", "message"}
        assert self.json["error"]["message"]
        return str(self.json["error"]["code"])


class Client:
    """Asks an API as a door would: ``client("GET", "/loras", query={"limit": ["1"]})``."""

    def __init__(self, api: Api, keeper: Keeper) -> None:
        self.api, self.keeper = api, keeper

    @property
    def recommender(self) -> Recommender:
        return self.keeper.get()

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        peer: str = "127.0.0.1",
    ) -> Reply:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": "localhost:8177", **({} if method in ("GET", "HEAD") else {"content-type": "application/json"})}
        request = Request(
            method=method,
            path=PREFIX + path,
            query=query or {},
            headers={**sent, **(headers or {})},
            body=data,
            peer=peer,
        )
        response = self.api.respond(request)
        is_json = response.headers.get("Content-Type") == "application/json"
        return Reply(response.status, json.loads(response.body) if is_json else None, response.headers, response)

    def get(self, path: str, **query: Any) -> Any:
        """The body of a successful GET."""
        listed = {name: list(map(str, value if isinstance(value, list) else [value])) for name, value in query.items()}
        reply = self("GET", path, query=listed)
        assert reply.status == 200, reply.json
        return reply.json

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """The body of a successful POST."""
        reply = self("POST", path, body)
        assert reply.status == status, reply.json
        return reply.json

    def id(self, name: str) -> str:
        """The id of a LoRA."""
        return self.recommender.find(name).id


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose settings name no encoder that there is."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "settings.json").write_text(WORDS_ONLY, encoding="utf-8")
    return folder


Start = Callable[..., Client]


@pytest.fixture
def start(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start an API on LoRA roots: ``start(root, guard=…, image_folders=…)``; it is not indexed yet."""
    monkeypatch.delenv("LORAREC_HOSTS", raising=False)
    opened: list[Client] = []

    def start(*roots: Path, guard: Guard | None = None, images: Sequence[Path] = ()) -> Client:
        keeper = Keeper(lambda: Recommender.open(roots, data))
        context = Context(keeper, lambda: images)
        opened.append(Client(Api(context, guard or Guard(Hosts(["127.0.0.1"]), **FREELY)), keeper))
        return opened[-1]

    yield start
    for client in opened:
        client.api.close()
        client.keeper.close()


@pytest.fixture
def client(start: Start, mini_library: Path) -> Client:
    """An API over six indexed LoRAs."""
    client = start(mini_library)
    client.recommender.refresh()
    return client


def made(prompt: str, *names: str, seed: int = 0, strength: float = 0.8) -> Generation:
    """A generation, an hour after the one with the seed before."""
    uses = tuple(Use(name=name, strength=strength) for name in names)
    return Generation(prompt=prompt, loras=uses, made=1.7e9 + seed * 3600, seed=seed)


@pytest.fixture(name="made")
def _made() -> Callable[..., Generation]:
    return made
