# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of addresses and CIDRs, as nginx compares them with who asks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence

Problems = Iterator[str]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PREFIX_LENGTH = re.compile(r"[0-9]{1,3}")
USE_NETWORKS = 'write addresses and CIDRs, such as ["203.0.113.7", "10.0.0.0/8", "2001:db8::/32"]'


def networks(value: Sequence[str]) -> Problems:
    """Addresses and CIDRs, each once."""
    seen: set[Network] = set()
    for item in value:
        network = read(item)
        if network is None:
            yield f"{item!r} is {_wrong(item)}"
        elif network in seen:
            yield f"{item} is listed twice; list it once"
        else:
            seen.add(network)


def _wrong(item: str) -> str:
    """Say what a text is that is no network, with the remedy."""
    meant = _parse(item, strict=False)
    if meant is None:
        return f"neither an address nor a CIDR; {USE_NETWORKS}"
    address = item.partition("/")[0]
    return f"an address within a network; write {meant} for all of it, or {address} for the address alone"


def not_everybody(problem: str) -> Callable[[Sequence[str]], Problems]:
    """Make the rule for a list that may name anybody, but not everybody. problem: ends with the remedy."""

    def rule(value: Sequence[str]) -> Problems:
        yield from networks(value)
        for item in value:
            network = read(item)
            if network is not None and network.prefixlen == 0:
                yield f"{item} is everybody, {problem}"

    return rule


def read(item: str) -> Network | None:
    """Read an address or a CIDR without host bits, or return None where it is neither."""
    return _parse(item, strict=True)


def _parse(item: str, *, strict: bool) -> Network | None:
    _address, slash, length = item.partition("/")
    # Python's library takes netmasks and zones of IPv6, too, which nginx does not.
    if (slash and not PREFIX_LENGTH.fullmatch(length)) or "%" in item:
        return None
    try:
        return ipaddress.ip_network(item, strict=strict)
    except ValueError:
        return None


def within(item: str, others: Sequence[str]) -> str | None:
    """Return which of the others names all that an item does; None where none does, or it is no network."""
    network = read(item)
    for other in others:
        wider = read(other)
        if network and wider and wider.prefixlen <= network.prefixlen and network.network_address in wider:
            return other
    return None


def written(value: Sequence[str]) -> list[str]:
    """Return networks in the form that nginx reads without a word."""
    return [str(network) for network in map(read, value) if network is not None]
