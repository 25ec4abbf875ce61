"""Tells why a zone stands as it does: what was asked, what came back, and who would hear of it."""

from collections.abc import Iterator
from datetime import datetime

from alerting.incident import Cause, Incident
from alerting.routing import route
from checks.common.text import enumerated, format_duration, one_line, truncate
from checks.model import Finding, Observation
from checks.model.finding_type import Severity
from monitor.cli.output import heading, last_look
from monitor.cli.zone_alerting import ZoneAlerting
from monitor.cli.zone_check.check_zone import ZoneReport
from monitor.web.identity_view import identity_lines
from monitor.web.tree_view import tree_lines


def zone_text(report: ZoneReport, known: ZoneAlerting, at: datetime) -> str:
    """Every question, what came back, what each check made of it, who would hear of it, and what is ``known`` of the
    zone's incidents.
    """
    return "\n".join(map(one_line, _zone_lines(report, known, at)))


def _zone_lines(report: ZoneReport, known: ZoneAlerting, at: datetime) -> Iterator[str]:
    yield heading(report)
    for problem in filter(None, (*report.notes, known.note)):
        yield f"note: {problem}"
    for number, polls in enumerate(report.looks, 1):
        for poll in polls:
            yield ""
            yield f"{poll.check}, look {number}, {poll.at:%H:%M:%S} UTC"
            yield from [f"  {observation_text(seen)}" for seen in poll.seen] or ["  nothing was asked"]
            if number == len(report.looks):
                yield from (f"  → {text}" for text in check_text(report, poll.check))
    if lines := [*identity_lines(report.status.addresses, last_look(report))]:
        yield ""
        yield from lines
    if lines := list(tree_lines(report.status.tree, last_look(report))):
        yield ""
        yield from lines
        yield ""
    for sentence in report.offline_families:
        yield f"not judged: {sentence}"
    for why in report.unknown:
        yield f"not known: {why}"
    for finding in report.in_motion:
        yield f"in motion, so nobody is accused: {finding.text}"
    if report.findings:
        yield ""
        yield "who hears of it"
        yield from dict.fromkeys(f"  {text}" for text in receivers_text(report, known, at))
    if lines := list(known.lines(at)):
        yield ""
        yield "open incidents"
        yield from lines


def observation_text(seen: Observation) -> str:
    query = seen.query
    key = f" with key {query.key}" if query.key else ""
    question = f"{query.server} {query.address} {query.qname} {query.qtype} {query.transport}{key}"
    got = [seen.outcome.value]
    got += [seen.rcode] if seen.rcode else []
    got += ["AA"] if seen.authoritative else []
    got += [f"serial {seen.soa.serial}"] if seen.soa else []
    got += [truncate(", ".join(seen.answer.rdata))] if seen.answer and not seen.soa else []
    got += [f"transfer {seen.transfer}"] if seen.transfer else []
    got += [f"{seen.octets} octets and {seen.records} records in {seen.took:.3f} s"] if seen.took is not None else []
    got += [f"IXFR {seen.ixfr}"] if seen.ixfr else []
    got += [f"NSID {seen.nsid}"] if seen.nsid else []
    got += [f"EXPIRE {seen.expire}"] if seen.expire is not None else []
    got += [f"EDE {text}" for text in seen.ede]
    got += [f"{seen.discarded} discarded"] if seen.discarded else []
    got += [f"{seen.rtt * 1000:.1f} ms"] if seen.rtt is not None else []
    got += [seen.detail] if seen.detail and seen.detail != seen.rcode else []
    return f"{question}: {', '.join(got)}"


def check_text(report: ZoneReport, check: str) -> Iterator[str]:
    result = report.results[check]
    yield result.health.value + (f": {result.reason}" if result.reason else "")
    for finding in result.findings:
        yield f"{report.severity(finding)} {finding.code}: {finding.text}"
    for unsure in result.unsure:
        where = f" of {unsure.server}{f' {unsure.address}' if unsure.address else ''}" if unsure.server else ""
        yield f"unsure{where}: {unsure.reason}"


def receivers_text(report: ZoneReport, known: ZoneAlerting, at: datetime) -> Iterator[str]:
    """For each finding its receivers, were it an incident of its own: those of one code at one server say the same."""
    if not report.watched:
        yield "nobody: the zone is not in a configuration"
        return
    config = report.config
    for finding in report.findings:
        about = f"{finding.code}{f' at {finding.server}' if finding.server else ''}"
        receivers = route(
            incident(report, finding), config.routes, tuple(config.receivers), lambda _: report.zone.labels
        )
        if report.severity(finding) is Severity.INFO:
            yield f"{about}: nobody; what is of severity info is only shown"
        elif not config.receivers:
            yield f"{about}: nobody; there are no receivers"
        elif not receivers:
            yield f"{about}: nobody; no route matches"
        elif silence := known.silence_of(report, finding, at):
            yield f"{about}: nobody; {silence[0].lower()}{silence[1:]}"
        else:
            yield f"{about}: {enumerated(receivers, 20)}, once it has stood for {format_duration(config.policy.grace)}"


def incident(report: ZoneReport, finding: Finding) -> Incident:
    at = max(poll.at for polls in report.looks for poll in polls)
    return Incident(
        "", Cause("zone", report.zone.name), report.severity(finding), "open", (report.zone.name,),
        tuple(filter(None, (finding.server,))), opened_at=at, began_at=at, codes=(finding.code,),
    )  # fmt: skip
