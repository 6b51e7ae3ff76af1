"""Korean for what is wrong in `alerting.yaml` and `oncall.yaml`, and for what a reload of files says of the workers.

The forms are those of `korean_refusals`. A sentence about a key follows the key in English; in Korean it stands alone.
"""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "missing": {
        "receiver": "수신처가",
        "receiver in the alerting file": "수신처가 라우팅 파일에",
        "time interval": "시간 구간이",
        "schedule": "스케줄이",
    },
    "owner": {"receiver": "수신처", "time interval": "시간 구간"},
    "side": {"source": "억제하는 쪽", "target": "억제되는 쪽"},
    "mend": {
        "remove it: the texts of messages are the monitor's own": "지우세요. 메시지의 문구는 모니터가 정합니다",
        "remove it: a proxy comes from HTTPS_PROXY, and certificates from the system": (
            "지우세요. 프록시는 HTTPS_PROXY를, 인증서는 시스템의 것을 씁니다"
        ),
        "remove it: it comes from the alert": "지우세요. 알림의 값을 씁니다",
        "remove it: an alert here ends when its rule says so, never by a time-out": (
            "지우세요. 알림은 시간 초과가 아니라 규칙에 따라 끝납니다"
        ),
        "remove it: `apprise_configs` of a receiver reaches such services": (
            "지우세요. 그런 서비스에는 수신처의 `apprise_configs`로 보낼 수 있습니다"
        ),
        "remove it, and reach that service by `apprise_configs`": (
            "지우세요. 그 서비스에는 `apprise_configs`로 보낼 수 있습니다"
        ),
        "remove it: certificates come from the system": "지우세요. 인증서는 시스템의 것을 씁니다",
        "use `auth_username` and `auth_password`": "`auth_username`과 `auth_password`를 쓰세요",
        "use `smtp_auth_password`": "`smtp_auth_password`를 쓰세요",
        "use `smtp_auth_username`": "`smtp_auth_username`을 쓰세요",
        "use `routing_key`, the key of an integration with Events API v2": (
            "Events API v2 연동의 키인 `routing_key`를 쓰세요"
        ),
        "remove it, and sign requests with `secret`; a proxy comes from HTTPS_PROXY": (
            "지우고 요청은 `secret`으로 서명하세요. 프록시는 HTTPS_PROXY를 씁니다"
        ),
    },
}

_OF_RELOADS: Final = (
    (r"The worker at (\S+) has refused: (?P<detail>.+)", "{0} 워커가 거부했습니다: {detail}"),
    (r"The worker at (\S+) has another version of (?P<files>.+): give it the same file, and reload again\.",
     "{0} 워커에 있는 {files} 파일의 버전이 다릅니다. 같은 파일을 두고 다시 읽게 하세요."),
    (r"Not all of the other workers have answered \((?P<answer>.+)\): send SIGHUP to each, or try again\.",
     "다른 워커가 모두 응답하지는 않았습니다({answer}). 워커마다 SIGHUP을 보내거나 다시 시도하세요."),
    (r"The alerting file (.+) is in force, and is gone; put it back, or restart the worker to go on without it\.",
     "적용 중인 라우팅 파일 {0}이(가) 없어졌습니다. 되돌려 놓거나, 파일 없이 동작하게 하려면 워커를 재시작하세요."),
    (r"The on-call file (.+) is in force, and is gone; put it back, or restart the worker to go on without it\.",
     "적용 중인 온콜 파일 {0}이(가) 없어졌습니다. 되돌려 놓거나, 파일 없이 동작하게 하려면 워커를 재시작하세요."),
)  # fmt: skip

_OF_WHOLE_FILES: Final = (
    (r"(.+) cannot be read: (.+); correct its path or rights\.",
     "{0} 파일을 읽을 수 없습니다(원문: {1}). 경로나 권한을 고치세요."),
    (r"It is empty; remove the file, or write what belongs into it\.", "비어 있습니다. 파일을 지우거나 내용을 쓰세요."),
    (r"It has more than (\d+) KiB, which is more than is read; make it smaller\.",
     "{0} KiB를 넘어 읽지 않습니다. 줄이세요."),
    (r"It is not UTF-8 text here; save it as UTF-8\.", "이 위치가 UTF-8이 아닙니다. UTF-8로 저장하세요."),
)  # fmt: skip

