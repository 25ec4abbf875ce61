"""What can be asked of soawatch on the command line?"""

import sys
from importlib import import_module
from importlib.metadata import version

import click

from monitor.commands.failure import Failure

COMMANDS = {
    "run": "run",
    "demo": "demo",
    "check": "check",
    "check-config": "check_config",
    "explain": "explain",
    "notify-test": "notify_test",
    "backup": "backup",
    "pair": "pair",
    "completion": "completion",
}
"""Command → its module in monitor/commands, which is imported when it is needed."""

EPILOG = "Exit status: 0 fine, 1 a problem was found, 2 wrong usage, 78 wrong configuration."


class Commands(click.Group):
    """The table above as a click group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"monitor.commands.{COMMANDS[name]}").command
        return command


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("soawatch"), "-V", "--version", prog_name="soawatch")
def soawatch() -> None:
    """Watch DNS zones on all their nameservers: who serves which version, since when, and who must be told."""


def main(argv: list[str] | None = None) -> None:
    """Run a command and end with its status. stdout is the result, stderr everything else."""
    arguments = sys.argv[1:] if argv is None else argv
    nagios = "--nagios" in arguments
    try:
        status = soawatch.main(arguments, prog_name="soawatch", standalone_mode=False)
    except click.exceptions.Exit as end:
        status = end.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        status = 130
    except Failure as failure:
        click.echo(f"SOAWATCH UNKNOWN - {failure.first}" if nagios else f"soawatch: {failure}", err=not nagios)
        status = 3 if nagios else failure.status
    except click.ClickException as mistake:
        if nagios:
            click.echo(f"SOAWATCH UNKNOWN - {mistake.format_message()}")
        else:
            mistake.show()
        status = 3 if nagios else mistake.exit_code
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
