"""The public URL of the API in links of mails."""

import pytest

from cost_analytics.settings import SettingsError, settings_from


@pytest.mark.parametrize(
    "url", ["https://x.example", "https://x.example/costs", "http://127.0.0.1:8080"]
)
def test_mail_links_use_the_public_url(url: str) -> None:
    for given in (url, f"{url}/"):
        assert settings_from({"PUBLIC_URL": given}, "delivery").delivery.public_url == url
    assert settings_from({}, "delivery").delivery.public_url is None


@pytest.mark.parametrize(
    "url",
    ["x.example", "ftp://x.example", "http://x.example", "https://u@x.example", "https://x/?a=b",
     "https://x/#a", "https://ü.example"],
)  # fmt: skip
def test_invalid_public_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^PUBLIC_URL must be [^\n]*\.$"):
        settings_from({"PUBLIC_URL": url}, "delivery")
