"""The HTTP reference as a page, of the OpenAPI document: `python -m tools.openapi_document` writes both."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parent.parent / "docs" / "http.md"
_REF = "#/components/schemas/"
_OPENING = """# HTTP

Made by `python -m tools.openapi_document` from the routes and their shapes; change it there. A running monitor has the
same at `/docs`, where requests can be tried. [README](../README.md#http) has all paths on one page, and
[operations](operations.md#who-may-change-things) says who may change things.

Errors are `application/problem+json` with a `code`. A type with a link is described under [shapes](#shapes).
"""
# Of a schema: bounds that people want to know.
_BOUNDS = (("minLength", "at least {} characters"), ("maxLength", "at most {} characters"), ("minimum", "from {}"),
           ("maximum", "to {}"), ("exclusiveMinimum", "above {}"), ("maxItems", "at most {} entries"))  # fmt: skip


def page(document: Mapping[str, Any]) -> str:
    """The Markdown of the whole reference."""
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag[operation.get("tags", ["other"])[0]].append("\n".join(_operation(path, method, operation)))
    parts = [_OPENING]
    for tag in sorted(by_tag):
        parts += [f"## {tag[0].upper()}{tag[1:]}\n", *by_tag[tag]]
    parts.append("## Shapes\n")
    for name, shape in document["components"]["schemas"].items():
        parts.append("\n".join(_shape(name, shape)))
    return "\n".join(parts).rstrip() + "\n"


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield f"{_words(operation.get('description') or operation.get('summary', ''))}\n"
    parameters = operation.get("parameters", [])
    if parameters:
        rows = (
            (f"`{each['name']}`", each["in"], _type(each["schema"]), _default(each["schema"], each.get("required")),
             each.get("description", ""))
            for each in parameters
        )  # fmt: skip
        yield _table(("parameter", "in", "type", "default", "meaning"), rows)
    body = _content(operation.get("requestBody", {}))
    if body:
        yield f"Body: {_type(body)}\n"
    answers = ((code, _type(_content(each)) if _content(each) else "–", each["description"])
               for code, each in operation["responses"].items())  # fmt: skip
    yield _table(("answer", "type", "meaning"), answers)


def _shape(name: str, shape: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if shape.get("description"):
        yield f"{_words(shape['description'])}\n"
    if "properties" not in shape:
        yield f"{_type(shape)}\n"
        return
    required = shape.get("required", ())
    fields = ((f"`{field}`", _type(each), _default(each, field in required), each.get("description", ""))
              for field, each in shape["properties"].items())  # fmt: skip
    yield _table(("field", "type", "default", "meaning"), fields)


def _content(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a body or an answer; empty where it has none."""
    return next((each.get("schema", {}) for each in part.get("content", {}).values()), {})


def _type(schema: Mapping[str, Any] | bool) -> str:
    if isinstance(schema, bool):  # false: nothing else follows
        return "nothing" if not schema else "any"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f"[{name}](#{name.lower()})"
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        return " or ".join(dict.fromkeys(_type(each) for each in choices))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = str(schema.get("type", "any"))
    if kind == "array":
        kind = f"list of {_type(schema.get('items', {}))}"
    elif kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        kind = f"object of {_type(schema['additionalProperties'])}"
    elif "format" in schema:
        kind = str(schema["format"])
    return ", ".join([kind, *(words.format(schema[name]) for name, words in _BOUNDS if name in schema)])


def _default(schema: Mapping[str, Any], required: bool | None) -> str:
    if required:
        return "required"
    if schema.get("default") in (None, "", [], {}):
        return "–"
    value = schema["default"]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(_words(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
    )


def _words(text: str) -> str:
    """On one line, and nothing that Markdown would take for a tag."""
    return " ".join(text.split()).replace("<", "&lt;")
