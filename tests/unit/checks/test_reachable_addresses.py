"""Which addresses are of the Internet, and which may be asked because somebody named them."""

import pytest

from checks.common.reachable_addresses import is_public, may_be_asked


@pytest.mark.parametrize("host", ["8.8.8.8", "2620:fe::fe", "64:ff9b::808:808", "2002:808:808::1"])
def test_addresses_of_the_internet(host: str) -> None:
    assert is_public(host)
    assert may_be_asked(host, "8.8.8.8")
    assert may_be_asked(host, "10.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1",
        "2002:7f00:1::", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_private_addresses_are_asked_where_private_servers_name_them(host: str) -> None:
    assert not is_public(host)
    assert not may_be_asked(host, "8.8.8.8")
    assert may_be_asked(host, "10.0.0.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"])
def test_what_is_no_host_is_asked_by_nobody(host: str) -> None:
    assert not is_public(host)
    assert not may_be_asked(host, "10.0.0.1")
