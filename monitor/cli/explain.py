"""soawatch explain: what a code means, or how a zone stands and why."""

from pathlib import Path

import click

from monitor.cli.errors import Failure
from monitor.cli.options import FILE


def _codes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from alerting.finding_types import FINDING_TYPES

    return [code for code in FINDING_TYPES if code.startswith(incomplete)]


@click.command()
@click.argument("subject", metavar="CODE|ZONE", shell_complete=_codes)
@click.option("-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG",
              show_envvar=True, help="The configuration, to explain a zone that is watched.")  # fmt: skip
@click.option("--server", "servers", multiple=True, metavar="NAME=ADDRESS[:PORT]",
              help="Ask this server of the zone; may be given more than once.")  # fmt: skip
@click.option("--moment", type=click.FloatRange(0.1, 60), default=3.0, show_default=True,
              help="Seconds between two looks, when one is not enough.")  # fmt: skip
def command(subject: str, config: Path | None, servers: tuple[str, ...], moment: float) -> None:
    """Explain a CODE (what it means, its causes, its cure) or a ZONE (how it stands, and why).

    A zone is asked and evaluated before your eyes: every query, what came back, what each check made of it, and, with
    a configuration, who would hear of it, what is silenced, and which incidents are open. A name without any dot is
    taken for a code; the zone is then "com.".
    """
    import asyncio
    from difflib import get_close_matches

    from alerting.finding_types import FINDING_TYPES
    from monitor.cli.finding_text import code_text

    code = subject.lower()
    if code in FINDING_TYPES:
        click.echo(code_text(code))
        return
    if subject.isascii() and "." not in subject:
        near = get_close_matches(code, FINDING_TYPES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ". The codes:\n  " + "\n  ".join(sorted(FINDING_TYPES))
        raise Failure(f"{subject!r} is neither a code nor the name of a zone{hint}", 2)

    from monitor.cli.configuration import zone_wanted
    from monitor.cli.zone_alerting import read_zone_alerting
    from monitor.cli.zone_check.check_zone import check_zone
    from monitor.cli.zone_report import zone_text
    from monitor.clock import now

    what = zone_wanted(subject, servers, config)
    report = asyncio.run(check_zone(what, moment))
    at = now()
    click.echo(zone_text(report, asyncio.run(read_zone_alerting(what, at)), at))
