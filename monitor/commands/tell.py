"""How is a look at a zone told: to people, to programs, to Nagios?"""

from collections.abc import Iterator
from textwrap import fill, indent
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerting.catalogue import explain
from alerting.model import Severity
from checks.codes import CODES
from checks.model import Health, Observation
from checks.words import counted, span
from monitor import names
from monitor.oneshot import Asked
from monitor.status import AddressStatus
from monitor.web.shapes import zone_data

COLORS = {"in-sync": "green", "propagating": "cyan", "unknown": "yellow"}
SEVERITY_COLORS = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
WIDE = 160
"""Columns where there is no terminal to ask."""
NAGIOS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def table(asked: Asked) -> None:
    """For people: who serves what, what is wrong, what to do. Colours only on a terminal that wants them."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(Text(heading(asked), style="bold"))
    if asked.picture.addresses:
        console.print(servers(asked))
    for problem in asked.problems:
        console.print(Text(f"  note: {problem}", style="yellow"))
    for finding in asked.findings:
        severity = asked.severity(finding)
        console.print(
            Text(f"{severity} {finding.code}: ", style=SEVERITY_COLORS[severity]).append(finding.text, style="default")
        )
    for finding in asked.moving:
        console.print(Text(f"in motion: {finding.text}", style="cyan"))
    for verdict in asked.verdicts.values():
        if verdict.health is Health.UNKNOWN and not asked.findings:
            console.print(Text(f"unknown {verdict.check}: {verdict.why}", style="yellow"))
    if asked.findings:
        console.print(
            Text(f"\nsoawatch explain {asked.findings[0].code} says what it means and how to cure it.", style="dim")
        )


def heading(asked: Asked) -> str:
    name = names.show(asked.zone.name)
    if asked.health is Health.GOOD:
        verdict = "all is well" if not asked.moving else "a change is in motion"
    elif asked.health is Health.UNKNOWN:
        verdict = "cannot tell"
    else:
        verdict = counted(len(asked.findings), "finding")
    memory = f" (memory: {asked.memory})" if asked.memory else ""
    return f"{name}: {verdict}{memory}"


def servers(asked: Asked) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("server", "address", "serial", "state", "lag", "answer", "time", "expires"):
        rows.add_column(title, justify="right" if title in ("serial", "lag", "time") else "left", no_wrap=True)
    for a in asked.picture.addresses:
        rows.add_row(
            Text(f"{a.server}{' (primary)' if a.primary else ''}"),
            Text(str(a.address)),
            Text("" if a.serial is None else str(a.serial)),
            Text(a.state, style=COLORS.get(a.state, "red")),
            Text(lag_text(asked, a)),
            Text(a.outcome),
            Text("" if a.rtt is None else f"{a.rtt * 1000:.1f} ms"),
            Text(expiry_text(a)),
        )
    return rows


def expiry_text(address: AddressStatus) -> str:
    if address.expires is None or address.looked is None or address.primary:
        return ""
    left = address.expires - address.looked
    when = f"in {span(left)}" if left.total_seconds() > 0 else "now"
    return f"{when} (estimated)" if address.estimated else when


def lag_text(asked: Asked, address: AddressStatus) -> str:
    lag = address.lag(address.looked) if address.looked is not None else None
    if lag is None:
        return ""
    if not lag:
        return "0"
    return span(lag) if asked.memory else f"≥ {span(lag)}"


def as_data(asked: Asked) -> dict[str, Any]:
    """As in the API's /api/v1/zones/{zone}, with what only a one-shot look knows beside it."""
    at = max((r.at for rounds in asked.looks for r in rounds), default=asked.picture.since)
    assert at is not None  # noqa: S101 - a picture that was just drawn has a time
    return {
        **zone_data(asked.picture, at),
        "looks": len(asked.looks),
        "memory": asked.memory or None,
        "in_motion": [{"code": f.code, "server": f.server, "text": f.text} for f in asked.moving],
        "problems": list(asked.problems),
    }


