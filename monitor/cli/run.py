"""soawatch run: the service."""

from pathlib import Path

import click

from monitor.cli.options import config_option


@click.command()
@config_option
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info",
              envvar="SOAWATCH_LOG_LEVEL", show_envvar=True, show_default=True)  # fmt: skip
def command(config: Path, log_level: str) -> int:
    """Watch the zones of a configuration, tell the receivers, serve page, API and /metrics.

    SIGHUP reads the configuration again; a bad one is refused and the old one goes on. SIGTERM and SIGINT end it
    within seconds; nothing is lost by SIGKILL either.
    """
    import asyncio
    import gc

    gc.disable()  # what a start makes stays; it is looked through once, when the service runs

    from monitor.cli.configuration import read_config
    from monitor.cli.logging import set_up
    from monitor.service.runner import serve

    first = read_config(config)
    set_up(first.service.log_format, log_level)
    return asyncio.run(serve(first, lambda: read_config(config, raw=True)))
