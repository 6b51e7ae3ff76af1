"""Who runs, in the order of a round."""

from benchmarks.peers.bytewax_flow import Bytewax
from benchmarks.peers.contender import Contender
from benchmarks.peers.faust_stock import StockFaust
from benchmarks.peers.kafka_streams_java import KafkaStreams
from benchmarks.peers.limit import Limit
from benchmarks.peers.monitor import Monitor
from benchmarks.peers.postgres_upserts import PostgresUpserts
from benchmarks.peers.quix import Quix
from benchmarks.peers.replay import Replay

ALL: tuple[type[Contender], ...] = (
    Limit,
    Replay,
    Monitor,
    KafkaStreams,
    Quix,
    Bytewax,
    PostgresUpserts,
    StockFaust,
)
