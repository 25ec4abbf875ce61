"""soawatch demo: everything once, on the bundled pair."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from monitor.demo import Noticed, Stage
    from monitor.pair.fault import Fault

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

    Nothing beyond loopback is used, and nothing is left behind. Takes about two minutes. Exit status 0 when
    everything was noticed that had to be, and nothing else.
    """
    import asyncio
    import logging

    from rich.console import Console

    from monitor.commands.failure import Failure
    from monitor.config.errors import ConfigError
    from monitor.demo import SCENES, scene
    from monitor.logs import set_up
    from monitor.pair.control import ControlError
    from monitor.pair.faults import UnknownFault
    from monitor.web.listening import CannotListen

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

    from monitor import demo
    from monitor.clock import now

    began = now()
    performing = asyncio.current_task()
    assert performing is not None  # noqa: S101 - we run in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, performing.cancel)
    async with demo.stage(listen, controlled=keep) as stage:
        introduce(console, stage)
        with console.status("waiting until all is seen to be well …"):
            seconds = await demo.ready(stage)
        console.print(f"After {seconds:.1f} s all {len(demo.ZONES)} zones were seen to be well.\n")
        played = []
        with console.status("") as status:
            for number, fault in enumerate(faults, 1):
                console.print(f"[bold]{number:2}. {fault.story}[/bold] [dim]({fault.name})[/dim]", soft_wrap=True)
                status.update(f"{number} of {len(faults)}: watching …")
                noticed = await demo.play(
                    stage, fault, lambda text: console.print(hanging(text, console.width), markup=False)
                )
                console.print(ending(noticed))
                played.append(noticed)
        told = demo.sum_up(played, began)
        console.print()
        if told.harmless:
            console.print(f"{told.silent} of {told.harmless} harmless faults were ridden out in silence.")
        console.print(f"demo: {told.noticed} of {told.faults} faults noticed")
        if keep:
            await stay(console, stage)
    return 0 if told.all_well else 1


def hanging(text: str, width: int) -> str:
    """Indented, the lines after the first a little more."""
    return fill(text, max(40, width), initial_indent=" " * 6, subsequent_indent=" " * 14)


def introduce(console: "Console", stage: "Stage") -> None:
    pair = stage.pair
    console.print(
        "soawatch demo: a primary, a secondary and the service, on loopback, on a fast clock.", soft_wrap=True
    )
    console.print(f"  primary    ns1  {pair.primary.address}")
    console.print(f"  secondary  ns2  {pair.secondary.address}")
    console.print(f"  page            {stage.page}\n")


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
