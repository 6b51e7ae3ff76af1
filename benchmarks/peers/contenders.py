"""Who runs, in the order of a round, in each of the two tables."""

from collections.abc import Sequence
from enum import StrEnum

from benchmarks.peers.bytewax_flow import Bytewax
from benchmarks.peers.contender import Contender
from benchmarks.peers.equal.flink import EqualFlink
from benchmarks.peers.equal.monitor import EqualMonitor
from benchmarks.peers.equal.quix import EqualQuix
from benchmarks.peers.equal.streams import EqualStreams
from benchmarks.peers.faust_stock import StockFaust
from benchmarks.peers.kafka_streams_java import KafkaStreams
from benchmarks.peers.limit import Limit
from benchmarks.peers.monitor import Monitor
from benchmarks.peers.postgres_upserts import PostgresUpserts
from benchmarks.peers.quix import Quix
from benchmarks.peers.replay import Replay


class Work(StrEnum):
    """What the others do: the monitor's job, or four counts (then it carries a handicap)."""

    EQUAL = "equal"
    HANDICAP = "handicap"


CONTENDERS: dict[Work, Sequence[Contender]] = {
    Work.HANDICAP: (
        Limit(), Replay(), Monitor(), KafkaStreams(), Quix(), Bytewax(), PostgresUpserts(), StockFaust(),
    ),
    Work.EQUAL: (
        Limit(),
        EqualMonitor(),
        *(EqualStreams(each, "exactly-once") for each in ("seconds", "minutes", "hopping")),
        *(EqualStreams(each, "at-least-once") for each in ("seconds", "minutes", "hopping")),
        EqualFlink("hashmap", "exactly-once"),
        EqualFlink("hashmap", "at-least-once"),
        EqualFlink("rocksdb", "exactly-once"),
        EqualQuix("minutes"),
        EqualQuix("hopping"),
    ),
}  # fmt: skip
