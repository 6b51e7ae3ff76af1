"""What is wrong in `alerting.yaml`, in Korean: every sentence as its reader makes it."""

import pytest

from tests.web.korean_faults import alerting

SLACK = "slack_configs: [{api_url: 'https://s.example'"
MAIL = "to: a@b.example, from: m, smarthost: 'm.example:25'"


@pytest.mark.parametrize(
    ("route", "korean"),
    [
        ("1", "매핑이어야 합니다. `key: value`로 쓰세요."),
        ("{}", "필수 키가 없습니다. 추가하세요."),
        ("{receiver: t, receiver: t}", "1행에도 있는 키입니다. 하나를 지우세요."),
        ("{receiver: t, [a]: b}", "텍스트가 아닌 키가 있습니다. 고치세요."),
        ("{receiver: [t]}", "텍스트 하나를 쓰세요."),
        ("{receiver: x}", "이름이 `x`인 수신처가 없습니다. 다음 중 하나를 쓰세요: t."),
        ('{receiver: "\\ud800"}', "짝이 없는 서로게이트 문자가 있습니다. 이스케이프 `\\ud8…`를 지우세요."),
        (
            "{receiver: t, continue: true}",
            "최상위 라우트는 다른 라우트가 받지 않는 알림을 모두 받으므로 쓸 수 없습니다. 하위 라우트로 옮기세요.",
        ),
        ("{receiver: t, group_wait: 30}", "값 `30`이(가) 잘못되었습니다. 30s, 5m, 1h30m 같은 기간을 쓰세요."),
        ('{receiver: t, group_wait: "a\\nb"}', "값 `a\nb`이(가) 잘못되었습니다. 30s, 5m, 1h30m 같은 기간을 쓰세요."),
        ("{receiver: t, group_wait: 101y}", "값 `101y`이(가) 잘못되었습니다. 100y 이하의 기간을 쓰세요."),
        ("{receiver: t, group_interval: 0}", "0은 쓸 수 없습니다. 5m 같은 기간을 쓰세요."),
        ("{receiver: t, group_by: a}", "목록이어야 합니다. 항목마다 `- `로 시작하세요."),
        (
            "{receiver: t, group_by: [a-b]}",
            "`a-b`은(는) 라벨 이름이 아닙니다. 영문자, 숫자, _로 쓰거나 '...'만 쓰세요.",
        ),
        ("{receiver: t, group_by: [a, a]}", "`a`이(가) 두 번 있습니다. 하나를 지우세요."),
        (
            "{receiver: t, group_by: [..., a]}",
            "모든 라벨을 뜻하는 `...`은 다른 라벨과 함께 쓸 수 없습니다. 한쪽만 남기세요.",
        ),
        (f"{{receiver: t, group_by: [{'a,' * 101}]}}", "항목이 100개를 넘습니다. 줄이세요."),
        ("{receiver: t, routes: [{continue: 'true'}]}", "따옴표 없이 true 또는 false를 쓰세요."),
        ("{receiver: t, routes: [{match: {a-b: c}}]}", "라벨 이름이 아닙니다. 영문자, 숫자, _로 쓰세요."),
        (
            "{receiver: t, routes: [{mute_time_intervals: [night]}]}",
            "이름이 `night`인 시간 구간이 없습니다. 추가한 뒤 그 이름을 쓰세요.",
        ),
        (
            "{receiver: t, routes: [{matchers: [severity]}]}",
            "`severity`은(는) 매처가 아닙니다. 라벨, = != =~ !~ 중 하나, 값을 차례로 쓰세요.",
        ),
        ("{receiver: t, routes: [{matchers: ['a=b\"c']}]}", '`b"c`의 안에 큰따옴표가 있습니다. \\"로 쓰세요.'),
        ("{receiver: t, routes: [{matchers: ['a=\"b']}]}", '`"b`에 닫는 큰따옴표가 없습니다. 추가하세요.'),
        ("{receiver: t, routes: [{matchers: ['a=~\\C']}]}", r"정규식의 `\C`는 글자의 일부만 가리킵니다. `.`을 쓰세요."),
        (
            f"{{receiver: t{', routes: [{receiver: t' * 20}{'}]' * 20}}}",
            "라우트가 20단계보다 깊게 중첩되어 있습니다. 중첩을 줄이세요.",
        ),
    ],
)  # fmt: skip
def test_each_fault_of_a_route_is_said(route: str, korean: str) -> None:
    assert korean in alerting(f"{{route: {route}, receivers: [{{name: t}}]}}")


