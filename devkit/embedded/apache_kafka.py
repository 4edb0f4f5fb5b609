"""Apache Kafka on one machine without Docker: one process as broker and controller (KRaft).

Production runs on it. Tests use it beside the small embedded broker, and `make kafka` (this module
as a program) runs it in the foreground.
"""

import base64
import sys
import uuid
from pathlib import Path
from typing import Final

from cost_analytics.minimal_environment import minimal_environment
from devkit.embedded import kafka_jars
from devkit.embedded.environment import port_from_environment
from devkit.embedded.foreground import print_line, run_in_foreground
from devkit.embedded.ports import LOOPBACK, choose_port
from devkit.embedded.processes import Program, ServerError, ServerProcess, run_to_end
from devkit.embedded.server import EmbeddedServer

_FORMAT_SECONDS_MAX: Final = 60
_READY_SECONDS_MAX: Final = 90
_STARTED: Final = "Kafka Server started"
_HEAP_MIB: Final = 512
_COMPILE_LITTLE: Final = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
_KAFKA_PORT: Final = 9092
_SETTINGS: Final = {
    "auto.create.topics.enable": "false",
    # After a kill, the node waits until its previous session expires: nine seconds by default.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "controller.listener.names": "CONTROLLER",
    "group.initial.rebalance.delay.ms": "0",
    # Tests detect a missing member within a second; Kafka's own minimum is six.
    "group.min.session.timeout.ms": "500",
    "node.id": "1",
    "offsets.topic.num.partitions": "8",
    "offsets.topic.replication.factor": "1",
    "process.roles": "broker,controller",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
}


class ApacheKafka(EmbeddedServer):
    """A single Kafka node: `async with ApacheKafka(directory) as kafka: kafka.bootstrap`.

    `directory` contains its data and its log. A later start in the same directory is the same
    cluster with the same topics.
    """

    _stop_seconds_max = 30

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        jars: Path | None = None,
        print_line: kafka_jars.PrintLine = kafka_jars.ignore_line,
        short_lived: bool = False,
    ) -> None:
        """`jars` is the directory of Kafka's jars (default: `lib` in `directory`).

        With `short_lived`, it starts with half the work but never becomes as fast.
        """
        super().__init__(directory, port)
        self._compiling = _COMPILE_LITTLE if short_lived else []
        self.jars = (jars or directory / "lib").absolute()
        self._print_line = print_line

    @property
    def bootstrap(self) -> str:
        """`host:port`, for KAFKA_BOOTSTRAP_SERVERS."""
        return self.address

    def available(self) -> str | None:
        """Return why Kafka cannot run on this machine, None if it can."""
        return kafka_jars.missing_requirement(self.jars)

    async def _start(self) -> None:
        await kafka_jars.fetch(self.jars, self._print_line)
        self._print_line(f"Starting Apache Kafka {kafka_jars.version()}…")
        self._write_settings()
        if not (self._data / "meta.properties").exists():
            await run_to_end(self._format(), _FORMAT_SECONDS_MAX)
        server = ServerProcess(self._java("Apache Kafka", "kafka.Kafka", str(self._settings)))
        self._process = server
        await server.start()
        await server.wait_until(
            lambda: any(_STARTED in line for line in server.last_lines(100)), _READY_SECONDS_MAX
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _settings(self) -> Path:
        return self.directory / "server.properties"

    def _write_settings(self) -> None:
        controller = f"{LOOPBACK}:{choose_port()}"
        settings = {
            **_SETTINGS,
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "log.dirs": str(self._data),
        }
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [f"{name}={value}\n" for name, value in sorted(settings.items())]
        self._settings.write_text("".join(lines))

    def _format(self) -> Program:
        return self._java(
            "Kafka's storage tool",
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={_new_cluster_id()}",
            f"--config={self._settings}",
        )

    def _java(self, name: str, main: str, *arguments: str) -> Program:
        return Program(
            name=name,
            command=[
                kafka_jars.find_java(),
                f"-Xmx{_HEAP_MIB}m",
                *self._compiling,
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                f"--class-path={self.jars}/*",
                main,
                *arguments,
            ],
            log=self.directory / "kafka.log",
            environment=minimal_environment(),
            directory=self.directory,
        )


def _new_cluster_id() -> str:
    """Return a random id in Kafka's own form: 22 characters of base64, the first no hyphen."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def main() -> int:
    """Run Kafka in `.local/kafka` on port 9092, or PORT, until Ctrl-C; return the exit status."""
    try:
        kafka = ApacheKafka(
            Path(".local/kafka"), port_from_environment(_KAFKA_PORT), print_line=print_line
        )
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run_in_foreground(
        kafka, lambda: f"Apache Kafka serves at {kafka.bootstrap}; Ctrl-C stops it"
    )


if __name__ == "__main__":
    sys.exit(main())
