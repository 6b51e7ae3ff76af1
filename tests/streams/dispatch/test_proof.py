"""The proof table of the dispatcher, `proof.txt`: each row is a script with everything that is expected; it only grows.

A row has a name (`==`), a configuration of `proof_configs` (`--`), and lines as `scripts` describes them.
"""

from pathlib import Path

import pytest

from tests.streams.dispatch.proof_configs import CONFIGS
from tests.streams.dispatch.scripts import Stage

ROWS = dict(row.strip().split("\n", 1) for row in Path(__file__).with_name("proof.txt").read_text().split("== ") if row)


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    config, script = ROWS[name].removeprefix("-- ").split("\n", 1)
    assert Stage(CONFIGS[config]).play(script) == script
