"""What `auto` means, and what is no number of processes."""

import pytest

from episode_monitor.addresses import advertised_url, local_url
from episode_monitor.settings.settings import SettingsError, load_settings
from episode_monitor.supervising.counting import processes_for


@pytest.mark.parametrize(
    ("cores", "quota", "partitions", "processes"),
    [
        (4, None, 8, 4), (16, None, 8, 8), (16, 2.0, 8, 2), (16, 2.9, 8, 2), (2, 8.0, 8, 2), (4, 0.5, 8, 1),
        (1, None, 8, 1),
    ],
)  # fmt: skip
def test_auto_is_a_process_for_each_core_that_may_be_used_and_at_most_one_for_each_partition(
    cores: int, quota: float | None, partitions: int, processes: int
) -> None:
    assert processes_for(cores, quota, partitions) == processes


@pytest.mark.parametrize(("text", "value"), [("", "1"), ("4", "4"), ("04", "4"), ("AUTO", "auto"), ("64", "64")])
def test_the_setting_is_a_number_or_auto(text: str, value: str) -> None:
    assert load_settings({"WORKER_PROCESSES": text}).worker_processes == value


@pytest.mark.parametrize("text", ["0", "65", "-1", "2.0", "many", "100000000000000000000", "٣"])
def test_anything_else_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^WORKER_PROCESSES is .*, but must be a whole number from 1 to 64, or auto\.$"
    ):
        load_settings({"WORKER_PROCESSES": text})


def test_a_process_is_found_at_its_own_port_of_the_workers_address() -> None:
    assert local_url("0.0.0.0", 41000) == "http://127.0.0.1:41000"
    assert local_url("::", 41000) == "http://[::1]:41000"
    assert local_url("10.0.0.5", 41000) == "http://10.0.0.5:41000"
    assert advertised_url("http://monitor-1:8002", 41000) == "http://monitor-1:41000"
    assert advertised_url("http://[fd00::1]:8002/x", 41000) == "http://[fd00::1]:41000"
