"""soawatch maintenance: the maintenance windows of the configuration, and when they come next."""

import json
from pathlib import Path

import click

from monitor.cli.options import config_option


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print it for a program.")
def command(config: Path, as_json: bool) -> None:
    """Print the maintenance windows of the configuration, and when each comes next.

    The service is not asked: windows are what the configuration says. "soawatch silence" makes silences while it runs.
    """
    from monitor.cli.configuration import read_config
    from monitor.cli.silence_tables import WINDOW_COLUMNS, window_rows
    from monitor.cli.tables import PrintedTable, show
    from monitor.clock import now
    from monitor.web.silence_data import window_data

    windows = [window_data(window, now()) for window in read_config(config, elsewhere=True).maintenance]
    if as_json:
        click.echo(json.dumps(windows, indent=2))
    elif windows:
        rows = [row for window in windows for row in window_rows(window)]
        show([PrintedTable("Maintenance", WINDOW_COLUMNS, rows)])
    else:
        click.echo("There is no [[maintenance]] in the configuration.")
