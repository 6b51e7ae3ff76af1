"""Ports: the wished one if it is free, else the next one above."""

import socket
from collections.abc import Iterator

import pytest

from episode_monitor.demo import ports
from episode_monitor.demo.ports import LOOPBACK, NoFreePortError, PortClaims, free_port, is_free


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server


def test_a_free_wish_is_granted() -> None:
    wish = free_port()
    assert free_port(wish) == wish


def test_a_taken_port_moves_to_the_next_free_one(listener: socket.socket) -> None:
    taken = listener.getsockname()[1]
    assert not is_free(taken)
    moved = free_port(taken)
    assert taken < moved <= taken + 20
    assert is_free(moved)


def test_a_port_that_another_listens_to_on_all_addresses_is_taken() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_a_port_whose_last_connection_has_just_closed_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        server.bind((LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        caller = socket.create_connection((LOOPBACK, port))
        ours, _ = server.accept()
        ours.close()  # the side that closes first keeps the port in TIME_WAIT
        caller.close()
    assert is_free(port)


def test_a_port_to_avoid_is_not_given() -> None:
    wish = free_port()
    assert free_port(wish, avoid=[wish]) > wish


def test_when_no_port_is_free_the_range_is_named(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = listener.getsockname()[1]
    monkeypatch.setattr(ports, "_SEARCH", 0)
    with pytest.raises(NoFreePortError, match=f"between {taken} and {taken} on 127.0.0.1"):
        free_port(taken)


def test_a_port_that_is_claimed_and_not_yet_used_moves_to_the_next_one() -> None:
    first, second = PortClaims(), PortClaims()
    wish = first.claim(free_port())
    try:
        assert is_free(wish)
        assert second.claim(wish) > wish
        assert first.claim(wish) not in (wish, *second._sockets)
    finally:
        first.release()
        second.release()


def test_a_claim_that_was_given_back_can_be_had() -> None:
    first, second = PortClaims(), PortClaims()
    wish = first.claim(free_port())
    first.release()
    try:
        assert second.claim(wish) == wish
    finally:
        second.release()
