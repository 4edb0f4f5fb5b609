"""Worker and API as processes that a test can kill, with a broker and a database."""

import asyncio
import json
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from api.http.roles import Role
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.embedded.ports import choose_port
from tests.support.command import COMMAND, environment
from tests.support.events import Plain
from tests.support.logins import as_process
from tests.support.processes import wait_for
from tests.support.streaming import Pipeline, SentRecord

SECRET = "a secret of the tests, and long enough"
READY_SECONDS = 60


class Product:
    """`cost-analytics worker` and `cost-analytics api` on a pipeline; logs are in `directory`."""

    def __init__(self, pipeline: Pipeline, directory: Path, **settings: str) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.directory = directory
        self.port = choose_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The address of the dashboard and the API."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *arguments: str, command: Sequence[str] = COMMAND) -> None:
        """Start the `worker`, the `api` or another long-running subcommand of `command`."""
        values = {
            "KAFKA_BOOTSTRAP_SERVERS": self.pipeline.bootstrap,
            "KAFKA_IDEMPOTENT": str(self.pipeline.idempotent).lower(),
            "KAFKA_SESSION_TIMEOUT_MS": "1500",
            "KAFKA_HEARTBEAT_INTERVAL_MS": "300",
            "KAFKA_REBALANCE_TIMEOUT_MS": "1500",
            "DATABASE_URL": self.pipeline.database_url,
            "JWT_SECRET": SECRET,
            "API_PORT": str(self.port),
            "WEBHOOK_ALLOW_PRIVATE": "true",
            **self.settings,
        }
        with (self.directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*command, name, *arguments],
                cwd=self.directory,
                env=environment(as_process(name, values)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def simulate(self) -> None:
        """Start endless simulated calls."""
        self.start("simulate", "--calls", "0", "--users", "6", "--rate", "8", "--seed", "7")

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """Return a started process."""
        return self._processes[name]

    def kill(self, name: str) -> None:
        """Kill a process as a power failure would."""
        process = self._processes[name]
        assert process.poll() is None, self.log(name)
        process.kill()
        process.wait(60)

    def close(self) -> None:
        """Stop everything."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(60)

    def log(self, name: str) -> str:
        """Return the end of a process's log."""
        return (self.directory / f"{name}.log").read_text()[-3000:]

    def is_ready(self) -> bool:
        """Return whether the API is ready."""
        try:
            with urlopen(f"{self.url}/ready", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    async def until_ready(self) -> None:
        """Wait until the API is ready."""
        ready = await asyncio.to_thread(wait_for, self.is_ready, READY_SECONDS)
        assert ready, self.log("api") + self.log("worker")

    def token(self, user: str, role: Role = "user", seconds: int = 3_600) -> str:
        """Return a token that the API accepts."""
        section = TokenSection(secret=Secret(SECRET))
        return mint(section, user, role=role, ttl_seconds=seconds)

    async def put(self, path: str, body: bytes, user: str) -> None:
        """Send a PUT request of a user."""
        await self.ask("PUT", path, body, user)

    async def ask(
        self, method: str, path: str, body: bytes | None, user: str, role: Role = "user"
    ) -> Any:
        """Return the answer to a user's request, with exact numbers; raises HTTPError."""
        headers = {"Authorization": f"Bearer {self.token(user, role)}"}
        request = Request(f"{self.url}{path}", data=body, headers=headers, method=method)
        with await asyncio.to_thread(urlopen, request, timeout=10) as response:
            return json.loads(response.read(), parse_float=Decimal)["data"]

    async def send(self, *events: Plain | SentRecord) -> None:
        """Send events and wait until the broker has acknowledged them."""
        await self.pipeline.send(events)


def now(seconds_ago: float = 0) -> dict[str, Any]:
    """Return the `time` attribute of an event of now, or of a while ago."""
    return {"time": datetime.fromtimestamp(time.time() - seconds_ago, UTC)}