_OF_VALUES: Final = (
    (r"must be a text; write one value\.", "텍스트 하나를 쓰세요."),
    (r"must be a number; write one value\.", "숫자 하나를 쓰세요."),
    (r"must be a text of 1 to 100 printable characters; write one\.", "출력 가능한 문자 1~100자의 텍스트를 쓰세요."),
    (r"holds half a surrogate pair, which is no text; remove the escape `\\ud8…`\.",
     "짝이 없는 서로게이트 문자가 있습니다. 이스케이프 `\\ud8…`를 지우세요."),
    (r"must be true or false, without quotes\.", "따옴표 없이 true 또는 false를 쓰세요."),
    (r"must be a whole number from (\d+) to (\d+)\.", "{0}~{1}의 정수를 쓰세요."),
    (r"must be a list; begin each entry with `- `\.", "목록이어야 합니다. 항목마다 `- `로 시작하세요."),
    (r"must be a mapping; write `key: value`\.", "매핑이어야 합니다. `key: value`로 쓰세요."),
    (r"has more than (\d+) entries; write fewer\.", "항목이 {0}개를 넘습니다. 줄이세요."),
    (r"has a key that is no text; correct it\.", "텍스트가 아닌 키가 있습니다. 고치세요."),
    (r"stands twice, first at line (\d+); remove one of them\.", "{0}행에도 있는 키입니다. 하나를 지우세요."),
    (r"is not supported; (?P<mend>.+)\.", "지원하지 않습니다. {mend}."),
    (r"is not a known key; remove it, or write one of (.+)\.",
     "모르는 키입니다. 지우거나 다음 중 하나를 쓰세요: {0}."),
    (r"is missing; add it\.", "필수 키가 없습니다. 추가하세요."),
    (r"is missing; add it, or `(.+)` under `global`\.",
     "필수 키가 없습니다. 추가하거나 `global`에 `{0}`을(를) 쓰세요."),
    (r"is `(.*)`, but there is no such (?P<missing>[\w ]+); write one of (.*)\.",
     "이름이 `{0}`인 {missing} 없습니다. 다음 중 하나를 쓰세요: {2}."),
    (r"is `(.*)`, but there is no such (?P<missing>[\w ]+); write its name after you have added it\.",
     "이름이 `{0}`인 {missing} 없습니다. 추가한 뒤 그 이름을 쓰세요."),
    (r"is `(.*)`, which another (?P<owner>[\w ]+) has; rename one of them\.",
     "`{0}`은(는) 다른 {owner}의 이름입니다. 둘 중 하나의 이름을 바꾸세요."),
    (r"has the name `(.*)`, which another one has; rename one of them\.",
     "이름 `{0}`이(가) 두 번 쓰였습니다. 둘 중 하나의 이름을 바꾸세요."),
    (r"is ``, but must not be empty; correct it\.", "비어 있습니다. 값을 쓰세요."),
)  # fmt: skip

