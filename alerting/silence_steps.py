"""Other silences than before, followed through the alerts that stand, in steps."""

from collections.abc import Generator, Iterable

from alerting.incident_index import IncidentIndex
from alerting.model import AlertKey
from alerting.silences import ActiveSilences, Matchers

COMPARISONS_PER_STEP = 500
"""So many alerts are compared with a silence before others have their turn …"""

ALERTS_PER_STEP = 50
"""… or so many of them are told of otherwise than before."""


def follow_silences(index: IncidentIndex, silences: ActiveSilences) -> Generator[None, None, None]:
    """The index by these silences. All alerts are compared with those that have begun or ended, and only what these
    match is counted anew. Nothing of it may change meanwhile.
    """
    before, after = ({one.id: one.matchers for one in each.silences} for each in (index.silences, silences))
    index.silences = silences
    begun = [matchers for name, matchers in after.items() if before.get(name) != matchers]
    ended = [matchers for name, matchers in before.items() if after.get(name) != matchers]
    keys = [*index.grave]
    yield from _count_anew(index, ended, keys)
    yield from _count_anew(index, begun, reversed(keys))  # what is taken out of a row is taken from its end


def _count_anew(index: IncidentIndex, changed: list[Matchers], keys: Iterable[AlertKey]) -> Generator[None, None, None]:
    compared, counted, labels_of = 0, 0, index.dependency_graph.labels
    for key in keys if changed else ():
        compared += len(changed)
        if any(matchers.match(index.grave[key], labels_of) for matchers in changed):
            counted += 1
            yield from index.separate(key)
            index.place_again(key)
        if compared >= COMPARISONS_PER_STEP or counted >= ALERTS_PER_STEP:
            compared = counted = 0
            yield
