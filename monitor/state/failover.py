"""What is left of a zone when a server or a provider goes now: who goes on serving it, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.state.status import AddressStatus, ZoneStatus

NO_ANSWER = frozenset({"silent", "not-served"})
"""States of an address that serves nothing now."""
NOT_KNOWN = frozenset({"unknown", "not-asked"})
"""States of an address of which that is not known."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """A server that goes on. ``until`` it serves the zone without its primary, where it has to: None, if it need not,
    or that is not known; ``estimated``: by the SOA's expire, since it does not say itself. ``signatures_end``: when the
    first of its signatures ends, after which who validates believes nothing of it.
    """

    server: str
    until: datetime | None = None
    estimated: bool = False
    signatures_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failover:
    """``lost`` is the primary, or a group of servers (``group``). Those that ``remains`` has stand in order of their
    end, the first that stops first; ``bounded``: all stop in the end, since nobody is left from whom they have the
    zone. Of ``unheard`` servers it is not known whether they serve it.
    """

    lost: str
    group: bool
    bounded: bool
    remains: tuple[Remaining, ...]
    unheard: tuple[str, ...] = ()

    @property
    def dark_at(self) -> datetime | None:
        """When nobody is left; None: that is not known, or does not come to pass by this."""
        ends = [one.until for one in self.remains if one.until is not None]
        return max(ends, default=None) if self.bounded and len(ends) == len(self.remains) else None


def failovers(zone: ZoneStatus) -> tuple[Failover, ...]:
    """For the loss of the primary, where it is known, and of each group (provider) where there are several."""
    found = []
    if zone.primary is not None and any(a.primary for a in zone.addresses):
        found.append(_without(zone, zone.primary, [a for a in zone.addresses if not a.primary], group=False))
    groups = dict.fromkeys(address.group for address in zone.addresses)
    if len(groups) > 1:
        left = {group: [address for address in zone.addresses if address.group != group] for group in groups}
        found += [_without(zone, group, others, group=True) for group, others in left.items()]
    return tuple(found)


def _without(zone: ZoneStatus, lost: str, left: Sequence[AddressStatus], *, group: bool) -> Failover:
    bounded = _is_cut_off(zone, left)
    by_server: dict[str, list[AddressStatus]] = {}
    for address in left:
        if not address.hidden and _serves(address):
            by_server.setdefault(address.server, []).append(address)
    remains = [_remaining(server, each, bounded=bounded) for server, each in by_server.items()]
    remains.sort(key=lambda one: (one.until is None, one.until.timestamp() if one.until else 0.0, one.server))
    unknown = {one.server for one in left if not one.hidden and one.state in NOT_KNOWN}
    return Failover(lost, group, bounded, tuple(remains), tuple(sorted(unknown.difference(by_server))))


def _is_cut_off(zone: ZoneStatus, left: Sequence[AddressStatus]) -> bool:
    """Whether the primary, or who signs, is not among them, or serves nothing now."""
    going_on = [one for one in left if _serves(one) or one.state in NOT_KNOWN]
    is_there = any(one.primary for one in zone.addresses), any(one.signer for one in zone.addresses)
    goes_on = any(one.primary for one in going_on), any(one.signer for one in going_on)
    return any(there and not on for there, on in zip(is_there, goes_on, strict=True))


def _serves(address: AddressStatus) -> bool:
    return address.serial is not None and address.state not in NO_ANSWER | NOT_KNOWN


def _remaining(server: str, addresses: Sequence[AddressStatus], *, bounded: bool) -> Remaining:
    """By the first of its addresses to stop."""
    ends = [(one.expires, one.estimated) for one in addresses if one.expires is not None]
    until, estimated = min(ends, default=(None, False)) if bounded and len(ends) == len(addresses) else (None, False)
    signed = [one.signatures_end for one in addresses if one.signatures_end is not None]
    return Remaining(server, until, estimated, min(signed, default=None))
