"""Price lists: the form of a row, standard names, and error messages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from cost_analytics.failures import CommandError
from cost_analytics.price_files import as_csv, read_prices
from cost_analytics.price_listing import as_table
from cost_analytics.price_loading import ListRequest, read_list, rows_since
from ledger.prices.entry import ListedPrice
from ledger.prices.rows import InvalidPriceError, price_row

GOOD = {
    "service": "twilio",
    "operation": "voice",
    "unit": "minutes",
    "price_usd": "0.02",
    "effective_from": "2026-01-31",
}
HEAD = "service,operation,model,unit,price_usd,per_units,effective_from\n"


def reasons(**changes: str) -> list[str]:
    with pytest.raises(InvalidPriceError) as caught:
        price_row(GOOD | changes, source="file")
    return caught.value.reasons


def test_row_is_stored_under_standard_names() -> None:
    row = price_row(GOOD | {"source": "vendor page"}, source="file")
    assert row.key == ("twilio", "outbound_call", "*", "minutes")
    assert row.dated_key == (row.key, datetime(2026, 1, 31, tzinfo=UTC))
    assert (row.service_class, row.per_units, row.source) == ("api", 1, "vendor page")
    named = price_row(
        GOOD | {"service": "cerebras", "operation": "chat_completion", "model": "Llama-3.1-8B"},
        source="file",
    )
    assert (named.operation, named.model, named.source) == ("inference", "llama3.1-8b", "file")
    assert price_row(GOOD | {"model": ""}, source="file").model == ""


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"service": ""}, "service"),
        ({"service": "x" * 256}, "service"),
        ({"unit": "Furlongs"}, "unit"),
        ({"class": "magic"}, "class"),
        ({"class": "transaction"}, "unit"),
        ({"class": "infrastructure", "unit": "calls"}, "operation"),
        ({"class": "revenue", "unit": "calls", "operation": "charge", "model": "m"}, "model"),
        ({"price_usd": "-1"}, "price_usd"),
        ({"price_usd": "NaN"}, "price_usd"),
        ({"price_usd": "1e999"}, "price_usd"),
        ({"price_usd": "1e-40"}, "price_usd"),
        ({"price_usd": "free"}, "price_usd"),
        ({"per_units": "0"}, "per_units"),
        ({"per_units": "1.5"}, "per_units"),
        ({"effective_from": "tomorrow"}, "effective_from"),
        ({"effective_from": "1999-01-01"}, "effective_from"),
        ({"retires_on": "soon"}, "retires_on"),
        ({"is_deprecated": "perhaps"}, "is_deprecated"),
        ({"source_url": "http://example.com"}, "source_url"),
        ({"source_url": "https://example.com/a b"}, "source_url"),
        ({"source_date": "in May"}, "source_date"),
        ({"surprise": "x"}, "surprise"),
    ],
)
def test_error_of_a_row_is_explained(changes: dict[str, str], word: str) -> None:
    assert any(word in reason for reason in reasons(**changes))


def test_all_errors_are_reported_at_once() -> None:
    assert len(reasons(service="", price_usd="x", per_units="x", effective_from="x")) == 4


def test_equal_prices_may_be_written_differently() -> None:
    thousand = price_row(GOOD | {"price_usd": "0.15", "per_units": "1000"}, source="")
    one = price_row(GOOD | {"price_usd": "0.00015"}, source="")
    assert thousand.same_price(one)
    assert not thousand.same_price(price_row(GOOD, source=""))


def test_csv_errors_name_their_line() -> None:
    text = HEAD + "a,b,*,minutes,1,1,2026-01-01\nb,c,*,light years,1,1,2026-01-01\nc,d,*,minutes\n"
    with pytest.raises(CommandError) as caught:
        read_prices(text, "list.csv")
    message = str(caught.value)
    assert "line 2" not in message
    assert "line 3: unit" in message
    assert "line 4" in message


@pytest.mark.parametrize(
    ("row", "columns"),
    [("c,d,*,minutes", 4), ("c", 1), ("c,d,*,minutes,1,1,2026-01-01,x", 8),
     ("c,d,*,minutes,1,1,2026-01-01,x,y", 9)],
)  # fmt: skip
def test_row_of_wrong_length_has_one_error(row: str, columns: int) -> None:
    with pytest.raises(CommandError) as caught:
        read_prices(f"{HEAD}{row}\n", "list.csv")
    [error] = str(caught.value).splitlines()[1:]
    assert error.strip() == f"line 2: The row has {columns} columns, the first line has 7."


def test_two_prices_for_one_key_contradict_each_other() -> None:
    line = "a,b,*,minutes,{},1,2026-01-01\n"
    assert len(read_prices(HEAD + line.format(1) + line.format("1.0"), "f")) == 1
    with pytest.raises(CommandError, match=r"line 3: the price .* differs from that in line 2"):
        read_prices(HEAD + line.format(1) + line.format(2), "f")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "first line must name"),
        ("service,price\n", "missing"),
        (HEAD, "no prices"),
        ("[{]", "not JSON"),
        ("{}", "list of objects"),
        ("[1]", "entry 1: It is not an object"),
        ('[{"price_usd": NaN}]', "not JSON"),
        (HEAD + 'a,"b', "line 2 is not CSV"),
        ('"a', "line 1 is not CSV"),
    ],
)
def test_invalid_price_list_is_refused(text: str, word: str) -> None:
    with pytest.raises(CommandError, match=word):
        read_prices(text, "list")


def test_json_numbers_stay_exact() -> None:
    text = (
        '[{"service": "a", "operation": "b", "unit": "tokens", "price_usd": 0.10,'
        ' "per_units": 1000000, "effective_from": "2026-01-01T12:00:00+01:00"}]'
    )
    (row,) = read_prices(text, "list.json")
    assert row.price_usd == Decimal("0.10")
    assert row.effective_from == datetime(2026, 1, 1, 11, tzinfo=UTC)


def test_written_list_can_be_read_back() -> None:
    rows = read_prices(HEAD + 'a,"b, c",,minutes,0.000001,1000,2026-01-01\n', "f")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    listed = [ListedPrice(row, "in force", "me", 1, now, now) for row in rows]
    assert read_prices(as_csv(listed), "f") == rows
    table = as_table(listed, now)
    assert "(no model)" in table
    assert "0.000001" in table


def test_conditions_are_read_and_written_as_columns() -> None:
    head = HEAD.strip() + ",destination,hours,tier\n"
    rows = read_prices(
        head
        + "twilio,voice,,minutes,0.02,1,2026-01-01,+44,22:00-06:00@Europe/London,\n"
        + "twilio,voice,,minutes,0.03,1,2026-01-01,+44,,\n"
        + "twilio,voice,,minutes,0.01,1,2026-01-01,,,Batch\n",
        "f",
    )
    assert [str(row.conditions) for row in rows] == [
        "to +44, 22:00-06:00@Europe/London",
        "to +44",
        "batch tier",
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    listed = [ListedPrice(row, "in force", "me", 1, now, now) for row in rows]
    written = as_csv(listed)
    assert written.partition("\n")[0].endswith(",source,tier,destination,hours")
    assert read_prices(written, "f") == rows
    assert "minutes (to +44, 22:00-06:00@Europe/London)" in as_table(listed, now)


def test_an_invalid_condition_is_reported_with_its_line() -> None:
    head = HEAD.strip() + ",destination\n"
    with pytest.raises(CommandError, match="line 2: destination must be a number's prefix"):
        read_prices(head + "twilio,voice,,minutes,0.02,1,2026-01-01,44\n", "f")


def test_source_of_a_price_has_an_address_and_a_date() -> None:
    head = HEAD.strip() + ",source,source_url,source_date\n"
    line = "deepgram,tts,aura-2,characters,0.030,1000,2026-09-21,price page,https://deepgram.com/pricing,"
    rows = read_prices(head + line + "2026-09-21\n", "f")
    assert (rows[0].source_url, rows[0].source_date) == (
        "https://deepgram.com/pricing",
        date(2026, 9, 21),
    )
    read = datetime(2026, 9, 22, tzinfo=UTC)
    listed = ListedPrice(rows[0], "in force", "me", 1, read, read)
    assert read_prices(as_csv([listed]), "f") == rows
    assert "price page, 2026-09-21, https://deepgram.com/pricing" in as_table([listed], read)
    days = timedelta(days=1)
    assert listed.stale(read + 90 * days) is None
    assert listed.stale(read + 91 * days) == "not_verified"
    verified = listed._replace(verified_at=read + 170 * days)
    assert verified.stale(read + 179 * days) is None
    assert verified.stale(read + 180 * days) == "old_source"
    assert verified._replace(state="past").stale(read + 999 * days) is None


def test_every_price_of_the_voice_list_has_its_source_and_date() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    rows = read_list(ListRequest("voice", None), now).rows
    services = {row.service for row in rows}
    assert services == {
        "twilio", "telnyx", "deepgram", "elevenlabs", "cartesia", "openai", "google", "groq",
        "cerebras",
    }  # fmt: skip
    for row in rows:
        assert row.source_url, row.name
        assert row.source_date == row.effective_from.date(), row.name
    speech = read_list(ListRequest("voice", None, ("elevenlabs",)), now).rows
    of_model = [row for row in speech if row.model == "eleven_flash_v2_5"]
    assert [row.price_usd for row in of_model] == [Decimal("0.05"), Decimal("0.04")]
    [current] = rows_since(of_model, now, form="voice")
    assert (current.price_usd, current.effective_from) == (Decimal("0.04"), now)
    september = datetime(2026, 9, 1, tzinfo=UTC)
    assert [row.effective_from for row in rows_since(of_model, september, form="voice")] == [
        september,
        datetime(2026, 11, 1, tzinfo=UTC),
    ]
    with pytest.raises(CommandError, match="no prices of these services"):
        read_list(ListRequest("voice", None, ("acme",)), now)
