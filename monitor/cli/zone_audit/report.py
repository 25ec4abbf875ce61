"""What an audit came to: for each zone each check with its findings, and what they mean."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from alerting.finding_types import FINDING_TYPES
from alerting.runbook import RunbookEntry, explain
from checks.common.text import one_line, plural
from checks.model import CheckResult, Finding, Health
from checks.model.finding_type import Severity
from checks.registry import CHECKS
from monitor.cli.output import last_look
from monitor.cli.zone_check.check_zone import ZoneReport
from monitor.probe.message import names
from monitor.state.failover import failovers
from monitor.web.failover_view import failover_lines

GOOD, UNKNOWN = "good", "unknown"
"""The verdicts beside severities."""


@dataclass(frozen=True, slots=True)
class AuditedFinding:
    """A finding, with what it means and what to do first. ``text`` is one line."""

    code: str
    severity: Severity
    text: str
    server: str | None
    address: str | None
    entry: RunbookEntry

    @property
    def title(self) -> str:
        return FINDING_TYPES[self.code].title


@dataclass(frozen=True, slots=True)
class AuditedCheck:
    """What one check says of a zone. ``verdict`` is GOOD, UNKNOWN, or its worst severity; ``reasons``: why something
    could not be told.
    """

    name: str
    objective: str
    verdict: str
    findings: tuple[AuditedFinding, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditedZone:
    """A zone that was looked at. ``report`` is None where it could not be, for ``failure``."""

    name: str
    checks: tuple[AuditedCheck, ...]
    report: ZoneReport | None = None
    failure: str = ""

    @property
    def findings(self) -> tuple[AuditedFinding, ...]:
        """The worst first."""
        found = (finding for check in self.checks for finding in check.findings)
        return tuple(sorted(found, key=lambda one: (-one.severity, one.code, one.server or "")))

    @property
    def verdict(self) -> str:
        """The worst that was found; UNKNOWN where nothing was, and nothing could be told of something."""
        if (found := self.findings) and found[0].severity > Severity.INFO:
            return str(found[0].severity)
        if self.report is None or self.report.unknown or self.report.offline_families:
            return UNKNOWN
        return str(found[0].severity) if found else GOOD

    @property
    def remarks(self) -> tuple[str, ...]:
        """What else is to be known of the look."""
        if self.report is None:
            return (self.failure,)
        status = self.report.status
        left = failover_lines(failovers(status), last_look(self.report))
        moving = (f"in motion: {finding.text}" for finding in self.report.in_motion)
        offline = (f"not judged: {text}" for text in self.report.offline_families)
        unknown = (f"not known: {text}" for text in self.report.unknown)
        return tuple(map(one_line, (*self.report.notes, *left, *moving, *offline, *unknown)))


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All zones, the worst first, and what was to be said of none of them."""

    zones: tuple[AuditedZone, ...]
    begun: datetime
    ended: datetime
    notes: tuple[str, ...] = ()

    def count(self, verdict: str) -> int:
        return sum(zone.verdict == verdict for zone in self.zones)

    def fails(self, severity: Severity) -> bool:
        """Whether something of this severity or worse was found, or a zone could not be judged."""
        return any(
            zone.verdict == UNKNOWN or any(one.severity >= severity for one in zone.findings) for zone in self.zones
        )

    @property
    def summary(self) -> str:
        """ "3 zones: 1 critical, 2 good"."""
        counts = [f"{self.count(one)} {one}" for one in VERDICTS if self.count(one)]
        return f"{plural(len(self.zones), 'zone')}: {', '.join(counts)}" if counts else "no zones"


VERDICTS = (*map(str, sorted(Severity, reverse=True)), UNKNOWN, GOOD)
"""From the worst on."""


def worst_first(zones: Iterable[AuditedZone]) -> tuple[AuditedZone, ...]:
    """Those of one verdict as they come."""
    return tuple(sorted(zones, key=lambda zone: VERDICTS.index(zone.verdict)))


def audited_zone(report: ZoneReport) -> AuditedZone:
    """What a look at a zone came to, in the order of the checks."""
    ordered = [(name, report.results[name]) for name in CHECKS if name in report.results]
    checks = tuple(_audited_check(report, name, result) for name, result in ordered)
    return AuditedZone(names.show(report.zone.name), checks, report)


def failed_zone(name: str, failure: str) -> AuditedZone:
    return AuditedZone(names.show(name), (), failure=one_line(failure))


def _audited_check(report: ZoneReport, name: str, result: CheckResult) -> AuditedCheck:
    findings = tuple(_audited_finding(report, finding) for finding in result.findings)
    reasons = tuple(dict.fromkeys(map(one_line, _reasons(result))))
    worst = max((finding.severity for finding in findings), default=None)
    verdict = str(worst) if worst is not None else GOOD if result.health is Health.GOOD else UNKNOWN
    return AuditedCheck(name, objective(name), verdict, findings, reasons)


def _reasons(result: CheckResult) -> Iterator[str]:
    if result.reason:
        yield result.reason
    for one in result.unsure:
        where = f"{one.server}{f' ({one.address})' if one.address is not None else ''}: " if one.server else ""
        yield f"{where}{one.reason}"


def _audited_finding(report: ZoneReport, finding: Finding) -> AuditedFinding:
    address = str(finding.address) if finding.address is not None else None
    return AuditedFinding(
        finding.code, report.severity(finding), one_line(finding.text), finding.server, address, explain(finding.code)
    )


def objective(check: str) -> str:
    """What the check is for, in one line: its module's docstring."""
    text = sys.modules[CHECKS[check].__module__].__doc__ or ""
    return text.split("\n")[0].partition(": ")[2].rstrip(".")


def rules(report: AuditReport) -> Mapping[str, AuditedFinding]:
    """The codes that were found, each with one finding that has it."""
    found = {finding.code: finding for zone in report.zones for finding in zone.findings}
    return dict(sorted(found.items()))
