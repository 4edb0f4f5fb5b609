"""Raises of limits and grants of credit begin and end at the exact time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.budgets.scoped import Raise, StoredBudget, raise_ends_at, without_ended_raises
from ledger.credits.balance import NEVER, validity

MICROSECOND = timedelta(microseconds=1)
QUARTER = timedelta(minutes=15)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
MIDNIGHTS = st.sampled_from(
    [datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC),
     datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)]
)  # fmt: skip
SHIFTS = st.one_of(
    st.sampled_from([timedelta(), MICROSECOND, -MICROSECOND, QUARTER, -QUARTER]),
    st.timedeltas(-timedelta(days=2), timedelta(days=2)),
)
TIMES = st.builds(lambda midnight, shift: midnight + shift, MIDNIGHTS, SHIFTS)


def budget(until: datetime) -> StoredBudget:
    return StoredBudget(
        budget_id="b",
        dimension="user",
        period="monthly",
        limit_nano=10,
        version=4,
        raised=Raise(20, until),
        counts_from=CREATED,
        created_at=CREATED,
        limit_since=CREATED,
    )


@given(TIMES, TIMES)
def test_limit_before_and_from_the_end_of_a_raise_is_known_with_or_without_its_review(
    until: datetime, now: datetime
) -> None:
    raised = budget(until)
    [reviewed] = without_ended_raises([raised], now)
    expected = (20, 3, CREATED) if now < until else (10, 4, until)
    for one in (raised, reviewed):
        assert (one.nano(now), one.version_at(now), one.applies_since(now)) == expected
    assert raise_ends_at([reviewed]) == (until if now < until else None)


@given(TIMES, st.timedeltas(MICROSECOND, timedelta(days=3)))
def test_grant_is_valid_in_the_quarters_that_contain_a_time_of_it(
    granted_at: datetime, lasts: timedelta
) -> None:
    expires_at = granted_at + lasts
    starts_at, ends_at = validity(granted_at, expires_at)
    for edge in (starts_at, ends_at):
        assert (edge - CREATED) % QUARTER == timedelta()
    # Of the quarters at both edges, those inside contain a time of the grant, the others none.
    for quarter in (starts_at - QUARTER, starts_at, ends_at - QUARTER, ends_at):
        contains = quarter < expires_at and granted_at < quarter + QUARTER
        assert contains == (starts_at <= quarter < ends_at)
    assert validity(granted_at, None) == (starts_at, NEVER)
