"""Alerting files that cannot be used as a whole, in Korean: unread, vanished, or with a receiver of no use."""

from pathlib import Path
from typing import Any, cast

import pytest

from episode_monitor.dispatch.in_force import AlertingInForce, InForce
from episode_monitor.dispatch.loading import dispatch_config, file_destinations
from episode_monitor.settings.alerting_file import parse_alerting
from episode_monitor.settings.alerting_files import AlertingFiles, load_alerting, read_files
from episode_monitor.settings.settings import Settings, SettingsError
from episode_monitor.settings.yaml_reading import FileError
from episode_monitor.web.korean_refusals import refusal_in_korean
from tests.web.korean_faults import alerting

SETTINGS = Settings(kafka_bootstrap_servers="k:9092")


@pytest.mark.parametrize(
    ("data", "korean"),
    [
        (b"", "비어 있습니다. 파일을 지우거나 내용을 쓰세요."),
        (b"route: [", "올바른 YAML이 아닙니다. 이 위치를 고치세요."),
        (b"a: \x07", "YAML에 쓸 수 없는 문자 U+0007이(가) 있습니다. 지우세요."),
        (b"a: \xff", "이 위치가 UTF-8이 아닙니다. UTF-8로 저장하세요."),
        (b"#" * 300_000, "256 KiB를 넘어 읽지 않습니다. 줄이세요."),
        (b"[" * 5000, "너무 깊게 중첩되어 있습니다. 중첩을 줄이세요."),
        (b"&a [*a]", "값이 100000개를 넘거나 자기 자신을 포함하는 별칭이 있습니다. 줄이세요."),
    ],
)
def test_a_file_that_cannot_be_used_at_all_says_why(data: bytes, korean: str) -> None:
    assert alerting(data) == [korean]


def test_several_faults_are_said_a_line_each() -> None:
    with pytest.raises(FileError) as refused:
        parse_alerting(b'route:\n  receiver: "x\\ny"\n  group_wait: 5\nreceivers: [{name: t}]\n', "/etc/m/a.yaml")
    assert refusal_in_korean(str(refused.value)) == (
        "/etc/m/a.yaml 2행: `route.receiver`: 이름이 `x\ny`인 수신처가 없습니다. 다음 중 하나를 쓰세요: t.\n"
        "/etc/m/a.yaml 3행: `route.group_wait`: 값 `5`이(가) 잘못되었습니다. 30s, 5m, 1h30m 같은 기간을 쓰세요."
    )


def test_a_file_or_a_secret_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    missing, file = tmp_path / "none.yaml", tmp_path / "alerting.yaml"
    with pytest.raises(SettingsError) as refused:
        load_alerting(missing)
    assert refusal_in_korean(str(refused.value)) == (
        f"{missing} 파일을 읽을 수 없습니다(원문: No such file or directory). 경로나 권한을 고치세요."
    )
    (tmp_path / "binary").write_bytes(b"\xff")
    for name, korean in (
        ("none", "none 파일을 읽을 수 없습니다(원문: No such file or directory). 경로나 권한을 고치세요."),
        ("binary", "'binary'은(는) 텍스트 파일이 아닙니다. 고치세요."),
    ):
        file.write_text(
            f"route: {{receiver: t}}\nreceivers: [{{name: t, slack_configs: [{{api_url_file: {name}}}]}}]\n"
        )
        with pytest.raises(SettingsError) as refused:
            load_alerting(file)
        key = "`receivers[0].slack_configs[0].api_url_file`"
        assert refusal_in_korean(str(refused.value)) == f"{file} 2행: {key}: {korean}"


@pytest.mark.parametrize(
    ("config", "environment", "korean"),
    [
        (
            "webhook_configs: [{url: 'http://w.example', secret: 'whsec_!'}]",
            {},
            "`webhook_configs` 1번째 항목: `secret`의 'whsec_' 뒤가 base64가 아닙니다. 다시 복사하세요.",
        ),
        (
            "webhook_configs: [{url: 'http://w.example', secret: whsec_}]",
            {},
            "`webhook_configs` 1번째 항목: `secret`이 비어 있습니다. 값을 쓰거나, 서명 없이 보내려면 지우세요.",
        ),
        (
            "webhook_configs: [{url: 'http://w.example'}]",
            {"http_proxy": "socks5://p.example"},
            "`webhook_configs` 1번째 항목: HTTP_PROXY이(가) SOCKS 프록시라서 알림을 보낼 수 없습니다. "
            "http:// 프록시로 바꾸거나 수신처의 호스트를 NO_PROXY에 쓰세요.",
        ),
        (
            "webhook_configs: [{url: 'http://w.example'}]",
            {"http_proxy": "http://"},
            "`webhook_configs` 1번째 항목: HTTP_PROXY이(가) 알림을 보낼 수 있는 프록시가 아닙니다. "
            "http://HOST:PORT로 쓰거나 수신처의 호스트를 NO_PROXY에 쓰세요.",
        ),
        (
            "slack_configs: [{api_url: 'https://s.example'}]",
            {"SSL_CERT_FILE": __file__, "https_proxy": "", "HTTPS_PROXY": ""},
            "`slack_configs` 1번째 항목: SSL_CERT_FILE 또는 SSL_CERT_DIR에 읽을 수 있는 인증서가 없습니다. "
            "고치거나 설정을 지우세요.",
        ),
        (
            "apprise_configs: [{url: 'tgram://x'}]",
            {},
            "`apprise_configs` 1번째 항목: `url`을 해석할 수 없습니다. Apprise의 그 서비스 문서와 비교하세요.",
        ),
    ],
)
def test_a_receiver_from_which_no_sink_can_be_made_is_said(
    config: str, environment: dict[str, str], korean: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"no_proxy": "", "NO_PROXY": "", **environment}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "alerting.yaml"
    file.write_text(f"route: {{receiver: a}}\nreceivers: [{{name: a, {config}}}, {{name: b, {config}}}]\n")
    files = read_files(SETTINGS, file, None)
    with pytest.raises(SettingsError) as refused:
        file_destinations(SETTINGS, files, dispatch_config(files), cast(Any, None))
    assert refusal_in_korean(str(refused.value)).split("\n") == [f"{file}: 수신처 {name}의 {korean}" for name in "ab"]


@pytest.mark.parametrize(("key", "korean"), [("alerting_path", "라우팅"), ("oncall_path", "온콜")])
def test_a_file_that_has_vanished_is_said(key: str, korean: str) -> None:
    paths: list[Path | None] = [Path("f.yaml"), None]

    def load() -> InForce:
        files = read_files(SETTINGS, None, None)
        path: dict[str, Any] = {key: paths.pop(0)}
        known = {name: getattr(files, name) for name in ("alerting", "receivers", "on_call")}
        return InForce(AlertingFiles(**known, **path), dispatch_config(files), cast(Any, None))

    in_force = AlertingInForce(load)
    with pytest.raises(SettingsError) as refused:
        in_force.prepare()
    assert refusal_in_korean(str(refused.value)) == (
        f"적용 중인 {korean} 파일 f.yaml이(가) 없어졌습니다. 되돌려 놓거나, 파일 없이 동작하게 하려면 워커를 "
        "재시작하세요."
    )
