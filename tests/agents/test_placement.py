"""Where partitioners put a key. Murmur2's values were made with `Utils.murmur2` of Kafka's Java client, CRC32's with
librdkafka, those of FNV-1a with Go's `hash/fnv`, as sarama uses it."""

import pytest
from aiokafka.partitioner import murmur2

from agents.kafka.placement import (
    Cause,
    Part,
    PlacedBy,
    by_crc32,
    by_fnv1a,
    by_murmur2,
    cause_of,
    parts_of,
    placed_by,
    sentence,
)


@pytest.mark.parametrize(
    ("key", "hashed", "of_four", "of_eight"),
    [
        ("split-a", 559364589, 1, 5),
        ("split-b", 1512334754, 2, 2),
        ("split-c", -1104852485, 3, 3),
        ("split-d", 401972144, 0, 0),
        ("nokey", -238917655, 1, 1),
        ("", 275646681, 1, 1),
        ("a", -1563381124, 0, 4),
        ("ab", 316155434, 2, 2),
        ("abc", 479470107, 3, 3),
        ("abcd", -1323649548, 0, 4),
        ("프로젝트", 226407794, 2, 2),
    ],
)
def test_murmur2_is_that_of_javas_client(key: str, hashed: int, of_four: int, of_eight: int) -> None:
    assert (murmur2(key.encode()) & 0xFFFFFFFF) == hashed & 0xFFFFFFFF
    assert (by_murmur2(key.encode(), 4), by_murmur2(key.encode(), 8)) == (of_four, of_eight)


@pytest.mark.parametrize(("key", "of_four"), [("split-a", 1), ("split-b", 3), ("split-c", 1), ("split-d", 2)])
def test_crc32_is_that_of_librdkafka(key: str, of_four: int) -> None:
    assert by_crc32(key.encode(), 4) == of_four


@pytest.mark.parametrize(
    ("key", "of_seven"), [("a", 6), ("b", 5), ("foobar", 4), ("split-b", 5), ("proj_123", 2), ("프로젝트", 6)]
)
def test_fnv1a_is_that_of_sarama(key: str, of_seven: int) -> None:
    assert by_fnv1a(key.encode(), 7) == of_seven


def test_the_partition_tells_the_partitioner() -> None:
    assert placed_by(b"split-b", 2, 4) is PlacedBy.MURMUR2
    assert placed_by(b"split-b", 3, 4) is PlacedBy.CRC32
    assert placed_by(b"split-b", 0, 4) is PlacedBy.FNV1A
    assert placed_by(b"split-b", 1, 4) is PlacedBy.UNKNOWN


def test_a_place_by_fewer_partitions_is_known() -> None:
    """By murmur2 `a` is in partition 0 of four and 4 of eight; of eight, CRC32 says 3 and FNV-1a 4."""
    assert placed_by(b"a", 4, 8) is PlacedBy.MURMUR2
    assert placed_by(b"a", 0, 8) is PlacedBy.FEWER_PARTITIONS
    assert cause_of(parts_of("a", [0, 4], [], 8)) is Cause.PARTITIONS_ADDED


def test_causes_have_names() -> None:
    assert parts_of("split-b", [2, 3], [], 4) == [Part(2, PlacedBy.MURMUR2), Part(3, PlacedBy.CRC32)]
    assert cause_of(parts_of("split-b", [2, 3], [], 4)) is Cause.PARTITIONERS
    assert cause_of(parts_of("split-b", [2, 3], [3], 4)) is Cause.NO_KEY
    assert cause_of(parts_of("split-b", [1, 2], [], 4)) is Cause.UNKNOWN
    assert placed_by(b"a", 0, 2) is PlacedBy.MURMUR2
    assert placed_by(b"a", 1, 2) is not PlacedBy.FEWER_PARTITIONS  # of one partition there is only 0


def test_the_sentence_says_where_why_and_what_to_do() -> None:
    assert sentence(parts_of("split-b", [2, 3], [], 4)) == (
        "Its records are in several partitions (partition 2: where murmur2 puts its key (Java's client and most "
        "others); partition 3: where CRC32 puts its key (librdkafka's default)). Set the same partitioner in all "
        "producers."
    )
