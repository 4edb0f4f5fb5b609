"""The client address that limits use, also behind trusted reverse proxies.

`Forwarded` (RFC 7239) and `X-Forwarded-For` are read only from a trusted proxy, from right to left:
each proxy appends the address of its client, so the first address that is not a trusted proxy is
the client's. Addresses further left are claims of the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from aiohttp import hdrs, web

IpAddress: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

HOPS_MAX: Final = 32
IPV6_PREFIX_BITS: Final = 64
"""One IPv6 client usually has a whole /64 of addresses."""
_CACHED_MAX: Final = 4_096

_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PAIR: Final = re.compile(
    rf"[ \t]*(?:(?P<name>{_WORD})=(?P<value>{_WORD}|{_QUOTED}))?[ \t]*(?P<end>[;,]|$)"
)
_PORT: Final = r"(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?"
_NODE: Final = re.compile(
    rf"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<plain>[0-9.]+)){_PORT}|(?P<bare>[0-9A-Fa-f:.]+)"
)
_HIDDEN: Final = re.compile(rf"(?:unknown|_[A-Za-z0-9._-]+){_PORT}", re.IGNORECASE)


class ClientAddresses:
    """Finds the client addresses of requests; `trusted` are the networks of reverse proxies."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._find = lru_cache(_CACHED_MAX)(self._find_address)

    def of(self, request: web.Request) -> str:
        """Return the client address of a request, as counted by limits."""
        peer = request.remote or ""
        if not self._trusted:
            return self._find(peer, None, None)
        headers = request.headers
        return self._find(
            peer,
            _join_headers(headers.getall(hdrs.FORWARDED, ())),
            _join_headers(headers.getall(hdrs.X_FORWARDED_FOR, ())),
        )

    def is_proxy(self, peer: str) -> bool:
        """Return whether a connection comes from a trusted proxy."""
        address = parsed_address(peer)
        return address is not None and self._trusts(address)

    def _trusts(self, address: IpAddress) -> bool:
        return any(address in network for network in self._trusted)

    def _find_address(self, peer: str, forwarded: str | None, x_forwarded_for: str | None) -> str:
        address = parsed_address(peer)
        if address is None:
            return peer
        if not self._trusts(address):
            return limit_key(address)
        claimed: set[IpAddress] = set()
        try:
            if forwarded is not None:
                claimed.add(self._walk(address, _forwarded_nodes(forwarded), _forwarded_address))
            if x_forwarded_for is not None:
                nodes = [node.strip() for node in x_forwarded_for.split(",")]
                claimed.add(self._walk(address, nodes, _node_address))
        except ValueError:
            return limit_key(address)
        # A proxy passes on the header that it does not write, so two different ones prove nothing.
        return limit_key(claimed.pop() if len(claimed) == 1 else address)

    def _walk(
        self, peer: IpAddress, nodes: Sequence[str], read: Callable[[str], IpAddress | None]
    ) -> IpAddress:
        """Return the first untrusted address from the right; raises ValueError if malformed."""
        if len(nodes) > HOPS_MAX:
            raise ValueError("too many proxies")
        nearest = peer
        for node in reversed(nodes):
            if not self._trusts(nearest):
                break
            address = read(node)
            if address is None:  # hidden on purpose: count the proxy that hides it
                break
            nearest = address
        return nearest


def limit_key(address: IpAddress) -> str:
    """Return the key of an address in limits: the IPv4 address, or the IPv6 /64 network."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address.packed, IPV6_PREFIX_BITS), strict=False))


def parsed_address(text: str) -> IpAddress | None:
    """Return the address, an IPv4-mapped one as IPv4; None if the text is not an address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def limit_key_of_peer(peer: str) -> str:
    """Return the key of a connection's peer in limits."""
    address = parsed_address(peer)
    return peer if address is None else limit_key(address)


def _join_headers(values: Sequence[str]) -> str | None:
    return ",".join(values) if values else None


def _forwarded_nodes(header: str) -> list[str]:
    """Return the `for` parameter of each element; raises ValueError if malformed."""
    nodes: list[str] = []
    parameters: dict[str, str] = {}
    position = 0
    while True:
        pair = _PAIR.match(header, position)
        if pair is None:
            raise ValueError("not a Forwarded header")
        if name := (pair["name"] or "").lower():
            if name in parameters:
                raise ValueError("a parameter is repeated")
            parameters[name] = _unquote(pair["value"])
        if pair["end"] != ";":
            if parameters:
                nodes.append(parameters.get("for", "unknown"))
            parameters = {}
        if not pair["end"]:
            return nodes
        position = pair.end()


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _forwarded_address(node: str) -> IpAddress | None:
    """Return an address of a `Forwarded` header, which requires brackets around IPv6."""
    if _HIDDEN.fullmatch(node):
        return None
    if ":" in node and not node.startswith("[") and node.count(":") > 1:
        raise ValueError("an IPv6 address without brackets")
    return _node_address(node)


def _node_address(node: str) -> IpAddress | None:
    if _HIDDEN.fullmatch(node):
        return None
    match = _NODE.fullmatch(node)
    address = match and parsed_address(match["bracketed"] or match["plain"] or match["bare"])
    if not address:
        raise ValueError("not an address")
    return address
