"""HAProxy in front of replicas of the API, as in production."""

import asyncio
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devkit.embedded.ports import choose_port
from tests.support import parts
from tests.support.recording import until

_RUNNING = "2"
"""The state of a server whose health check passes, in `show servers state`."""

# A replica is used while it is ready. A request that a replica did not begin to answer goes to the
# other one; only reads are repeated, and events, which count once in any case.
_CONFIGURATION = """
global
    maxconn 2000
    stats socket {directory}/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout check 4s
    option redispatch
    retries 3
    retry-on conn-failure empty-response
frontend public
    bind 127.0.0.1:{port}
    default_backend api
backend api
    balance roundrobin
    option httpchk GET /ready
    http-check expect status 200
    default-server check inter 300ms fall 3 rise 1
{servers}
"""


class HaProxy:
    """Spreads requests over replicas; `servers` are their ports by name."""

    def __init__(self, directory: Path, servers: Mapping[str, int]) -> None:
        self.port = choose_port()
        self._directory = directory
        self._servers = servers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; skips the test on a machine without HAProxy."""
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if program is None:
            parts.skip_without("HAProxy", "install Debian's package haproxy")
        lines = "\n".join(
            f"    server {name} 127.0.0.1:{port}" for name, port in self._servers.items()
        )
        file = self._directory / "haproxy.cfg"
        file.write_text(
            _CONFIGURATION.format(directory=self._directory, port=self.port, servers=lines)
        )
        with (self._directory / "haproxy.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-db", "-f", str(file)], stdout=log, stderr=log
            )

    async def drain(self, name: str) -> None:
        """Send no new requests to a replica, and wait until it has answered those it has.

        Sockets stay open. Kubernetes does the same when a pod is to end.
        """
        await self._command(f"set server api/{name} state drain")

    async def use(self, name: str) -> None:
        """Send requests to a replica again, and wait until its health check passes."""
        await self._command(f"set server api/{name} state ready")
        await until(lambda: self._is_up(name))

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)

    async def _is_up(self, name: str) -> bool:
        states = [line.split() for line in (await self._ask("show servers state api")).splitlines()]
        return any(state[3] == name and state[5] == _RUNNING for state in states if len(state) > 5)

    async def _command(self, command: str) -> None:
        answer = await self._ask(command)
        assert not answer, answer

    async def _ask(self, command: str) -> str:
        reader, writer = await asyncio.open_unix_connection(str(self._directory / "haproxy.sock"))
        writer.write(f"{command}\n".encode())
        await writer.drain()
        answer = (await reader.read()).decode().strip()
        writer.close()
        return answer
