"""The text of an address is read back as that address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model import Address
from monitor.store.history import parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", Address("192.0.2.1")),
        ("192.0.2.1:5353", Address("192.0.2.1", 5353)),
        ("2001:db8::1", Address("2001:db8::1")),
        ("[2001:db8::1]:5353", Address("2001:db8::1", 5353)),
        ("::1", Address("::1")),
    ],
)
def test_an_address_as_it_is_written(text, address):
    assert parse_address(text) == address


@given(st.ip_addresses().map(str), st.integers(1, 65535))
def test_every_address_comes_back(host, port):
    assert parse_address(str(Address(host, port))) == Address(host, port)
