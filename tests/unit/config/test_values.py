"""Durations, addresses, ports and names, as operators write them."""

from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model import Address
from monitor.config.addresses import address, listen
from monitor.config.durations import (
    duration,
    duration_or_off,
    duration_or_zero,
    written,
)
from monitor.config.errors import InvalidValue, quoted, shown
from monitor.probe.message import names

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("500ms", timedelta(milliseconds=500)),
        ("1s500ms", timedelta(seconds=1.5)),
        ("1w", timedelta(days=7)),
        ("1y", timedelta(days=365)),
        ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("0090s", timedelta(seconds=90)),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("5 minutes", 'did you mean "5m"?'),
        ("5min", 'did you mean "5m"?'),
        (" 5 sec ", 'did you mean "5s"?'),
        ("5M", 'did you mean "5m"?'),
        ("1h 30m", 'did you mean "1h30m"?'),
        ("60", 'without a unit; did you mean "60s"?'),
        (60, 'write for example "60s"'),
        (True, 'write for example "30s", "5m", "1h30m"'),
        (1.5, 'write for example "30s", "5m", "1h30m"'),
        ("", 'write for example "30s", "5m", "1h30m"'),
        ("-5m", 'write for example "30s", "5m", "1h30m"'),
        ("PT5M", 'write for example "30s", "5m", "1h30m"'),
        ("1.5h", 'write for example "30s", "5m", "1h30m"'),
        ("30s5m", 'write for example "30s", "5m", "1h30m"'),
        ("٣m", 'write for example "30s", "5m", "1h30m"'),
        ("0s", ""),
        ("0h0m", ""),
        ("9" * 30 + "y", ""),
        ("9" * 5000 + "s", ""),
    ],
)
def test_no_durations(value: object, hint: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        duration(value)
    assert caught.value.hint == hint
    assert len(caught.value.text) < 200


def test_zero_and_off() -> None:
    assert duration_or_zero("0s") == timedelta()
    assert duration_or_off("off") == timedelta()
    with pytest.raises(InvalidValue):
        duration_or_off("0s")
    assert [written(length) for length in (timedelta(), 90 * HOUR)] == ["off", "3d18h"]


@given(st.integers(min_value=1, max_value=3650 * 24 * 3600 * 1000))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert duration(written(length)) == length


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_wrong(text: str) -> None:
    try:
        length = duration(text)
    except InvalidValue:
        return
    assert length > timedelta()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("2001:DB8:0:0::1", "2001:db8::1", 53),
        ("[2001:db8::1]", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("::1", "::1", 53),
        ("fd00::53", "fd00::53", 53),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert address(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "", "192.0.2", "192.0.2.1.", "192.0.2.01", "0300.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
        "192.0.2.1:+53", "192.0.2.1:5 3", "192.0.2.1/32", " 192.0.2.1",
        "[192.0.2.1", "2001:db8::1]:53", "[2001:db8::1]53", "2001:db8::g",
        "::", "0.0.0.0", "255.255.255.255", "224.0.0.251", "ff02::fb", "fe80::1", "fe80::1%eth0", "::ffff:192.0.2.1",
        "ns1.example.net", "localhost", 3232235777, None, ["192.0.2.1"],
    ],
)  # fmt: skip
def test_no_addresses(text: object) -> None:
    with pytest.raises(InvalidValue):
        address(text)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_an_address_is_read_back_from_its_text(ip: IPv4Address | IPv6Address, port: int) -> None:
    mapped = ip.version == 6 and ip.ipv4_mapped is not None
    if (
        mapped
        or ip.is_unspecified
        or ip.is_multicast
        or (ip.version == 6 and ip.is_link_local)
        or ip == IPv4Address(2**32 - 1)
    ):
        return
    here = Address(str(ip), port)
    assert address(str(here)) == here


@given(st.text(alphabet="0123456789abcdef:.[]%/ ", max_size=24))
def test_any_text_is_an_address_or_wrong(text: str) -> None:
    try:
        found = address(text)
    except InvalidValue:
        return
    assert address(str(found)) == found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:9953", ("127.0.0.1", 9953)),
        ("[::1]:0", ("::1", 0)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::]:80", ("::", 80)),
        ("localhost:80", ("127.0.0.1", 80)),
    ],
)
def test_where_to_listen(text: str, place: tuple[str, int]) -> None:
    assert listen(text) == place


