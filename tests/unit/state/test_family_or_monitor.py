"""All IPv6 addresses are silent: the monitor's own trouble, unless a witness answers over IPv6."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from alerting.render import render
from checks.model import Address, Family, Server, Zone, ZonePoll
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from checks.zone_state.witness import Witness, WitnessAnswer, WitnessReply, WitnessWord
from monitor.state.monitor_state import MonitorState
from monitor.state.offline import use_witnesses
from monitor.state.pipeline import process
from monitor.state.ports import PollMessage, WitnessPoll
from tests.support.at_once import reminders
from tests.support.monitor_state import MINUTE, minute, plan
from tests.support.observations import seen

SERVERS = tuple(Server(f"ns{n}", (Address(f"203.0.{n}.1"), Address(f"2001:db8:{n}::1"))) for n in range(1, 4))
ZONES = tuple(Zone(name, SERVERS, "ns1") for name in ("a.example.", "b.example."))


def look(zone: Zone, at: datetime, *, ipv6: str) -> ZonePoll:
    """A look at every address; those of IPv6 do what the token says."""
    queries = Reachable().queries(zone, ())
    every = [seen(each, ipv6 if each.address.family is Family.IPV6 else "10", at) for each in queries]
    return ZonePoll(zone.name, "reachable", at, MINUTE, tuple(every))


def said(answer: WitnessAnswer, at: datetime) -> WitnessPoll:
    witness = Witness(Address("2001:db8:ff::53"), named=True)
    return WitnessPoll(Family.IPV6, WitnessWord(at, (WitnessReply(witness, answer, proven=True),)))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (WitnessAnswer.ANSWERED, "3 of 3 IPv6 addresses do not answer; their IPv4 addresses do"),
        (
            WitnessAnswer.SILENT,
            (
                "the monitor: no server answers over ipv6 (3 are asked), nor does the witness 2001:db8:ff::53, "
                "while ipv4 works"
            ),
        ),
    ],
)
def test_servers_that_are_silent_over_ipv6_are_one_incident_and_the_monitor_is_another(
    answer: WitnessAnswer, told: str
) -> None:
    memory, watched = MonitorState(), plan(*ZONES, checks=(SoaSerial(), Reachable()))
    use_witnesses(memory, (Family.IPV6,))
    heard: list[str] = []

    def batch(at: float, polls: Sequence[PollMessage]) -> None:
        commit, _ = process(memory, polls, watched, minute(at))
        heard.extend(render(each).subject for each in commit.messages)

    batch(0, [look(zone, minute(0), ipv6="10") for zone in ZONES])
    for at in (1, 2, 3):
        batch(at, [look(zone, minute(at), ipv6="-") for zone in ZONES])
        batch(at, [said(answer, minute(at))])
    heard += [render(each).subject for each in reminders(memory, watched, minute(4)).messages]
    assert [subject.partition("] ")[2] for subject in heard] == [told]
