"""Recognises a response with a SOA that differs from one read before in the zone, the serial and the EXPIRE only.

Most zones of an operator have the same SOA record but for their own name, so most responses need not be read. What is
recognised says what the quick reader would say of it (tests/integration/probe/test_soa_forms.py compares them).
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from checks.model import RrSet, Soa
from checks.model.relative_names import absolute, relative
from monitor.probe.message.request import name_text
from monitor.probe.message.response import Answer
from monitor.probe.message.soa_response import SoaOutline
from monitor.probe.message.wire import HEADER

MAX_FORMS = 4096
"""Kept at most; then all are forgotten. Servers may answer with something new each time."""

_SERIAL, _TIMERS = 4, 20
"""Octets of the serial, and of all that follows the names of a SOA (RFC 1035 section 3.3.13)."""


@dataclass(frozen=True, slots=True)
class SoaForm:
    """What a response says but for zone, serial and EXPIRE. ``number`` is of no other form, now or later, among those
    that were learned together. Equal forms say the same.
    """

    number: int = field(compare=False)
    outline: SoaOutline = field(compare=False)
    octets: int
    _answer: Answer
    """Without what is of one zone: the SOA, the records of the answer and the EXPIRE."""
    _soa: Soa
    """With the names as seen from the zone, and no serial."""

    def answer(self, zone: str, serial: int, expire: int | None) -> Answer:
        """The whole answer about a zone, by its name as ``name_text`` writes it."""
        form, rrset = self._soa, self._answer.answer
        mname, rname = absolute(form.mname, zone), absolute(form.rname, zone)
        soa = Soa(serial, mname, rname, form.refresh, form.retry, form.expire, form.minimum, form.ttl)
        timers = f"{serial} {form.refresh} {form.retry} {form.expire} {form.minimum}"
        answer, options = self._answer, self._answer.options
        return Answer(
            answer.rcode, answer.authoritative, False, answer.shape, soa,
            RrSet(zone, "SOA", form.ttl, (f"{mname} {rname} {timers}",)) if rrset is not None else None,
            options if expire is None else replace(options, expire=expire), answer.records,
        )  # fmt: skip

    def values(self, wire: bytes) -> tuple[int, int | None]:
        """Serial and EXPIRE of a response of this form."""
        serial, expire = self.outline.soa_end - _TIMERS, self.outline.expire_offset
        left = int.from_bytes(wire[expire : expire + 4], "big") if expire else None
        return int.from_bytes(wire[serial : serial + _SERIAL], "big"), left


class FormedAnswer(NamedTuple):
    """A response that was recognised. ``expire`` in seconds, ``rtt`` in seconds, ``at`` in microseconds since 1970."""

    form: SoaForm
    serial: int
    expire: int | None
    rtt: float
    at: int


_Masked = tuple[int, int, dict[bytes, SoaForm]]
"""Where the serial and the EXPIRE (or 0) are, and forms by all else."""


class SoaForms:
    """Those that were learned from responses in full."""

    def __init__(self, most: int = MAX_FORMS) -> None:
        self._most, self._count, self._next = most, 0, 0
        self._by_size: dict[tuple[int, int], list[_Masked]] = {}
        """By octets of response and name: as many of a name are as many of what follows it, wherever it points to."""

    def find(self, wire: bytes, name: bytes) -> SoaForm | None:
        """The form of a response to the question for the SOA of ``name``, which is in lower case."""
        for serial, expire, forms in self._by_size.get((len(wire), len(name)), ()):
            found = forms.get(_key(wire, name, serial, expire))
            if found is not None and wire.startswith(name, HEADER.size):
                return found
        return None

    def learn(self, wire: bytes, name: bytes, found: SoaOutline, answer: Answer) -> None:
        """From a response that the quick reader has read.

        Not where it takes more than a look at the octets to tell whether they would mean the same for another zone:
        what lies in the zone must be written with a pointer to the question.
        """
        soa, zone = answer.soa, name_text(name)
        if soa is None or not answer.authoritative or answer.rcode != "NOERROR" or zone == ".":
            return
        serial, expire = found.soa_end - _TIMERS, found.expire_offset
        label = name[: 1 + name[0]]
        if "\\" in soa.mname + soa.rname or label in wire[HEADER.size + len(name) :].lower() or 0 < expire < serial:
            return
        if self._count >= self._most:
            self._by_size, self._count = {}, 0
        forms = self._forms((len(wire), len(name)), serial, expire)
        key = _key(wire, name, serial, expire)
        if key not in forms:
            seen = replace(soa, serial=0, mname=relative(soa.mname, zone), rname=relative(soa.rname, zone))
            forms[key] = SoaForm(self._next, found, len(wire), _without_zone(answer), seen)
            self._next, self._count = self._next + 1, self._count + 1

    def _forms(self, size: tuple[int, int], serial: int, expire: int) -> dict[bytes, SoaForm]:
        masked = self._by_size.setdefault(size, [])
        for known_serial, known_expire, forms in masked:
            if (known_serial, known_expire) == (serial, expire):
                return forms
        masked.append((serial, expire, {}))
        return masked[-1][2]


class SharedForms:
    """Forms that were learned in several processes, each of which has numbers of its own: here equal ones are one."""

    def __init__(self, most: int = MAX_FORMS) -> None:
        self._most, self._next = most, 0
        self._known: dict[SoaForm, SoaForm] = {}

    def share(self, form: SoaForm) -> SoaForm:
        """The form that is equal to this one, with its number here."""
        known = self._known.get(form)
        if known is None:
            if len(self._known) >= self._most:
                self._known = {}
            known = self._known[form] = replace(form, number=self._next)
            self._next += 1
        return known


def _without_zone(answer: Answer) -> Answer:
    rrset = RrSet("", "SOA", 0, ()) if answer.answer is not None else None
    return replace(answer, soa=None, answer=rrset, options=replace(answer.options, expire=None))


def _key(wire: bytes, name: bytes, serial: int, expire: int) -> bytes:
    """All but id, the first label of the zone (its length is in it), serial and EXPIRE."""
    start = HEADER.size + len(name)
    head = wire[2 : HEADER.size + 1] + name[1 + name[0] :] + wire[start:serial]
    if not expire:
        return head + wire[serial + _SERIAL :]
    return head + wire[serial + _SERIAL : expire] + wire[expire + 4 :]
