"""What the parts of a worker hand to each other."""

from episode_monitor import composition
from episode_monitor.storage.history import HistoryQuery
from episode_monitor.storage.storage import open_storage
from tests.alert_sinks.support import an_alert


async def test_the_history_keeps_who_acted_and_with_which_words() -> None:
    storage = open_storage(None)
    acted = an_alert(reason="acknowledged_by_person", annotations={"acted_by": "kim", "comment": "on it"})
    assert await composition.history(storage).append(acted, 0, 0)
    (row,) = (await storage.history.list(HistoryQuery())).items
    assert (row.acted_by, row.comment) == ("kim", "on it")
