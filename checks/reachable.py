"""The check reachable: every address of every server answers for the zone, over UDP and over TCP."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common import response_faults
from checks.common.response_faults import EXPIRED, NOT_SERVED, fault
from checks.common.text import server_at
from checks.model import (
    MANGLED,
    NO_ANSWER,
    Address,
    Finding,
    Inconclusive,
    Observation,
    Outcome,
    Query,
    Server,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import SERVICE, FindingType, Impact, OverUdp, Severity
from checks.zone_state.model import ZoneState

UNREACHABLE = FindingType(
    "server-unreachable", Severity.CRITICAL, "The server answers neither over UDP nor over TCP",
    impact=Impact.HIDES_CONTENT, of_address=OverUdp.SILENT,
)  # fmt: skip
NO_UDP = FindingType(
    "no-answer", Severity.WARNING, "The server does not answer over UDP, but does over TCP",
    impact=Impact.OUT_OF_SERVICE,
)  # fmt: skip
RATE_LIMITED = FindingType("rate-limited", Severity.INFO, "The server limits how often it answers the monitor over UDP")
UNEXPECTED_SOURCE = FindingType(
    "unexpected-source", Severity.WARNING,
    "Answers over UDP come from another address than the one that was asked", impact=Impact.HIDES_CONTENT,
)  # fmt: skip
EDNS_BROKEN = FindingType(
    "edns-broken", Severity.WARNING, "The server answers well only when it is asked without EDNS", family=SERVICE
)
TCP_UNREACHABLE = FindingType(
    "tcp-unreachable", Severity.WARNING, "UDP/53 answers, TCP/53 does not", impact=Impact.BLOCKS_TRANSFERS,
    of_address=OverUdp.ANSWERED,
)  # fmt: skip
FINDINGS = (
    UNREACHABLE, NO_UDP, RATE_LIMITED, UNEXPECTED_SOURCE, EDNS_BROKEN, TCP_UNREACHABLE, *response_faults.FINDINGS,
)  # fmt: skip

_BOTH = (Transport.UDP, Transport.TCP)

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


_WITHOUT_ZONE = frozenset({NOT_SERVED.code, EXPIRED.code})
"""What may have its cause in the catalog that the zone comes from: its server has not taken it, or cannot load it."""

_EDNS = {
    NO_ANSWER: "gives no answer to a question with EDNS, and answers it without: it is lost, there or on the way",
    MANGLED: "answers a question with EDNS with what cannot be used, and the same question without it well",
    "FORMERR": "does not know EDNS (it says {}), and answers without",
    "NOTIMP": "does not know EDNS (it says {}), and answers without",
}
_EDNS_ERROR = "answers a question with EDNS with {}, and the same question without it well"


@dataclass(frozen=True, slots=True)
class Reachable:
    """Objective: every address answers the apex SOA question over UDP and TCP, with authority (RFC 7766, RFC 1034).

    Steps: 1. Ask each address for the SOA over UDP and over TCP; each address is judged on its own. 2. Where UDP is
    silent, ask once more without EDNS (RFC 6891), and take an answer from whatever address. 3. Where only the question
    without EDNS is answered, ask with it again: that is believed at the second look. 4. Where one transport answers
    and the other is dead, ask over the first once more: it may have answered before all was dead. 5. An address that
    the monitor could not ask is unsure. 6. Compare the two transports. 7. Classify what was answered, with EDNS or
    without; where the zone is not there, and is a member of a catalog (RFC 9432), that is named.

    ==================  ================================================================================
    server-unreachable  neither UDP nor TCP brought anything
    no-answer           UDP is dead, TCP answers
    rate-limited        UDP is silent, and has just sent truncated answers in place of short ones
    unexpected-source   the answer to a UDP question comes from another address than the one asked
    edns-broken         only questions without EDNS are answered, or answered well; what is said to them counts
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
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(seconds=60)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return any(server.addresses for server in zone.servers)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return tuple(StandingQuestion(zone.name, "SOA", transport) for transport in _BOTH)

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if not seen:
            return [
                _query(zone, server, address, transport)
                for server, address in zone.server_addresses()
                for transport in _BOTH
            ]
        looks = _looks(seen)
        queries: list[Query] = []
        for server, address in zone.server_addresses():
            look = looks.get((server.name, address), AddressLook())
            asked = _query(zone, server, address, Transport.UDP)
            if look.lost:
                queries.append(replace(asked, identify=False, anywhere=True))
            elif look.udp_in_doubt or look.only(look.udp, look.tcp):
                queries.append(asked)
            if _in_doubt(look.tcp) or look.only(look.tcp, look.udp):
                queries.append(_query(zone, server, address, Transport.TCP))
        return queries

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        looks = _looks(poll.seen)
        for server, address in zone.server_addresses():
            look = looks.get((server.name, address), AddressLook())
            if not look.whole:
                yield Inconclusive(server.name, address, reason="the monitor could not ask")
                continue
            for code, text in _faults(look, primary=server.name == zone.primary):
                comes_from = f"; the zone is a member of catalog {zone.catalog}"
                whole = f"{text}{comes_from}" if zone.catalog and code in _WITHOUT_ZONE else text
                yield Finding(code, f"{server_at(server.name, address)} {whole}", server.name, address)