@pytest.mark.parametrize(
    ("config", "korean"),
    [
        ("{}", "필수 키가 없습니다. 추가하세요."),
        ("{name: ''}", "출력 가능한 문자 1~100자의 텍스트를 쓰세요."),
        ("{name: t}, {name: t}", "`t`은(는) 다른 수신처의 이름입니다. 둘 중 하나의 이름을 바꾸세요."),
        (
            "{name: t, sns_configs: []}",
            "지원하지 않습니다. 지우세요. 그 서비스에는 `apprise_configs`로 보낼 수 있습니다.",
        ),
        (
            "{name: t, slack_configs: [{}]}",
            "이 키도 `bot_token`도 없습니다. 둘 중 하나를 쓰거나 `global`에 `slack_api_url`을 쓰세요.",
        ),
        ("{name: t, slack_configs: [{bot_token: x}]}", "필수 키가 없습니다. 봇이 게시할 채널을 쓰세요."),
        ("{name: t, slack_configs: [{api_url: s.example}]}", "http:// 또는 https://로 시작하는 주소를 쓰세요."),
        ("{name: t, slack_configs: [{api_url: ''}]}", "비어 있거나 자리 표시자입니다. 실제 비밀 값을 쓰세요."),
        (f"{{name: t, {SLACK}, bot_token: x}}]}}", "`api_url`와(과) 함께 쓸 수 없습니다. 하나만 남기세요."),
        (f"{{name: t, {SLACK}, title: x}}]}}", "지원하지 않습니다. 지우세요. 메시지의 문구는 모니터가 정합니다."),
        (
            f"{{name: t, {SLACK}, http_config: x}}]}}",
            "지원하지 않습니다. 지우세요. 프록시는 HTTPS_PROXY를, 인증서는 시스템의 것을 씁니다.",
        ),
        (
            f"{{name: t, {SLACK}, colour: x}}]}}",
            "모르는 키입니다. 지우거나 다음 중 하나를 쓰세요: api_url, bot_token, channel, send_resolved, "
            "api_url_file, bot_token_file.",
        ),
        (
            "{name: t, slack_configs: [{api_url_file: /run/x}]}",
            "/run/x 파일을 가리키지만 여기서는 파일을 읽지 않습니다. 비밀 값을 직접 쓰세요.",
        ),
        ("{name: t, webhook_configs: [{max_alerts: [1]}]}", "숫자 하나를 쓰세요."),
        ("{name: t, webhook_configs: [{max_alerts: x}]}", "0~10000의 정수를 쓰세요."),
        (
            "{name: t, webhook_configs: [{http_config: x}]}",
            "지원하지 않습니다. 지우고 요청은 `secret`으로 서명하세요. 프록시는 HTTPS_PROXY를 씁니다.",
        ),
        (
            "{name: t, pagerduty_configs: [{service_key: x}]}",
            "지원하지 않습니다. Events API v2 연동의 키인 `routing_key`를 쓰세요.",
        ),
        ("{name: t, pagerduty_configs: [{group: x}]}", "지원하지 않습니다. 지우세요. 알림의 값을 씁니다."),
        (
            "{name: t, email_configs: [{to: a@b.example}]}",
            "필수 키가 없습니다. 추가하거나 `global`에 `smtp_from`을(를) 쓰세요.",
        ),
        (
            "{name: t, email_configs: [{to: kim}]}",
            "값 `kim`이(가) 잘못되었습니다. 메일 주소를 쓰세요. 여럿이면 쉼표로 구분하세요.",
        ),
        ("{name: t, email_configs: [{from: ''}]}", "비어 있습니다. 값을 쓰세요."),
        (
            "{name: t, email_configs: [{smarthost: m}]}",
            "값 `m`이(가) 잘못되었습니다. mail.example:587처럼 호스트와 포트를 쓰세요.",
        ),
        (
            f"{{name: t, email_configs: [{{{MAIL}, auth_username: u}}]}}",
            "`auth_password`와 함께 써야 합니다. 둘 다 쓰거나 둘 다 지우세요.",
        ),
        (
            "{name: t, email_configs: [{auth_secret: x}]}",
            "지원하지 않습니다. `auth_username`과 `auth_password`를 쓰세요.",
        ),
        ("{name: t, email_configs: [{tls_config: x}]}", "지원하지 않습니다. 지우세요. 인증서는 시스템의 것을 씁니다."),
        ("{name: t, apprise_configs: [{url: x}]}", "tgram://TOKEN/CHAT 같은 Apprise 주소를 쓰세요."),
        (
            "{name: t, apprise_configs: [{url: 'syslog://'}]}",
            "`syslog`(으)로 시작하는데 알림을 보낼 수 있는 서비스가 아닙니다. docs/alerting.ko.md에 있는 서비스나 "
            "`webhook_configs`를 쓰세요.",
        ),
        (
            "{name: t, apprise_configs: [{url: 'tgram://a/b?template=x'}]}",
            "이 컴퓨터의 파일을 지정합니다(`template`). 그 매개변수를 지우세요.",
        ),
        (
            "{name: t, apprise_configs: [{url: 'tgram://a/b?redirect=x'}]}",
            "`redirect`를 지정하지만 리디렉션은 따라가지 않습니다. 그 매개변수를 지우세요.",
        ),
    ],
)
def test_each_fault_of_a_receiver_is_said(config: str, korean: str) -> None:
    assert korean in alerting(f"{{route: {{receiver: t}}, receivers: [{config}]}}")


