"""An object storage for the tests of the export."""

from collections.abc import Iterator

import pytest

from tests.support.object_storage import ObjectStorage, running_storage


@pytest.fixture(scope="session")
def storage_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    """Run the server once."""
    with running_storage(tmp_path_factory.mktemp("storage")) as storage:
        yield storage


@pytest.fixture
def storage(storage_server: ObjectStorage) -> ObjectStorage:
    """Return an empty bucket."""
    storage_server.clear()
    return storage_server
