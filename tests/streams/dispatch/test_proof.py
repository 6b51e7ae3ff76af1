"""The proof table of the dispatcher. Each row is a script with everything that is expected; rows are only added."""

import pytest

from streams.dispatch.config import DispatchConfig, default_config
from tests.streams.dispatch.proof_table import ROWS, Row
from tests.streams.dispatch.scripts import Stage, normal


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(row: Row) -> None:
    assert Stage(row.config).play(row.script) == normal(row.script)
