"""What comes back of a witness that is asked, over real sockets."""

import pytest

from checks.model import Address
from checks.zone_state.witness import WitnessAnswer
from monitor.probe.client.sockets import Sockets
from monitor.probe.witness import ask_witness
from tests.support.nameserver import NXDOMAIN, REFUSED, SERVFAIL, Asked, Nameserver, Udp, reply

ANSWERED, RESOLVED, SILENT = WitnessAnswer.ANSWERED, WitnessAnswer.RESOLVED, WitnessAnswer.SILENT
RA = 0x80
"""In the fourth octet of a header (RFC 1035 section 4.1.1)."""


def recursive(rcode: int, *, aa: bool = False) -> Udp:
    def answer(query: Asked) -> list[bytes]:
        wire = bytearray(reply(query, rcode=rcode, aa=aa))
        wire[3] |= RA
        return [bytes(wire)]

    return answer


def silent(query: Asked) -> list[bytes]:
    return []


ROWS: list[tuple[str, Udp | None, bool, WitnessAnswer]] = [
    ("a resolver finds that there is no such name", recursive(NXDOMAIN), False, RESOLVED),
    ("a resolver reaches nobody", recursive(SERVFAIL), False, ANSWERED),
    ("an authority over the name itself has asked nobody", recursive(NXDOMAIN, aa=True), False, ANSWERED),
    ("an error", lambda query: [reply(query, rcode=REFUSED, aa=False)], False, ANSWERED),
    ("octets that are no message", lambda query: [query.wire[:2] + b"\x84"], False, ANSWERED),
    ("stray packets, then an answer", lambda query: [b"??", reply(query, rcode=REFUSED, aa=False)], False, ANSWERED),
    ("silence, and a port that is closed to TCP", silent, False, ANSWERED),
    ("both ports are closed", None, False, ANSWERED),
    ("silence all over", silent, True, SILENT),
]


@pytest.mark.parametrize(("title", "udp", "deaf", "expected"), ROWS, ids=[title for title, *_ in ROWS])
async def test_row(title: str, udp: Udp | None, deaf: bool, expected: WitnessAnswer) -> None:
    sockets = Sockets()
    async with Nameserver(udp, deaf=deaf) as server:
        patience = 0.1 if expected is SILENT else 1 if udp is silent else 5
        assert await ask_witness(server.address, sockets, patience) is expected
        assert sockets.waiting == 0


async def test_a_connection_that_is_taken_is_an_answer() -> None:
    async with Nameserver(silent, lambda query, connection: connection.stall()) as server:
        assert await ask_witness(server.address, Sockets(), 1) is ANSWERED


async def test_every_question_is_for_another_name() -> None:
    """So that no cache can answer it."""
    async with Nameserver(recursive(NXDOMAIN)) as server:
        for _ in range(2):
            await ask_witness(server.address, Sockets())
    one, other = (query.name for query in server.asked)
    assert one != other
    assert one.endswith(b"\x0croot-servers\x03net\x00")


@pytest.mark.parametrize("address", [Address("not an address"), Address("192.0.2.53", 99999)])
async def test_who_cannot_be_asked_is_silent(address: Address) -> None:
    assert await ask_witness(address, Sockets(), 0.1) is SILENT
