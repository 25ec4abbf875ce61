"""soawatch backup: a copy of the database while the service runs."""

from pathlib import Path

import click

from monitor.cli.errors import Failure
from monitor.cli.options import config_option


@click.command()
@click.argument("to", type=click.Path(dir_okay=False, path_type=Path))
@config_option
def command(to: Path, config: Path) -> None:
    """Copy the database to a new file TO, compact and consistent, while the service runs on.

    To restore: stop the service, put the copy in the database's place, start the service.
    """
    import asyncio

    from monitor.cli.configuration import read_config
    from monitor.state.ports import StoreError
    from monitor.store.reader import open_reader

    async def copy() -> None:
        reader = await open_reader(read_config(config, elsewhere=True).service.database)
        try:
            await reader.backup(str(to))
        finally:
            await reader.close()

    try:
        asyncio.run(copy())
    except StoreError as error:
        raise Failure(str(error)) from None
    click.echo(f"{to}: {to.stat().st_size} bytes")
