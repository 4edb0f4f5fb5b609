"""Ports are chosen, and refused, plainly."""

import socket

import pytest

from devkit.embedded.environment import wanted_port
from devkit.embedded.ports import PortTakenError, choose_port, is_listening
from devkit.embedded.processes import ServerError


@pytest.mark.parametrize("wanted", [None, 0])
def test_a_free_port(wanted: int | None) -> None:
    port = choose_port(wanted)
    assert 1024 <= port <= 65535
    assert not is_listening(port)


def test_a_given_port() -> None:
    port = choose_port()
    assert choose_port(port) == port


def test_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert is_listening(port)
        with pytest.raises(PortTakenError, match=f"port {port} is in use by another program"):
            choose_port(port)


def test_a_port_that_was_just_left_is_free() -> None:
    """Connections that wait out their time after a stop must not keep a restart away."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()
    assert choose_port(port) == port


def test_a_port_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert wanted_port(9092) == 9092
    monkeypatch.setenv("PORT", "")
    assert wanted_port(9092) == 9092
    monkeypatch.setenv("PORT", "12345")
    assert wanted_port(9092) == 12345


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "9²"])
def test_a_port_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(ServerError, match=f"PORT={text} is no port"):
        wanted_port(9092)