_OF_ROUTES: Final = (
    (r"must not stand in the root, which takes what no other route takes; move it to a route\.",
     "최상위 라우트는 다른 라우트가 받지 않는 알림을 모두 받으므로 쓸 수 없습니다. 하위 라우트로 옮기세요."),
    (r"is more than (\d+) routes deep; make the tree flatter\.",
     "라우트가 {0}단계보다 깊게 중첩되어 있습니다. 중첩을 줄이세요."),
    (r"is `(.*)`, which is no label name; write letters, digits and _, or '\.\.\.' alone\.",
     "`{0}`은(는) 라벨 이름이 아닙니다. 영문자, 숫자, _로 쓰거나 '...'만 쓰세요."),
    (r"is `(.*)`, which is no label name; write letters, digits and _\.",
     "`{0}`은(는) 라벨 이름이 아닙니다. 영문자, 숫자, _로 쓰세요."),
    (r"is not a label name; write letters, digits and _\.", "라벨 이름이 아닙니다. 영문자, 숫자, _로 쓰세요."),
    (r"is `(.*)`, which stands twice; remove one of them\.", "`{0}`이(가) 두 번 있습니다. 하나를 지우세요."),
    (r"has `\.\.\.`, which is all labels, beside others; keep either\.",
     "모든 라벨을 뜻하는 `...`은 다른 라벨과 함께 쓸 수 없습니다. 한쪽만 남기세요."),
    (r"is 0, but must be longer; write a duration such as 5m\.", "0은 쓸 수 없습니다. 5m 같은 기간을 쓰세요."),
    (r"is missing, so every alert would be a (?P<side>\w+); add it\.",
     "필수 키가 없습니다. 없으면 모든 알림이 {side}이 됩니다. 추가하세요."),
    # of matchers; before one stands its key, in backticks as well
    (r"`((?:(?!` `).)*)` is no matcher; write a label, one of = != =~ !~, and a value\.",
     "`{0}`은(는) 매처가 아닙니다. 라벨, = != =~ !~ 중 하나, 값을 차례로 쓰세요."),
    (r"`((?:(?!` `).)*)` has a double quote inside; write it as \\\"\.",
     "`{0}`의 안에 큰따옴표가 있습니다. \\\"로 쓰세요."),
    (r"`((?:(?!` `).)*)` has no closing double quote; add it\.",
     "`{0}`에 닫는 큰따옴표가 없습니다. 추가하세요."),
)  # fmt: skip

_OF_RECEIVERS: Final = (
    (r"stands beside `(.+)`; keep one of the two\.", "`{0}`와(과) 함께 쓸 수 없습니다. 하나만 남기세요."),
    (r"is missing, and `bot_token` too; set one of the two, or `slack_api_url` under `global`\.",
     "이 키도 `bot_token`도 없습니다. 둘 중 하나를 쓰거나 `global`에 `slack_api_url`을 쓰세요."),
    (r"is missing; name the channel to which the bot posts\.", "필수 키가 없습니다. 봇이 게시할 채널을 쓰세요."),
    (r"and `auth_password` belong together; set both or none\.",
     "`auth_password`와 함께 써야 합니다. 둘 다 쓰거나 둘 다 지우세요."),
    (r"is empty or a placeholder; write the secret itself\.", "비어 있거나 자리 표시자입니다. 실제 비밀 값을 쓰세요."),
    (r"names (.+), which cannot be read \((.+)\); correct its path or rights\.",
     "{0} 파일을 읽을 수 없습니다(원문: {1}). 경로나 권한을 고치세요."),
    (r"names (.+), which is no text file; correct it\.", "{0}은(는) 텍스트 파일이 아닙니다. 고치세요."),
    (r"names the file (.+), and no file is read here; write the secret itself\.",
     "{0} 파일을 가리키지만 여기서는 파일을 읽지 않습니다. 비밀 값을 직접 쓰세요."),
    (r"begins with `(.*)`, which is not among the services to which alerts may go; use one that docs/alerting\.md "
     r"lists, or `webhook_configs`\.",
     "`{0}`(으)로 시작하는데 알림을 보낼 수 있는 서비스가 아닙니다. docs/alerting.ko.md에 있는 서비스나 "
     "`webhook_configs`를 쓰세요."),
    (r"names a file of this machine \(`(\w+)`\); remove that parameter\.",
     "이 컴퓨터의 파일을 지정합니다(`{0}`). 그 매개변수를 지우세요."),
    (r"sets `redirect`, but redirects are not followed; remove that parameter\.",
     "`redirect`를 지정하지만 리디렉션은 따라가지 않습니다. 그 매개변수를 지우세요."),
    # of sinks that cannot be made; a sentence of theirs that is whole ends with two stops
    (r"([^\n]+?): receiver ([^\n]{1,100}), (\w+_configs) (\d+): (?P<why>.+)",
     "{0}: 수신처 {1}의 `{2}` {3}번째 항목: {why}"),
    (r"after 'whsec_' is not base64; copy it again\.", "`secret`의 'whsec_' 뒤가 base64가 아닙니다. 다시 복사하세요."),
    (r"is empty; set it, or leave it out to send unsigned\.",
     "`secret`이 비어 있습니다. 값을 쓰거나, 서명 없이 보내려면 지우세요."),
    (r"The `url` of an apprise receiver cannot be read; compare it with Apprise's page of that service\.{1,2}",
     "`url`을 해석할 수 없습니다. Apprise의 그 서비스 문서와 비교하세요."),
    (r"(\w+) names a SOCKS proxy, through which alerts cannot be sent; set it to an http:// proxy, or name the "
     r"receivers' hosts in NO_PROXY\.{1,2}",
     "{0}이(가) SOCKS 프록시라서 알림을 보낼 수 없습니다. http:// 프록시로 바꾸거나 수신처의 호스트를 NO_PROXY에 "
     "쓰세요."),
    (r"(\w+) names no proxy through which alerts can be sent; set it to http://HOST:PORT, or name the receivers' hosts "
     r"in NO_PROXY\.{1,2}",
     "{0}이(가) 알림을 보낼 수 있는 프록시가 아닙니다. http://HOST:PORT로 쓰거나 수신처의 호스트를 NO_PROXY에 쓰세요."),
    (r"SSL_CERT_FILE or SSL_CERT_DIR contains no readable certificates; correct or unset it\.{1,2}",
     "SSL_CERT_FILE 또는 SSL_CERT_DIR에 읽을 수 있는 인증서가 없습니다. 고치거나 설정을 지우세요."),
)  # fmt: skip

