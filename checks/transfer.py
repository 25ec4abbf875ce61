"""The check transfer: the zone is given to those who must have it, and to nobody else."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.open_transfers import FAILURE, OPEN, PERMISSION, is_given, is_withheld, why_unasked
from checks.common.response_faults import fault
from checks.common.serial import newer
from checks.common.text import format_duration, plural
from checks.model import (
    Address,
    CheckInconclusive,
    Expectation,
    Finding,
    Inconclusive,
    Observation,
    Outcome,
    Query,
    Server,
    TransferResult,
    TransferRule,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import TRANSFERS, FindingType, Severity
from checks.zone_state.model import ZoneState

REFUSED = FindingType(
    "transfer-refused", Severity.CRITICAL, "A zone transfer that must be allowed is refused", family=TRANSFERS
)
FAILED = FindingType(
    "transfer-failed", Severity.CRITICAL, "A zone transfer that must work breaks off", family=TRANSFERS
)
FINDINGS = (REFUSED, FAILED, OPEN)

_TOLD = frozenset({TransferResult.EMPTY, TransferResult.MALFORMED, TransferResult.SERIAL_MOVED})
"""Failures of which the prober says what is wrong, at which record, and which secondaries would refuse it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Objective: the transfer matrix holds: server x key x expectation, for every address.

    Steps: 1. Ask each address for AXFR over TCP with the key of each rule (permission is read off the first record
    that is not the zone's SOA, unless ``whole``), and beside it for the SOA over TCP. 2. Without an answer to the SOA
    there is no TCP, and without a valid one the zone is not served: the rule is unsure, for a refusal proves nothing
    then. 3. A zone whose serial is older (RFC 1982) than the SOA beside it is asked for once more, after that SOA was
    seen; older again, the transfer has failed. 4. Compare with the expectation. The rule for server "*" is for all
    servers that no other rule with the same key names.

    ================  =====================================================================================
    transfer-open     must be refused, and records other than the zone's SOA were given
    transfer-refused  must be allowed, and was denied: REFUSED, NOTAUTH, BADKEY, BADSIG, BADTIME, BADALG
    transfer-failed   must be allowed, was begun or not denied, and did not come to a good end
    ================  =====================================================================================
    """

    name: ClassVar[str] = "transfer"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(hours=1)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return any(True for _ in _matrix(zone))

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return _again(seen)
        rows = list(_matrix(zone))
        whole = {(server.name, address, rule.key): False for server, address, rule in rows}
        for server, address, rule in rows:
            whole[server.name, address, rule.key] |= rule.whole
        places = dict.fromkeys((server.name, address) for server, address, _ in rows)
        soas = [Query(zone.name, name, address, zone.name, "SOA", Transport.TCP) for name, address in places]
        return soas + [
            Query(zone.name, name, address, zone.name, "AXFR", Transport.TCP, key=key, whole=all_of_it)
            for (name, address, key), all_of_it in whole.items()
        ]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        seen = {(o.query.server, o.query.address, o.query.qtype, o.query.key): o for o in poll.seen}
        said: list[Finding | Inconclusive | None] = []
        for server, address, rule in _matrix(zone):
            soa = seen.get((server.name, address, "SOA", None))
            axfr = seen.get((server.name, address, "AXFR", rule.key))
            said.append(_row(zone, server, address, rule, soa, axfr))
        unsure = [one for one in said if isinstance(one, Inconclusive)]
        if len(unsure) == len(said):
            raise CheckInconclusive(unsure[0].reason if unsure else "there are no rules")
        yield from (one for one in said if one is not None)


def _again(seen: tuple[Observation, ...]) -> list[Query]:
    """The transfers of an older serial than the SOA had before: a zone that changed meanwhile has its serial now."""
    times = Counter(one.query for one in seen)
    soas = {(one.server, one.address): one for one in seen if one.query.qtype == "SOA"}
    return [
        one.query
        for one in seen
        if one.query.qtype == "AXFR" and times[one.query] == 1 and _older(soas.get((one.server, one.address)), one)
    ]


def _older(soa: Observation | None, axfr: Observation) -> bool:
    """Whether the zone that is given is older than the one that is answered for."""
    if soa is None or soa.serial is None or axfr.soa is None or axfr.transfer is not TransferResult.ALLOWED:
        return False
    return newer(soa.serial, axfr.soa.serial)


def _matrix(zone: Zone) -> Iterator[tuple[Server, Address, TransferRule]]:
    named = {(rule.server, rule.key) for rule in zone.transfers if rule.server != "*"}
    for rule in zone.transfers:
        for server, address in zone.server_addresses():
            if rule.server == server.name or (rule.server == "*" and (server.name, rule.key) not in named):
                yield server, address, rule


def subject(rule: TransferRule) -> str:
    """What tells the rows of one address apart: "key xfr, must be allowed"."""
    return f"{f'key {rule.key}' if rule.key is not None else 'no key'}, must be {rule.expect.value}"


def _row(
    zone: Zone,
    server: Server,
    address: Address,
    rule: TransferRule,
    soa: Observation | None,
    axfr: Observation | None,
) -> Finding | Inconclusive | None:
    result = axfr.transfer if axfr is not None else None
    if axfr is None or result is None or soa is None:
        return Inconclusive(server.name, address, subject(rule), why_unasked(axfr))
    who = f"{server.name} ({address})"
    if rule.expect is Expectation.REFUSED and is_given(axfr):
        text = f"{who} gives the zone away to anyone with {_with(rule)}"
        return Finding(OPEN.code, text, server.name, address, subject(rule))
    if _older(soa, axfr):
        text = f"{who} gives an old zone with {_with(rule)}: {_serials(soa, axfr)}"
        return Finding(FAILED.code, text, server.name, address, subject(rule))
    if result is TransferResult.ALLOWED:
        return None
    if doubt := _no_proof(zone, server, soa):
        return Inconclusive(server.name, address, subject(rule), doubt)
    if rule.expect is Expectation.REFUSED:
        if is_withheld(axfr):
            return None
        return Inconclusive(server.name, address, subject(rule), FAILURE[result])
    reason = _reason(rule, axfr, result)
    code = REFUSED.code if result in PERMISSION else FAILED.code
    does = "refuses the transfer" if result in PERMISSION else "fails at the transfer"
    text = f"{who} {does} with {_with(rule)}: {reason}"
    return Finding(code, text, server.name, address, subject(rule))


def _serials(soa: Observation, axfr: Observation) -> str:
    """Real secondaries keep what they have, or take what they get; none comes to what the SOA says."""
    given = axfr.soa.serial if axfr.soa is not None else None
    return f"serial {given}, twice, where its SOA says {soa.serial}; whoever transfers from it stays behind"


def _with(rule: TransferRule) -> str:
    return f"key {rule.key}" if rule.key is not None else "no key"


def _no_proof(zone: Zone, server: Server, soa: Observation) -> str:
    """Why a refusal proves nothing: the SOA beside it shows no TCP, or no zone."""
    if soa.outcome.transport_failed or soa.outcome is Outcome.UNASKED:
        return f"no TCP: {soa.outcome.value}"
    wrong = fault(soa, primary=server.name == zone.primary)
    return f"the zone is not served there: {wrong.text}" if wrong is not None else ""


def _reason(rule: TransferRule, axfr: Observation, result: TransferResult) -> str:
    if result is TransferResult.NOTAUTH and rule.key is not None:
        return "not allowed, or TSIG rejected and no reason given, as PowerDNS does (NOTAUTH)"
    if result is TransferResult.BADTIME and axfr.skew is not None:
        way = "ahead of" if axfr.skew >= 0 else "behind"
        return f"the clocks disagree (BADTIME): the server's is {round(abs(axfr.skew))} s {way} the monitor's"
    if result in PERMISSION:
        return PERMISSION[result]
    reason = FAILURE[result]
    if result in _TOLD and axfr.detail:
        return f"{reason}: {axfr.detail}"
    if result is TransferResult.RCODE and axfr.rcode is not None:
        reason = f"{reason} ({axfr.rcode})"
    if axfr.records and result is not TransferResult.EMPTY:
        reason = f"{reason}, after {plural(axfr.records, 'record')}"
    if result is TransferResult.TIMEOUT and axfr.rtt is not None:
        reason = f"{reason} ({format_duration(axfr.rtt)})"
    return reason