@pytest.mark.parametrize("text", ["", ":80", "*:80", "127.0.0.1", "::1", "[::1]", "[::1]:", "127.0.0.1:http", 9953])
def test_where_not_to_listen(text: object) -> None:
    with pytest.raises(InvalidValue):
        listen(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("example.com", "example.com."),
        ("EXAMPLE.Com.", "example.com."),
        (".", "."),
        ("com", "com."),
        ("_msdcs.corp.example", "_msdcs.corp.example."),
        ("2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa."),
        ("0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa."),
        ("8.b.d.0.1.0.0.2.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."),
        (r"a\.b.example", r"a\.b.example."),
        (r"a\\.b.example", r"a\\.b.example."),
        (r"\097\046b.example", r"a\.b.example."),
        (r"a\032b.example", r"a\032b.example."),
        ("bücher.example", "xn--bcher-kva.example."),
        ("BÜCHER.Example", "xn--bcher-kva.example."),
        ("XN--Bcher-KVA.example", "xn--bcher-kva.example."),
        ("faß.de", "xn--fa-hia.de."),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah."),
        ("نامه‌ای.com", "xn--mgba3gch31f060k.com."),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example."),
        ("xn--zzzz-invalid-.example", "xn--zzzz-invalid-.example."),
        ("a" * 63 + ".example", "a" * 63 + ".example."),
        (".".join(["a" * 63] * 3 + ["a" * 61]), ".".join(["a" * 63] * 3 + ["a" * 61]) + "."),
    ],
)
def test_names_of_zones(text: str, name: str) -> None:
    assert names.parse_name(text) == name
    assert names.parse_name(name) == name
    assert names.parse_name(names.unicode(name)) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("..", "empty"),
        (".example", "empty"),
        ("example..com", "empty"),
        ("exa mple.com", "space"),
        ("example.com\n", "control character"),
        ("\x00.example", "control character"),
        ("a" * 64, "63 octets"),
        ("ü" * 63, "label too long"),
        (".".join(["a" * 63] * 3 + ["a" * 62]), "255 octets"),
        ("@", "zone itself"),
        ("example.com\\", "backslash"),
        (r"\256.example", "escape"),
        ("☃.example", "not an internationalised name"),
        ("ü\\.x.example", "escapes"),
        ("192.0.2.1", "an address"),
        ("2001:db8::1", "an address"),
    ],
)
def test_no_names_of_zones(text: str, said: str) -> None:
    with pytest.raises(names.BadName) as caught:
        names.parse_name(text)
    assert said in caught.value.reason.lower()


@pytest.mark.parametrize(
    ("text", "reverse"),
    [
        ("192.0.2.0/24", "2.0.192.in-addr.arpa."),
        ("192.0.2.17", "2.0.192.in-addr.arpa."),
        ("10.0.0.0/8", "10.in-addr.arpa."),
        ("198.51.100.128/25", "100.51.198.in-addr.arpa."),
        ("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa."),
    ],
)
def test_a_prefix_is_told_what_its_reverse_zone_is_called(text: str, reverse: str) -> None:
    with pytest.raises(names.BadName) as caught:
        names.parse_name(text)
    assert caught.value.hint == f"the reverse zone is called {reverse}"


@pytest.mark.parametrize("text", ["172.16.0.0/12", "2001:db8::/33"])
def test_a_prefix_that_is_no_zone_of_its_own_is_only_refused(text: str) -> None:
    with pytest.raises(names.BadName) as caught:
        names.parse_name(text)
    assert caught.value.hint == ""


@pytest.mark.parametrize(
    "text", ["*.example", r"a\.b.example", "0/25.2.0.192.in-addr.arpa", "-a.example", "a-.example"]
)
def test_names_no_host_has(text: str) -> None:
    assert names.parse_name(text)
    with pytest.raises(names.BadName, match="not a host name"):
        names.host(text)


def test_both_forms_are_shown_where_they_differ() -> None:
    assert names.show("xn--bcher-kva.example.") == "xn--bcher-kva.example. (bücher.example.)"
    assert names.show("example.com.") == "example.com."
    assert names.unicode("xn--zzzz-invalid-.xn--bcher-kva.") == "xn--zzzz-invalid-.bücher."


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
def test_any_name_of_the_wire_keeps_its_meaning(labels: list[bytes]) -> None:
    wire = dns.name.Name([*labels, b""])
    text = wire.canonicalize().to_text()
    try:
        found = names.parse_name(text)
    except names.BadName as error:
        found = text if error.hint else error.reason
    assert found == text


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_bad(text: str) -> None:
    try:
        name = names.parse_name(text)
    except names.BadName:
        return
    assert name.isascii()
    assert name.endswith(".")
    assert names.parse_name(name) == name


def test_paths_and_values_are_printed_without_what_a_terminal_obeys() -> None:
    assert shown(("zones", 0, "records", 2)) == "zones[0].records[2]"
    assert shown(("servers", "ns1.example.net", "host")) == 'servers."ns1.example.net".host'
    assert shown(("servers", "\x1b[31m")) == 'servers."\\u001b[31m"'
    assert quoted("a" * 100) == '"' + "a" * 57 + '..."'
    assert quoted("bücher") == '"bücher"'
