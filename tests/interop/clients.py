"""The producers of the matrix: what each sends where nobody sets anything, and what it is asked to send besides.

The tables in docs/reliability.md and docs/events.md are held to this one, and this one to the broker's logs.
"""

import msgspec

ALL_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MURMUR2 = "murmur2"


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One client library.

    `codecs`: those that it has here. `partitioners`: what to ask for -> the hash of the key that it then takes;
    `default` asks for nothing. `own_codec`, `is_idempotent` and `acks` are so where nothing is asked for.
    """

    name: str
    language: str
    codecs: tuple[str, ...] = ALL_CODECS
    partitioners: dict[str, str]
    own_codec: str = "none"
    is_idempotent: bool
    acks: str = "all"
    null_headers: bool = True  # whether a header may have no content
    to_murmur2: str = "nothing to set"  # what to set where its own hash is another

    @property
    def own_hash(self) -> str:
        """Of keys, where nothing is asked for."""
        return self.partitioners["default"]


CLIENTS = (
    Client(name="Apache Kafka", language="Java", partitioners={"default": MURMUR2}, is_idempotent=True),
    Client(
        name="confluent-kafka", language="librdkafka",
        partitioners={"default": "CRC-32", "murmur2": MURMUR2}, is_idempotent=False,
        to_murmur2="`partitioner=murmur2_random`",
    ),
    Client(
        name="kafka-python", language="Python", codecs=("none", "gzip"),
        partitioners={"default": MURMUR2}, is_idempotent=True, null_headers=False,
    ),
    Client(name="aiokafka", language="Python", partitioners={"default": MURMUR2}, is_idempotent=False, acks="1"),
    Client(
        name="kafkajs", language="Node.js", partitioners={"default": MURMUR2, "legacy": "murmur2, wrong"},
        is_idempotent=False, null_headers=False,
        to_murmur2="nothing to set since 2.0; do not use `Partitioners.LegacyPartitioner`",
    ),
    Client(
        name="franz-go", language="Go", partitioners={"default": MURMUR2, "murmur2": MURMUR2},
        own_codec="snappy", is_idempotent=True,
    ),
    Client(
        name="sarama", language="Go", partitioners={"default": "FNV-1a", "murmur2": MURMUR2},
        is_idempotent=False, acks="1", to_murmur2="`Producer.Partitioner = sarama.NewMurmur2Partitioner`",
    ),
)  # fmt: skip
BY_NAME = {client.name: client for client in CLIENTS}