_OF_TIMES_AND_ON_CALL: Final = (
    (r"is empty, so it never holds; add an interval, or remove it\.",
     "비어 있어 해당하는 때가 없습니다. 구간을 추가하거나 지우세요."),
    (r"has no entry; add one, or remove the key\.", "항목이 없습니다. 추가하거나 키를 지우세요."),
    (r"must end after it starts; over midnight write two entries, until 24:00 and from 00:00\.",
     "끝이 시작보다 뒤여야 합니다. 자정을 넘으면 24:00까지와 00:00부터의 두 항목으로 쓰세요."),
    (r"notifies nobody; add a step `notify: RECEIVER` or `page: SCHEDULE`\.",
     "아무에게도 알리지 않습니다. `notify: RECEIVER` 또는 `page: SCHEDULE` 단계를 추가하세요."),
    (r"begins the chain again at once; add a step `wait: 10m`\.",
     "체인을 기다림 없이 다시 시작합니다. `wait: 10m` 단계를 추가하세요."),
    (r"ends with a step that nothing follows; remove that step, or set `repeat`\.",
     "마지막 단계 다음에 할 일이 없습니다. 그 단계를 지우거나 `repeat`을 쓰세요."),
    (r"is no step; write `wait: 5m`, `notify: RECEIVER`, `page: SCHEDULE` or `only_if_firing`\.",
     "단계가 아닙니다. `wait: 5m`, `notify: RECEIVER`, `page: SCHEDULE`, `only_if_firing` 중 하나를 쓰세요."),
    (r"must be one step; write one of wait, notify and page in each entry\.",
     "단계 하나여야 합니다. 항목마다 wait, notify, page 중 하나만 쓰세요."),
    (r"has no layer; add one\.", "레이어가 없습니다. 하나를 추가하세요."),
    (r"is for `(.*)`, who is in no layer; correct the name, or remove the key\.",
     "`{0}`은(는) 어느 레이어에도 없는 사람입니다. 이름을 고치거나 키를 지우세요."),
    (r"names nobody; write at least one person\.", "사람이 없습니다. 한 명 이상 쓰세요."),
    (r"must be after `start`; correct one of them\.", "`start`보다 뒤여야 합니다. 둘 중 하나를 고치세요."),
    (r"is the end of the day; write 00:00\.", "하루의 끝입니다. 00:00을 쓰세요."),
    (r"has the same `start_time` and `end_time`; for the whole day leave both out\.",
     "`start_time`과 `end_time`이 같습니다. 하루 종일이면 둘 다 지우세요."),
)  # fmt: skip