@dataclass(slots=True)
class AddressLook:
    """What one address said at this look: at its first and second asking over each transport, and from anywhere."""

    udp: list[Observation] = field(default_factory=list)
    tcp: list[Observation] = field(default_factory=list)
    anywhere: Observation | None = None

    @property
    def whole(self) -> bool:
        """Whether the monitor could ask over both transports."""
        asked = [*_heard(self.udp)[-1:], *_heard(self.tcp)[-1:]]
        return len(asked) == len(_BOTH) and all(seen.outcome is not Outcome.UNASKED for seen in asked)

    @property
    def lost(self) -> bool:
        """UDP is silent, with EDNS at least, and where its answers go is still to be found out."""
        if len(self.udp) != 1 or self.anywhere is not None:
            return False
        return self.udp[0].outcome is Outcome.TIMEOUT or self.udp[0].without_edns == NO_ANSWER

    @property
    def limited(self) -> bool:
        """Silence may be for this: the address answers less often than it is asked."""
        return self.anywhere is not None and self.anywhere.limited

    @property
    def udp_in_doubt(self) -> bool:
        """Only without EDNS was anything to be had over UDP, at the one look there was, and no limit explains it."""
        return len(self.udp) == 1 and (_in_doubt(self.udp) or (self.plain is not None and not self.limited))

    @staticmethod
    def only(answered: list[Observation], dead: list[Observation]) -> bool:
        """The one was heard at its only look, of which nobody knows whether it was before the other died."""
        if len(answered) != 1 or not dead or not dead[-1].outcome.transport_failed:
            return False
        return not answered[0].outcome.transport_failed and answered[0].outcome is not Outcome.UNASKED

    @property
    def plain(self) -> Observation | None:
        """An answer from the right address to the question without EDNS, where UDP is silent to all with it."""
        found = self.anywhere
        if found is None or found.outcome is not Outcome.ANSWERED:
            return None
        return found if all(seen.outcome is Outcome.TIMEOUT for seen in self.udp) else None

    def without_edns(self) -> str:
        """What comes of EDNS, where it was the same at two looks over one transport; "" where all is well with it."""
        for seen in (self.udp, self.tcp):
            without = {one.without_edns for one in seen} if len(seen) > 1 else {""}
            if "" not in without and not (self.limited and NO_ANSWER in without):
                return seen[-1].without_edns
        return NO_ANSWER if len(self.udp) > 1 and self.plain is not None else ""


def _heard(seen: list[Observation]) -> list[Observation]:
    """Without a second look at a good answer that could not be made: the answer stands."""
    if (
        len(seen) > 1
        and seen[-1].outcome is Outcome.UNASKED
        and not seen[0].outcome.transport_failed
        and not _in_doubt(seen[:1])
    ):
        return seen[:1]
    return seen


def _in_doubt(seen: list[Observation]) -> bool:
    return len(seen) == 1 and bool(seen[0].without_edns)


def _looks(seen: Iterable[Observation]) -> dict[tuple[str, Address], AddressLook]:
    looks: dict[tuple[str, Address], AddressLook] = {}
    for one in seen:
        look = looks.setdefault((one.query.server, one.query.address), AddressLook())
        if one.query.anywhere:
            look.anywhere = one
        else:
            (look.udp if one.query.transport is Transport.UDP else look.tcp).append(one)
    return looks


def _query(zone: Zone, server: Server, address: Address, transport: Transport) -> Query:
    return Query(zone.name, server.name, address, zone.name, "SOA", transport, identify=transport is Transport.UDP)


def _faults(look: AddressLook, *, primary: bool) -> Iterator[tuple[str, str]]:
    udp, tcp = look.plain or _heard(look.udp)[-1], _heard(look.tcp)[-1]
    source = look.anywhere.source if look.anywhere is not None else ""
    tcp_dead = tcp.outcome.transport_failed
    if udp.outcome.transport_failed:
        yield _silence(look, udp, tcp, source)
        if tcp_dead and not source:
            return
    if tcp_dead:
        only = "does not answer over TCP: " if source or udp.outcome.unusable else "answers over UDP only: "
        yield TCP_UNREACHABLE.code, f"{only}{_TCP_DEAD[tcp.outcome]}; look at the firewall for TCP port 53"
    if without := look.without_edns():
        yield EDNS_BROKEN.code, _EDNS.get(without, _EDNS_ERROR).format(without)
    by_udp = None if tcp_dead and udp.outcome is Outcome.TRUNCATED_ONLY else fault(udp, primary=primary)
    by_tcp = fault(tcp, primary=primary)
    if by_udp is not None:
        yield by_udp.code, by_udp.text
    if by_tcp is not None and (by_udp is None or by_tcp.code != by_udp.code):
        yield by_tcp.code, f"{by_tcp.text}, over TCP"


def _silence(look: AddressLook, udp: Observation, tcp: Observation, source: str) -> tuple[str, str]:
    """What there is to be said of UDP that brings nothing; ``source`` is where its answers come from all the same."""
    if source:
        text = f"is asked over UDP, and the answers come from {source}"
        return UNEXPECTED_SOURCE.code, f"{text}: resolvers throw them away; look at its source address, and the routing"
    if tcp.outcome.transport_failed:
        return UNREACHABLE.code, f"cannot be reached: {_UDP_DEAD[udp.outcome]}, {_TCP_DEAD[tcp.outcome]}"
    if look.limited:
        text = "limits the rate of its answers over UDP: truncated ones came in place of short ones, and now none"
        return RATE_LIMITED.code, f"{text}. It is asked more slowly; leave the monitor out of the limit"
    text = f"answers over TCP only: {_UDP_DEAD[udp.outcome]}"
    return NO_UDP.code, f"{text}; look for a filter of UDP port 53, and for a limit on the rate of answers"
