"""Published versions: they rise with every commit and with every epoch, and JSON holds them."""

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
def test_the_order_is_that_of_epoch_and_commits(
    epoch: int, number: int, other_epoch: int, other: int
) -> None:
    versions = published_version(epoch, number), published_version(other_epoch, other)
    pairs = (epoch, number), (other_epoch, other)
    assert (versions[0] < versions[1]) is (pairs[0] < pairs[1])
    assert epoch_of(versions[0]) == epoch
    assert versions[0] < 2**53


def test_versions_of_a_ledger_that_was_never_restored_are_its_commits() -> None:
    assert published_version(0, 7) == 7


def test_a_batch_of_another_epoch_is_refused_and_one_during_a_restore_waits() -> None:
    assert require_epoch(3, 3) == 3
    assert require_epoch(3, None) == 3
    with pytest.raises(EpochChangedError, match="is 4 instead of 3"):
        require_epoch(4, 3)
    with pytest.raises(LedgerClosedError) as closed:
        require_epoch(None, 3)
    assert isinstance(closed.value, TRANSIENT_ERRORS)
