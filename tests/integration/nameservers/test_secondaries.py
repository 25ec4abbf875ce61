"""Which zones real secondaries refuse, read off the four servers: the facts that a whole transfer is evaluated by.

When a new version of a server takes or refuses something else, this is the test that says so first.
"""

from collections import Counter
from contextlib import AsyncExitStack

from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import eventually
from tests.support.nameserver import REFUSED, Asked, Connection, Nameserver, asked, reply
from tests.support.refused import CASES, NAMES, SERIAL, soa, zone

AFRESH = {
    "bind": "rndc retransfer {}",
    "knot": "knotc zone-retransfer {}",
    "nsd": "nsd-control force_transfer {}",
    "powerdns": "pdns_control retrieve {}",
}
INITIALS = dict(zip(SOFTWARE, NAMES, strict=True))
ZONES = {f"z{number}.test.": name for number, name in enumerate(CASES)}

EDNS_REFUSED = "plain.test."


class Primary:
    """Serves every zone, one after the other over a connection, and counts who came to transfer which."""

    def __init__(self) -> None:
        self.transfers: Counter[str] = Counter()
        self.edns: set[bool] = set()
        """Whether EDNS came with what asked to transfer the zone that is refused to EDNS."""
        self.serial = SERIAL
        self.nameserver = Nameserver(lambda query: [reply(query, [soa(self.serial)])], self._tcp)

    async def _tcp(self, query: Asked, connection: Connection) -> None:
        while True:
            if query.type == 6:
                await connection.send(reply(query, [soa(self.serial)]))
            else:
                await self._transfer(query, connection)
            length = int.from_bytes(await connection.reader.readexactly(2), "big")
            query = asked(await connection.reader.readexactly(length))

    async def _transfer(self, query: Asked, connection: Connection) -> None:
        name = query.name[1 : 1 + query.name[0]].decode().lower() + ".test."
        self.transfers[name] += 1
        if name == EDNS_REFUSED:
            self.edns.add(query.edns)
        if name == EDNS_REFUSED and query.edns:
            await connection.send(reply(query, rcode=REFUSED, aa=False))
        elif name in ZONES:
            await CASES[ZONES[name]].script(query, connection)
        else:
            await zone(serial=STALE.get(name, SERIAL) if self.serial != SERIAL else SERIAL)(query, connection)


def takes(lab: Lab) -> dict[str, str]:
    """Case → the initials of those who serve the zone."""
    return {
        name: "".join(INITIALS[one.software] for one in lab.servers if one.serial(served) is not None)
        for served, name in ZONES.items()
    }


async def test_each_zone_is_taken_and_refused_by_those_that_the_table_names() -> None:
    """Each software follows a primary of its own, for every zone, and has asked at least once for each."""
    primaries = {software: Primary() for software in SOFTWARE}
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab())
        for software, primary in primaries.items():
            await stack.enter_async_context(primary.nameserver)
            lab.server(software, software).follow(primary.nameserver.address, *ZONES, key=None, notify=False)
        await lab.started()
        await eventually(
            lambda: all(set(primary.transfers) == set(ZONES) for primary in primaries.values()),
            lambda: f"zones asked for: { {s: len(p.transfers) for s, p in primaries.items()} }",
            seconds=40,
        )
        right = {name: case.takes for name, case in CASES.items()}
        asked_again: set[tuple[str, str]] = set()

        def settled() -> bool:
            """Who has not taken a zone yet that it takes may have lost its first attempt, and BIND waits long then."""
            now = takes(lab)
            names = {name: served for served, name in ZONES.items()}
            for one in lab.servers:
                for name, served in names.items():
                    letter = INITIALS[one.software]
                    if letter in right[name] and letter not in now[name] and (one.name, name) not in asked_again:
                        asked_again.add((one.name, name))
                        order(one, AFRESH[one.software].format(served))
            return now == right

        await eventually(
            settled,
            lambda: f"case, who takes it: {dict(takes(lab).items() - right.items())}",
            seconds=40,
        )


STALE = {"older.test.": SERIAL - 1, "same.test.": SERIAL, "between.test.": SERIAL + 1}
"""Zone → the serial of its transfer, while the question for its SOA says SERIAL + 2."""

KEPT = {
    #                 BIND, Knot, NSD, PowerDNS
    "older.test.":   (SERIAL, SERIAL - 1, SERIAL, SERIAL - 1),
    "same.test.":    (SERIAL, SERIAL, SERIAL, SERIAL),
    "between.test.": (SERIAL + 1, SERIAL + 1, SERIAL + 1, SERIAL + 1),
}  # fmt: skip


async def test_nobody_gets_what_the_soa_promises_from_a_transfer_of_an_older_serial() -> None:
    """They come for it again at each look; two take even what is older than what they have, and go back."""
    primaries = {software: Primary() for software in SOFTWARE}
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab())
        for software, primary in primaries.items():
            await stack.enter_async_context(primary.nameserver)
            lab.server(software, software).follow(primary.nameserver.address, *STALE, key=None, notify=False)
        await lab.started()
        for name in STALE:
            for server in lab.servers:
                await eventually(lambda s=server, n=name: s.serial(n) == SERIAL, f"{server!r} has {name}", seconds=20)
        for primary in primaries.values():
            primary.serial = SERIAL + 2
            primary.transfers.clear()

        def asked_again() -> bool:
            for server in lab.servers:
                for name in STALE:
                    server.nudge(name)
            return all(primary.transfers[name] >= 2 for primary in primaries.values() for name in STALE)

        def kept() -> dict[str, tuple[int | None, ...]]:
            return {name: tuple(server.serial(name) for server in lab.servers) for name in STALE}

        await eventually(asked_again, lambda: f"{ {s: p.transfers for s, p in primaries.items()} }", seconds=40)
        await eventually(lambda: kept() == KEPT, lambda: f"serials kept: {kept()}", seconds=10)


async def test_most_ask_for_a_transfer_without_edns_and_get_what_is_refused_only_with_it() -> None:
    """So must whoever finds out whether a zone is given away."""
    primaries = {software: Primary() for software in SOFTWARE}
    asked_for: dict[str, set[bool]] = {software: set() for software in SOFTWARE}
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab())
        for software, primary in primaries.items():
            primary.edns = asked_for[software]
            await stack.enter_async_context(primary.nameserver)
            lab.server(software, software).follow(primary.nameserver.address, EDNS_REFUSED, key=None, notify=False)
        await lab.started()
        await eventually(lambda: all(asked_for.values()), lambda: f"{asked_for}", seconds=40)
        assert asked_for == {"bind": {False}, "knot": {True}, "nsd": {False}, "powerdns": {False}}
        takes_it = [one for one in lab.servers if not asked_for[one.software] & {True}]
        for server in takes_it:
            await eventually(lambda s=server: s.serial(EDNS_REFUSED) == SERIAL, f"{server!r} has it", seconds=20)
