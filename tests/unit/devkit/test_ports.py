"""How ports are chosen and refused."""

import socket

import pytest

from devkit.embedded.environment import port_from_environment
from devkit.embedded.ports import PortTakenError, choose_port, is_listening
from devkit.embedded.processes import ServerError


@pytest.mark.parametrize("port", [None, 0])
def test_free_port_is_chosen(port: int | None) -> None:
    """Not one that an outgoing connection may take before the server listens."""
    ports = {choose_port(port) for _ in range(20)}
    assert all(1024 <= port < 32_768 for port in ports)
    assert not any(map(is_listening, ports))


def test_given_port_is_used() -> None:
    port = choose_port()
    assert choose_port(port) == port


def test_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert is_listening(port)
        with pytest.raises(PortTakenError, match=f"port {port} is in use by another program"):
            choose_port(port)


def test_just_closed_port_is_free() -> None:
    """Connections in TIME_WAIT after a stop must not prevent a restart."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()
    assert choose_port(port) == port


def test_port_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert port_from_environment(9092) == 9092
    monkeypatch.setenv("PORT", "")
    assert port_from_environment(9092) == 9092
    monkeypatch.setenv("PORT", "12345")
    assert port_from_environment(9092) == 12345


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "9²"])
def test_invalid_port_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(ServerError, match=f"PORT={text} is not a port"):
        port_from_environment(9092)
