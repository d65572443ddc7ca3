"""The OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.0), made from the table of operations."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from noc import __version__
from noc.watch.api.operation import LARGEST_ID, MAX_NAME, Nothing, Operation, Part

REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_IN_PATH: Final[dict[str, dict[str, Any]]] = {
    "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": "^[^/]+$"},
    "id": {"type": "integer", "minimum": 0, "maximum": LARGEST_ID},
}
_BY_PEER: Final[dict[str, Any]] = {}
"""On HQ's own socket the kernel says who asks, and no token is needed."""

_MEANINGS: Final = {
    400: "The body is not JSON.",
    401: "Nobody has signed in, and no token came along.",
    403: "The caller's role is not enough.",
    404: "There is no such thing.",
    409: "It is settled already, or is changed elsewhere.",
    413: "The body is too large.",
    422: "It was understood, and cannot be acted on.",
    503: "The database cannot be read or written now; try again.",
}


class Problem(Part):
    """One failure: `code` is what `noc explain` looks up; `problems` are there where a file has several."""

    code: str
    what: str
    why: str
    fix: str
    problems: list[Any] | None = None


class Refusal(Part):
    """What comes with every status of 400 and above."""

    error: Problem


def document(operations: Sequence[Operation[Any, Any]]) -> dict[str, Any]:
    """The whole document: every operation with its parameters, body, answers, and the role that it needs."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(_PARAMETER.sub(r"{\1}", operation.path), {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "noc watch",
            "version": __version__,
            "description": "What the watch on HQ knows of the fleet. Times are ISO 8601, UTC.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _identity(operation),
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation.query)],
        "responses": {**_good(operation), **{str(status): _refusal(status) for status in _refusals(operation)}},
    }
    if operation.body is not Nothing:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    if operation.role is not None:
        described |= {"security": [{"token": []}, _BY_PEER], "x-role": operation.role}
    return described


def _identity(operation: Operation[Any, Any]) -> str:
    words = re.findall(r"\w+", _PARAMETER.sub(r"by_\1", operation.path.removeprefix("/api/v1")))
    return "_".join([operation.method.lower(), *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _IN_PATH[name]} for name in _PARAMETER.findall(path)
    ]


def _query_parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    schema = query.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _plain(each)}
        for name, each in schema.get("properties", {}).items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: none can be null in an address, it is left out instead."""
    kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
    if len(kinds) == 1:
        return {**kinds[0], **{key: value for key, value in rest.items() if value is not None}}
    return schema


def _good(operation: Operation[Any, Any]) -> dict[str, Any]:
    if operation.media is not None:
        return {"200": {"description": "Done.", "content": {operation.media: {"schema": {"type": "string"}}}}}
    if operation.answers is None:
        return {"204": {"description": "Done."}}
    answers = {operation.status: operation.answers, **(operation.others or {})}
    return {str(status): {"description": "Done.", "content": _json(model)} for status, model in answers.items()}


def _refusals(operation: Operation[Any, Any]) -> Iterable[int]:
    if operation.body is not Nothing:
        yield from (400, 413)
    if operation.role is not None:
        yield from (401, 403)
    if "{" in operation.path:
        yield 404
        if operation.method in {"POST", "DELETE"} or operation.conflicts:
            yield 409
    yield from (422, 503)


def _refusal(status: int) -> dict[str, Any]:
    return {"description": _MEANINGS[status], "content": _json(Refusal)}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}}


def _schemas(operations: Iterable[Operation[Any, Any]]) -> dict[str, Any]:
    answers = {model for each in operations for model in (each.answers, *(each.others or {}).values()) if model}
    answers.add(Refusal)
    bodies = {each.body for each in operations if each.body is not Nothing}
    named = [(model, "serialization") for model in answers] + [(model, "validation") for model in bodies]
    by_name = sorted(named, key=lambda pair: pair[0].__name__)
    schemas: dict[str, Any] = models_json_schema(by_name, ref_template=REF)[1]["$defs"]
    return schemas
