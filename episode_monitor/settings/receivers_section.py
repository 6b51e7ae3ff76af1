"""The sections `receivers` and `global` of `alerting.yaml`; the file of each kind of sink declares its keys."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from alert_sinks.destinations import RECEIVER_KINDS
from alert_sinks.receivers import (
    OTHER_KINDS,
    REFUSED_GLOBAL,
    SECRETS,
    Form,
    Receiver,
    ReceiverConfig,
    ReceiverKind,
)
from alert_sinks.settings import http_address
from episode_monitor.settings.yaml_reading import Value

SecretFiles = Callable[[str], str]  # path -> secret; raises ValueError with what is wrong
_FILE = "_file"
_HOST_PORT = re.compile(r"[^\s:/]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5}")
_MAIL = re.compile(r"[^@]*[^@\s]+@[^@\s]+")
_APPRISE = "remove it, and reach that service by `apprise_configs`"


_KINDS = {key: kind.receiver for key, kind in RECEIVER_KINDS.items() if kind.receiver is not None}
_GLOBAL = {key: form for kind in _KINDS.values() for key, form in kind.common.items()}
_REFUSED_GLOBAL = REFUSED_GLOBAL | {key: said for kind in _KINDS.values() for key, said in kind.refused_common.items()}


def no_files(path: str) -> str:
    """Where no file may be read."""
    raise ValueError(f"names the file {path}, and no file is read here; write the secret itself")


def read_receivers(value: Value | None, common: Value | None, secret_files: SecretFiles) -> tuple[Receiver, ...]:
    """All receivers; `common` is the section `global`."""
    defaults = _values(common, _GLOBAL, _REFUSED_GLOBAL, secret_files) if common else {}
    found: dict[str, Receiver] = {}
    for each in value.items() if value else ():
        parts = each.keys(("name", *_KINDS), dict.fromkeys(OTHER_KINDS, _APPRISE))
        if not each.needs(parts, "name"):
            continue
        name = parts["name"].name()
        if name in found:
            parts["name"].fault(f"is `{name}`, which another receiver has; rename one of them")
        configs = [
            config
            for key, kind in _KINDS.items()
            for one in (parts[key].items(50) if key in parts else ())
            if (config := _config(one, kind, defaults, secret_files)) is not None
        ]
        found[name] = Receiver(name=name, configs=tuple(configs))
    return tuple(found.values())


def _config(
    value: Value, kind: ReceiverKind, defaults: Mapping[str, Any], secret_files: SecretFiles
) -> ReceiverConfig | None:
    before = len(value.faults)
    values = _values(value, kind.forms | {"send_resolved": Form.FLAG}, kind.refused, secret_files)
    for key, common in kind.defaults.items():
        if key not in values and common in defaults and not (key == "api_url" and "bot_token" in values):
            values[key] = defaults[common]
    for key in kind.required:
        if key not in values and len(value.faults) == before:
            hint = f", or `{kind.defaults[key]}` under `global`" if key in kind.defaults else ""
            value.child(key).fault(f"is missing; add it{hint}")
    if len(value.faults) == before and (fault := kind.fault(values)):
        value.child(fault[0]).fault(fault[1])
    if len(value.faults) > before:
        return None
    return kind.config(**{kind.renamed.get(key, key): each for key, each in values.items()})


def _values(
    value: Value, forms: Mapping[str, Form], refused: Mapping[str, str], secret_files: SecretFiles
) -> dict[str, Any]:
    """Each key that is set, in its form; a secret in a file stands under the key of the secret."""
    of_files = {f"{key}{_FILE}": key for key, form in forms.items() if form in SECRETS}
    values: dict[str, Any] = {}
    for key, each in value.keys((*forms, *of_files), refused).items():
        if each.is_null:
            continue
        target = of_files.get(key, key)
        if target in values:
            each.fault(f"stands beside `{target if key in of_files else target + _FILE}`; keep one of the two")
            continue
        form = forms[target]
        values[target] = (
            each.read(lambda path, form=form: SecretStr(_secret(secret_files(path), form)), None)  # type: ignore[misc]
            if key in of_files
            else _value(each, form)
        )
    return values


def _value(value: Value, form: Form) -> Any:
    if form is Form.FLAG:
        return value.flag()
    if form is Form.COUNT:
        return value.whole(0, 10_000)
    if form in SECRETS:
        return _unshown(value, form)
    return value.read(_CHECKS[form], "")


def _unshown(value: Value, form: Form) -> SecretStr | None:
    """A secret; an error does not repeat it."""
    before, text = len(value.faults), value.text()
    if len(value.faults) > before:
        return None
    try:
        return SecretStr(_secret(text, form))
    except ValueError as error:
        value.fault(str(error) if ";" in str(error) else f"{error}; correct it")
        return None


def _secret(text: str, form: Form) -> str:
    if not text.strip() or text == "<secret>":
        raise ValueError("is empty or a placeholder; write the secret itself")
    return http_address(text) if form is Form.SECRET_ADDRESS else _apprise(text) if form is Form.APPRISE else text


def _apprise(text: str) -> str:
    try:
        usable = bool(urlsplit(text).scheme) and "://" in text
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an address of Apprise, such as tgram://TOKEN/CHAT")
    return text


def _text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _host_port(text: str) -> str:
    if not _HOST_PORT.fullmatch(text) or not 1 <= int(text.rpartition(":")[2]) <= 65_535:
        raise ValueError("must be a host and a port, such as mail.example:587")
    return text


def _mails(text: str) -> str:
    if not all(_MAIL.fullmatch(each.strip()) for each in text.split(",")):
        raise ValueError("must be a mail address, or several with commas between")
    return text


_CHECKS: dict[Form, Callable[[str], str]] = {
    Form.TEXT: _text,
    Form.ADDRESS: http_address,
    Form.HOST_PORT: _host_port,
    Form.MAIL: _mails,
}
