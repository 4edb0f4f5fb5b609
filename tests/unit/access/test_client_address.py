"""The client address that a request counts under, read through trusted proxies only."""

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from api.http.client_address import HOPS_MAX, ClientAddresses, limit_key_of_peer

PROXY = "10.0.0.1"
TRUSTED = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "192.168.7.7/32")))


def client_address(headers: dict[str, str] | CIMultiDict[str], peer: str = PROXY) -> str:
    """Return the address that a request from `peer` with these headers is counted under."""
    request = make_mocked_request("GET", "/", CIMultiDict(headers)).clone(remote=peer)
    return ClientAddresses(TRUSTED).of(request)


@pytest.mark.parametrize("peer", ["1.2.3.4", "2001:db8::5", "", "unix"])
def test_headers_of_untrusted_peers_are_ignored(peer: str) -> None:
    for name in ("X-Forwarded-For", "Forwarded"):
        headers = {name: "for=6.6.6.6" if name == "Forwarded" else "6.6.6.6"}
        assert client_address(headers, peer) == limit_key_of_peer(peer)


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("6.6.6.6, 10.2.2.2, 1.2.3.4, 192.168.7.7,10.9.9.9", "1.2.3.4"),
        ("garbage, 1.2.3.4", "1.2.3.4"),
        ("10.3.3.3, 10.9.9.9", "10.3.3.3"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::5]:443", "2001:db8::/64"),
        ("2001:db8::5", "2001:db8::/64"),
        ("2001:db8::ffff:0:0:5, fd00::1", "2001:db8:0:0::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("unknown", PROXY),
        ("1.2.3.4, garbage", PROXY),
        ("1.2.3.4,", PROXY),
        ("1.2.3.4:5:6", PROXY),
        ("256.1.1.1", PROXY),
        ("", PROXY),
        (", ".join(["1.2.3.4"] * (HOPS_MAX + 1)), PROXY),
    ],
)
def test_x_forwarded_for_names_the_client(sent: str, client: str) -> None:
    expected = {"2001:db8:0:0::/64": "2001:db8::/64"}.get(client, client)
    assert client_address({"X-Forwarded-For": sent}) == expected


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        ("for=1.2.3.4", "1.2.3.4"),
        ("For=1.2.3.4;proto=https;by=10.0.0.1", "1.2.3.4"),
        ('for="1.2.3.4:47011"', "1.2.3.4"),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
        ('for="[2001:db8:cafe::17]"', "2001:db8:cafe::/64"),
        ("for=6.6.6.6, for=1.2.3.4", "1.2.3.4"),
        ('for=6.6.6.6;host="a,b;c", proto=http;for=1.2.3.4 , for=10.2.2.2', "1.2.3.4"),
        (r'for="1.2\.3.4"', "1.2.3.4"),
        ("for=1.2.3.4, , ", "1.2.3.4"),
        ("for=1.2.3.4, for=_hidden", PROXY),
        ("for=1.2.3.4, for=_hidden, for=10.2.2.2", "10.2.2.2"),
        ("for=unknown", PROXY),
        ('for="_SEVKISEK:_port"', PROXY),
        ("for=1.2.3.4, proto=https", PROXY),
        ("for=2001:db8::5", PROXY),
        ('for="2001:db8::5"', PROXY),
        ("for=1.2.3.4;for=1.2.3.5", PROXY),
        ('for="1.2.3.4', PROXY),
        ("for 1.2.3.4", PROXY),
        ("1.2.3.4", PROXY),
        ("", PROXY),
    ],
)
def test_forwarded_names_the_client(sent: str, client: str) -> None:
    assert client_address({"Forwarded": sent}) == client


def test_repeated_headers_are_one_list() -> None:
    several = CIMultiDict([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "1.2.3.4")])
    assert client_address(several) == "1.2.3.4"


def test_header_passed_on_by_the_proxy_is_ignored() -> None:
    same = {"X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4"}
    assert client_address(same) == "1.2.3.4"
    assert client_address({**same, "Forwarded": "for=6.6.6.6"}) == PROXY
    assert client_address({**same, "X-Forwarded-For": "6.6.6.6"}) == PROXY


def test_trusted_ipv4_proxy_on_an_ipv6_socket_is_recognized() -> None:
    assert client_address({"X-Forwarded-For": "1.2.3.4"}, "::ffff:10.0.0.1") == "1.2.3.4"


def test_addresses_of_an_ipv6_network_count_as_one() -> None:
    assert limit_key_of_peer("2001:db8::1") == limit_key_of_peer("2001:db8::ffff:1:2")
    assert limit_key_of_peer("2001:db8::1") != limit_key_of_peer("2001:db8:0:1::1")


@given(st.text(st.characters(codec="latin-1"), max_size=80), st.sampled_from(["4.4.4.4", "5::5"]))
def test_client_headers_never_override_the_proxy(claim: str, client: str) -> None:
    """The proxy appends the address; earlier entries are ignored."""
    assert client_address({"X-Forwarded-For": f"{claim},{client}"}) in {
        limit_key_of_peer(client),
        PROXY,
    }
    node = f'"[{client}]"' if ":" in client else client
    assert client_address({"Forwarded": f"{claim}, for={node}"}) in {
        limit_key_of_peer(client),
        PROXY,
    }
