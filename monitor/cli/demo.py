"""soawatch demo: everything once, on the bundled pair."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from monitor.cli.demo_runner import Noticed, Stage
    from monitor.pair.faults import Fault

TERMINATED = 143


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from monitor.pair.faults import FAULTS

    return [name for name in FAULTS if name.startswith(incomplete)]


@click.command()
@click.option("--only", "names", metavar="FAULT", multiple=True, shell_complete=_names,
              help="Play this fault only; can be repeated. soawatch pair faults lists all.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Stay afterwards: page open, pair running, until Ctrl-C.")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0", show_default=True,
              help="Where the page is (loopback only).")  # fmt: skip
def command(names: tuple[str, ...], keep: bool, listen: str) -> int:
    """Start a primary, a secondary and the service on loopback; break them; show what is noticed, and how fast.

    Several faults are played at a time, each on a primary and a secondary of its own. Nothing beyond loopback is
    used, and nothing is left behind. Takes less than a minute. Exit status 0 when everything was noticed that had
    to be, and nothing else.
    """
    import asyncio
    import logging

    from rich.console import Console

    from monitor.cli.demo_runner import SCENES, scene
    from monitor.cli.errors import Failure
    from monitor.cli.logging import set_up
    from monitor.config.errors import ConfigError
    from monitor.pair.control import ControlError
    from monitor.pair.faults import UnknownFault
    from monitor.web.listener import CannotListen

    try:
        faults = [scene(name) for name in names or SCENES]
    except UnknownFault as error:
        raise click.BadParameter(str(error), param_hint="--only") from None
    set_up("console", "critical")
    logging.captureWarnings(capture=True)
    try:
        return asyncio.run(perform(Console(highlight=False), faults, keep=keep, listen=listen))
    except ConfigError as error:
        raise click.BadParameter(error.mistakes[0].text, param_hint="--listen") from None
    except CannotListen as error:
        raise Failure(f"--listen: {error}") from None
    except ControlError as error:
        raise Failure(str(error)) from None
    except asyncio.CancelledError:
        return TERMINATED


async def perform(console: "Console", faults: "Sequence[Fault]", *, keep: bool, listen: str) -> int:
    import asyncio
    import signal

    from monitor.cli import demo_runner as demo
    from monitor.clock import now

    began = now()
    performing = asyncio.current_task()
    assert performing is not None  # noqa: S101 - we run in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, performing.cancel)
    async with demo.stage(listen, controlled=keep, pairs=min(len(faults), demo.AT_ONCE)) as stage:
        introduce(console, stage)
        with console.status("waiting until all is seen to be well …"):
            seconds = await demo.ready(stage)
        count = sum(len(pair.zones) for pair in stage.pairs)
        console.print(f"After {seconds:.1f} s all {count} zones were seen to be well.\n")
        with console.status("") as status:
            played = await demo.play_all(stage, faults, Programme(console, status, faults).hear)
        told = demo.sum_up(played, began)
        console.print()
        if told.harmless:
            console.print(f"{told.silent} of {told.harmless} harmless faults were ridden out in silence.")
        console.print(f"demo: {told.noticed} of {told.faults} faults noticed")
        if keep:
            await stay(console, stage)
    return 0 if told.all_well else 1


class Programme:
    """Prints what is noticed in the order of the faults, though several are played at a time.

    Of the first that is not over yet each thing is printed as it comes; what is said of later ones waits for its turn.
    """

    def __init__(self, console: "Console", status: "Status", faults: "Sequence[Fault]") -> None:
        self._console = console
        self._status = status
        self._faults = faults
        self._waiting: list[list[str | Noticed]] = [[] for _ in faults]
        self._turn = 0
        self._begin()

    def hear(self, index: int, said: "str | Noticed") -> None:
        self._waiting[index].append(said)
        while self._turn < len(self._faults) and self._waiting[self._turn]:
            self._print(self._waiting[self._turn].pop(0))

    def _print(self, said: "str | Noticed") -> None:
        if isinstance(said, str):
            self._console.print(hanging(said, self._console.width), markup=False)
            return
        self._console.print(ending(said))
        self._turn += 1
        self._begin()

    def _begin(self) -> None:
        if self._turn < len(self._faults):
            fault = self._faults[self._turn]
            heading = f"[bold]{self._turn + 1:2}. {fault.story}[/bold] [dim]({fault.name})[/dim]"
            self._console.print(heading, soft_wrap=True)
            self._status.update(f"{self._turn + 1} of {len(self._faults)}: watching …")


def hanging(text: str, width: int) -> str:
    """Indented, the lines after the first a little more."""
    return fill(text, max(40, width), initial_indent=" " * 6, subsequent_indent=" " * 14)


def introduce(console: "Console", stage: "Stage") -> None:
    from monitor.cli.demo_runner import server_names

    console.print(
        "soawatch demo: primaries, their secondaries and the service, on loopback, on a fast clock.", soft_wrap=True
    )
    for number, pair in enumerate(stage.pairs):
        primary, secondary = server_names(number)
        console.print(
            f"  primary  {primary}  {pair.primary.address!s:15}  secondary  {secondary}  {pair.secondary.address}",
            soft_wrap=True,
        )
    console.print(f"  page     {stage.page}\n", soft_wrap=True)


def ending(noticed: "Noticed") -> str:
    fault = noticed.fault
    if noticed.as_expected and not fault.codes:
        return "      [green]nothing was raised, as it should be[/green]"
    if noticed.as_expected and noticed.resolved is None:
        return "      [green]mended; it was shown, and is too small to be told of[/green]"
    if noticed.as_expected:
        return f"      [green]mended; {noticed.resolved:.1f} s later told that it is over[/green]"
    missing = ", ".join(sorted(set(fault.codes) - set(noticed.codes)))
    what = f"not noticed: {missing}" if missing else "something else was raised" if not fault.codes else "not told"
    return f"      [red]{what}[/red]"


async def stay(console: "Console", stage: "Stage") -> None:
    import asyncio
    import signal

    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    for line in (
        "",
        f"Everything stays until Ctrl-C. The page: {stage.page}",
        "To break more, from another terminal:",
        "  soawatch pair faults",
        f"  soawatch pair break lame -d {stage.directory}",
        f"  soawatch pair change -d {stage.directory}",
        f"  soawatch pair mend -d {stage.directory}",
    ):
        console.print(line, soft_wrap=True, markup=False)
    await end.wait()
