"""soawatch incidents: what is wrong now, as the running service knows it."""

import json
from pathlib import Path
from typing import Any

import click

from monitor.cli.service_answers import INCIDENT
from monitor.cli.service_client import service_client, service_options

COLUMNS = ("incident", "severity", "since", "what", "acknowledged")


@click.command()
@service_options
@click.option("--zone", metavar="ZONE", help="Only those that concern this zone.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE",
              help="Only those with zones that have this label: team=web, or team for any value.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Those that are over, too: the latest hundred of all.")
@click.option("--json", "as_json", is_flag=True, help="Print them for a program, as the API has them.")
def command(
    config: Path | None,
    url: str | None,
    as_name: str | None,
    zone: str | None,
    labels: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> None:
    """List the open incidents of the running service, the newest first.

    Exit status: 0 it was asked, whatever is open; 1 it cannot be asked, 2 wrong usage, 78 wrong configuration.

    \b
    soawatch incidents -c /etc/soawatch/soawatch.toml
    SOAWATCH_TOKEN=… soawatch incidents --url https://dns-status.example.net --json
    """
    from monitor.cli.tables import PrintedTable, show

    client = service_client(config, url, as_name)
    given = {"zone": zone or "", "label": labels, "phase": "" if everything else "open"}
    wanted = {key: value for key, value in given.items() if value}
    found = client.get("/api/v1/incidents", [INCIDENT], **wanted)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        show([PrintedTable("Incidents", COLUMNS, [_row(one) for one in found])])
    else:
        such = " like this" if zone or labels else ""
        click.echo(f"There was no incident{such}." if everything else f"No incident{such} is open.")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    known = one["acknowledged"] or {}
    by = ": ".join(filter(None, (known.get("by"), known.get("note")))) or ("yes" if known else "")
    severity = one["severity"] if one["phase"] == "open" else f"over ({one['worst_severity']})"
    return one["id"], severity, one["began_at"][:16].replace("T", " ") + " UTC", one["title"], by
