"""soawatch demo: everything once, on the bundled pair."""

from textwrap import fill
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from monitor.demo import Noticed, Stage


@click.command()
@click.option("--keep", is_flag=True, help="Stay afterwards: page open, pair running, until Ctrl-C.")
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="Where the page is (loopback only).")
def command(keep: bool, listen: str) -> int:
    """Start a primary, a secondary and the service on loopback; break them; show what is noticed, and how fast.

    Nothing beyond loopback is used, and nothing is left behind. Takes about two minutes. Exit status 0 when
    everything was noticed that had to be, and nothing else.
    """
    import asyncio
    import logging

    from rich.console import Console

    from monitor.logs import set_up

    set_up("console", "critical")
    logging.captureWarnings(capture=True)
    try:
        return asyncio.run(perform(Console(highlight=False), keep=keep, listen=listen))
    except KeyboardInterrupt:
        return 130


async def perform(console: "Console", *, keep: bool, listen: str) -> int:
    from monitor import demo
    from monitor.clock import now

    began = now()
    async with demo.stage(listen) as stage:
        introduce(console, stage)
        seconds = await demo.ready(stage)
        console.print(f"After {seconds:.1f} s all {len(demo.ZONES)} zones were seen to be well.\n")
        played = []
        with console.status("") as status:
            for number, name in enumerate(demo.SCENES, 1):
                fault = demo.scene(name)
                console.print(f"[bold]{number:2}. {fault.story}[/bold] [dim]({name})[/dim]", soft_wrap=True)
                status.update(f"{number} of {len(demo.SCENES)}: watching …")
                noticed = await demo.play(
                    stage, fault, lambda text: console.print(hanging(text, console.width), markup=False)
                )
                console.print(ending(noticed))
                played.append(noticed)
        told = demo.sum_up(played, began)
        console.print(f"\n{told.silent} of {told.harmless} harmless faults were ridden out in silence.")
        console.print(f"demo: {told.noticed} of {told.faults} faults noticed")
        if keep:
            await stay(console, stage)
    return 0 if told.all_well else 1


def hanging(text: str, width: int) -> str:
    """Indented, the lines after the first a little more."""
    return fill(text, max(40, width), initial_indent=" " * 6, subsequent_indent=" " * 14)


def introduce(console: "Console", stage: "Stage") -> None:
    pair = stage.pair
    console.print("soawatch demo: a primary, a secondary and the service, on loopback, on a fast clock.")
    console.print(f"  primary    ns1  {pair.primary.address}")
    console.print(f"  secondary  ns2  {pair.secondary.address}")
    console.print(f"  page            {stage.page}\n")


def ending(noticed: "Noticed") -> str:
    fault = noticed.fault
    if noticed.as_expected and not fault.codes:
        return "      [green]nothing was raised, as it should be[/green]"
    if noticed.as_expected:
        return f"      [green]mended; {noticed.resolved:.1f} s later the receiver was told that it is over[/green]"
    missing = ", ".join(sorted(set(fault.codes) - set(noticed.codes)))
    what = f"not noticed: {missing}" if missing else "something else was raised" if not fault.codes else "not told"
    return f"      [red]{what}[/red]"


async def stay(console: "Console", stage: "Stage") -> None:
    import asyncio
    import contextlib
    import signal

    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    console.print(f"\nThe page stays at {stage.page} until Ctrl-C.")
    with contextlib.suppress(asyncio.CancelledError):
        await end.wait()
