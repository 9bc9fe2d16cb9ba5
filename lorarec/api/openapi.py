"""The OpenAPI 3.1 document, made from the table and its structs, so that it cannot say something else than they do."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from .. import __version__
from .fields import Nothing
from .wire import JSON, PREFIX, ErrorBody
from .work import JOBS

if TYPE_CHECKING:
    from .routes import Route

_REFERENCE = "#/components/schemas/{name}"
_ERRORS = {
    400: "The request is not of this shape, or means nothing.",
    401: "A login or token is needed.",
    403: "It comes from another site's page, or names a host that is not ours.",
    404: "There is no such thing.",
    409: "There is no index yet, or a newer prompt of the same client came meanwhile.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A file of this machine cannot be read.",
    429: "Too many requests.",
    500: "The data folder cannot be used, or something went wrong.",
    503: "An optional part is missing, or there is too much to do.",
}
_BODY_ONLY = (413, 415)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document of some routes as plain data."""
    types = {type_ for route in routes for type_ in (route.answer, route.body) if isinstance(type_, type)}
    ordered = sorted({*types, ErrorBody}, key=lambda type_: type_.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lorarec",
            "version": __version__,
            "description": "Recommends the LoRAs you have installed. See docs/api.md.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    summary, _, rest = (inspect.getdoc(route.handler) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z0-9]+', '_', route.path)}".rstrip("_"),
        "summary": " ".join(summary.split()),
        "parameters": [*_path_parameters(route), *_query_parameters(route.query)],
        "responses": {
            str(route.status): {"description": "Done.", "content": _content(route.answer)},
            **{
                str(status): {"description": text, "content": _content(ErrorBody)}
                for status, text in _ERRORS.items()
                if route.method != "GET" or status not in _BODY_ONLY
            },
        },
    }
    if described := rest.partition("Raises:")[0].strip():
        operation["description"] = described
    if route.body is not None:
        operation["requestBody"] = {"required": route.body is not Nothing, "content": _content(route.body)}
    return operation


def _content(answer: type | str) -> dict[str, Any]:
    if isinstance(answer, str):
        return {answer: {}}
    return {JSON: {"schema": {"$ref": _REFERENCE.format(name=answer.__name__)}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    schemas: dict[str, Any] = {
        "id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "job": {"type": "string", "enum": list(JOBS)},
    }
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas[name]}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query_parameters(query: type | None) -> list[dict[str, Any]]:
    if query is None or query is Nothing:
        return []
    schema = msgspec.json.schema(query)
    properties = schema["$defs"][query.__name__]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": _plain(of)} for name, of in properties.items()]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: what may be left out cannot be null in a query string."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema
