"""Addresses of channels: their forms, and no access to private networks."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.notifications.addresses import AddressError, canonical_address, is_public
from schemas.notices import ChannelType

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "224.0.1.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "ff0e::1",
    "", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "8.8.8.8 ", "8.8.8.8:443",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.255.255",
    "172.32.0.1", "192.167.255.255", "223.255.255.254", "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_non_public_addresses_are_recognized(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_recognized(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_mapped_addresses_are_judged_by_their_ipv4_part(address: ipaddress.IPv4Address) -> None:
    assert not is_public(f"::ffff:{address}")
    assert is_public(f"64:ff9b::{address}") == is_public(str(address))
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


GOOD: list[tuple[ChannelType, str, str]] = [
    ("email", "alice@example.com", "alice@example.com"),
    ("email", " Alice.O'Neil+costs@Mail.Example.COM ", "Alice.O'Neil+costs@mail.example.com"),
    ("sms", "+14155550123", "+14155550123"),
    ("sms", "+49 (30) 901820-1", "+49309018201"),
    ("webhook", "https://example.com/hook?key=1", "https://example.com/hook?key=1"),
    ("webhook", "https://example.com:8443/", "https://example.com:8443/"),
    ("webhook", "https://8.8.8.8/", "https://8.8.8.8/"),
    ("webhook", "https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
]
BAD: list[tuple[ChannelType, str]] = [
    *[("email", text) for text in (
        "", "alice", "alice@", "@example.com", "alice@example", "a b@example.com", "a@b@c.com",
        "alice@exa_mple.com", "alice@-example.com", ".alice@example.com", "a..b@example.com",
        "alice@example.com\r\nBcc: bob@example.com", "alice@example.com, bob@example.com",
        "Alice <alice@example.com>", f"{'a' * 65}@example.com", f"a@{'b' * 250}.com", "älice@example.com")],
    *[("sms", text) for text in (
        "", "4155550123", "+", "+0123456789", "+12345", "+1234567890123456", "+1415555O123",
        "+1 415 555 0123 ext 4", "+\uff11\uff14155550123")],
    *[("webhook", text) for text in (
        "", "example.com", "http://example.com/", "ftp://example.com/", "javascript:alert(1)",
        "https://", "https:///path", "https://user@example.com/", "https://user:pw@example.com/",
        "https://example.com/#part", "https://example.com:80/", "https://example.com:22/",
        "https://example.com:0/", "https://example.com:99999/", "https://localhost/", "https://intranet/", "https://127.0.0.1/",
        "https://10.0.0.1:8443/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/",
        "https://127.1/", "https://exa mple.com/", "https://exämple.com/", "https://example.com\\@evil.com/",
        "https://example.com/\r\nX: y", "https://[fe80::1%25eth0]/", f"https://example.com/{'a' * 1024}",
        "https://169.254.169.254/latest/meta-data")],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "address", "usual"), GOOD)
def test_valid_addresses_are_normalized(kind: ChannelType, address: str, usual: str) -> None:
    assert canonical_address(kind, address) == usual
    assert canonical_address(kind, usual) == usual


@pytest.mark.parametrize(("kind", "address"), BAD)
def test_invalid_addresses_are_refused_with_a_hint(kind: ChannelType, address: str) -> None:
    with pytest.raises(AddressError, match=r"^`address` .*\.$"):
        canonical_address(kind, address)


@given(st.sampled_from(["email", "sms", "webhook"]), st.text(max_size=80))
def test_any_text_is_an_address_or_refused(kind: ChannelType, text: str) -> None:
    try:
        address = canonical_address(kind, text)
    except AddressError:
        return
    assert address.isascii()
    assert address.isprintable()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9000/hook", "http://receiver:8000/", "https://10.0.0.1/"]
)
def test_private_targets_need_the_unsafe_setting(address: str) -> None:
    assert canonical_address("webhook", address, allow_private=True) == address
    with pytest.raises(AddressError):
        canonical_address("webhook", address)
