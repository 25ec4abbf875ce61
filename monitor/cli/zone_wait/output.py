"""Shows a wait: a live table on a terminal, lines in a pipe, JSON for programs."""

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from checks.common.text import one_line, plural
from checks.common.wait_progress import AddressProgress, WaitProgress
from checks.common.wait_text import Ended, goal_text, precise, result_text, state_text
from checks.model import Family
from monitor.cli.zone_wait.run import Reporter
from monitor.cli.zone_wait.target import WaitTarget
from monitor.clock import monotonic
from monitor.probe.message.names import show

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

REFRESH_RATE = 8
"""Times a second that the table on a terminal is drawn."""


def reporter(timeout: float, *, quiet: bool, as_json: bool) -> Reporter:
    """How a wait is shown to whoever listens."""
    if as_json:
        return JsonLines()
    if quiet:
        return Quiet()
    return LiveTable(timeout) if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else ProgressLines(timeout)


class Quiet:
    """Nothing while it goes on; who is late at the end, on stdout."""

    def __init__(self) -> None:
        self._began = monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return monotonic() - self._began

    def begin(self, target: WaitTarget) -> None:
        """Shows what is waited for."""

    def tell(self, progress: WaitProgress, one: AddressProgress) -> None:
        """Shows one address."""

    def end(self, progress: WaitProgress, ended: Ended) -> None:
        """Shows the result."""
        if ended is not Ended.DONE:
            self._result(progress, ended)

    def close(self) -> None:
        """Leaves the terminal as it was."""

    def _result(self, progress: WaitProgress, ended: Ended) -> None:
        title, *late = result_text(progress, ended, self.seconds)
        lines = [f"{show(progress.zone)}: {title}", *(f"  {text}" for text in late)]
        lines += [] if ended is Ended.DONE else advice(progress)
        for line in lines:
            click.echo(one_line(line))


class ProgressLines(Quiet):
    """A line on stderr for each thing that happens, and the result on stdout."""

    def __init__(self, timeout: float) -> None:
        super().__init__()
        self._timeout = timeout

    def begin(self, target: WaitTarget) -> None:
        for text in opening(target, self._timeout):
            self._say(text)

    def tell(self, progress: WaitProgress, one: AddressProgress) -> None:
        there = len(progress.chosen)
        self._say(f"{precise(self.seconds):>6}  {state_text(progress, one)}  [{there - len(progress.late)}/{there}]")

    def end(self, progress: WaitProgress, ended: Ended) -> None:
        self._result(progress, ended)

    def _say(self, text: str) -> None:
        click.echo(one_line(text), err=True)


class LiveTable(ProgressLines):
    """A table on stderr that changes in place and stays as it was at the end; colours where they are wanted."""

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self._live: Live | None = None
        self._progress: WaitProgress | None = None
        self._ended: Ended | None = None

    def begin(self, target: WaitTarget) -> None:
        from rich.console import Console
        from rich.live import Live

        super().begin(target)
        self._progress = target.progress
        console = Console(stderr=True, highlight=False, no_color=bool(os.environ.get("NO_COLOR")) or None)
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=REFRESH_RATE)
        self._live.start()

    def tell(self, progress: WaitProgress, one: AddressProgress) -> None:
        self._progress = progress

    def end(self, progress: WaitProgress, ended: Ended) -> None:
        self._progress, self._ended = progress, ended
        self.close()
        super().end(progress, ended)

    def close(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _table(self) -> "RenderableType":
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2, 0, 0))
        progress = self._progress
        if progress is None:
            return table
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold")
        table.add_column(overflow="fold")
        for one in progress.addresses.values():
            mark, style = self._mark(progress, one)
            words = state_text(progress, one).removeprefix(str(one)).strip()
            cells = (one.server, str(one.address), words)
            table.add_row(Text(mark, style=style), *(Text(one_line(cell)) for cell in cells[:2]),
                          Text(one_line(words), style="" if progress.is_good(one) else style))  # fmt: skip
        there = len(progress.chosen)
        if self._ended is None:
            done = there - len(progress.late)
            said = f"{done} of {plural(there, 'address')}, {precise(self.seconds)} of {precise(self._timeout)}"
            table.add_row("", Text(said, style="dim"))
        return table

    def _mark(self, progress: WaitProgress, one: AddressProgress) -> tuple[str, str]:
        """A sign for each state, so that no colour is needed to see it."""
        if progress.is_done(one):
            return "✓", "green"
        if self._ended is not None:
            return "✗", "red"
        if progress.is_good(one):
            return "…", "cyan"
        return "⠋⠙⠹⠸⠼⠴⠦⠧"[int(self.seconds * REFRESH_RATE) % 8], "yellow" if one.looks else "dim"


class JsonLines(Quiet):
    """An object in each line of stdout, as the API sends them."""

    def tell(self, progress: WaitProgress, one: AddressProgress) -> None:
        from monitor.web.wait_schema import step_data

        self._put(step_data(progress, one))

    def end(self, progress: WaitProgress, ended: Ended) -> None:
        from monitor.web.wait_schema import end_data

        self._put(end_data(progress, ended, self.seconds))

    def _put(self, data: dict[str, Any]) -> None:
        click.echo(json.dumps(data))
        sys.stdout.flush()


def opening(target: WaitTarget, timeout: float) -> Sequence[str]:
    """What is known before anybody is asked."""
    progress = target.progress
    there = len(progress.chosen)
    goal = goal_text(progress.awaited, one=there == 1)
    who = f"its address {goal}" if there == 1 else f"all {there} addresses {goal}"
    title = f"{show(progress.zone)}: waiting for up to {precise(timeout)} until {who}"
    return [*(f"note: {note}" for note in target.notes), title]


def advice(progress: WaitProgress) -> list[str]:
    """What can be done about those that could not be asked from here."""
    late = progress.late
    families = {one.address.family for one in late}
    if not late or any(one.look.asked for one in late) or len(families) != 1 or len(late) == len(progress.chosen):
        return []
    over, other = ("IPv6", "-4") if Family.IPV6 in families else ("IPv4", "-6")
    return [f"This machine could not ask over {over}; {other} leaves those addresses out."]
