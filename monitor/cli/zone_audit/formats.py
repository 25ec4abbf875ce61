"""The report of an audit for programs: JSON, JUnit XML and SARIF."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.metadata import version

from checks.model.finding_type import Severity
from monitor.cli.output import as_data
from monitor.cli.zone_audit.report import UNKNOWN, AuditedCheck, AuditedFinding, AuditedZone, AuditReport, rules
from monitor.web.api_schema import Json

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
"""Severity → what SARIF calls it (section 3.27.10)."""


def as_json(report: AuditReport) -> str:
    """Each zone as ``soawatch check --json`` has it, with the verdict of each check beside it."""
    data = {
        "soawatch": version("soawatch"),
        "begun_at": _iso(report, begun=True),
        "ended_at": _iso(report, begun=False),
        "summary": {verdict: report.count(verdict) for verdict in ("critical", "warning", "info", "unknown", "good")},
        "notes": list(report.notes),
        "zones": [_zone(zone) for zone in report.zones],
    }
    return json.dumps(data, indent=2)


def _iso(report: AuditReport, *, begun: bool) -> str:
    return (report.begun if begun else report.ended).strftime("%Y-%m-%dT%H:%M:%SZ")


def _zone(zone: AuditedZone) -> Json:
    return {
        "name": zone.name,
        "verdict": zone.verdict,
        "audit": [_check(check) for check in zone.checks],
        "remarks": list(zone.remarks),
        "zone": as_data(zone.report) if zone.report is not None else None,
    }


def _check(check: AuditedCheck) -> Json:
    return {
        "check": check.name,
        "objective": check.objective,
        "verdict": check.verdict,
        "unknown": list(check.reasons),
        "findings": [
            {
                "code": one.code, "severity": str(one.severity), "server": one.server, "address": one.address,
                "text": one.text, "meaning": one.entry.meaning, "advice": one.entry.advice,
            }
            for one in check.findings
        ],
    }  # fmt: skip


def as_junit(report: AuditReport) -> str:
    """A suite for each zone, a case for each check: what is a warning or worse has failed it; what could not be told is
    an error of it.
    """
    root = ET.Element("testsuites", name="soawatch audit", time=_seconds(report))
    for zone in report.zones:
        suite = ET.SubElement(root, "testsuite", name=zone.name)
        for check in zone.checks or (AuditedCheck("look", "the zone can be looked at", UNKNOWN, (), zone.remarks),):
            _fill(ET.SubElement(suite, "testcase", classname=zone.name, name=check.name), check)
        cases = list(suite)
        suite.set("tests", str(len(cases)))
        for kind in ("failure", "error"):
            suite.set(f"{kind}s", str(sum(case.find(kind) is not None for case in cases)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _fill(case: ET.Element, check: AuditedCheck) -> None:
    failed = [one for one in check.findings if one.severity > Severity.INFO]
    if failed:
        said = ET.SubElement(case, "failure", type=failed[0].code, message=failed[0].text)
        said.text = "\n".join(map(_line, failed))
    elif check.verdict == UNKNOWN:
        said = ET.SubElement(case, "error", type=UNKNOWN, message=next(iter(check.reasons), "cannot tell"))
        said.text = "\n".join(check.reasons)
    remarks = [_line(one) for one in check.findings if one.severity is Severity.INFO]
    if remarks:
        ET.SubElement(case, "system-out").text = "\n".join(remarks)


def _line(one: AuditedFinding) -> str:
    return f"{one.severity} {one.code}: {one.text}"


def _seconds(report: AuditReport) -> str:
    return f"{(report.ended - report.begun).total_seconds():.3f}"


def as_sarif(report: AuditReport) -> str:
    """SARIF 2.1.0 (OASIS): a rule for each code that was found, a result for each finding, at the zone and server; and
    a notification for each zone that could not be judged.
    """
    found = rules(report)
    order = {code: number for number, code in enumerate(found)}
    driver = {
        "name": "soawatch",
        "version": version("soawatch"),
        "rules": [_rule(one) for one in found.values()],
    }
    invocation: Json = {
        "executionSuccessful": not any(zone.report is None for zone in report.zones),
        "startTimeUtc": _iso(report, begun=True),
        "endTimeUtc": _iso(report, begun=False),
    }
    if notifications := list(_notifications(report)):
        invocation["toolExecutionNotifications"] = notifications
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": list(_results(report, order))}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _notifications(report: AuditReport) -> Iterator[Json]:
    """Why a zone could not be judged (section 3.20.21)."""
    for zone in report.zones:
        if zone.verdict == UNKNOWN:
            text = "; ".join((f"{zone.name} could not be judged", *zone.remarks))
            yield {"level": "error", "message": {"text": text}}


def _rule(one: AuditedFinding) -> Json:
    return {
        "id": one.code,
        "shortDescription": {"text": one.title},
        "fullDescription": {"text": one.entry.meaning},
        "help": {"text": one.entry.advice},
    }


def _results(report: AuditReport, order: dict[str, int]) -> Iterator[Json]:
    for zone in report.zones:
        for one in zone.findings:
            place = "/".join(filter(None, (zone.name, one.server, one.address)))
            where = {"name": zone.name, "fullyQualifiedName": place, "kind": "resource"}
            yield {
                "ruleId": one.code,
                "ruleIndex": order[one.code],
                "level": LEVELS[one.severity],
                "message": {"text": one.text},
                "locations": [{"logicalLocations": [where]}],
            }
