"""Draws the OpenAPI document as one page of plain HTML, on the server: no script, nothing from outside."""

from collections.abc import Iterator
from html import escape
from typing import Any

Document = dict[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_ORDER = ("integrity", "jobs", "repair", "performance", "alerts", "rules", "replays", "process")


def render(document: Document) -> str:
    """The whole page."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} · HTTP</title>",
            '<link rel="icon" href="./static/favicon.svg"><link rel="stylesheet" href="./static/docs.css">',
            "</head><body>",
            f"<header><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            f"<p>{_prose(info.get('description', ''))}</p>",
            '<p><a href="./">Dashboard</a> · <a href="./openapi.json">openapi.json</a></p></header>',
            _contents(document),
            "<main>",
            *_groups(document),
            *_shapes(document),
            "</main></body></html>",
        )
    )


def _operations(document: Document) -> dict[str, list[tuple[str, str, Document]]]:
    """(method, path, operation) by tag: what is looked at first comes first."""
    groups: dict[str, list[tuple[str, str, Document]]] = {tag: [] for tag in _ORDER}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append((method, path, item[method]))
    return {tag: operations for tag, operations in groups.items() if operations}


def _contents(document: Document) -> str:
    links = (f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in (*_operations(document), "shapes"))
    return f'<nav aria-label="Contents">{"".join(links)}</nav>'


def _groups(document: Document) -> Iterator[str]:
    for tag, operations in _operations(document).items():
        yield f'<section id="{escape(tag)}"><h2>{escape(tag)}</h2>'
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
        yield "</section>"


def _operation(method: str, path: str, operation: Document) -> Iterator[str]:
    lock = ' <span class="lock">operator</span>' if operation.get("security") else ""
    yield f'<article id="{escape(operation["operationId"])}">'
    yield f'<h3><span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code>{lock}</h3>'
    yield f"<p>{_prose(operation.get('description', ''))}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        rows = ((p["name"], p["in"], _shape(p["schema"]), p.get("description", "")) for p in parameters)
        yield _table(("parameter", "in", "value", "meaning"), rows)
    body = operation.get("requestBody")
    if body:
        yield f"<p>Body{'' if body.get('required') else ' (optional)'}: {_content(body)}</p>"
    answers = operation["responses"].items()
    lines = ((status, _Html(_content(answer)), answer.get("description", "")) for status, answer in answers)
    yield _table(("status", "shape", "meaning"), lines)
    yield "</article>"


class _Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def _table(heads: tuple[str, ...], rows: Any) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = (
        "".join(f"<td>{cell if isinstance(cell, _Html) else _prose(str(cell))}</td>" for cell in row) for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr><tr>{"</tr><tr>".join(lines)}</tr></table></div>'


def _content(holder: Document) -> str:
    return " or ".join(
        _shape(media["schema"]) if media.get("schema") else f"<code>{escape(name)}</code>"
        for name, media in holder.get("content", {}).items()
    )


def _shapes(document: Document) -> Iterator[str]:
    yield '<section id="shapes"><h2>shapes</h2>'
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="shape-{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        yield f"<p>{_prose(schema.get('description', ''))}</p>"
        needed = set(schema.get("required", []))
        fields = schema.get("properties", {})
        if fields:
            rows = (
                (field if field in needed else f"{field} ?", _shape(shape), shape.get("description", ""))
                for field, shape in fields.items()
            )
            yield _table(("field", "value", "meaning"), rows)
        elif "enum" in schema:
            yield f"<p>{_shape(schema)}</p>"
        yield "</article>"
    yield "</section>"


def _shape(schema: Document) -> _Html:
    """A schema in few words, with links to the named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return _Html(f'<a href="#shape-{name}">{name}</a>')
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return _Html(" | ".join(f"<code>{escape(str(value))}</code>" for value in values) + _limits(schema))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _Html(" | ".join(_shape(one) for one in schema[several]) + _limits(schema))
    kind = str(schema.get("type", "any"))
    if kind == "array" and "prefixItems" in schema:
        return _Html("[" + ", ".join(_shape(item) for item in schema["prefixItems"]) + "]")
    if kind == "array":
        return _Html(f"list of {_shape(schema.get('items', {}))}")
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return _Html(f"map to {_shape(schema['additionalProperties'])}")
    return _Html(escape(schema.get("format", kind)) + _limits(schema))


_LIMITS = (
    ("minimum", "from {}"),
    ("maximum", "to {}"),
    ("minLength", "at least {} long"),
    ("maxLength", "at most {} long"),
)


def _limits(schema: Document) -> str:
    words = [text.format(schema[name]) for name, text in _LIMITS if name in schema]
    if schema.get("default") not in (None, "", [], {}):
        words.append(f"default {schema['default']}")
    return f" <small>{escape(', '.join(words))}</small>" if words else ""


def _prose(text: str) -> str:
    """Text with `code` between backticks."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
