"""The transfer tree of a zone, row by row, in words: for the page and for the commands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.common.text import enumerated, format_duration
from checks.common.transfer_tree import TransferHop
from monitor.state.level import Level

MAX_INDENT = 6
"""Deeper ones stand as far right as these."""


@dataclass(frozen=True, slots=True)
class TreeRow:
    """``indent`` is 0 for where the zone is made; ``word`` what is so at this hop, ``behind`` for how long."""

    server: str
    indent: int
    source: str
    level: Level
    word: str
    behind: str


def tree_rows(tree: Sequence[TransferHop], now: datetime) -> list[TreeRow]:
    """Nothing where every server has the zone from the same one: there is no more to be said than who is late."""
    return list(_rows(tree, now)) if any(hop.depth > 1 for hop in tree) else []


def _rows(tree: Sequence[TransferHop], now: datetime) -> Iterator[TreeRow]:
    for hop in tree:
        behind = format_duration(now - hop.behind_since) if hop.behind_since is not None else ""
        source = enumerated(hop.upstreams, most=4) if hop.upstreams else ""
        yield TreeRow(hop.server, min(hop.depth, MAX_INDENT), source, *_said(hop), behind)


def _said(hop: TransferHop) -> tuple[Level, str]:
    if hop.waits_for is not None:
        return Level.UNKNOWN, f"Waits for {hop.waits_for}"
    if not hop.answers:
        return Level.UNKNOWN, "Serves nothing"
    if hop.behind_since is None:
        return Level.GOOD, "Has what there is"
    return Level.PROPAGATING, "Held up here"


def tree_lines(tree: Sequence[TransferHop], now: datetime) -> Iterator[str]:
    """The same for a terminal, indented by hop, in columns."""
    rows = tree_rows(tree, now)
    names = [f"{'  ' * row.indent}{row.server}" for row in rows]
    width = max(map(len, names), default=0)
    if rows:
        yield "Who transfers from whom:"
    for name, row in zip(names, rows, strict=True):
        late = f", {row.behind} behind" if row.behind else ""
        yield f"  {name.ljust(width)}  {row.word[0].lower()}{row.word[1:]}{late}"
