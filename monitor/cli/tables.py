"""Prints tables on a terminal."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from checks.common.text import one_line


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """One table: what it is called, its columns, its rows, and what is said below it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    below: str = ""


def show(listings: Iterable[PrintedTable]) -> None:
    """With lines and colours on a terminal, else in plain columns."""
    if sys.stdout.isatty():
        _show_rich(listings)
        return
    for listing in listings:
        click.echo(listing.title)
        rows = [tuple(map(one_line, row)) for row in (listing.columns, *listing.rows)] if listing.rows else []
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        click.echo(f"  {listing.below}\n" if listing.below else "")


def _show_rich(listings: Iterable[PrintedTable]) -> None:
    """Without columns that are empty; what does not fit goes on in the next line, and is never cut off."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for listing in listings:
        console.print(Text(listing.title, style="bold"))
        used = [i for i in range(len(listing.columns)) if any(row[i] for row in listing.rows)]
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
        for i in used:
            table.add_column(listing.columns[i], overflow="fold")
        for row in listing.rows:
            table.add_row(*(Text(one_line(row[i])) for i in used))
        if listing.rows:
            console.print(table)
        console.print(Text(listing.below + "\n" if listing.below else "", style="dim"))
