"""soawatch audit: everything about zones, once, as a report."""

from pathlib import Path

import click

from monitor.cli.errors import Failure
from monitor.cli.options import FILE

FORMATS = ("text", "html", "json", "junit", "sarif")


@click.command()
@click.argument("zones", nargs=-1, metavar="[ZONE]...")
@click.option("-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG", show_envvar=True,
              help="Where servers, records, rules and the service's memory are. Without a ZONE all of its zones are "
                   "audited.")  # fmt: skip
@click.option("--server", "servers", multiple=True, metavar="NAME=ADDRESS[:PORT]",
              help="Ask this server in place of the NS set; may be given more than once.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
              help="The form of the report: for people (text, html) or programs.")  # fmt: skip
@click.option("-o", "--output", "output", type=click.Path(dir_okay=False, writable=True, path_type=Path),
              metavar="FILE",
              help="Write the report here (- is the terminal), and the summary to the terminal.")  # fmt: skip
@click.option("--fail-on", "fail_on", type=click.Choice(["critical", "warning", "info"]), default="warning",
              show_default=True, help="Exit with status 1 where something so severe was found.")  # fmt: skip
@click.option("--moment", type=click.FloatRange(0.1, 60), default=3.0, show_default=True,
              help="Seconds between two looks at a zone, when one is not enough.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0.1, 3600), metavar="SECONDS",
              help="For one zone; what has not come back by then is unknown.")  # fmt: skip
def command(
    zones: tuple[str, ...],
    config: Path | None,
    servers: tuple[str, ...],
    form: str,
    output: Path | None,
    fail_on: str,
    moment: float,
    timeout: float | None,
) -> int:
    """Look at everything about each ZONE once, and write a report.

    All checks are made, those that the service makes seldom as well: serials, records, signatures, transfers, the
    delegation … Of each finding the report says what it means and what to do first. Without a configuration the
    servers of the NS set are asked, with all settings as they are by default.

    Exit status: 0 nothing so severe as --fail-on was found, 1 something was, or a zone could not be judged, 2 wrong
    usage, 78 wrong configuration.

    \b
    soawatch audit example.com example.org
    soawatch audit -c soawatch.toml --format html -o audit.html
    soawatch audit example.com --format sarif --fail-on critical
    """
    import asyncio

    from checks.model.finding_type import Severity
    from monitor.cli.zone_audit.formats import as_json, as_junit, as_sarif
    from monitor.cli.zone_audit.run import audit
    from monitor.cli.zone_audit.target import parse_targets
    from monitor.cli.zone_audit.text import as_html, as_text
    from monitor.config.errors import ConfigError, InvalidValue

    to_terminal = output is None or str(output) == "-"
    if output is not None and not to_terminal and not output.absolute().parent.is_dir():
        raise Failure(f"{output} cannot be written: there is no directory {output.absolute().parent}", 2)
    try:
        what = parse_targets([*map(_zone, zones)], servers, config)
    except ConfigError as error:
        raise Failure(str(error), 78) from None
    except InvalidValue as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise Failure(f"--server: {error.text}{hint}; write --server NAME=ADDRESS[:PORT]", 2) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    report = asyncio.run(audit(what, moment, timeout))
    forms = {"text": as_text, "html": as_html, "json": as_json, "junit": as_junit, "sarif": as_sarif}
    written = forms[form](report)
    if output is None or to_terminal:
        click.echo(written)
    else:
        try:
            output.write_text(written + "\n", encoding="utf-8")
        except OSError as error:
            raise Failure(f"{output} cannot be written: {error.strerror}", 1) from None
        click.echo(report.summary)
    return 1 if report.fails(Severity.parse(fail_on)) else 0


def _zone(text: str) -> str:
    from monitor.probe.message.names import BadName, parse_name

    try:
        return parse_name(text)
    except BadName as error:
        raise Failure(f"{text!r}: {error}{f' ({error.hint})' if error.hint else ''}", 2) from None