_OF_NOTATION: Final = (
    (r"must be an address that begins with http:// or https://\.", "http:// 또는 https://로 시작하는 주소를 쓰세요."),
    (r"must be an address of Apprise, such as tgram://TOKEN/CHAT\.", "tgram://TOKEN/CHAT 같은 Apprise 주소를 쓰세요."),
    (r"must be a host and a port, such as mail\.example:587\.", "mail.example:587처럼 호스트와 포트를 쓰세요."),
    (r"must be a mail address, or several with commas between\.", "메일 주소를 쓰세요. 여럿이면 쉼표로 구분하세요."),
    (r"must not be empty\.", "값을 쓰세요."),
    (r"must be an IANA time zone, such as UTC or Asia/Seoul\.", "UTC나 Asia/Seoul 같은 IANA 시간대를 쓰세요."),
    (r"must be a duration such as 30s, 5m or 1h30m\.", "30s, 5m, 1h30m 같은 기간을 쓰세요."),
    (r"must be a duration of at most 100y\.", "100y 이하의 기간을 쓰세요."),
    (r"must be a duration from 1s to 366d\.", "1s~366d의 기간을 쓰세요."),
    (r"must be daily, weekly, or a duration of whole minutes such as 12h, at most 366d\.",
     "daily, weekly 또는 12h 같은 분 단위 기간(최대 366d)을 쓰세요."),
    (r"must be a time of the day such as 09:00 or 24:00\.", "09:00이나 24:00 같은 시각을 쓰세요."),
    (r"must be a weekday such as monday, or a range such as monday:friday\.",
     "monday 같은 요일이나 monday:friday 같은 범위를 쓰세요."),
    (r"must be a month such as january or 1, or a range such as june:august\.",
     "january나 1 같은 달, 또는 june:august 같은 범위를 쓰세요."),
    (r"must be a year such as 2026, or a range such as 2026:2028\.", "2026 같은 연도나 2026:2028 같은 범위를 쓰세요."),
    (r"must be a day of the month from 1 to 31 or -1 to -31, or a range such as 1:5 or -3:-1\.",
     "1~31 또는 -1~-31의 날짜나 1:5, -3:-1 같은 범위를 쓰세요."),
    (r"must end at a day from the end of the month, as it begins at one, such as -3:-1\.",
     "시작을 월말부터 셌으면 끝도 -3:-1처럼 월말부터 센 날짜로 쓰세요."),
    (r"must not end before it begins\.", "끝이 시작보다 앞이 아니어야 합니다."),
    (r"must not end before it begins; two ranges are two entries\.",
     "끝이 시작보다 앞이 아니어야 합니다. 두 범위는 두 항목으로 쓰세요."),
    (r"must be a local date and time such as 2026-01-05 09:00, without an offset\.",
     "2026-01-05 09:00 같은 현지 날짜와 시각을 오프셋 없이 쓰세요."),
    (r"is `(.*?)`, but (?P<must>must .+); correct it\.", "값 `{0}`이(가) 잘못되었습니다. {must}"),
    (r"(?P<must>must .+); correct it\.", "{must}"),
)  # fmt: skip

FORMS: Final = (
    *_OF_RELOADS, *_OF_WHOLE_FILES, *_OF_VALUES, *_OF_ROUTES, *_OF_RECEIVERS, *_OF_TIMES_AND_ON_CALL, *_OF_NOTATION,
)  # fmt: skip
PLACES: Final = (  # after every sentence: what stands before one
    (r"([^\n]+?), line (\d+): (?P<why>.+)", "{0} {1}행: {why}"),
    (r"([^\n]+?): (?P<why>It .+)", "{0}: {why}"),
    (r"`(.+?)` (?P<why>.+)", "`{0}`: {why}"),
)
