"""soawatch demo: faults at bundled nameservers, and what the service notices of them."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from monitor.cli.demo_environment import Environment
    from monitor.cli.demo_runner import FaultResult
    from monitor.pair.faults import Fault

TERMINATED = 143


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from monitor.pair.faults import FAULTS

    return [name for name in FAULTS if name.startswith(incomplete)]


@click.command()
@click.option("--only", "names", metavar="FAULT", multiple=True, shell_complete=_names,
              help="This fault only; can be repeated. soawatch pair faults lists all.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Go on afterwards, with status page and nameservers, until Ctrl-C.")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0", show_default=True,
              help="Where the status page is (loopback only).")  # fmt: skip
def command(names: tuple[str, ...], keep: bool, listen: str) -> int:
    """Start primary and secondary nameservers and the service on loopback; break them; show what is noticed, and when.

    Several faults are shown at a time, each at a primary and a secondary of its own. Nothing beyond loopback is
    used, and nothing is left behind. Takes less than a minute. Exit status 0 when everything was noticed that had
    to be, and nothing else.
    """
    import asyncio
    import logging

    from rich.console import Console

    from monitor.cli.demo_runner import DEMO_FAULTS
    from monitor.cli.errors import Failure
    from monitor.cli.logging import set_up
    from monitor.config.errors import ConfigError
    from monitor.pair.control import ControlError
    from monitor.pair.faults import UnknownFault, fault
    from monitor.probe.cannot_listen import CannotListen

    try:
        faults = [fault(name) for name in names or DEMO_FAULTS]
    except UnknownFault as error:
        raise click.BadParameter(str(error), param_hint="--only") from None
    set_up("console", "critical")
    logging.captureWarnings(capture=True)
    try:
        return asyncio.run(_run(Console(highlight=False), faults, keep=keep, listen=listen))
    except ConfigError as error:
        raise click.BadParameter(error.mistakes[0].text, param_hint="--listen") from None
    except CannotListen as error:
        raise Failure(f"--listen: {error}") from None
    except ControlError as error:
        raise Failure(str(error)) from None
    except asyncio.CancelledError:
        return TERMINATED


async def _run(console: "Console", faults: "Sequence[Fault]", *, keep: bool, listen: str) -> int:
    import asyncio
    import signal

    from monitor.cli.demo_environment import environment
    from monitor.cli.demo_runner import CONCURRENT_FAULTS, ready, run_faults, summarise

    running = asyncio.current_task()
    assert running is not None  # noqa: S101 - we run in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with environment(listen, controlled=keep, pairs=min(len(faults), CONCURRENT_FAULTS)) as on:
        introduce(console, on)
        with console.status("waiting until every zone is good …"):
            seconds = await ready(on)
        count = sum(len(pair.zones) for pair in on.pairs)
        console.print(f"After {seconds:.1f} s all {count} zones are good. The faults, and seconds since each began:\n")
        with console.status("") as status:
            results = await run_faults(on, faults, ProgressPrinter(console, status, faults).report)
        summary = summarise(results)
        console.print()
        if summary.harmless:
            console.print(f"{summary.silent} of {summary.harmless} harmless faults raised no alert.")
        console.print(f"demo: {summary.noticed} of {summary.faults} faults noticed")
        if keep:
            await stay(console, on)
    return 0 if summary.all_well else 1


class ProgressPrinter:
    """Prints what is noticed in the order of the faults, though several are there at a time.

    What is noticed of the first fault that is not over is printed as it comes, the rest when it is its turn.
    """

    def __init__(self, console: "Console", status: "Status", faults: "Sequence[Fault]") -> None:
        self._console = console
        self._status = status
        self._faults = faults
        self._waiting: list[list[str | FaultResult]] = [[] for _ in faults]
        self._current = 0
        self._begin()

    def report(self, index: int, noticed: "str | FaultResult") -> None:
        self._waiting[index].append(noticed)
        while self._current < len(self._faults) and self._waiting[self._current]:
            self._print(self._waiting[self._current].pop(0))

    def _print(self, noticed: "str | FaultResult") -> None:
        if isinstance(noticed, str):
            self._console.print(hanging(noticed, self._console.width), markup=False)
            return
        self._console.print(ending(noticed))
        self._current += 1
        self._begin()

    def _begin(self) -> None:
        if self._current < len(self._faults):
            fault = self._faults[self._current]
            heading = f"[bold]{self._current + 1:2}. {fault.story}[/bold] [dim]({fault.name})[/dim]"
            self._console.print(heading, soft_wrap=True)
            self._status.update(f"{self._current + 1} of {len(self._faults)}: watching …")


def hanging(text: str, width: int) -> str:
    """Indented, the lines after the first a little more."""
    return fill(text, max(40, width), initial_indent=" " * 6, subsequent_indent=" " * 14)


def introduce(console: "Console", on: "Environment") -> None:
    from monitor.cli.demo_environment import server_names

    console.print(
        "soawatch demo: nameservers on loopback, and the service that watches them, every 1.5 s.", soft_wrap=True
    )
    for number, pair in enumerate(on.pairs):
        primary, secondary = server_names(number)
        at, beside = pair.primary.address, pair.secondary.address
        console.print(f"  primary {primary:4}  {at!s:15}  its secondary {secondary:4}  {beside}", soft_wrap=True)
    console.print(f"  status page   {on.page}", soft_wrap=True)
    console.print("  alerts go to a webhook receiver inside the demo")
    if len(on.pairs) > 1:
        console.print(f"Up to {len(on.pairs)} faults at a time, each at a primary and secondary of its own.")
    console.print()


def ending(result: "FaultResult") -> str:
    from monitor.cli.demo_environment import HARMLESS_WATCH_TIME

    fault = result.fault
    if result.as_expected and not fault.codes:
        return f"      [green]no alert in {HARMLESS_WATCH_TIME:g} s, as it should be[/green]"
    if result.as_expected and result.resolved is None:
        return "      [green]fault removed; of severity info, so it was shown and raised no alert[/green]"
    if result.as_expected:
        said = f"fault removed; {result.resolved:.1f} s later the end of the incident was delivered"
        return f"      [green]{said}[/green]"
    if missing := sorted(set(fault.codes) - set(result.codes)):
        return f"      [red]not noticed: {', '.join(missing)}[/red]"
    return f"      [red]{'not delivered' if fault.codes else 'an alert that should not be'}[/red]"


async def stay(console: "Console", on: "Environment") -> None:
    import asyncio
    import signal

    from monitor.cli.pair import program

    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    soawatch = program()
    for line in (
        "",
        f"Everything stays until Ctrl-C. The page: {on.page}",
        "To break more, from another terminal:",
        f"  {soawatch} pair faults",
        f"  {soawatch} pair break lame -d {on.directory}",
        f"  {soawatch} pair change -d {on.directory}",
        f"  {soawatch} pair mend -d {on.directory}",
    ):
        console.print(line, soft_wrap=True, markup=False)
    await end.wait()
