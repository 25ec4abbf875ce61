"""Several machines behind one address, one of them stale for good, from looks to messages: one incident, told once."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from alerting.incident import IncidentEvent
from alerting.model import Policy
from alerting.notification import OutboxMessage
from checks.model import Zone
from checks.zone_state.model import ZoneState
from monitor.state.monitor_state import MonitorState
from monitor.state.pipeline import process
from monitor.store.codec import decode, encode
from tests.support.monitor_state import minute, plan
from tests.support.observations import QUICK, checked_at, zone

OPENED, RESOLVED, REMINDED = IncidentEvent.OPENED, IncidentEvent.RESOLVED, IncidentEvent.REMINDED
POLICY = Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(hours=4))
BROKEN, REPAIRED, AFTER = 30, 5 * 60, 90
PAIR = zone()

Turns = Callable[[int, random.Random], int]
TURNS: dict[str, Turns] = {
    "in strict alternation": lambda look, _: look % 2,
    "one of two": lambda _, rng: rng.randrange(2),
    "one of three": lambda _, rng: rng.randrange(3),
}
"""Look → the machine that answers; 0 is the stale one."""


def restarted(memory: MonitorState) -> None:
    """What is known of zones goes to the store and back."""
    for name, known in dict(memory.zone_states).items():
        memory.zone_states[name] = decode(ZoneState, encode(known))


def told(
    turns: Turns,
    at_work: str,
    seed: int,
    watched: Zone = PAIR,
    *,
    names: str = "m{machine}",
    restarts: tuple[int, ...] = (),
    repaired: int = REPAIRED,
) -> list[OutboxMessage]:
    """All messages of five hours in which machine 0 of the server ``at_work`` misses every version from BROKEN on, of
    which there is one in two hours, until it is ``repaired``, and of a while after that.
    """
    rng, memory, rules = random.Random(seed), MonitorState(), plan(watched, policy=POLICY)
    heard: list[OutboxMessage] = []
    for look in range(repaired + AFTER):
        newest = 10 + max(0, look - BROKEN + 120) // 120
        tokens = {server.name: f"{newest}" for server in watched.servers}
        machine = turns(look, rng)
        serial = 10 if machine == 0 and look < repaired else newest
        name = names.format(machine=machine, random=rng.randrange(10**9))
        tokens[at_work] = f"{serial}@{name}" if name else f"{serial}"
        commit, _ = process(memory, [checked_at(watched, tokens, minute(look), QUICK)], rules, minute(look))
        heard += commit.messages
        if look in restarts:
            restarted(memory)
    return heard


def events(messages: list[OutboxMessage]) -> list[IncidentEvent]:
    return [message.event for message in messages if message.event is not REMINDED]


@pytest.mark.parametrize("names", ["m{machine}", "", "same"], ids=["NSID", "no NSID", "one NSID for all"])
@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_one_stale_machine_is_one_incident_told_once(turns: Turns, names: str) -> None:
    one_incident(turns, names, 0, REPAIRED)


@pytest.mark.long
@pytest.mark.parametrize("names", ["m{machine}", "", "same"], ids=["NSID", "no NSID", "one NSID for all"])
@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("seed", range(10))
def test_so_it_is_in_days(turns: Turns, names: str, seed: int) -> None:
    one_incident(turns, names, seed, 2 * 24 * 60)


def one_incident(turns: Turns, names: str, seed: int, repaired: int) -> None:
    messages = told(turns, "ns2", seed, names=names, repaired=repaired)
    news = [one for one in events(messages) if one is not IncidentEvent.WORSENED]
    assert news == [OPENED, RESOLVED]
    assert len({message.incident.id for message in messages}) == 1
    name = "the one with NSID m0" if "machine" in names else "one of them ("
    assert name in messages[0].incident.lines[0].text


@pytest.mark.parametrize("names", ["m{machine}", ""], ids=["NSID", "no NSID"])
@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_so_it_is_at_the_primary_and_no_secondary_is_ever_ahead_of_it(turns: Turns, names: str) -> None:
    messages = told(turns, "ns1", 1, names=names)
    assert [one for one in events(messages) if one is not IncidentEvent.WORSENED] == [OPENED, RESOLVED]
    codes = {line.code for message in messages for line in message.incident.lines}
    assert codes <= {"serial-late", "serial-overdue", "serial-stuck"}


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_so_it_is_without_a_primary_and_through_restarts(turns: Turns) -> None:
    messages = told(turns, "ns2", 2, zone(primary=None), names="", restarts=(100, 200, 201, 320))
    assert [one for one in events(messages) if one is not IncidentEvent.WORSENED] == [OPENED, RESOLVED]
    messages = told(turns, "ns2", 2, names="m{machine}", restarts=(100, 200, 201, 320))
    assert [one for one in events(messages) if one is not IncidentEvent.WORSENED] == [OPENED, RESOLVED]
