"""What is to be waited for, as people write it."""

import pytest

from checks.model.awaited import Awaited, AwaitedRecord, Presence
from monitor.config.awaited import MAX_RECORDS, awaited, serial_number
from monitor.config.errors import InvalidValue

ZONE = "example.com."


def one(text: str, zone: str = ZONE, origin: str | None = None) -> AwaitedRecord:
    (record,) = awaited(zone, None, [text], [], origin=origin).records
    assert record.presence is Presence.CONTAINS
    return record


@pytest.mark.parametrize(
    ("text", "name", "rdtype", "rdata"),
    [
        ("www A 192.0.2.1", "www.example.com.", "A", ("192.0.2.1",)),
        ("WWW a 192.0.2.1", "www.example.com.", "A", ("192.0.2.1",)),
        ("@ MX 10 Mail", "example.com.", "MX", ("10 mail.example.com.",)),
        ("www.example.com AAAA 2001:DB8:0::1", "www.example.com.", "AAAA", ("2001:db8::1",)),
        ("www.example.com. CNAME other.example.net.", "www.example.com.", "CNAME", ("other.example.net.",)),
        ("x TXT some words", "x.example.com.", "TXT", ('"some words"',)),
        ('x TXT "some words"', "x.example.com.", "TXT", ('"some words"',)),
        ('x TXT "two" "strings"', "x.example.com.", "TXT", ('"two" "strings"',)),
        (f"x TXT {'k' * 300}", "x.example.com.", "TXT", (f'"{"k" * 255}" "{"k" * 45}"',)),
        ("x TXT a-b_c=", "x.example.com.", "TXT", ('"a-b_c="',)),
        ("bücher A 192.0.2.1", "xn--bcher-kva.example.com.", "A", ("192.0.2.1",)),
        ("*.w A", "*.w.example.com.", "A", ()),
        ("sub DS 12345 13 2 " + "AB" * 32, "sub.example.com.", "DS", ("12345 13 2 " + "ab" * 32,)),
        ("@ CDS 0 0 0 00", "example.com.", "CDS", ("0 0 0 00",)),
        ("@ TYPE65280 \\# 2 abcd", "example.com.", "TYPE65280", ("\\# 2 abcd",)),
    ],
)
def test_a_record_is_read_as_servers_give_it(text: str, name: str, rdtype: str, rdata: tuple[str, ...]) -> None:
    assert one(text) == AwaitedRecord(name, rdtype, rdata)


def test_a_key_is_read_in_pieces_as_zone_files_have_it() -> None:
    key = "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
    assert one(f"@ DNSKEY 257 3 13 {key[:40]} {key[40:]}") == one(f"@ DNSKEY 257 3 13 {key}")


def test_names_are_relative_to_the_name_that_was_given() -> None:
    assert one("_acme-challenge TXT x", origin="www.example.com.").name == "_acme-challenge.www.example.com."
    assert one("@ A", origin="www.example.com.").name == "www.example.com."
    assert one("_acme-challenge.www.example.com TXT x", origin="www.example.com.").name.count("www") == 1
    assert one("ns1.example.com. A", origin="www.example.com.").name == "ns1.example.com."


def test_what_is_said_of_one_rrset_belongs_together() -> None:
    texts = ["x TXT one", "x TXT two", "x TXT one", "y A"]
    assert awaited(ZONE, 7, texts, ["x TXT three", "z A"]) == Awaited(
        7,
        (
            AwaitedRecord("x.example.com.", "TXT", ('"one"', '"two"')),
            AwaitedRecord("y.example.com.", "A"),
            AwaitedRecord("x.example.com.", "TXT", ('"three"',), Presence.ABSENT),
            AwaitedRecord("z.example.com.", "A", (), Presence.ABSENT),
        ),
    )
    (record,) = awaited(ZONE, None, ["x TXT one", "x TXT two"], [], exact=True).records
    assert record == AwaitedRecord("x.example.com.", "TXT", ('"one"', '"two"'), Presence.EXACT)


def test_any_of_a_type_may_be_there_while_one_value_is_not() -> None:
    assert len(awaited(ZONE, None, ["@ DNSKEY"], ["@ DNSKEY 257 3 13 abcd"]).records) == 2


@pytest.mark.parametrize(
    ("present", "absent", "exact", "why"),
    [
        (["x TXT one"], ["x TXT"], False, "cannot be there and be absent"),
        (["x TXT one"], ['x TXT "one"'], False, "cannot be there and be absent"),
        (["x TXT one"], ["x TXT one"], True, "cannot be there and be absent"),
        (["x TXT", "x TXT one"], [], False, "is there twice, with a value and without"),
        (["x TXT"], [], True, "has no value that could be exact"),
        ([], ["x TXT"], True, "there is no record that could be exact"),
        (["x A"] * (MAX_RECORDS + 1), [], False, "101 records are too many: at most 100"),
        ([f"x TXT {'y' * 20_000}"], [], False, "is longer than 20000 characters"),
        (["x ANY"], [], False, "ANY is not a type of records"),
        (["@ DS"], [], False, "the DS records of example.com. are in its parent zone"),
        (["example.org. A"], [], False, '"example.org." is not in the zone example.com.'),
        (["x MX 10 mail.example.com"], [], False, "means"),
    ],
)
def test_what_cannot_be_meant(present: list[str], absent: list[str], exact: bool, why: str) -> None:
    with pytest.raises(InvalidValue, match=why.replace(".", r"\.")):
        awaited(ZONE, None, present, absent, exact=exact)


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("4294967295", 4294967295), (2026112701, 2026112701)])
def test_a_serial(value: object, number: int) -> None:
    assert serial_number(value) == number


@pytest.mark.parametrize("value", ["", "1.5", "-1", "4294967296", "٣", True, None, 1.0, "99999999999", [1]])
def test_no_serial(value: object) -> None:
    with pytest.raises(InvalidValue, match="is not a serial"):
        serial_number(value)
