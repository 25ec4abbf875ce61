"""ZONEVERSION (RFC 9660): the version that an answer says it is from, and nobody is accused of not knowing the option.

The kind: an option that a server answers, ignores, refuses with whatever rcode, is silent about, or answers wrongly.
"""

import struct
from dataclasses import replace

import pytest

from checks.model import Observation, Outcome, Query
from monitor.clock import now
from monitor.probe.settings import Probe
from tests.support.nameserver import FORMERR, REFUSED, SERVFAIL, ZONE, A, Asked, Nameserver, Udp, opt, reply, rr
from tests.support.prober_observations import PATIENT, QUICK
from tests.support.probers import prober_of

CODE = 19
LABELS = ZONE.count(".")
ADDRESS = rr(b"\xc0\x0c", A, bytes((192, 0, 2, 1)))


def asks(query: Asked) -> bool:
    """With the option, empty (RFC 9660 section 2.1)."""
    return struct.pack("!HH", CODE, 0) in query.wire


def version(labels: int = LABELS, kind: int = 0, serial: bytes = b"\0\0\0\x07") -> tuple[int, bytes]:
    return CODE, bytes((labels, kind)) + serial


def giving(*options: tuple[int, bytes], always: bool = False) -> Udp:
    def udp(query: Asked) -> list[bytes]:
        mine = options if asks(query) or always else ()
        return [reply(query, [ADDRESS], additional=[opt(*mine)] if query.edns else [])]

    return udp


def failing(rcode: int | None) -> Udp:
    """At the option alone; None: by silence."""

    def udp(query: Asked) -> list[bytes]:
        if not asks(query):
            return giving()(query)  # type: ignore[return-value]  # it is a list
        return [] if rcode is None else [reply(query, rcode=rcode, aa=False, additional=[opt()])]

    return udp


async def look(server: Nameserver, times: int = 1, probe: Probe = PATIENT, **how: object) -> list[Observation]:
    """So many answers, one after the other."""
    asked = Query(ZONE, "ns1", server.address, f"www.{ZONE}", "A", identify=True, version=True)
    prober = prober_of(probe, {}, now)
    seen = []
    try:
        for _ in range(times):
            seen += [one async for batch in prober([replace(asked, **how)]) for one in batch]  # type: ignore[arg-type]
    finally:
        await prober.close()
    return seen


async def test_the_serial_comes_with_the_answer() -> None:
    async with Nameserver(giving(version())) as server:
        seen = await look(server, 3)
        assert [one.zone_version for one in seen] == [7] * 3
        assert len(server.asked) == 3
        assert all(asks(one) for one in server.asked)
        (not_asked,) = await look(server, version=False)
        assert not_asked.zone_version is None
        assert not asks(server.asked[-1])


WRONG: dict[str, tuple[tuple[int, bytes], ...]] = {
    "another zone above": (version(LABELS - 1),),
    "another zone below": (version(LABELS + 1),),
    "another type": (version(kind=1),),
    "no serial": (version(serial=b""),),
    "half a serial": (version(serial=b"\0\0"),),
    "more than a serial": (version(serial=b"\0\0\0\x07\0"),),
    "nothing in it": ((CODE, b""),),
    "two of them": (version(), version(serial=b"\0\0\0\x08")),
}


@pytest.mark.parametrize("words", WRONG)
async def test_what_is_wrong_is_as_if_it_were_not_there(words: str) -> None:
    async with Nameserver(giving(*WRONG[words])) as server:
        for one in await look(server, 2):
            assert (one.outcome, one.zone_version, one.without_edns) == (Outcome.ANSWERED, None, "")
            assert one.answer is not None


async def test_what_was_not_asked_for_is_not_believed() -> None:
    async with Nameserver(giving(version(), always=True)) as server:
        (seen,) = await look(server, version=False)
        assert seen.zone_version is None


@pytest.mark.parametrize("rcode", [FORMERR, REFUSED, SERVFAIL, 16, None])
async def test_who_fails_at_it_is_asked_without_it_and_accused_of_nothing(rcode: int | None) -> None:
    async with Nameserver(failing(rcode)) as server:
        seen = await look(server, 2, QUICK)
        assert {(one.outcome, one.rcode, one.without_edns) for one in seen} == {(Outcome.ANSWERED, "NOERROR", "")}
        assert not asks(server.asked[-1])
        first = [asks(one) for one in server.asked].index(False)
        assert not any(asks(one) for one in server.asked[first:]), "once it is known it is never asked again"


async def test_who_ignores_it_is_not_asked_for_it_again() -> None:
    async with Nameserver(giving()) as server:
        seen = await look(server, 3)
        assert {one.zone_version for one in seen} == {None}
        assert [asks(one) for one in server.asked] == [True, False, False, False]
