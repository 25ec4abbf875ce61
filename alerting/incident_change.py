"""What has changed of an incident since it was told of."""

from alerting.incident import Incident, IncidentChange, NotifiedState

MAX_NAMES = 5


def change_since(notified: NotifiedState, heard: Incident, known: Incident | None = None) -> IncidentChange:
    """What is different from what was told then: what is heard in addition, and what of that which is ``known`` is
    over; None: the same.
    """
    known = known or heard
    before, now = set(notified.zones), set(known.zones)
    more = sorted(set(heard.zones) - before)
    unserved = sorted(set(heard.unserved).difference(notified.unserved))
    short = sorted(set(heard.short).difference(notified.short, notified.unserved))
    return IncidentChange(
        severity=notified.severity if notified.severity is not known.severity else None,
        zones=len(notified.zones),
        more_zones=len(more),
        named_zones=tuple(more[:MAX_NAMES]),
        back=len(before.difference(now, known.left_zones, known.moved_zones)),
        left=len(before.intersection(known.left_zones)),
        moved=len(before.intersection(known.moved_zones)),
        servers=tuple(sorted(set(heard.servers).difference(notified.servers)))[:MAX_NAMES],
        servers_back=tuple(sorted(set(notified.servers).difference(known.servers, known.moved_servers)))[:MAX_NAMES],
        codes=tuple(sorted(set(heard.codes).difference(notified.codes))),
        unserved=len(unserved),
        named_unserved=tuple(unserved[:MAX_NAMES]),
        served_again=len(set(notified.unserved).difference(known.unserved, known.moved_unserved)),
        flapping=heard.flapping if heard.flapping is not notified.flapping else None,
        short=len(short),
        named_short=tuple(short[:MAX_NAMES]),
        enough_again=len(set(notified.short).difference(known.short, known.unserved, known.moved_short)),
    )
