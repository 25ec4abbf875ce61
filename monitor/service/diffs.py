"""Comparisons of the zones that the service watches, by its own prober and under its caps."""

from collections.abc import Callable, Sequence

from checks.common.transfer_rules import reaches, transfer_query
from checks.common.transfers import allowing_rules
from checks.common.zone_difference import ZoneComparison
from checks.model import Address, Query, Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.polling.sweep import ProbeQueries
from monitor.polling.zone_comparison import TransferSource, compare_zones


class ServiceDiffs:
    """What the web needs to compare: zones as they are watched now, and what one differs in from server to server."""

    def __init__(self, zones: Callable[[], ZoneTable[Zone]], probe: ProbeQueries) -> None:
        self._zones = zones
        self._probe = probe

    def zone(self, name: str) -> Zone | None:
        return self._zones().get(name)

    async def compare(
        self,
        zone: Zone,
        before: Sequence[tuple[Server, Address]],
        after: Sequence[tuple[Server, Address]],
        *,
        dnssec: bool,
        wanted: int,
    ) -> ZoneComparison:
        """As ``compare_zones``. Each is a server, at the first of its addresses that answers, asked as the first rule
        of `transfer` says by which it must give the zone there; without one over TCP and without a key.
        """
        one, other = (TransferSource(at[0][0].name, tuple(_transfers(zone, at))) for at in (before, after))
        return await compare_zones(self._probe, one, other, dnssec=dnssec, wanted=wanted)


def _transfers(zone: Zone, places: Sequence[tuple[Server, Address]]) -> list[Query]:
    found = []
    for server, address in places:
        rules = (rule for rule in allowing_rules(zone.transfers, server.name) if reaches(rule, server, address))
        found.append(transfer_query(zone, server, address, next(rules, None)))
    return found
