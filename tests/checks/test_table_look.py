"""The look at the project service's table from a worker's start on."""

from typing import Any

import pytest
import structlog

from episode_monitor.checks.service import reader_opener
from episode_monitor.checks.table_look import TableLook
from episode_monitor.service_database.episodes_table import EpisodesTable
from tests.service_database.making import make_table, run


async def test_trouble_is_told_as_long_as_it_lasts_and_logged_once(database_url: str) -> None:
    look = TableLook(reader_opener(database_url, EpisodesTable()))
    assert "has not been queried yet" in look.status
    with structlog.testing.capture_logs() as log:
        await look.once()
        await look.once()
        assert "has no table episodes: set EPISODES_TABLE" in look.status
        make_table(database_url)
        await look.once()
        assert look.status == "ok"
        run(database_url, "alter table episodes rename number to nr")
        await look.once()
        assert "has no column number: set EPISODES_NUMBER_COLUMN" in look.status
    assert len(log) == 2


@pytest.mark.parametrize(("url", "is_told"), [(None, False), ("postgresql://u@127.0.0.1:1/d", True)])
def test_a_worker_tells_of_it_where_the_address_is_set(url: Any, is_told: bool) -> None:
    from episode_monitor.settings.rules_file import core_from
    from episode_monitor.settings.settings import Settings
    from episode_monitor.worker import Worker

    settings = Settings(_env_file=None, database_url=url)  # type: ignore[call-arg]
    worker = Worker(settings, core_from(settings))
    assert ("project_database" in {probe.name for probe in worker.http.probes}) is is_told
