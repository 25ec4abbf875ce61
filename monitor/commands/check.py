"""soawatch check: one zone, looked at now."""

from pathlib import Path

import click

from monitor.commands.failure import Failure


@click.command()
@click.argument("zone")
@click.option("--server", "servers", multiple=True, metavar="NAME=ADDRESS[:PORT]",
              help="Ask this server; may be given more than once. Without it the zone's NS set is asked.")  # fmt: skip
@click.option("-c", "--config", "config", type=click.Path(dir_okay=False, path_type=Path), envvar="SOAWATCH_CONFIG",
              show_envvar=True, help="Where servers, records, rules and the service's memory are.")  # fmt: skip
@click.option("--moment", type=click.FloatRange(0.1, 60), default=3.0, show_default=True,
              help="Seconds between two looks, when one is not enough.")  # fmt: skip
@click.option("--json", "form", flag_value="json", help="The result as JSON, as in the API.")
@click.option("--nagios", "form", flag_value="nagios", help="One line with perfdata; exit status 0, 1, 2 or 3.")
def command(zone: str, servers: tuple[str, ...], config: Path | None, moment: float, form: str | None) -> int:
    """Look at ZONE on all its nameservers, now. Exit status 0: all is well, 1: a problem was found.

    One look has no memory, and a difference may be a change on its way: where servers differ they are asked again
    after a moment, and what moved meanwhile is called "in motion" and is no problem. With a configuration whose
    service has run, its memory is used instead.

    \b
    soawatch check example.com
    soawatch check example.com --server ns1=192.0.2.1 --server ns2='[2001:db8::2]:5353'
    soawatch check example.com -c soawatch.toml --nagios
    """
    import asyncio
    import json

    from monitor.commands import tell
    from monitor.config.errors import ConfigError, Wrong
    from monitor.names import BadName
    from monitor.oneshot import look, wanted

    try:
        what = wanted(zone, servers, config)
    except ConfigError as error:
        raise Failure(str(error), 78) from None
    except BadName as error:
        raise Failure(f"{zone!r}: {error}{f' ({error.hint})' if error.hint else ''}", 2) from None
    except Wrong as error:
        raise Failure(f"--server: {error}", 2) from None

    def again() -> None:
        if form is None:
            click.echo(f"the servers differ; looking again in {moment:g} s …", err=True)

    asked = asyncio.run(look(what, moment, again))
    if form == "nagios":
        line, status = tell.nagios(asked)
        click.echo(line)
        return status
    if form == "json":
        click.echo(json.dumps(tell.as_data(asked), indent=2, ensure_ascii=False))
    else:
        tell.table(asked)
    return 0 if asked.health.value == "good" else 1
