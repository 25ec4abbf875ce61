"""The check transfer: the zone is given to those who must have it, and to nobody else."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.ixfr_answers import NOT_OFFERED, ixfr_answers, ixfr_faults, ixfr_queries, ixfr_response
from checks.common.open_transfers import FAILURE, OPEN, PERMISSION, is_given, is_withheld, why_unasked
from checks.common.response_faults import fault
from checks.common.serial import newer
from checks.common.text import format_duration, plural, server_at
from checks.common.transfer_rules import matrix, transfer_query
from checks.common.transfers import whole_transfers
from checks.model import (
    Address,
    CheckInconclusive,
    Expectation,
    Finding,
    Inconclusive,
    IxfrResponse,
    Observation,
    Outcome,
    Query,
    Server,
    TransferResult,
    TransferRule,
    Transport,
    Zone,
    ZonePoll,
    ZoneTransfer,
)
from checks.model.finding_type import TRANSFERS, FindingType, Severity
from checks.zone_state.model import ZoneState

REFUSED = FindingType(
    "transfer-refused", Severity.CRITICAL, "A zone transfer that must be allowed is refused", family=TRANSFERS
)
FAILED = FindingType(
    "transfer-failed", Severity.CRITICAL, "A zone transfer that must work breaks off", family=TRANSFERS
)
SLOW = FindingType("transfer-slow", Severity.WARNING, "A zone transfer takes longer than it may")
FINDINGS = (REFUSED, FAILED, SLOW, NOT_OFFERED, OPEN)

OVER_TLS = " over TLS"
"""What the subject says of a row that is asked so."""
TSIG_ERRORS = ("BADKEY", "BADSIG", "BADTIME")
_TOLD = frozenset({TransferResult.TLS, TransferResult.EMPTY, TransferResult.MALFORMED, TransferResult.SERIAL_MOVED})
"""Failures of which the prober says what is wrong, at which record, and which secondaries would refuse it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Objective: the transfer matrix holds: server x key x transport x source x expectation, for every address.

    Steps: 1. Ask each address for AXFR over TCP or TLS with the key of each rule (permission is read off the first
    record that is not the zone's SOA, unless ``whole``), and beside it for the SOA over TCP. 2. Without an answer to
    the SOA there is no TCP, and without a valid one the zone is not served: the rule is unsure, for a refusal proves
    nothing then. 3. A zone whose serial is older (RFC 1982) than the SOA beside it is asked for once more, after that
    SOA was seen; older again, the transfer has failed. 4. Compare with the expectation. The rule for server "*" is for
    all servers that no other rule with the same key, transport and source names; over TLS, for those that are asked
    over TLS. 5. Where IXFR must be answered, ask for it as the rule says: since the serial that the SOA had, and since
    the one that the address was seen with before, where one is known. Differences, the whole zone in their place
    (RFC 1995 section 4) and, of the serial that it has, the SOA alone are right.

    ================  =====================================================================================
    transfer-open     must be refused, and records other than the zone's SOA were given
    transfer-refused  must be allowed, and was denied: REFUSED, NOTAUTH, BADKEY, BADSIG, BADTIME, BADALG
    transfer-failed   must be allowed, was begun or not denied, and did not come to a good end
    ixfr-not-offered  must answer IXFR (``ixfr``), and refuses it, does not know it, or answers it wrongly
    transfer-slow     came whole to a good end, and took longer than the ``max_duration`` of its rule
    ================  =====================================================================================
    """

    name: ClassVar[str] = "transfer"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(hours=1)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return any(True for _ in matrix(zone))

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return [*_again(seen), *_ixfr_queries(zone, seen)]
        rows = list(matrix(zone))
        whole: dict[Query, bool] = {}
        for server, address, rule in rows:
            asked = transfer_query(zone, server, address, rule)
            whole[asked] = whole.get(asked, False) or rule.whole
        places = dict.fromkeys((server.name, address) for server, address, _ in rows)
        soas = [Query(zone.name, name, address, zone.name, "SOA", Transport.TCP) for name, address in places]
        return soas + [replace(asked, whole=all_of_it) for asked, all_of_it in whole.items()]

    def evaluate(
        self, zone: Zone, poll: ZonePoll, zone_state: ZoneState
    ) -> Iterator[Finding | Inconclusive | ZoneTransfer | IxfrResponse]:
        yield from whole_transfers(poll.seen)
        soas = {(o.query.server, o.query.address): o for o in poll.seen if o.query.qtype == "SOA"}
        axfrs = {replace(o.query, whole=False): o for o in poll.seen if o.query.qtype == "AXFR"}
        said: list[Finding | Inconclusive | IxfrResponse | None] = []
        for server, address, rule in matrix(zone):
            soa = soas.get((server.name, address))
            axfr = axfrs.get(transfer_query(zone, server, address, rule))
            said.append(_row(zone, server, address, rule, soa, axfr))
            said += _ixfr(zone, server, address, rule, poll.seen)
        yield from (one for one in said if isinstance(one, IxfrResponse))
        unsure = [one for one in said if isinstance(one, Inconclusive)]
        if len(unsure) == len([one for one in said if not isinstance(one, IxfrResponse)]):
            raise CheckInconclusive(unsure[0].reason if unsure else "there are no rules")
        yield from (one for one in said if isinstance(one, Finding | Inconclusive))


def _again(seen: tuple[Observation, ...]) -> list[Query]:
    """The transfers of an older serial than the SOA had before: a zone that changed meanwhile has its serial now."""
    times = Counter(one.query for one in seen)
    soas = {(one.server, one.address): one for one in seen if one.query.qtype == "SOA"}
    return [
        one.query
        for one in seen
        if one.query.qtype == "AXFR" and times[one.query] == 1 and _older(soas.get((one.server, one.address)), one)
    ]


def _ixfr_queries(zone: Zone, seen: tuple[Observation, ...]) -> list[Query]:
    """What is new, where that must be answered and the SOA says a serial; once."""
    soas = {(one.server, one.address): one.serial for one in seen if one.query.qtype == "SOA"}
    queries: list[Query] = []
    for server, address, rule in matrix(zone):
        serial, axfr = soas.get((server.name, address)), transfer_query(zone, server, address, rule)
        if rule.ixfr and serial is not None and not ixfr_answers(axfr, seen):
            queries += ixfr_queries(axfr, serial)
    return queries


def _ixfr(
    zone: Zone, server: Server, address: Address, rule: TransferRule, seen: tuple[Observation, ...]
) -> Iterator[Finding | Inconclusive | IxfrResponse]:
    """Nothing where it need not be answered, or could not be asked: the row of the matrix has that."""
    answers = ixfr_answers(transfer_query(zone, server, address, rule), seen) if rule.ixfr else []
    if response := ixfr_response(answers):
        yield response
    faults, about = ixfr_faults(answers), f"{subject(rule)}, IXFR"
    if why := next(filter(None, faults), ""):
        text = f"{server_at(server.name, address)} does not offer IXFR with {_with(rule)}: {why}"
        yield Finding(NOT_OFFERED.code, text, server.name, address, about)
    elif None in faults:
        one = answers[faults.index(None)]
        reason = FAILURE[one.transfer] if one.transfer else why_unasked(one)
        yield Inconclusive(server.name, address, about, reason)


def _older(soa: Observation | None, axfr: Observation) -> bool:
    """Whether the zone that is given is older than the one that is answered for."""
    if soa is None or soa.serial is None or axfr.soa is None or axfr.transfer is not TransferResult.ALLOWED:
        return False
    return newer(soa.serial, axfr.soa.serial)


def subject(rule: TransferRule) -> str:
    """What tells the rows of one address apart: "key xfr, must be allowed"."""
    key = f"key {rule.key}" if rule.key is not None else "no key"
    return f"{key}, must be {rule.expect.value}{_way(rule)}"


def key_of(subject: str) -> str | None:
    """The key that is in the ``subject`` of a row; None where it is asked for without one."""
    row = subject.partition(",")[0]
    return row.removeprefix("key ") if row.startswith("key ") else None


def tsig_error(text: str) -> str:
    """The error (RFC 8945 section 3) for which a transfer is refused, by the text of that; "" where it is no such."""
    return next((error for error in TSIG_ERRORS if f"({error})" in text), "")


def _way(rule: TransferRule) -> str:
    """How it is asked otherwise than usual."""
    return f"{OVER_TLS if rule.transport == 'tls' else ''}{f' from {rule.source}' if rule.source else ''}"


def _row(
    zone: Zone,
    server: Server,
    address: Address,
    rule: TransferRule,
    soa: Observation | None,
    axfr: Observation | None,
) -> Finding | Inconclusive | None:
    result = axfr.transfer if axfr is not None else None
    if axfr is not None and _no_tls(axfr):
        result = TransferResult.TLS
    if axfr is None or result is None or soa is None:
        return Inconclusive(server.name, address, subject(rule), why_unasked(axfr))
    who = server_at(server.name, address)
    if rule.expect is Expectation.REFUSED and is_given(axfr):
        text = f"{who} gives the zone away to anyone with {_with(rule)}"
        return Finding(OPEN.code, text, server.name, address, subject(rule))
    if _older(soa, axfr):
        text = f"{who} gives an old zone with {_with(rule)}: {_serials(soa, axfr)}"
        return Finding(FAILED.code, text, server.name, address, subject(rule))
    if result is TransferResult.ALLOWED:
        return _slow(server, address, rule, axfr)
    if doubt := _no_proof(zone, server, soa):
        return Inconclusive(server.name, address, subject(rule), doubt)
    if rule.expect is Expectation.REFUSED:
        if is_withheld(axfr) or (_no_tls(axfr) and not axfr.outcome.no_response):
            return None
        return Inconclusive(server.name, address, subject(rule), FAILURE[result])
    reason = _reason(rule, axfr, result)
    code = REFUSED.code if result in PERMISSION else FAILED.code
    does = "refuses the transfer" if result in PERMISSION else "fails at the transfer"
    text = f"{who} {does} with {_with(rule)}: {reason}"
    return Finding(code, text, server.name, address, subject(rule))


def _slow(server: Server, address: Address, rule: TransferRule, axfr: Observation) -> Finding | None:
    if rule.max_duration is None or axfr.took is None or axfr.took <= rule.max_duration.total_seconds():
        return None
    size = f"{plural(axfr.octets, 'octet')} with {plural(axfr.records, 'record')} in {plural(axfr.messages, 'message')}"
    text = (
        f"{server_at(server.name, address)} took {axfr.took:.1f} s to give the zone with {_with(rule)}: {size}; "
        f"{rule.max_duration.total_seconds():g} s are allowed"
    )
    return Finding(SLOW.code, text, server.name, address, subject(rule))


def _serials(soa: Observation, axfr: Observation) -> str:
    """Real secondaries keep what they have, or take what they get; none comes to what the SOA says."""
    given = axfr.soa.serial if axfr.soa is not None else None
    return f"serial {given}, twice, where its SOA says {soa.serial}; whoever transfers from it stays behind"


def _with(rule: TransferRule) -> str:
    return (f"key {rule.key}" if rule.key is not None else "no key") + _way(rule)


def _no_tls(axfr: Observation) -> bool:
    """Whether nothing takes connections at the port for TLS. Over TCP that is nothing new: other checks say so."""
    return axfr.query.transport is Transport.TLS and axfr.transfer is None and axfr.outcome.transport_failed


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
