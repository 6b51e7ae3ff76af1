"""A port is kept for a process: refused while it does not listen, its own when it does, and nobody else's."""

import socket

import pytest

from episode_monitor.listening import CannotListen, listen, reserve


def test_a_reserved_port_refuses_until_its_process_listens_and_again_afterwards() -> None:
    with reserve("127.0.0.1", 0, "WORKER_OWN_PORTS") as reserved:
        at = reserved.getsockname()
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(at, timeout=5.0)
            with listen("127.0.0.1", at[1], is_reserved=True), socket.create_connection(at, timeout=5.0):
                pass


def test_a_reserved_port_is_taken_for_everyone_else() -> None:
    with reserve("127.0.0.1", 0, "WORKER_OWN_PORTS") as reserved, pytest.raises(CannotListen, match="is in use"):
        listen("127.0.0.1", reserved.getsockname()[1])
