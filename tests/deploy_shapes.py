"""Schemas of deployment files, from packages that carry them; nothing is fetched."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes_validate
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import validator_for

KUBERNETES_VERSION = "1.31"  # the oldest for which the manifests are checked; the newest is checked as well
OPERATOR = {"ServiceMonitor": prometheus_operator.ServiceMonitor, "PrometheusRule": prometheus_operator.PrometheusRule}


def faults_of_compose(document: dict[str, Any]) -> list[str]:
    """What the Compose specification refuses, each with its place."""
    package = find_spec("check_jsonschema")  # found and not imported: its command line is of no use here
    assert package is not None
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_bytes())
    return _faults(validator_for(schema)(schema), document)


def faults_of_manifest(manifest: dict[str, Any], version: str) -> list[str]:
    """What Kubernetes of this version, or the Prometheus operator, refuses; unknown fields too."""
    if manifest["apiVersion"].startswith("monitoring.coreos.com/"):
        return _faults(_operator_validator(manifest["kind"]), manifest)
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'/'.join(map(str, error.path))}: {error.message}"]
    return []


@cache
def _operator_validator(kind: str) -> Draft202012Validator:
    model: Any = OPERATOR[kind]
    return Draft202012Validator(_closed(model.model_json_schema(by_alias=True)))


def _closed(schema: Any) -> Any:
    """The same schema, but an object whose fields are listed has no others."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if "properties" in schema and isinstance(schema.get("type"), str):
        closed.setdefault("additionalProperties", False)
    return closed


def _faults(validator: Any, document: dict[str, Any]) -> list[str]:
    return [
        f"{error.json_path}: {error.message}" for each in validator.iter_errors(document) for error in _leaves(each)
    ]


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """What is wrong in each alternative of an `anyOf`, in place of the whole that fits none."""
    if not error.context:
        yield error
    for inner in error.context or ():
        yield from _leaves(inner)
