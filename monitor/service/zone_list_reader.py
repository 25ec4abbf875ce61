"""Reads the zones in an answer of the API of PowerDNS while it comes: a JSON list of objects, of which each has a name.

One element is decoded at a time and nothing kept of it but the name: what is in memory is a piece, an element that has
no end in it, and MAX_ZONES names at most, whatever the answer is made of.
"""

import codecs
import json
import re
from dataclasses import dataclass
from typing import Any

from monitor.config.domain_names import domain_name
from monitor.config.errors import InvalidValue

MAX_ZONES = 1_000_000
MAX_ELEMENT = 65_536
"""Characters of one element: of a zone with very many primaries."""
MAX_PASSED_OVER = 100
"""Sentences that are kept."""

_AGAIN = 16_384
"""Characters that must have come before an element that had no end is looked at again."""
_SPACE = re.compile(r"[ \t\n\r]*")
_NOT_JSON = "its answer is not JSON"
_NO_LIST = "its answer is not a list of zones"


class ListUnread(Exception):
    """There is no list; the sentence says why, without a word of the answer."""


@dataclass(frozen=True, slots=True)
class ListedZones:
    """The zones, absolute and in lower case, and sentences on those whose name is none: MAX_PASSED_OVER of them."""

    names: frozenset[str]
    passed_over: tuple[str, ...] = ()


class ZoneListReader:
    """Takes the answer in pieces, as they come. Both methods raise ListUnread."""

    def __init__(self) -> None:
        self._characters = codecs.getincrementaldecoder("utf-8")()
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._tried = 0
        """So long the text was when an element in it had no end."""
        self._expected = "["
        """What comes next, but for white space: one of these characters, or an element; "": nothing."""
        self._count = 0
        self._names: set[str] = set()
        self._passed_over: list[str] = []

    def feed(self, octets: bytes, *, last: bool = False) -> None:
        """The next piece; ``last``: there is none after it."""
        try:
            self._text += self._characters.decode(octets, last)
        except UnicodeDecodeError:
            raise ListUnread(_NOT_JSON) from None
        position = self._after_space(0)
        while position < len(self._text):
            if self._expected == "{":
                after = self._element(position, last=last)
                if after is None:
                    break
            else:
                after = self._sign(position)
            position = self._after_space(after)
        self._text = self._text[position:]

    def zones(self) -> ListedZones:
        """All of them, once the last piece was taken."""
        self.feed(b"", last=True)
        if self._expected:
            raise ListUnread(_NOT_JSON)
        return ListedZones(frozenset(self._names), tuple(self._passed_over))

    def _after_space(self, position: int) -> int:
        found = _SPACE.match(self._text, position)
        return found.end() if found is not None else position

    def _sign(self, position: int) -> int:
        """What stands around the elements and between them."""
        sign = self._text[position]
        if sign not in self._expected:
            raise ListUnread(_NO_LIST if self._expected == "[" and sign in '{"' else _NOT_JSON)
        self._expected = "" if sign == "]" else "{"
        return position + 1

    def _element(self, start: int, *, last: bool) -> int | None:
        """Where it ends; None: not in what has come so far."""
        if self._text[start] != "{":
            if self._text[start] != "]":
                raise ListUnread(f"{_NO_LIST}: element {self._count + 1} has no name")
            if self._count:
                raise ListUnread(_NOT_JSON)
            self._expected = ""
            return start + 1
        length = len(self._text) - start
        if not last and length < self._tried + _AGAIN and self._tried:
            return None
        try:
            row, end = self._decode(self._text, start)
        except RecursionError:
            raise ListUnread(_NOT_JSON) from None
        except ValueError:
            if last or length > MAX_ELEMENT:
                raise ListUnread(_NOT_JSON) from None
            self._tried = length
            return None
        self._tried = 0
        self._take(row)
        self._expected = ",]"
        return end

    def _take(self, row: dict[str, Any]) -> None:
        self._count += 1
        name = row.get("name")
        if not isinstance(name, str):
            raise ListUnread(f"{_NO_LIST}: element {self._count} has no name")
        if self._count > MAX_ZONES:
            raise ListUnread(f"it names more than {MAX_ZONES} zones")
        base = name.partition("..")[0]  # "example.com..inside" is a variant of the zone, in a view (PowerDNS 5)
        try:
            self._names.add(domain_name(base if base != name and base else name))
        except InvalidValue as error:
            if len(self._passed_over) < MAX_PASSED_OVER:
                self._passed_over.append(error.text)
