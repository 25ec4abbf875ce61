"""What receivers have heard and are owed, under the names that they have now."""

from dataclasses import replace

from alerting.incident import Storm
from alerting.incidents import OpenIncidents
from alerting.receiver_identity import DestinationHashes, Successors, follow, renamed
from monitor.state.ports import Commit


def readdress(
    before: OpenIncidents, moved: Successors, destinations: DestinationHashes
) -> tuple[OpenIncidents, Commit]:
    """The open incidents by the names of now, and what is to be kept of that.

    Two that have become one are told of what was held back from the one whose name it is. Where all are gone who heard
    of an incident they are still owed its end, which goes to whoever is to hear of it by then.
    """
    heard = (incident for incident in before.incidents.values() if not moved.keys().isdisjoint(incident.told))
    known = (replace(renamed(incident, moved), held=follow(incident.held, moved)) for incident in heard)
    changed = {incident.id: incident for incident in known if incident.told}
    storms = {name: one for name, one in before.storms.items() if name not in moved}
    for name, one in before.storms.items():
        now = moved.get(name)
        if now is not None:
            storms.setdefault(now, replace(one, receiver=now))
    gone = {name: Storm(name) for name in before.storms.keys() - storms.keys()}
    kept = tuple(one for name, one in {**gone, **storms}.items() if one != before.storms.get(name))
    to = {name: now for name, now in moved.items() if now is not None}
    commit = Commit(incidents=tuple(changed.values()), storms=kept, readdressed=to, destinations=destinations)
    return OpenIncidents({**before.incidents, **changed}, past=before.past, storms=storms), commit
