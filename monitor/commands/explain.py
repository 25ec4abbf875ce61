"""soawatch explain: what a code means, or how a zone stands and why."""

from pathlib import Path

import click

from monitor.commands.failure import Failure


@click.command()
@click.argument("subject", metavar="CODE|ZONE")
@click.option("-c", "--config", "config", type=click.Path(dir_okay=False, path_type=Path), envvar="SOAWATCH_CONFIG",
              show_envvar=True, help="The configuration, to explain a zone that is watched.")  # fmt: skip
def command(subject: str, config: Path | None) -> None:
    """Explain a CODE (what it means, its causes, its cure) or a ZONE (how it stands, and why).

    A zone is asked and judged before your eyes: every query, what came back, and what each check made of it.
    """
    import asyncio
    from difflib import get_close_matches

    from checks.codes import CODES
    from monitor.commands import tell
    from monitor.config.errors import ConfigError
    from monitor.names import BadName
    from monitor.oneshot import look, wanted

    if subject in CODES:
        click.echo(tell.code_text(subject))
        return
    if "." not in subject:
        near = get_close_matches(subject, CODES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ". The codes:\n  " + "\n  ".join(sorted(CODES))
        raise Failure(f"{subject!r} is neither a code nor the name of a zone{hint}", 2)
    try:
        what = wanted(subject, (), config)
    except ConfigError as error:
        raise Failure(str(error), 78) from None
    except BadName as error:
        raise Failure(f"{subject!r}: {error}", 2) from None
    click.echo(tell.story(asyncio.run(look(what))))
