"""Which process is started, signalled or killed when, and with which code all ends. Times are written by hand."""

from signal import SIGHUP, SIGKILL, SIGTERM

from episode_monitor.supervising.decisions import Processes, Send, Start


def running(count: int = 2) -> Processes:
    """All started at 0 s, and taking signals."""
    processes = Processes(count)
    processes.begin(0.0)
    for number in range(1, count + 1):
        processes.takes_signals(number)
    return processes


def test_all_are_started_and_nothing_is_due() -> None:
    processes = Processes(3)
    assert processes.begin(5.0) == [Start(1), Start(2), Start(3)]
    assert (processes.next_due(), processes.due(1000.0), processes.exit_code) == (None, [], None)


def test_one_that_dies_is_started_again_after_half_a_second() -> None:
    processes = running()
    assert processes.ended(2, -9, 10.0) == []
    assert processes.next_due() == 10.5
    assert processes.due(10.4) == []
    assert processes.due(10.5) == [Start(2)]
    assert processes.next_due() is None


def test_one_that_dies_again_and_again_waits_twice_as_long_each_time_up_to_thirty_seconds() -> None:
    processes, now, waits = running(), 0.0, []
    for _ in range(9):
        processes.ended(1, 70, now)
        due = processes.next_due()
        assert due is not None
        waits.append(due - now)
        now = due
        assert processes.due(now) == [Start(1)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_one_that_ran_for_a_minute_waits_half_a_second_again() -> None:
    processes = running()
    processes.ended(1, 70, 1.0)
    processes.due(1.5)
    processes.ended(1, 70, 2.0)
    assert processes.next_due() == 3.0
    processes.due(3.0)
    processes.ended(1, 70, 63.0)
    assert processes.next_due() == 63.5


def test_one_that_ends_well_without_being_told_is_started_again() -> None:
    processes = running()
    processes.ended(1, 0, 10.0)
    assert processes.due(10.5) == [Start(1)]


def test_a_wrong_setting_of_one_ends_all_with_its_code() -> None:
    processes = running(3)
    assert processes.ended(2, 2, 4.0) == [Send(1, SIGTERM), Send(3, SIGTERM)]
    assert processes.exit_code is None
    processes.ended(1, 0, 5.0)
    processes.ended(3, 0, 6.0)
    assert processes.exit_code == 2


def test_all_are_told_to_stop_and_the_code_is_zero_when_all_have_ended() -> None:
    processes = running()
    assert processes.stop(10.0) == [Send(1, SIGTERM), Send(2, SIGTERM)]
    assert processes.stop(11.0) == []
    processes.ended(1, 0, 12.0)
    assert processes.exit_code is None
    processes.ended(2, 0, 13.0)
    assert processes.exit_code == 0


def test_one_that_does_not_stop_within_thirty_seconds_is_killed_and_the_code_says_so() -> None:
    processes = running()
    processes.stop(10.0)
    processes.ended(1, 0, 12.0)
    assert processes.next_due() == 40.0
    assert processes.due(40.0) == [Send(2, SIGKILL)]
    assert processes.next_due() is None
    processes.ended(2, -9, 40.1)
    assert processes.exit_code == 70


def test_one_that_is_ended_before_it_takes_signals_has_ended_well() -> None:
    processes = Processes(1)
    processes.begin(0.0)
    assert processes.stop(0.1) == [Send(1, SIGTERM)]
    processes.ended(1, -SIGTERM, 0.2)
    assert processes.exit_code == 0


def test_one_that_waits_to_be_started_is_not_started_at_the_end() -> None:
    processes = running()
    processes.ended(1, -9, 10.0)
    assert processes.stop(10.1) == [Send(2, SIGTERM)]
    processes.ended(2, 0, 11.0)
    assert (processes.exit_code, processes.due(12.0)) == (0, [])


def test_all_read_their_files_again_and_one_that_starts_does_so_when_it_takes_signals() -> None:
    processes = running()
    processes.ended(2, -9, 1.0)
    processes.due(1.5)
    assert processes.reload() == [Send(1, SIGHUP)]
    assert processes.takes_signals(2) == [Send(2, SIGHUP)]
    assert processes.reload() == [Send(1, SIGHUP), Send(2, SIGHUP)]


def test_a_rolling_restart_takes_the_next_when_the_one_before_is_ready() -> None:
    processes = running()
    assert processes.roll(10.0) == [Send(1, SIGTERM)]
    assert processes.ended(1, 0, 12.0) == [Start(1)]
    assert processes.ready(2, 13.0) == []
    assert processes.ready(1, 15.0) == [Send(2, SIGTERM)]
    assert processes.ended(2, 0, 16.0) == [Start(2)]
    assert processes.ready(2, 18.0) == []
    assert (processes.next_due(), processes.exit_code) == (None, None)


def test_a_rolling_restart_goes_on_after_150_seconds_without_readiness() -> None:
    processes = running()
    assert not processes.is_rolling
    processes.roll(10.0)
    assert processes.is_rolling
    processes.ended(1, 0, 11.0)
    assert processes.due(159.9) == []
    assert processes.due(160.0) == [Send(2, SIGTERM)]
    processes.ended(2, 0, 161.0)
    processes.ready(2, 162.0)
    assert not processes.is_rolling


def test_one_that_waits_to_be_started_again_says_for_how_long() -> None:
    processes = running()
    assert processes.starts_in(1, 0.5) is None
    processes.ended(1, -9, 1.0)
    assert (processes.starts_in(1, 1.0), processes.starts_in(2, 1.0)) == (0.5, None)
    processes.ended(2, 2, 1.2)
    assert (processes.starts_in(1, 1.2), processes.exit_code) == (None, 2), "none is started any more"


def test_one_that_crashes_in_its_turn_is_waited_for_all_the_same() -> None:
    processes = running()
    processes.roll(10.0)
    processes.ended(1, 0, 11.0)
    assert processes.ended(1, 70, 12.0) == []
    assert processes.due(12.5) == [Start(1)]
    assert processes.ready(1, 14.0) == [Send(2, SIGTERM)]


def test_a_stop_ends_a_rolling_restart() -> None:
    processes = running()
    processes.roll(10.0)
    assert processes.stop(11.0) == [Send(2, SIGTERM)]
    assert processes.ended(1, 0, 12.0) == []
    processes.ended(2, 0, 12.0)
    assert (processes.exit_code, processes.roll(13.0)) == (0, [])
