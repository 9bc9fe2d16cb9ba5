"""The OpenAPI document, and requests made from it: whatever it allows or forbids, no answer is a failure of ours."""

from __future__ import annotations

import json
import threading

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorarec.api.openapi import document
from lorarec.api.routes import ROUTES
from lorarec.api.server import Server
from lorarec.api.wire import PREFIX

DOCUMENT = document(ROUTES)
EXAMPLES = 30  # requests that schemathesis makes of each operation
QUIETLY = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def references(value):
    if isinstance(value, dict):
        yield from (found for key, item in value.items() if key == "$ref" for found in [item])
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_it_holds_every_route_and_nothing_else():
    said = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert said == {(route.method, PREFIX + route.path) for route in ROUTES}


def test_its_references_lead_somewhere_and_everything_is_used():
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(json.loads(msgspec.json.encode(DOCUMENT)))) == names


def test_every_operation_is_explained():
    operations = [one for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for one in operations:
        assert one["summary"].endswith(".") and len(one["summary"]) < 120
        assert {"400", "401", "403", "404", "429", "500"} < set(one["responses"])


def test_no_internal_name_is_in_it():
    text = json.dumps(DOCUMENT["components"]["schemas"], default=list)
    assert "lorarec." not in text and "numpy" not in text


# Bodies and parameters of every shape

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
WITH_BODY = [route for route in ROUTES if route.body is not None and "/jobs" not in route.path]
WITH_QUERY = [route for route in ROUTES if route.query is not None]


def named(fields, values):
    """Objects whose keys are mostly those of a struct."""
    return st.dictionaries(st.sampled_from(fields or ["x"]) | st.text(max_size=8), values, max_size=5)


@QUIETLY
@given(data=st.data())
def test_no_body_is_too_strange(client, data):
    route = data.draw(st.sampled_from(WITH_BODY))
    fields = list(route.body.__struct_fields__)
    body = data.draw(JSON | named(fields, JSON) | st.binary(max_size=60))
    reply = client(route.method, route.path, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert reply.status < 500 or reply.code == "missing_part"
    if reply.status >= 400:
        assert reply.code
        field = reply.json["error"].get("field", "")
        assert not field or field.split(".")[0].split("[")[0] in fields or isinstance(body, dict)


@QUIETLY
@given(data=st.data())
def test_no_parameter_is_too_strange(client, data):
    route = data.draw(st.sampled_from(WITH_QUERY))
    text = st.text(max_size=20) | st.sampled_from(["nan", "inf", "-1", "1e999", "true", "null", "\x00", "9" * 40])
    query = data.draw(named(list(route.query.__struct_fields__), st.lists(text, max_size=3)))
    path = route.path.replace("{id}", client.id("moon_priestess")).replace("{job}", "index")
    reply = client(route.method, path, query=query)
    assert reply.status < 500 and (reply.status < 400 or reply.code)
    for stream in (reply.response.events, reply.response.chunks):
        if stream is not None:
            stream.close()


@QUIETLY
@given(path=st.text(max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]))
def test_no_path_is_too_strange(client, path, method):
    reply = client(method, path)
    assert reply.status in (200, 400, 404, 405)


@QUIETLY
@given(
    headers=st.dictionaries(
        st.sampled_from(["host", "origin", "sec-fetch-site", "authorization", "content-type", "if-none-match"]),
        st.text(max_size=30),
        min_size=1,
    )
)
def test_no_header_is_too_strange(client, headers):
    path = f"/loras/{client.id('moon_priestess')}/preview"
    assert client("GET", path, headers=headers).status in (200, 304, 403)
    assert client("POST", "/suggestions", {"prompt": "a"}, headers=headers).status in (200, 403, 415)


# Against the real server, from its own document


@pytest.fixture
def served(client):
    """The URL of a real server."""
    server = Server(client.api, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server.url.rstrip("/")
    server.close()
    thread.join(10)


@pytest.mark.slow
def test_schemathesis_finds_nothing(served, client):
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        negative_data_rejection,
        response_schema_conformance,
        status_code_conformance,
        unsupported_method,
    )

    checks = [
        *(not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance),
        unsupported_method,
    ]
    schema = schemathesis.openapi.from_dict(json.loads(client("GET", "/openapi.json").response.body))
    endless = f"{PREFIX}/events"
    found = [result.ok() for result in schema.get_all_operations()]
    operations = [one for one in found if not (one.path == endless and one.method == "get")]
    assert len(operations) == len(ROUTES) - 1
    known = client.id("moon_priestess")

    def fuzz(operation):
        right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        takes_body = bool(list(operation.body))
        takes = [*operation.query, *operation.path_parameters, *operation.body]

        @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
        @given(case=right | wrong if takes else right, real=st.booleans())
        def ask(case, real):
            if real and "id" in case.path_parameters:
                case.path_parameters["id"] = known
            response = case.call(base_url=served, timeout=20)
            if response.status_code not in (413, 414, 503):  # too long to be read; no encoder is there
                # "null" in a query string means that it is left out, which a schema cannot say.
                case.validate_response(response, checks=[*checks, negative_data_rejection] if takes_body else checks)

        ask()

    for operation in operations:
        fuzz(operation)