def nagios(asked: Asked) -> tuple[str, int]:
    """The line with perfdata, and the exit status (Monitoring Plugins guidelines, sections 2.3 and 2.6)."""
    status = {Health.GOOD: 0, Health.UNKNOWN: 3}.get(asked.health, 2 if asked.worst is Severity.CRITICAL else 1)
    if asked.findings:
        text = "; ".join(f.text for f in asked.findings[:3])
        text += f"; and {len(asked.findings) - 3} more" if len(asked.findings) > 3 else ""
    elif status == 3:
        whys = asked.problems or tuple(dict.fromkeys(v.why for v in asked.verdicts.values() if v.why))
        text = "; ".join(whys[:3]) or "nothing could be checked"
    else:
        servers = len(asked.picture.addresses)
        serial = asked.picture.reference_serial
        text = f"{counted(servers, 'address')} {'serves' if servers == 1 else 'serve'} {serial}"
    line = f"SOAWATCH {NAGIOS[status]} - {asked.zone.name} {text}".replace("|", "/").replace("\n", " ")
    numbers = " ".join(perfdata(asked))
    return f"{line} | {numbers}" if numbers else line, status


def perfdata(asked: Asked) -> Iterator[str]:
    warn = asked.zone.max_lag.total_seconds()
    timers = asked.picture.timers
    critical = timers[0] + timers[1] if timers else ""
    for a in asked.picture.addresses:
        label = f"{a.server}/{a.address}".replace("'", "").replace("=", "_")
        lag = a.lag(a.looked) if a.looked is not None else None
        if lag is not None:
            yield f"'{label} lag'={lag.total_seconds():.3f}s;{warn:g};{critical};0;"
        if a.rtt is not None:
            yield f"'{label} time'={a.rtt:.6f}s;;;0;"


def code_text(code: str) -> str:
    """What a code means, in plain text."""
    entry, known = explain(code), CODES[code]
    parts = [
        f"{code} ({known.severity}): {known.title}",
        filled(entry.meaning),
        "Causes, the likely ones first:",
        "\n".join(filled(cause, "  - ", "    ") for cause in entry.causes),
        filled(f"What to do: {entry.advice}"),
        *(f"{software}:\n{indent(text, '  ')}" for software, text in entry.cure.blocks("example.com")),
        "To see it:\n" + "\n".join(f"  {line}" for line in entry.dig),
    ]
    return "\n\n".join(parts)


def filled(text: str, first: str = "", rest: str = "") -> str:
    return fill(text, 88, initial_indent=first, subsequent_indent=rest)


def story(asked: Asked) -> str:
    """Every question, what came back, what each check made of it, and who would hear of it."""
    lines = [heading(asked)]
    for number, rounds in enumerate(asked.looks, 1):
        for round in rounds:
            lines.append(f"\n{round.check}, look {number}, {round.at:%H:%M:%S} UTC")
            lines += [f"  {observed(seen)}" for seen in round.seen] or ["  nothing was asked"]
            if number == len(asked.looks):
                lines += [f"  → {text}" for text in judged(asked, round.check)]
    return "\n".join(lines)


def observed(seen: Observation) -> str:
    query = seen.query
    key = f" key {query.key}" if query.key else ""
    asked = f"{query.server} {query.address} {query.qname} {query.qtype} {query.transport}{key}"
    got = [seen.outcome.value]
    got += [seen.rcode] if seen.rcode else []
    got += ["AA"] if seen.authoritative else []
    got += [f"serial {seen.soa.serial}"] if seen.soa else []
    got += [" ".join(seen.answer.rdata)[:80]] if seen.answer and not seen.soa else []
    got += [f"transfer {seen.transfer}"] if seen.transfer else []
    got += [f"NSID {seen.nsid}"] if seen.nsid else []
    got += [f"EXPIRE {seen.expire}"] if seen.expire is not None else []
    got += [f"EDE {text}" for text in seen.ede]
    got += [f"{seen.discarded} discarded"] if seen.discarded else []
    got += [f"{seen.rtt * 1000:.1f} ms"] if seen.rtt is not None else []
    got += [f"({seen.detail})"] if seen.detail else []
    return f"{asked}: {', '.join(got)}"


def judged(asked: Asked, check: str) -> Iterator[str]:
    verdict = asked.verdicts[check]
    yield verdict.health.value + (f": {verdict.why}" if verdict.why else "")
    for finding in verdict.findings:
        yield f"{asked.severity(finding)} {finding.code}: {finding.text}"
    for unsure in verdict.unsure:
        yield f"unsure of {unsure.server}{f' {unsure.address}' if unsure.address else ''}: {unsure.why}"
