"""Lists of zones that are asked for by HTTP, as sources of zones: what the API of a PowerDNS server names."""

from dataclasses import dataclass
from datetime import timedelta

from alerting.tls_trust import Trust
from checks.common.text import one_line
from monitor.config.model import PolledList, ZoneEntry
from monitor.config.zone_sources import SourceTrouble
from monitor.service.followed_source import Reading, SourceState, SourceUnread, ZoneGroups
from monitor.service.powerdns_api import listed_zones
from monitor.service.zone_list_reader import ListUnread

POWERDNS = "powerdns "
"""How the names of these sources begin."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """Its zones have no groups, and those that are removed from it are not asked for. The certificates that are trusted
    are read once for all of them.
    """

    polled: PolledList
    trust: Trust

    @property
    def name(self) -> str:
        return f"{POWERDNS}{self.polled.url}"

    @property
    def refresh(self) -> timedelta:
        return self.polled.refresh

    @property
    def max_shrink(self) -> float:
        return self.polled.max_shrink

    @property
    def watch_removed(self) -> timedelta:
        return timedelta(0)

    def entry(self, groups: ZoneGroups) -> ZoneEntry:
        return self.polled.entry

    def removed(self, groups: ZoneGroups) -> ZoneEntry:
        return ZoneEntry("")

    async def read(self, known: SourceState, announced_by: str) -> Reading:
        try:
            listed = await listed_zones(self.polled.url, self.polled.api_key, self.trust)
        except ListUnread as error:
            raise SourceUnread(SourceTrouble.failing(self.name, one_line(str(error)))) from None
        return Reading(dict.fromkeys(listed.names, ()), passed_over=listed.passed_over)

    def packed(self, state: SourceState) -> str:
        return "\n".join(sorted(state.believed))

    def unpacked(self, body: str) -> SourceState:
        return SourceState(believed=dict.fromkeys(filter(None, body.split("\n")), ()))
