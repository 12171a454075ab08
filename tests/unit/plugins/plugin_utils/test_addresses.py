"""Addresses and CIDRs."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _addresses

USE = _addresses.USE_NETWORKS


@pytest.mark.parametrize("item", ["203.0.113.7", "10.0.0.0/8", "0.0.0.0/0", "::1", "2001:db8::/32"])
def test_addresses_and_cidrs_are_taken(item):
    assert list(_addresses.networks([item])) == []


@pytest.mark.parametrize(
    "item",
    [
        *("", "all", "example.com", "10.0.0", "10.0.0.256"),
        *("10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::1/129", "10.0.0.0/8;", "$remote_addr"),
        # Python's library takes these, nginx does not.
        *("10.0.0.0/255.0.0.0", "10.0.0.0/0.0.0.255", "fe80::1%eth0"),
    ],
)
def test_what_is_no_network_is_refused(item):
    assert list(_addresses.networks([item])) == [f"{item!r} is neither an address nor a CIDR; {USE}"]


def test_host_bits_are_refused_with_both_that_may_be_meant():
    assert list(_addresses.networks(["10.1.2.3/8"])) == [
        "'10.1.2.3/8' is an address within a network; write 10.0.0.0/8 for all of it, or 10.1.2.3 for the "
        "address alone"
    ]


def test_a_network_is_listed_once_however_it_is_written():
    assert list(_addresses.networks(["10.0.0.1", "10.0.0.1/32", "2001:db8::", "2001:DB8:0::"])) == [
        "10.0.0.1/32 is listed twice; list it once",
        "2001:DB8:0:: is listed twice; list it once",
    ]


@pytest.mark.parametrize("item", ["0.0.0.0/0", "::/0"])
def test_everybody_is_refused_where_that_cannot_be_meant(item):
    rule = _addresses.not_everybody("which is too many; write fewer")
    assert list(rule([item, "10.0.0.0/8"])) == [f"{item} is everybody, which is too many; write fewer"]
    assert list(rule(["x"])) == [f"'x' is neither an address nor a CIDR; {USE}"]


@pytest.mark.parametrize(
    ("item", "others", "expected"),
    [
        ("10.1.2.3", ["192.0.2.1", "10.0.0.0/8"], "10.0.0.0/8"),
        ("10.0.0.0/8", ["10.0.0.0/8"], "10.0.0.0/8"),
        ("10.0.0.0/8", ["10.1.0.0/16"], None),
        ("10.0.0.1", ["::/0"], None),
        ("x", ["10.0.0.0/8"], None),
        ("10.0.0.1", ["x"], None),
    ],
)
def test_what_lies_within_another(item, others, expected):
    assert _addresses.within(item, others) == expected


def test_networks_are_written_in_full():
    assert _addresses.written(["10.0.0.1", "2001:DB8:0::/32"]) == ["10.0.0.1/32", "2001:db8::/32"]
