"""What a rebuild stores beyond STATE_MEMORY_MIB lies in a file, as with a worker."""

from pathlib import Path

from episode_monitor.rebuild.building import new_store
from episode_monitor.rebuild.monitors import pair_of
from episode_monitor.settings.settings import load_settings
from streams.base import changelog_keys
from streams.base.value_log import SEGMENT_BYTES
from tests.agents.test_value_file import files_in


def test_partitions_of_a_rebuild_share_the_memory_and_the_rest_lies_in_a_file_of_the_folder(tmp_path: Path) -> None:
    settings = load_settings({"STATE_DIR": str(tmp_path), "STATE_MEMORY_MIB": "16", "MONITOR_ID": "old"})
    store = new_store(pair_of(settings, "new"), 8)
    heads = {changelog_keys.head(f"p{number}"): bytes([number]) * (SEGMENT_BYTES - 1000) for number in range(6)}
    for turn, (key, value) in enumerate(heads.items()):
        assert len(store.far) == max(0, turn - 3), "an eighth is 2 MiB, which the third value passes"
        store.put(key, value)
    assert dict(store.items()) == heads
    assert len(files_in(tmp_path)) == 1
