"""Does every address of every server answer for the zone, over UDP and over TCP?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.classify import DEAD, UNUSABLE, fault
from checks.history import Ledger
from checks.model import Finding, Observation, Outcome, Query, Round, Transport, Unsure, Zone

_UDP_DEAD = {
    Outcome.TIMEOUT: "no answer over UDP",
    Outcome.UNREACHABLE: "UDP is answered with unreachable (ICMP)",
    Outcome.REFUSED_CONNECTION: "the UDP port is closed",
}
_TCP_DEAD = {
    Outcome.TIMEOUT: "TCP is dropped or hangs",
    Outcome.UNREACHABLE: "TCP is prohibited or has no route (ICMP)",
    Outcome.REFUSED_CONNECTION: "TCP is reset: nothing listens, or a firewall rejects it",
}


@dataclass(frozen=True, slots=True)
class Reachable:
    """Objective: every address answers the apex SOA question over UDP and TCP, with authority (RFC 7766, RFC 1034).

    Steps: 1. Ask each address for the SOA over UDP and over TCP; each address is judged on its own. 2. An
    address that the monitor could not ask is unsure. 3. Compare the two transports. 4. Classify what was answered.

    ==================  ================================================================================
    server-unreachable  neither UDP nor TCP brought anything
    no-answer           UDP is dead, TCP answers
    tcp-unreachable     UDP answers, TCP is dead (dropped, reset or prohibited): a firewall
    zone-not-served     REFUSED, NOTAUTH, NXDOMAIN, no SOA at the apex, or a referral
    zone-expired        SERVFAIL from a secondary, or with EDE 14 or 24 from anybody (RFC 8914)
    not-authoritative   an answer with AA=0
    bad-rcode           another error
    malformed-answer    what cannot be understood, does not fit the question, or is always truncated; over UDP even
                        where TCP is fine: nearly all resolvers ask over UDP, and throw such answers away
    ==================  ================================================================================
    """

    name: ClassVar[str] = "reachable"
    codes: ClassVar[tuple[str, ...]] = (
        "server-unreachable",
        "no-answer",
        "tcp-unreachable",
        "zone-not-served",
        "zone-expired",
        "not-authoritative",
        "bad-rcode",
        "malformed-answer",
    )
    cadence: ClassVar[timedelta] = timedelta(seconds=60)

    def applies(self, zone: Zone) -> bool:
        return any(server.addresses for server in zone.servers)

    def ask(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return ()
        return [
            Query(zone.name, server.name, address, zone.name, "SOA", transport, identify=transport is Transport.UDP)
            for server, address in zone.places()
            for transport in Transport
        ]

    def judge(self, zone: Zone, round: Round, ledger: Ledger) -> Iterator[Finding | Unsure]:
        found = {(o.query.server, o.query.address, o.query.transport): o for o in round.seen}
        for server, address in zone.places():
            udp = found.get((server.name, address, Transport.UDP))
            tcp = found.get((server.name, address, Transport.TCP))
            if udp is None or tcp is None or Outcome.UNASKED in (udp.outcome, tcp.outcome):
                yield Unsure(server.name, address, why="the monitor could not ask")
                continue
            for code, text in _faults(udp, tcp, primary=server.name == zone.primary):
                yield Finding(code, f"{server.name} ({address}) {text}", server.name, address)


def _faults(udp: Observation, tcp: Observation, *, primary: bool) -> Iterator[tuple[str, str]]:
    udp_dead, tcp_dead = udp.outcome in DEAD, tcp.outcome in DEAD
    if udp_dead and tcp_dead:
        yield "server-unreachable", f"cannot be reached: {_UDP_DEAD[udp.outcome]}, {_TCP_DEAD[tcp.outcome]}"
        return
    if udp_dead:
        text = f"answers over TCP only: {_UDP_DEAD[udp.outcome]}"
        yield "no-answer", f"{text}; look for a filter of UDP port 53, and for a limit on the rate of answers"
    if tcp_dead:
        only = "answers over UDP only: " if udp.outcome not in UNUSABLE else "does not answer over TCP: "
        yield "tcp-unreachable", f"{only}{_TCP_DEAD[tcp.outcome]}; look at the firewall for TCP port 53"
    by_udp = None if tcp_dead and udp.outcome is Outcome.TRUNCATED_ONLY else fault(udp, primary=primary)
    by_tcp = fault(tcp, primary=primary)
    if by_udp is not None:
        yield by_udp.code, by_udp.text
    if by_tcp is not None and (by_udp is None or by_tcp.code != by_udp.code):
        yield by_tcp.code, f"{by_tcp.text}, over TCP"
