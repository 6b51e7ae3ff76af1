"""A dead letter is the record as it came, plus where it came from and why it was refused."""

from models.dead_letter import DeadLetter, DeadLetterReason, Malformed, dead_letter

MALFORMED = Malformed(DeadLetterReason.INVALID_FIELD, "project_id must be 프로젝트.")
TOO_LARGE = Malformed(DeadLetterReason.TOO_LARGE, "The value has 70000 bytes; at most 65536 are read.")


def test_a_dead_letter_keeps_the_record_and_says_where_and_why() -> None:
    headers: list[tuple[str, bytes | None]] = [("a", b"1"), ("a", b"\xff"), ("b", None)]
    assert dead_letter("episode-events", 3, 41, b"\xffkey", b"\xff{", headers, MALFORMED) == DeadLetter(
        key=b"\xffkey",
        value=b"\xff{",
        headers=[
            ("a", b"1"),
            ("a", b"\xff"),
            ("b", None),
            ("dl_topic", b"episode-events"),
            ("dl_partition", b"3"),
            ("dl_offset", b"41"),
            ("dl_reason", b"invalid_field"),
            ("dl_detail", "project_id must be 프로젝트.".encode()),
        ],
    )
    assert headers == [("a", b"1"), ("a", b"\xff"), ("b", None)]


def test_a_record_without_key_stays_without_key() -> None:
    assert dead_letter("t", 0, 0, None, b"", (), MALFORMED).key is None


def test_of_a_value_too_large_the_first_kib_the_size_and_the_hash_are_kept() -> None:
    letter = dead_letter("t", 0, 9, b"k", b"a" * 70_000, (), TOO_LARGE)
    assert letter.value == b"a" * 1024
    assert letter.headers[-2:] == [
        # printf 'a%.0s' $(seq 70000) | sha256sum
        ("dl_sha256", b"66915c0872933db504e7578828dd85b7e74a4e0a061f9756793b89c4151bd4b5"),
        ("dl_size", b"70000"),
    ]


def test_a_dead_letter_sent_in_again_keeps_its_first_headers_before_the_new_ones() -> None:
    first = dead_letter("t", 0, 1, None, b"{", (), MALFORMED)
    again = dead_letter("t", 0, 2, None, b"{", first.headers, MALFORMED)
    assert [value for name, value in again.headers if name == "dl_offset"] == [b"1", b"2"]