@pytest.mark.parametrize(
    ("section", "korean"),
    [
        ("templates: [x]", "지원하지 않습니다. 지우세요. 메시지의 문구는 모니터가 정합니다."),
        (
            "global: {resolve_timeout: 5m}",
            "지원하지 않습니다. 지우세요. 알림은 시간 초과가 아니라 규칙에 따라 끝납니다.",
        ),
        (
            "global: {wechat_api_url: x}",
            "지원하지 않습니다. 지우세요. 그런 서비스에는 수신처의 `apprise_configs`로 보낼 수 있습니다.",
        ),
        ("global: {smtp_auth_secret: x}", "지원하지 않습니다. `smtp_auth_password`를 쓰세요."),
        ("global: {smtp_auth_identity: x}", "지원하지 않습니다. `smtp_auth_username`을 쓰세요."),
        (
            "global: {pagerduty_url: x}",
            "값 `x`이(가) 잘못되었습니다. http:// 또는 https://로 시작하는 주소를 쓰세요.",
        ),
        (
            "inhibit_rules: [{target_matchers: [a=b]}]",
            "필수 키가 없습니다. 없으면 모든 알림이 억제하는 쪽이 됩니다. 추가하세요.",
        ),
        (
            "inhibit_rules: [{source_matchers: [a=b]}]",
            "필수 키가 없습니다. 없으면 모든 알림이 억제되는 쪽이 됩니다. 추가하세요.",
        ),
        (
            "inhibit_rules: [{source_matchers: [a=b], target_matchers: [a=b], equal: [a-b]}]",
            "`a-b`은(는) 라벨 이름이 아닙니다. 영문자, 숫자, _로 쓰세요.",
        ),
        (
            "time_intervals: [{name: i, time_intervals: [{}]}, {name: i, time_intervals: [{}]}]",
            "`i`은(는) 다른 시간 구간의 이름입니다. 둘 중 하나의 이름을 바꾸세요.",
        ),
        (
            "time_intervals: [{name: i, time_intervals: []}]",
            "비어 있어 해당하는 때가 없습니다. 구간을 추가하거나 지우세요.",
        ),
    ],
)
def test_each_fault_of_another_section_is_said(section: str, korean: str) -> None:
    assert korean in alerting(f"{{route: {{receiver: t}}, receivers: [{{name: t}}], {section}}}")


@pytest.mark.parametrize(
    ("interval", "korean"),
    [
        ("weekdays: []", "항목이 없습니다. 추가하거나 키를 지우세요."),
        ("weekdays: [mon]", "값 `mon`이(가) 잘못되었습니다. monday 같은 요일이나 monday:friday 같은 범위를 쓰세요."),
        (
            "weekdays: ['friday:monday']",
            "값 `friday:monday`이(가) 잘못되었습니다. 끝이 시작보다 앞이 아니어야 합니다. "
            "두 범위는 두 항목으로 쓰세요.",
        ),
        ("months: [13]", "값 `13`이(가) 잘못되었습니다. january나 1 같은 달, 또는 june:august 같은 범위를 쓰세요."),
        ("years: [x]", "값 `x`이(가) 잘못되었습니다. 2026 같은 연도나 2026:2028 같은 범위를 쓰세요."),
        (
            "days_of_month: ['0']",
            "값 `0`이(가) 잘못되었습니다. 1~31 또는 -1~-31의 날짜나 1:5, -3:-1 같은 범위를 쓰세요.",
        ),
        (
            "days_of_month: ['-1:1']",
            "값 `-1:1`이(가) 잘못되었습니다. 시작을 월말부터 셌으면 끝도 -3:-1처럼 월말부터 센 날짜로 쓰세요.",
        ),
        ("days_of_month: ['5:1']", "값 `5:1`이(가) 잘못되었습니다. 끝이 시작보다 앞이 아니어야 합니다."),
        (
            "times: [{start_time: '18:00', end_time: '09:00'}]",
            "끝이 시작보다 뒤여야 합니다. 자정을 넘으면 24:00까지와 00:00부터의 두 항목으로 쓰세요.",
        ),
        (
            "times: [{start_time: '9', end_time: '10:00'}]",
            "값 `9`이(가) 잘못되었습니다. 09:00이나 24:00 같은 시각을 쓰세요.",
        ),
        ("location: Seoul", "값 `Seoul`이(가) 잘못되었습니다. UTC나 Asia/Seoul 같은 IANA 시간대를 쓰세요."),
    ],
)
def test_each_fault_of_a_time_interval_is_said(interval: str, korean: str) -> None:
    section = f"time_intervals: [{{name: i, time_intervals: [{{{interval}}}]}}]"
    assert korean in alerting(f"{{route: {{receiver: t}}, receivers: [{{name: t}}], {section}}}")
