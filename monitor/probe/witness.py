"""Asks a witness: a DNS question over UDP, and where nothing comes of that, a TCP connection."""

import asyncio
import secrets
import socket
from contextlib import suppress

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from checks.model import Address, Outcome
from checks.zone_state.witness import WitnessAnswer
from monitor.probe.client.sockets import Sockets, Unasked, connect_udp, theirs
from monitor.probe.client.tcp import Stream, connect

PATIENCE = 2.0
"""Seconds that two packets are given, a third of them the first, and then the connection as many."""

NAME = "root-servers.net."
"""A name below this is asked for that nobody has asked for before. Its zone is not signed: so no resolver can tell from
its cache that there is no such name (RFC 8198), and has to ask."""


async def ask_witness(address: Address, sockets: Sockets, patience: float = PATIENCE) -> WitnessAnswer:
    """What comes back within twice ``patience`` seconds.

    Whatever it is shows that the address is reached: an error, a closed port. It RESOLVED where a recursive resolver
    says that there is no such name, or that there is.
    """
    with suppress(Unasked, BlockingIOError, OSError):
        found = await _over_udp(address, sockets, patience)
        if found is not WitnessAnswer.SILENT:
            return found
    made = await connect(sockets, address, patience)
    if isinstance(made, Stream):
        made.close()
        return WitnessAnswer.ANSWERED
    return WitnessAnswer.ANSWERED if made.outcome is Outcome.REFUSED_CONNECTION else WitnessAnswer.SILENT


async def _over_udp(address: Address, sockets: Sockets, patience: float) -> WitnessAnswer:
    loop, wire = asyncio.get_running_loop(), _question()
    sock = sockets.take(address, socket.SOCK_DGRAM)
    try:
        connect_udp(sock, sockets.endpoint(address)[1])
        for pause in (patience / 3, patience * 2 / 3):
            try:
                await loop.sock_sendall(sock, wire)
                async with asyncio.timeout(pause):
                    while True:
                        answer = await loop.sock_recv(sock, 4096)
                        if answer[:2] == wire[:2]:  # others may send something from there, and not know the id
                            return _read(answer)
            except TimeoutError:
                continue
            except OSError as error:
                if theirs(error, "udp").outcome is Outcome.REFUSED_CONNECTION:
                    return WitnessAnswer.ANSWERED
                return WitnessAnswer.SILENT
    finally:
        sockets.close(sock)
    return WitnessAnswer.SILENT


def _question() -> bytes:
    question = dns.message.make_query(f"{secrets.token_hex(8)}.{NAME}", "A", id=secrets.randbits(16))
    return question.to_wire()


def _read(wire: bytes) -> WitnessAnswer:
    try:
        answer = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return WitnessAnswer.ANSWERED
    recursive = bool(answer.flags & dns.flags.RA) and not answer.flags & dns.flags.AA
    known = answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    return WitnessAnswer.RESOLVED if recursive and known else WitnessAnswer.ANSWERED
