"""What is wrong in `oncall.yaml`, in Korean: every sentence as its reader makes it."""

import pytest

from tests.web.korean_faults import on_call

LAYER = "name: l, people: [kim], start: '2026-01-05 09:00', rotation: daily"


@pytest.mark.parametrize(
    ("steps", "korean"),
    [
        (
            "[wait]",
            "단계가 아닙니다. `wait: 5m`, `notify: RECEIVER`, `page: SCHEDULE`, `only_if_firing` 중 하나를 쓰세요.",
        ),
        ("[{wait: 5m, notify: team}]", "단계 하나여야 합니다. 항목마다 wait, notify, page 중 하나만 쓰세요."),
        ("[{notify: x}]", "이름이 `x`인 수신처가 라우팅 파일에 없습니다. 다음 중 하나를 쓰세요: team."),
        ("[{page: x}]", "이름이 `x`인 스케줄이 없습니다. 추가한 뒤 그 이름을 쓰세요."),
        ("[{wait: 0}, {notify: team}]", "값 `0`이(가) 잘못되었습니다. 1s~366d의 기간을 쓰세요."),
        (
            "[{wait: 5m}]",
            "아무에게도 알리지 않습니다. `notify: RECEIVER` 또는 `page: SCHEDULE` 단계를 추가하세요.",
        ),
        (
            "[{notify: team}], repeat: 1",
            "체인을 기다림 없이 다시 시작합니다. `wait: 10m` 단계를 추가하세요.",
        ),
        (
            "[{notify: team}, {wait: 5m}]",
            "마지막 단계 다음에 할 일이 없습니다. 그 단계를 지우거나 `repeat`을 쓰세요.",
        ),
    ],
)
def test_each_fault_of_a_chain_is_said(steps: str, korean: str) -> None:
    assert korean in on_call(f"chains: [{{name: c, steps: {steps}}}]")


@pytest.mark.parametrize(
    ("layers", "korean"),
    [
        ("[]", "레이어가 없습니다. 하나를 추가하세요."),
        (f"[{{{LAYER}}}, {{{LAYER}}}]", "이름 `l`이(가) 두 번 쓰였습니다. 둘 중 하나의 이름을 바꾸세요."),
        (
            f"[{{{LAYER}}}], receivers: {{lee: team}}",
            "`lee`은(는) 어느 레이어에도 없는 사람입니다. 이름을 고치거나 키를 지우세요.",
        ),
        (
            "[{name: l, people: [''], start: '2026-01-05 09:00', rotation: daily}]",
            "사람이 없습니다. 한 명 이상 쓰세요.",
        ),
        (
            "[{name: l, people: [kim], start: monday, rotation: daily}]",
            "값 `monday`이(가) 잘못되었습니다. 2026-01-05 09:00 같은 현지 날짜와 시각을 오프셋 없이 쓰세요.",
        ),
        (
            "[{name: l, people: [kim], start: '2026-01-05 09:00', rotation: monthly}]",
            "값 `monthly`이(가) 잘못되었습니다. daily, weekly 또는 12h 같은 분 단위 기간(최대 366d)을 쓰세요.",
        ),
        (f"[{{{LAYER}, end: '2026-01-05 09:00'}}]", "`start`보다 뒤여야 합니다. 둘 중 하나를 고치세요."),
        (f"[{{{LAYER}, hours: [{{start_time: '24:00'}}]}}]", "하루의 끝입니다. 00:00을 쓰세요."),
        (
            f"[{{{LAYER}, hours: [{{start_time: '09:00', end_time: '09:00'}}]}}]",
            "`start_time`과 `end_time`이 같습니다. 하루 종일이면 둘 다 지우세요.",
        ),
    ],
)
def test_each_fault_of_a_schedule_is_said(layers: str, korean: str) -> None:
    assert korean in on_call(f"schedules: [{{name: s, time_zone: UTC, receiver: team, layers: {layers}}}]")
