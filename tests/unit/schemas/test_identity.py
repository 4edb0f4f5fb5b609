"""The key of an event: equal for equal (source, id), different otherwise.

Emitters use UUIDs and names; both are compared exactly.
"""

import re
import uuid

from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.identity import fingerprint_of, identity_of, keys_of

KEY = re.compile(r"[0-9a-f]{32}")
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
uuids = st.uuids().map(str)
pairs = st.tuples(names, names | uuids)


@given(pairs, pairs)
def test_keys_are_equal_for_equal_source_and_id(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert KEY.fullmatch(identity_of(*one))
    assert (identity_of(*one) == identity_of(*other)) == (one == other)


almost = st.builds(
    lambda one, place, other: one[:place] + other + one[place + 1 :],
    uuids,
    st.integers(0, 36),
    st.sampled_from(["", " ", "-", "A", "g", "0", "a"]),
)
many = st.lists(st.tuples(names, uuids), max_size=12)


@given(many, st.none() | st.tuples(names, names | almost), st.integers(0, 12))
def test_keys_of_a_batch_are_the_keys_of_each_event(
    named: list[tuple[str, str]], odd: tuple[str, str] | None, place: int
) -> None:
    if odd is not None:
        named.insert(place, odd)
    assert keys_of(named).hex() == "".join(identity_of(*one) for one in named)


@given(names, names)
def test_source_and_id_are_separated(source: str, event_id: str) -> None:
    assert identity_of(source + event_id, event_id) != identity_of(source, event_id + event_id)


@given(st.sets(uuids, min_size=2, max_size=20), names)
def test_uuids_of_a_source_have_distinct_keys(ids: set[str], source: str) -> None:
    assert len({identity_of(source, one) for one in ids}) == len(ids)


@given(uuids, names, names)
def test_same_uuid_from_two_sources_is_two_events(event_id: str, one: str, other: str) -> None:
    assume(one != other)
    assert identity_of(one, event_id) != identity_of(other, event_id)


def test_keys_of_uuids_start_with_their_time() -> None:
    """Keys that arrive nearly in order keep the unique index small."""
    first = identity_of("/voice", "0192f3a4-5b6c-7000-8000-0123456789ab")
    later = identity_of("/other", "0192f3a4-5b6d-7fff-bfff-0123456789ab")
    assert first[:12] == "0192f3a45b6c"
    assert first < later


def test_differently_written_uuids_are_different_ids() -> None:
    """An id is a string: case and dashes matter."""
    written = str(uuid.uuid4())
    while not re.search("[a-f]", written):
        written = str(uuid.uuid4())
    others = {
        written.upper(),
        written.replace("-", ""),
        f"{{{written}}}",
        f"urn:uuid:{written}",
        f"{written} ",
        written[:-1] + " ",
        written[:9] + "-" + written[10:],
    }
    keys = {identity_of("/voice", one) for one in {written, *others}}
    assert len(keys) == len(others) + 1


def test_id_of_digits_is_an_ordinary_id() -> None:
    digits = "01234567-0123-7123-8123-012345678901"
    assert KEY.fullmatch(identity_of("/voice", digits))
    assert identity_of("/voice", digits) != identity_of("/voice", digits[:-1] + "2")


@given(st.binary(), st.binary())
def test_fingerprints_differ_by_content_and_fit_a_bigint(one: bytes, other: bytes) -> None:
    assert -(2**63) <= fingerprint_of(one) < 2**63
    assert (fingerprint_of(one) == fingerprint_of(other)) == (one == other)
