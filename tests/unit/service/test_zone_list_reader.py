"""The zones in an answer of the API of PowerDNS, in whatever pieces it comes, and what must take no memory."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from monitor.service import zone_list_reader
from monitor.service.zone_list_reader import MAX_ELEMENT, MAX_PASSED_OVER, ListUnread, ZoneListReader

ROWS = [
    {"name": "a.test.", "kind": "Native", "masters": [], "url": "/api/v1/servers/localhost/zones/a.test."},
    {"name": "B\u00fccher.test.", "account": 'with "quotes", [brackets] and {braces}'},
    {"name": "c.test..inside", "edited_serial": 2026112801, "last_check": None, "nested": {"name": "no.test."}},
]
NAMES = {"a.test.", "xn--bcher-kva.test.", "c.test."}
PIECE = 16_384


def read(body: bytes, size: int) -> frozenset[str]:
    reader = ZoneListReader()
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    return reader.zones().names


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("ascii", [True, False])
def test_it_may_come_in_any_pieces(size: int, indent: int | None, ascii: bool) -> None:
    assert read(json.dumps(ROWS, indent=indent, ensure_ascii=ascii).encode(), size) == NAMES
    assert read(b" \r\n\t[ ] \n", size) == read(b"[]", size) == frozenset()


NOT_JSON, NO_LIST = "its answer is not JSON", "its answer is not a list of zones"
BAD: list[tuple[bytes, str]] = [
    (b"", NOT_JSON),
    (b"[", NOT_JSON),
    (b"<html>", NOT_JSON),
    (b'{"name": "a.test."}', NO_LIST),
    (b'"a.test."', NO_LIST),
    (b'[{"name": "a.test."}', NOT_JSON),
    (b'[{"name": "a.test."},', NOT_JSON),
    (b'[{"name": "a.test."},]', NOT_JSON),
    (b'[{"name": "a.test."} {"name": "b.test."}]', NOT_JSON),
    (b'[{"name": "a.test."}]]', NOT_JSON),
    (b'[{"name": "a.test."}] x', NOT_JSON),
    (b'[{"name": "a.te', NOT_JSON),
    (b'[{"name": "\xff"}]', NOT_JSON),
    (b'[{"name": "\xc3', NOT_JSON),
    (b'[{"name": "a.test.", "serial": ' + b"9" * 5000 + b"}]", NOT_JSON),
    (b'[{"a": ' + b"[" * 50_000, NOT_JSON),
    (b"[[]]", f"{NO_LIST}: element 1 has no name"),
    (b'[{"name": "a.test."}, 7]', f"{NO_LIST}: element 2 has no name"),
    (b'[{"name": "a.test."}, {"name": 7}]', f"{NO_LIST}: element 2 has no name"),
]


@pytest.mark.parametrize(("body", "why"), BAD)
@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_what_is_no_list_of_zones(body: bytes, why: str, size: int) -> None:
    with pytest.raises(ListUnread) as caught:
        read(body, size)
    assert str(caught.value) == why


def pieces(element: bytes) -> Iterator[bytes]:
    """A list of these, without its end."""
    yield b"["
    for _ in range(8):
        yield (element + b",") * (PIECE // (len(element) + 1))


@pytest.mark.parametrize(
    "element",
    [b"1", b"[]", b"{}", b'{"name":"a.test."}', b'{"a":' + b"[]," * 3, b'"' + b"x" * 100, b" " * 100],
)
def test_nothing_of_what_is_no_zone_is_kept(element: bytes) -> None:
    reader = ZoneListReader()
    tracemalloc.start()
    try:
        with suppress(ListUnread):
            for piece in pieces(element):
                reader.feed(piece)
        assert tracemalloc.get_traced_memory()[1] < 15 * PIECE
    finally:
        tracemalloc.stop()


def test_an_element_without_an_end_is_no_reason_to_wait() -> None:
    reader = ZoneListReader()
    reader.feed(b'[{"name": "')
    reader.feed(b"x" * (MAX_ELEMENT - 20))
    with pytest.raises(ListUnread, match=NOT_JSON):
        reader.feed(b"x" * PIECE)


def test_more_zones_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zone_list_reader, "MAX_ZONES", 3)
    body = json.dumps([{"name": f"z{number}.test."} for number in range(3)]).encode()
    assert len(read(body, 100)) == 3
    with pytest.raises(ListUnread, match="it names more than 3 zones"):
        read(body[:-1] + b', {"name": "more.test."}]', 100)


def test_of_names_that_are_none_so_many_are_told() -> None:
    reader = ZoneListReader()
    reader.feed(json.dumps([{"name": "x" * 70}] * (2 * MAX_PASSED_OVER)).encode())
    assert len(reader.zones().passed_over) == MAX_PASSED_OVER
