"""The command line: all commands of soawatch."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from checks.common.text import escape_lines, one_line
from monitor.cli.errors import Failure
from monitor.clock import monotonic, process_age

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "Watch zones, tell the receivers, serve page, API and /metrics.",
        "demo": "Break two nameservers and see what is noticed.",
        "check": "Look at a zone on all its nameservers, now.",
        "audit": "Look at everything about zones once, and write a report.",
        "diff": "Show in which records a zone differs on two nameservers.",
        "wait": "Wait until all nameservers of a zone have a change.",
        "import": "Write a configuration of what servers say.",
        "check-config": "Say what a configuration means, or what is wrong with it.",
        "incidents": "List what is wrong now, as the running service knows it.",
        "ack": "Tell the running service that somebody knows of an incident.",
        "silence": "Make, list and end silences of the running service.",
        "maintenance": "List the maintenance windows, and when they come next.",
        "explain": "Say what a code means, or how a zone stands and why.",
        "notify-test": "Send a specimen to a receiver.",
        "backup": "Copy the database while the service runs.",
        "pair": "Run two nameservers to try things on, and to break.",
        "completion": "Print the completion script of a shell.",
        "deploy-files": "Write a systemd unit and Prometheus rules.",
    }
)
"""Command → what it is for. Its module beside this one is imported when it is needed, and not for --help."""

MODULES: Mapping[str, str] = MappingProxyType({"notify-test": "send_test", "import": "import_zones"})
"""Command → its module, where that has another name: ``notify_test`` would be taken for a test, and ``import`` is a
word of Python."""

EPILOG = "Exit status: 0 fine, 1 a problem was found, 2 wrong usage, 78 wrong configuration."
INTERRUPTED = 130
STDERR = 2


class Commands(click.Group):
    """The table above as a click group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"monitor.cli.{MODULES.get(name, name.replace('-', '_'))}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        named = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"soawatch {version('soawatch')}")
        ctx.exit()


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Show the version and exit.")  # fmt: skip
def soawatch() -> None:
    """Watch DNS zones on all their nameservers: who serves which version, since when, and who must be told."""


def main(argv: list[str] | None = None) -> None:
    """Run a command and end with its status. stdout is the result, stderr everything else."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a terminal may not know "ü" or "≥"
    arguments = sys.argv[1:] if argv is None else argv
    begun = monotonic() - (process_age() if argv is None else 0.0)
    try:
        status = (_for_nagios if "--nagios" in arguments else _for_people)(arguments, begun)
    finally:
        _drop_unwritten()
    sys.exit(status)


def _for_people(arguments: list[str], begun: float) -> int:
    try:
        return _status(_run(arguments, begun))
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Failure as failure:
        click.echo(f"soawatch: {escape_lines(str(failure))}", err=True)
        return failure.status
    except click.ClickException as mistake:
        mistake.show()
        return mistake.exit_code
    except OSError as error:
        click.echo(f"soawatch: {one_line(str(error))}", err=True)
        return 1


def _for_nagios(arguments: list[str], begun: float) -> int:
    """Whatever keeps the question from being answered is UNKNOWN: 1 and 2 would accuse the zone."""
    try:
        return _status(_run(arguments, begun))
    except click.Abort:
        why = "interrupted"
    except Failure as failure:
        why = failure.first
    except click.ClickException as mistake:
        why = mistake.format_message()
    except OSError as error:
        why = str(error)
    except Exception as defect:  # noqa: BLE001 - a traceback's status, 1, would be a WARNING about the zone
        why = f"a defect of soawatch: {type(defect).__name__}: {defect}"
    with suppress(OSError):  # what cannot be told is no WARNING either
        click.echo(f"SOAWATCH UNKNOWN - {one_line(why).replace('|', '/')}")
    return 3


def _run(arguments: list[str], begun: float) -> Any:
    """``begun``: when the process began, by the monotonic clock, for a command that has to end in time."""
    returned = soawatch.main(arguments, prog_name="soawatch", standalone_mode=False, obj=begun)
    sys.stdout.flush()
    return returned


def _open_closed_streams() -> None:
    """Let what was closed before we began lead nowhere: else a socket would get its descriptor, and what is printed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        continue
    os.close(descriptor)
    nowhere = Path(os.devnull)
    sys.stdout = sys.stdout or nowhere.open("w")
    sys.stderr = sys.stderr or nowhere.open("w")


def _drop_unwritten() -> None:
    """What a stream still holds that cannot be written, on a full disk or into a closed pipe, is dropped.

    Otherwise Python tries again at its end, and that it fails becomes the status: 120, whatever was to be told.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _status(returned: Any) -> int:
    return returned if isinstance(returned, int) else 0
