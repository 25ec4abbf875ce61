"""soawatch silence: what nobody is to be told of for a while, made, listed and ended at the running service."""

import json
from pathlib import Path
from typing import Any

import click

from checks.common.text import one_line
from monitor.cli.service_answers import SILENCE
from monitor.cli.service_client import service_client, service_options

PATH = "/api/v1/silences"


@click.group()
def command() -> None:
    """Make, list and end silences of the running service.

    While a silence is active nobody is told of what it matches. What is still bad at its end is told then; what
    recovers that was told before is told at once. Who makes or ends one needs a token with the role "operate"; where
    the service asks for no token, it is "local".
    """


@command.command()
@service_options
@click.option("--zone", "zones", multiple=True, metavar="GLOB", help="Findings of these zones.")
@click.option("--label", "labels", multiple=True, metavar="NAME=GLOB", help="Findings of zones with this label.")
@click.option("--server", "servers", multiple=True, metavar="GLOB", help="Findings at these servers.")
@click.option("--code", "codes", multiple=True, metavar="CODE", help="These findings.")
@click.option("--severity", multiple=True, type=click.Choice(("critical", "warning", "info")),
              help="Findings of these severities.")  # fmt: skip
@click.option("--for", "duration", metavar="DURATION", help='How long: "2h", "1d".')
@click.option("--until", "ends_at", metavar="TIME", help="Until when: 2026-12-01T04:00:00Z.")
@click.option("--endless", is_flag=True, help="Until somebody ends it.")
@click.option("--from", "starts_at", metavar="TIME", help="When it begins; without it: now.")
@click.option("--comment", required=True, metavar="TEXT", help="Why: a line, which all see who see everything.")
def add(config: Path | None, url: str | None, as_name: str | None, **wanted: Any) -> None:
    """Make a silence. Each of --zone, --label, --server, --code and --severity that is given must match.

    Of several of one kind, one must; of labels, one of each name.

    \b
    soawatch silence add --server ns2 --for 2h --comment "new disk" -c soawatch.toml
    """
    matchers = {key: list(wanted.pop(key)) for key in ("zones", "labels", "servers", "codes", "severity")}
    body = {"matchers": matchers, **{key: value for key, value in wanted.items() if value}}
    made = service_client(config, url, as_name, acts=True).post(PATH, SILENCE, body)
    click.echo(_said(made))


@command.command("list")
@service_options
@click.option("--all", "everything", is_flag=True, help="Those too that are over.")
@click.option("--json", "as_json", is_flag=True, help="Print it for a program.")
def silences(config: Path | None, url: str | None, as_name: str | None, everything: bool, as_json: bool) -> None:
    """List silences and maintenance windows that are active or to come, those without an end first."""
    from monitor.cli.silence_tables import SILENCE_COLUMNS, silence_row
    from monitor.cli.tables import PrintedTable, show

    found = service_client(config, url, as_name).get(PATH, [SILENCE])
    shown = [one for one in found if everything or one["state"] != "expired"]
    shown.sort(key=lambda one: (one["state"] == "expired", one["ends_at"] is not None))
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    elif shown:
        show([PrintedTable("Silences", SILENCE_COLUMNS, list(map(silence_row, shown)))])
    else:
        click.echo("Nothing is silenced.")


@command.command()
@click.argument("silence", metavar="ID")
@service_options
def end(silence: str, config: Path | None, url: str | None, as_name: str | None) -> None:
    """End a silence now. ID is what "soawatch silence list" calls it."""
    from urllib.parse import quote

    client = service_client(config, url, as_name, acts=True)
    click.echo(_said(client.delete(f"{PATH}/{quote(silence, safe='', errors='surrogateescape')}", SILENCE)))


def _said(silence: dict[str, Any]) -> str:
    from monitor.cli.silence_tables import matched, shown_time

    what, until = matched(silence["matchers"]), shown_time(silence["ends_at"])
    if silence["ended_by"]:
        return one_line(f"{silence['id']}: ended by {silence['ended_by']} ({what})")
    begins = "" if silence["state"] == "active" else f"from {shown_time(silence['starts_at'])} "
    span = f"{begins}until {until}" if silence["ends_at"] else f"{begins}until somebody ends it"
    return one_line(f"{silence['id']}: {what} silenced by {silence['created_by']} {span}")
