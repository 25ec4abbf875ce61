"""Whose serials are whose in a zone that is signed on its way from the primary to those who serve it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from checks.model import Server

SIGNED_GROUP = "signed"
"""The serial group of a signer, and of those who have the zone from it, where it is not said to be in another one; with
a number behind it where others are called so.
"""


def with_signer(servers: Sequence[Server], primary: str, signer: str) -> tuple[Server, ...]:
    """The servers of a zone that ``signer`` signs: it and all behind it are in a serial group of their own.

    Before it are the primary and those that are said to have the zone from there, by their upstream; who says nothing
    is behind it. A server that is in a group apart from the primary's stays there; where that is not the signer's
    either, it has the zone from somewhere else, as from another provider.
    """
    known = {server.name: server for server in servers}
    if primary not in known or signer not in known:
        return tuple(servers)
    unsigned, own = known[primary].group, known[signer].group
    group = own if own != unsigned else _free_group({server.group for server in servers})
    before = _before(known, primary, signer)
    elsewhere = {server.name for server in servers if server.group not in (unsigned, group)}
    return tuple(
        server
        if server.name in before or server.name in elsewhere
        else replace(
            server,
            group=group if server.group == unsigned else server.group,
            upstream=server.upstream or ((primary,) if server.name == signer else (signer,)),
        )
        for server in servers
    )


def _free_group(taken: Collection[str]) -> str:
    numbered = (f"{SIGNED_GROUP}-{number}" for number in count(2))
    return next(name for name in chain((SIGNED_GROUP,), numbered) if name not in taken)


def _before(known: Mapping[str, Server], primary: str, signer: str) -> set[str]:
    """Who has the zone unsigned: those the signer has it from, and those who have it from nobody else than these."""
    before, road = {primary}, list(known[signer].upstream)
    while road:
        name = road.pop()
        if name in known and name not in before and name != signer:
            before.add(name)
            road.extend(known[name].upstream)
    size = 0
    while size < len(before):
        size = len(before)
        before.update(
            server.name
            for server in known.values()
            if server.name != signer and server.upstream and before.issuperset(server.upstream)
        )
    return before
