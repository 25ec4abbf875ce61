"""soawatch deploy-files: what belongs beside the service, to be looked at and put in its place."""

from pathlib import Path

import click

from monitor.cli.errors import Failure


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Write over files that are there.")
def command(directory: Path, force: bool) -> None:
    """Write a systemd unit and Prometheus alert rules into DIRECTORY. Nothing is installed.

    Each file says in its first lines where it goes.
    """
    from importlib.resources import files

    shipped = sorted((each for each in files("monitor.deploy").iterdir() if _ships(each.name)), key=lambda f: f.name)
    there = [each.name for each in shipped if (directory / each.name).exists()]
    if there and not force:
        raise Failure(f"{directory}: there already: {', '.join(there)} (--force writes over)")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for each in shipped:
            (directory / each.name).write_bytes(each.read_bytes())
            click.echo(directory / each.name)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None


def _ships(name: str) -> bool:
    return not name.startswith((".", "_"))
