"""soawatch notify-test: sends a test notification to a receiver."""

from datetime import timedelta
from pathlib import Path

import click

from monitor.cli.errors import Failure
from monitor.cli.options import config_option


@click.command()
@click.argument("receiver")
@config_option
def command(receiver: str, config: Path) -> None:
    """Send a specimen of a notification to RECEIVER, and say what became of it."""
    import asyncio

    from alerting.incident import Cause, Incident, IncidentEvent, IncidentFinding
    from alerting.notification import DeliveryError, OutboxMessage
    from alerting.render import render
    from checks.common.lateness import LATE
    from checks.model.finding_type import Severity
    from monitor.cli.configuration import read_config
    from monitor.clock import now

    settings = read_config(config)
    if receiver not in settings.receivers:
        known = ", ".join(sorted(settings.receivers)) or "none is configured"
        raise Failure(f"there is no receiver {receiver!r}; the receivers are: {known}", 2)
    at = now()
    since = at - timedelta(minutes=22)
    line = IncidentFinding(
        LATE.code, Severity.WARNING, "example.com.", "ns2", "198.51.100.2",
        "ns2 is 22 min behind: it serves 2026112001, the newest is 2026112003", since,
    )  # fmt: skip
    incident = Incident(
        f"{at:%Y%m%dT%H%M%S}-test", Cause("zone", "example.com."), Severity.WARNING, "open", ("example.com.",),
        ("ns2",), opened_at=at, began_at=since, lines=(line,), findings=1, codes=(LATE.code,),
        receivers=(receiver,), announcements=1, worst=Severity.WARNING,
    )  # fmt: skip
    message = OutboxMessage(f"{incident.id}-1-{receiver}", receiver, IncidentEvent.TEST, incident, at)

    async def send() -> None:
        async with asyncio.timeout(60):
            await settings.receivers[receiver].send(render(message, settings.service.url, at))

    try:
        asyncio.run(send())
    except DeliveryError as error:
        again = "" if error.permanent else " (trying again may help)"
        raise Failure(f"{receiver} did not take it: {error.reason}{again}") from None
    except TimeoutError:
        raise Failure(f"{receiver} did not take it within a minute") from None
    click.echo(f"{receiver} took it.")
