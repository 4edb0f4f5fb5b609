"""Published versions rise with each commit and each epoch, and fit JSON numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.postgres.database import TRANSIENT_ERRORS
from ledger.recording.epochs import (
    EpochChangedError,
    LedgerClosedError,
    epoch_of,
    published_version,
    require_epoch,
)

epochs = st.integers(0, 2**31 - 1)
commits = st.integers(1, 2**22 - 1)


@given(epochs, commits, epochs, commits)
def test_versions_are_ordered_by_epoch_and_commit(
    epoch: int, number: int, other_epoch: int, other: int
) -> None:
    versions = published_version(epoch, number), published_version(other_epoch, other)
    pairs = (epoch, number), (other_epoch, other)
    assert (versions[0] < versions[1]) is (pairs[0] < pairs[1])
    assert epoch_of(versions[0]) == epoch
    assert versions[0] < 2**53


def test_versions_without_a_restore_are_commit_numbers() -> None:
    assert published_version(0, 7) == 7


def test_batch_of_another_epoch_is_refused_or_waits_for_a_restore() -> None:
    assert require_epoch(3, 3) == 3
    assert require_epoch(3, None) == 3
    with pytest.raises(EpochChangedError, match="is 4 instead of 3"):
        require_epoch(4, 3)
    with pytest.raises(LedgerClosedError) as closed:
        require_epoch(None, 3)
    assert isinstance(closed.value, TRANSIENT_ERRORS)
