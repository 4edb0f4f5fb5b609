"""Periods and addresses of `cost-analytics export` are understood, or refused with the way out."""

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, timedelta

import pytest

from cost_analytics.commands.export import period
from cost_analytics.object_storage import Folder, folder
from cost_analytics.settings import SettingsError, settings_from


def test_periods_are_days_and_months() -> None:
    assert period("2026-02") == (date(2026, 2, 1), date(2026, 2, 28))
    assert period("2026-12") == (date(2026, 12, 1), date(2026, 12, 31))
    assert period("9999-11") == (date(9999, 11, 1), date(9999, 11, 30))
    assert period("2026-01-31") == (date(2026, 1, 31), date(2026, 1, 31))
    for text in ("november", "9999-12", "9999-12-31"):
        with pytest.raises(ArgumentTypeError, match="last-month"):
            period(text)


def test_relative_periods_end_and_begin_without_a_gap() -> None:
    before = datetime.now(UTC).date()
    this, last, yesterday = period("this-month"), period("last-month"), period("yesterday")
    if before != datetime.now(UTC).date():  # midnight passed
        before = datetime.now(UTC).date()
        this, last, yesterday = period("this-month"), period("last-month"), period("yesterday")
    assert this[0] <= before <= this[1]
    assert last[1] + timedelta(days=1) == this[0]
    assert (last[0].day, this[0].day) == (1, 1)
    assert yesterday == (before - timedelta(days=1),) * 2


def test_addresses_name_a_bucket_and_a_path() -> None:
    assert folder("s3://costs") == folder("s3://costs/") == Folder("costs", "")
    assert folder("s3://costs.example/finops/focus 1.2/") == Folder(
        "costs.example", "finops/focus 1.2"
    )
    assert Folder("costs", "").url_of("a.csv") == "s3://costs/a.csv"
    assert Folder("costs", "x/y").url_of("a.csv") == "s3://costs/x/y/a.csv"


@pytest.mark.parametrize(
    "url",
    [
        "/srv/finops",
        "https://costs.example/x",
        "s3://",
        "s3://Costs/x",
        "s3://key:secret@costs/x",
        "s3://costs/a/../b",
        "s3://costs//a//b",
        "s3://costs/a?versionId=1",
        "s3://costs/a#b",
        "s3://costs/a%2fb",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"s3://BUCKET/PATH|other characters"):
        folder(url)


def test_keys_are_complete_and_the_endpoint_has_no_password() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "exporter", "AWS_SECRET_ACCESS_KEY": "x" * 30}
    loaded = settings_from({**keys, "AWS_ENDPOINT_URL": "http://minio:9000/"}, "storage").storage
    assert loaded.endpoint == "http://minio:9000"
    assert "x" * 30 not in repr(loaded)
    both = {"AWS_ENDPOINT_URL_S3": "https://s3.example", "AWS_ENDPOINT_URL": "https://a.example"}
    assert settings_from(both, "storage").storage.endpoint == "https://s3.example"
    wrong = {
        "AWS_ACCESS_KEY_ID": "exporter",
        "AWS_SESSION_TOKEN": "t" * 30,
        "AWS_ENDPOINT_URL": "https://exporter:secret@minio",
        "AWS_ENDPOINT_URL_S3": "minio:9000",
    }
    with pytest.raises(SettingsError) as raised:
        settings_from(wrong, "storage")
    assert sorted(error.split()[0] for error in raised.value.errors) == [
        "AWS_ACCESS_KEY_ID",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
    ]
