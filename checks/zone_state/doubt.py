"""Weighs the silence of servers against the word of witnesses: whether it is theirs, or the monitor is offline.

Over an address family there is *doubt* when no server is heard over it, or when at least half of those that were heard
fall silent together. Then witnesses are asked, and what they say decides (``checks.zone_state.witness``):

- CONNECTED: the servers are silent, whatever their number, and are accused;
- CUT_OFF: the monitor is offline, if no server is heard and at least two are asked, if most that were heard fell silent
  together and these are at least two, or if a witness fell silent with them that had answered before;
- UNCERTAIN, or there are no witnesses: as the servers alone tell it (``checks.zone_state.connectivity``).

Until they have been asked nobody is accused, and nothing is told.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from checks.model import Family
from checks.zone_state.connectivity import Connectivity, is_silent_over, offline_over
from checks.zone_state.witness import WitnessVerdict, WitnessWord

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Silence:
    """How many servers are heard over a family, and how many silent: altogether, and lately together; and since when
    the latest of these is.
    """

    heard: int
    silent: int
    together: int
    newest: datetime

    @property
    def doubtful(self) -> bool:
        return bool(self.silent) and (not self.heard or 0 < self.together >= self.heard)

    @property
    def is_most(self) -> bool:
        """Whether most that were heard fell silent together; one alone may well be dead."""
        return self.together > max(1, self.heard)


def silence(connectivity: Connectivity, family: Family, window: timedelta) -> Silence:
    """``window``: fallen silent within it is together. What was silent when a witness last answered is past."""
    heard: set[str] = set()
    since: dict[str, datetime] = {}
    for (server, address), answered in connectivity.heard.items():
        if address.family is not family:
            continue
        if answered:
            heard.add(server)
        else:
            since[server] = max(since.get(server, _NEVER), connectivity.since.get((server, address), _NEVER))
    silent = {server: at for server, at in since.items() if server not in heard}
    newest, settled = max(silent.values(), default=_NEVER), connectivity.settled.get(family, _NEVER)
    together = sum(1 for at in silent.values() if at > settled and newest - at <= window)
    return Silence(len(heard), len(silent), together, newest)


def weigh(connectivity: Connectivity, witnessed: Container[Family], window: timedelta) -> Connectivity:
    """Decides anew over what the monitor is offline, and where witnesses are to be asked; the very same object while
    nothing changed. ``witnessed``: the families that have witnesses.
    """
    decided: dict[Family, bool] = {}
    words: dict[Family, WitnessWord] = {}
    asking: list[Family] = []
    settled = dict(connectivity.settled)
    for family in Family:
        if family not in witnessed or not is_silent_over(connectivity, family):
            continue
        found = silence(connectivity, family, window)
        if not found.doubtful:
            continue
        word = connectivity.words.get(family)
        if word is None or word.at < found.newest <= word.at + window:
            known = family in connectivity.told
            asking += [] if known else [family]
            if found.heard or (known and connectivity.decided.get(family)):
                decided[family] = True
            words |= {family: word} if word is not None else {}
            continue
        words[family] = word
        verdict = word.verdict(other_family=_is_other_heard(connectivity, family))
        answer = _decision(found, word, verdict)
        if answer is not None:
            decided[family] = answer
        if answer is False and verdict is not WitnessVerdict.CUT_OFF:  # then more may yet fall silent with these
            settled[family] = word.at
    doubtful = tuple(family for family in Family if family in words or family in asking)
    offline = tuple(f for f in Family if offline_over(f, connectivity.pattern_counts, decided))
    sure = offline if not asking else tuple(f for f in offline if f in decided or f in connectivity.told)
    told = tuple(family for family in sure if family not in asking)
    after = replace(
        connectivity, decided=decided, words=words, settled=settled, doubtful=doubtful, asking=tuple(asking),
        told=told, offline=offline,
    )  # fmt: skip
    return connectivity if _weighed(connectivity) == _weighed(after) else after


def _weighed(connectivity: Connectivity) -> tuple[object, ...]:
    one = connectivity
    return one.decided, one.words, one.settled, one.doubtful, one.asking, one.told, one.offline


def _decision(found: Silence, word: WitnessWord, verdict: WitnessVerdict) -> bool | None:
    """Whether the monitor is offline; None: as the servers alone tell it."""
    if verdict is WitnessVerdict.CONNECTED:
        return False
    if verdict is WitnessVerdict.CUT_OFF and (word.proven or (found.is_most if found.heard else found.silent > 1)):
        return True
    return False if found.heard else None


def _is_other_heard(connectivity: Connectivity, family: Family) -> bool:
    return any(
        count > 0 and any(answered and over is not family for over, answered in pattern)
        for pattern, count in connectivity.pattern_counts.items()
    )


def hear(connectivity: Connectivity, family: Family, word: WitnessWord) -> Connectivity:
    """What is known once the witnesses of a family have spoken; ``weigh`` makes of it what it means."""
    return replace(connectivity, words={**connectivity.words, family: word})
