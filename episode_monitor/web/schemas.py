"""The OpenAPI document: FastAPI knows the routes, msgspec knows the answers; here the two are joined.

A route names its answer with `returns(Type)` and its body with `takes(Type)`; every type named so is in the document.
"""

from typing import Any

import msgspec
from fastapi import FastAPI

from models.alert import Alert
from models.alert_views import ActiveAlert


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One parameter or field that is wrong; `line` where it is a text of many lines."""

    parameter: str
    detail: str
    line: int | None = None


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error (RFC 9457). `code` is stable and for programs; `detail` is a sentence for people and may change."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: list[Finding] = []
    retry_after_seconds: int | None = None
    error_id: str | None = None


class ActiveAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """Pending and firing alerts, the most severe first; `total` counts all of them. `next_cursor` is null on the last
    page. While partitions recover `values_are_current` is false: each alert has the values of its last transition,
    which was at its `updated_at`."""

    alerts: list[ActiveAlert]
    total: int
    next_cursor: str | None
    values_are_current: bool


PLAIN_JSON = "/api/"  # Alertmanager's API, whose clients stop at a media type that they do not know
PROBLEM_JSON = "application/problem+json"
ANSWERS: set[type] = set()  # every type that a route names
_REFERENCE = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "The request cannot be read.",
    404: "The resource in the path does not exist.",
    409: "A conflict with the present state: the alert has ended, the plan is not open, or the data has changed.",
    501: "This monitor runs without the part that is needed; the detail names the setting.",
    503: "Tables are recovering, or a dependency does not answer; see Retry-After.",
}
_INVALID = "A parameter is wrong; `code` and `errors` name it."
_IN_FLIGHT = "The first request with this Idempotency-Key has no answer yet; see Retry-After."
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your choice, new for each change: sent again within a day with the same request, it "
    "gets the first answer and the change is not made twice. With another request: 422; before the first answer: 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
_REPLAYED_HEADER = {
    "description": "`true`: this is the first answer of this Idempotency-Key, given again.",
    "schema": {"type": "string", "enum": ["true"]},
}
_MUTATION_PROBLEMS = {
    400: _PROBLEMS[400],
    401: "The token is missing or unknown.",
    403: "The caller is not an operator, not on this machine, or a page of a foreign origin.",
    413: "The body is over 64 KiB.",
    415: "The body is not JSON.",
}

Responses = dict[int | str, dict[str, Any]]


def reference(kind: type) -> dict[str, str]:
    """A JSON schema that points at `kind`, which is in the document from now on."""
    ANSWERS.add(kind)
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def returns(*kinds: type, problems: tuple[int, ...] = (503,), mutation: bool = False) -> Responses:
    """The `responses` of a route that answers 200 with one of `kinds` and may fail with the listed problems."""
    schema = reference(kinds[0]) if len(kinds) == 1 else {"oneOf": [reference(kind) for kind in kinds]}
    answers: Responses = {200: {"description": "The answer.", "content": {"application/json": {"schema": schema}}}}
    texts = {status: _PROBLEMS[status] for status in problems}
    texts[422] = _INVALID
    if mutation:
        texts |= _MUTATION_PROBLEMS
    for status in sorted(texts):
        answers[status] = problem(texts[status])
    return answers


def problem(description: str) -> dict[str, Any]:
    """A response with a problem."""
    content = {PROBLEM_JSON: {"schema": reference(ProblemBody)}}
    return {"description": description, "content": content}


def takes(body: type, *, required: bool) -> dict[str, Any]:
    """The `openapi_extra` of a mutation: its body, and the token it needs."""
    content = {"application/json": {"schema": reference(body)}}
    return {"requestBody": {"required": required, "content": content}, "security": [{"operatorToken": []}]}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document with our schemas in place of its own error shapes."""
    _, schemas = msgspec.json.schema_components(ANSWERS, ref_template=_REFERENCE)
    for kind in ANSWERS | {Alert, ActiveAlert}:
        if issubclass(kind, Alert):
            optional = {field.name for field in msgspec.structs.fields(Alert) if field.default is msgspec.UNSET}
            schemas[kind.__name__] = _alert_on_the_wire(schemas[kind.__name__], optional)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "{" in path:  # an id that is not UTF-8, or has control characters
                answers = operation["responses"] | {"400": problem(_PROBLEMS[400])}
                operation["responses"] = dict(sorted(answers.items()))
            if method == "post":
                _with_key(operation)
            if not operation.get("parameters") and "requestBody" not in operation:
                operation["responses"].pop("422", None)  # nothing to get wrong
            elif "422" in operation["responses"]:
                operation["responses"]["422"] = problem(_INVALID)  # a route that named none has FastAPI's own shape
            if path.startswith(PLAIN_JSON):
                operation["responses"] = {code: _plain(each) for code, each in operation["responses"].items()}
    components = document.setdefault("components", {})
    others = components.get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        others.pop(name, None)
    components["schemas"] = dict(sorted({**others, **schemas}.items()))
    components["securitySchemes"] = {"operatorToken": {"type": "http", "scheme": "bearer"}}
    return document


def _with_key(operation: dict[str, Any]) -> None:
    """A POST takes `Idempotency-Key`: what may come of it, and the header of an answer that is given again."""
    operation["parameters"] = [*operation.get("parameters", []), _KEY_PARAMETER]
    answers = operation["responses"]
    answers.setdefault("409", problem(_IN_FLIGHT))
    answers["422"] = problem(_INVALID)
    for code in [code for code in answers if code.startswith("2")]:
        replayed = {"Idempotent-Replayed": _REPLAYED_HEADER}
        answers[code] = {**answers[code], "headers": replayed}
    operation["responses"] = dict(sorted(answers.items()))


def _plain(response: dict[str, Any]) -> dict[str, Any]:
    """The same with its problem as plain JSON, beside the other shape that the status may have."""
    content = dict(response.get("content", {}))
    as_problem = content.pop(PROBLEM_JSON, None)
    if as_problem is None:
        return response
    shapes = [each["schema"] for each in (content.get("application/json"), as_problem) if each]
    schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    return {**response, "content": {**content, "application/json": {"schema": schema}}}


def _alert_on_the_wire(schema: dict[str, Any], optional: set[str]) -> dict[str, Any]:
    """`Alert.to_dict` writes each `*_ms` field as an RFC 3339 string without the suffix; so must its schema. All fields
    are written but `optional` ones, which it leaves out where they are unset."""
    properties = {}
    for name, shape in schema["properties"].items():
        if not name.endswith("_ms"):
            properties[name] = shape
            continue
        moment = {"type": "string", "format": "date-time"}
        nullable = {"type": "null"} in shape.get("anyOf", [])
        properties[name.removesuffix("_ms")] = {"anyOf": [moment, {"type": "null"}]} if nullable else moment
    return {**schema, "properties": properties, "required": [name for name in properties if name not in optional]}


class DocumentedApp(FastAPI):
    """FastAPI whose document is completed; it serves neither `/docs` nor `/openapi.json` by itself."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema
