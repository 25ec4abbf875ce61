"""soawatch ack: tell the running service that somebody knows of an incident."""

from pathlib import Path

import click

from checks.common.text import one_line
from monitor.cli.service_answers import INCIDENT
from monitor.cli.service_client import service_client, service_options


@click.command()
@click.argument("incident", metavar="ID")
@service_options
@click.option("--note", default="", metavar="TEXT", help="What the others shall know: a line.")
@click.option("--undo", is_flag=True, help="Take the acknowledgement back.")
def command(incident: str, config: Path | None, url: str | None, as_name: str | None, note: str, undo: bool) -> None:
    """Acknowledge an incident: nobody is reminded of it until it is over, or worse than now.

    ID is what "soawatch incidents", the page and each message call it. Who did it is the name of the token, which
    needs the role "operate"; where the service asks for no token, "local".

    \b
    soawatch ack 20261120T100430-a1b2c3 -c soawatch.toml --note "I look at it"
    soawatch ack 20261120T100430-a1b2c3 -c soawatch.toml --as anna --undo
    """
    from urllib.parse import quote

    if undo and note:
        raise click.UsageError("--undo takes no note")
    client = service_client(config, url, as_name, acts=True)
    path = f"/api/v1/incidents/{quote(incident, safe='', errors='surrogateescape')}/acknowledge"
    done = client.delete(path, INCIDENT) if undo else client.post(path, INCIDENT, {"note": note})
    known = done["acknowledged"]
    said = f"acknowledged by {known['by']}" if known else "not acknowledged"
    click.echo(one_line(f"{done['id']}: {said} ({done['title']})"))
