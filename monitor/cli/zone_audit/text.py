"""The report of an audit for people: as text, and as a page that stands alone."""

from collections.abc import Iterator
from pathlib import Path

import jinja2

from checks.common.text import format_duration, format_time
from monitor.cli.zone_audit.report import AuditedZone, AuditReport

TEMPLATES = Path(__file__).parent


def as_text(report: AuditReport) -> str:
    """For each zone its checks, then what was found, and what to do first; a summary at the end."""
    return "\n".join(_lines(report))


def _lines(report: AuditReport) -> Iterator[str]:
    for note in report.notes:
        yield f"note: {note}"
    for zone in report.zones:
        yield from zone_lines(zone)
        yield ""
    took = format_duration(report.ended - report.begun)
    yield f"{report.summary}; {format_time(report.ended)}, in {took}"


def zone_lines(zone: AuditedZone) -> Iterator[str]:
    """What is told of one zone."""
    yield f"{zone.name}: {zone.verdict}"
    width = max((len(check.name) for check in zone.checks), default=0)
    for check in zone.checks:
        yield f"  {check.verdict:<8}  {check.name:<{width}}  {check.objective}"
        if not check.findings:
            yield from (f"  {'':<8}  {'':<{width}}  {reason}" for reason in check.reasons[:3])
    for one in zone.findings:
        yield ""
        yield f"  {one.severity} {one.code}: {one.text}"
        yield f"    {one.entry.meaning}"
        yield f"    What to do: {one.entry.advice}"
    for remark in zone.remarks:
        yield f"  {remark}"


def as_html(report: AuditReport) -> str:
    """A page without script or anything from elsewhere, fit to be mailed and printed."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    page = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    took = format_duration(report.ended - report.begun)
    return page.get_template("report.html").render(report=report, took=took, at=format_time(report.ended))
