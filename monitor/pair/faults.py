"""Which faults of an operator's life can the pair play, and what should soawatch say of each?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from monitor.pair.conduct import Answers, Condition, Conduct, Stream, Tcp, Transfers, Wire

CHANGED_RECORD = "www 300 A 192.0.2.66"
"""What ``www`` becomes where a fault changes it. The zones that come with the pair have another address there."""


class UnknownFault(ValueError):
    """There is no fault of that name; the sentence says which there are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    ``does`` says what the server then does. ``server`` is where it applies unless told otherwise. ``codes`` are
    the findings that must come of it, in the configuration the pair writes for itself: none means that the
    monitor has to ride it out. ``change`` says that a record must change for it to show. ``story`` is how it is
    told. ``sets`` are the fields of a Conduct.
    """

    name: str
    does: str
    server: str
    codes: tuple[str, ...]
    story: str
    sets: Mapping[str, Any]
    change: bool = False


def _fault(
    name: str, server: str, codes: str, does: str, story: str, *, change: bool = False, **sets: Any
) -> tuple[str, Fault]:
    return name, Fault(name, does, server, tuple(codes.split()), story, MappingProxyType(sets), change)


FAULTS: Mapping[str, Fault] = MappingProxyType(
    dict(
        (
            _fault(
                "frozen",
                "ns2",
                "serial-late serial-overdue",
                "Neither refreshes from its primary nor takes its NOTIFY.",
                "The zone changes on the primary, but the secondary has stopped looking.",
                change=True,
                frozen=True,
            ),
            _fault(
                "deaf",
                "ns2",
                "",
                "Answers NOTIFY and forgets it; it still refreshes by its timer.",
                "A NOTIFY gets lost: the change arrives with the next refresh, and nobody needs to be told.",
                change=True,
                deaf=True,
            ),
            _fault(
                "secondary-wrong-key",
                "ns2",
                "serial-late serial-overdue",
                "Asks its primary with a key that the primary does not know.",
                "After a change of keys the secondary was forgotten: its transfers are refused.",
                change=True,
                own_key_forgotten=True,
            ),
            _fault(
                "secondary-wrong-secret",
                "ns2",
                "serial-late serial-overdue",
                "Asks its primary with the right key name and another secret.",
                "A secret was mistyped on the secondary: its transfers are refused.",
                change=True,
                own_key_mistyped=True,
            ),
            _fault(
                "transfer-refused",
                "ns1",
                "transfer-refused",
                "Refuses every zone transfer.",
                "Someone closes the primary's transfers altogether, also to those who need them.",
                transfers=Transfers.NONE,
            ),
            _fault(
                "transfer-open",
                "ns2",
                "transfer-open",
                "Gives the zone to whoever asks.",
                "The secondary's access list is lost: anybody can read the whole zone.",
                transfers=Transfers.OPEN,
            ),
            _fault(
                "wrong-key",
                "ns1",
                "transfer-refused",
                "Does not know the clients' key any more (BADKEY).",
                "The key was removed from the primary's configuration.",
                forgotten=True,
            ),
            _fault(
                "wrong-secret",
                "ns1",
                "transfer-refused",
                "Has another secret under the clients' key name (BADSIG).",
                "The key's secret was changed on one side only.",
                mistyped=True,
            ),
            _fault(
                "skewed-clock",
                "ns1",
                "transfer-refused",
                "Its clock is 1000 seconds ahead: signatures are out of time (BADTIME).",
                "The primary's clock ran away: signed transfers fail.",
                skew=1000.0,
            ),
            _fault(
                "endless-transfer",
                "ns1",
                "transfer-failed",
                "Starts a transfer and never comes to the end of it.",
                "The primary sends a zone that never ends.",
                stream=Stream.ENDLESS,
            ),
            _fault(
                "truncated-transfer",
                "ns1",
                "transfer-failed",
                "Closes the connection in the middle of a transfer.",
                "Transfers from the primary break off.",
                stream=Stream.TRUNCATED,
            ),
            _fault(
                "unsigned-transfer",
                "ns1",
                "transfer-failed",
                "Answers a signed transfer without a signature.",
                "Something between takes the signatures off the primary's transfers.",
                stream=Stream.UNSIGNED,
            ),
            _fault(
                "dead",
                "ns2",
                "server-unreachable",
                "Answers nothing over UDP and refuses TCP connections.",
                "The secondary is gone.",
                udp=False,
                tcp=Tcp.CLOSED,
            ),
            _fault(
                "udp-dead",
                "ns2",
                "no-answer",
                "Drops every UDP packet.",
                "A filter swallows UDP to the secondary.",
                udp=False,
            ),
            _fault(
                "tcp-dead",
                "ns2",
                "tcp-unreachable",
                "Refuses TCP connections.",
                "A firewall rule closes TCP/53 on the secondary: large answers and transfers are lost.",
                tcp=Tcp.CLOSED,
            ),
            _fault(
                "tcp-silent",
                "ns2",
                "tcp-unreachable",
                "Accepts TCP connections and never answers on them.",
                "TCP connections to the secondary hang.",
                tcp=Tcp.SILENT,
            ),
            _fault(
                "slow",
                "ns2",
                "",
                "Answers 400 ms late.",
                "The secondary is slow: annoying, but nothing is wrong.",
                delay=0.4,
            ),
            _fault(
                "lossy",
                "ns2",
                "",
                "Loses one UDP packet in ten.",
                "The line to the secondary loses packets: a monitor asks again before it accuses.",
                loss=0.1,
            ),
            _fault(
                "lame",
                "ns2",
                "zone-not-served",
                "Refuses questions about the zones, as if it had never heard of them.",
                "The secondary's operator removed the zone.",
                condition=Condition.ABSENT,
            ),
            _fault(
                "not-authoritative",
                "ns2",
                "not-authoritative",
                "Answers without AA, as a resolver does.",
                "The address of the secondary now belongs to a resolver.",
                answers=Answers.WITHOUT_AA,
            ),
            _fault(
                "upward-referral",
                "ns2",
                "zone-not-served",
                "Refers to the root servers.",
                "The secondary does not know the zone and points to the root.",
                answers=Answers.UPWARD,
            ),
            _fault(
                "servfail",
                "ns2",
                "bad-rcode",
                "Answers SERVFAIL and does not say why.",
                "The secondary fails on every question.",
                answers=Answers.SERVFAIL,
            ),
            _fault(
                "expired",
                "ns2",
                "zone-expired",
                "Has not reached its primary for too long: SERVFAIL, EDE 24.",
                "The secondary's copy has expired.",
                condition=Condition.EXPIRED,
            ),
            _fault(
                "not-loaded",
                "ns2",
                "zone-expired",
                "Never got the zone from its primary: SERVFAIL, EDE 14.",
                "The secondary was set up, but never loaded the zone.",
                condition=Condition.NOT_LOADED,
            ),
            _fault(
                "serial-back",
                "ns1",
                "serial-regressed serial-ahead",
                "Serves a serial that is ten less than it was.",
                "The primary was restored from an old backup: its serial went back, and nobody follows it.",
                serial_shift=-10,
            ),
            _fault(
                "serial-ahead",
                "ns2",
                "serial-ahead",
                "Serves a serial that is ten more than its primary's.",
                "Someone edited the zone on the secondary: it is ahead of its primary and will not follow it.",
                serial_shift=10,
            ),
            _fault(
                "serial-unordered",
                "ns2",
                "serial-unordered",
                "Serves a serial exactly 2^31 away from its primary's.",
                "The two serials are so far apart that neither is newer.",
                serial_shift=2**31,
            ),
            _fault(
                "same-serial",
                "ns1",
                "content-differs",
                "Serves a changed record without a new serial.",
                "The zone was edited on the primary, and the serial forgotten: the secondary never takes the change.",
                edits=(CHANGED_RECORD,),
            ),
            _fault(
                "record-changed",
                "ns2",
                "content-differs",
                "Serves another address for www than its primary, under the same serial.",
                "One server answers with an address that nobody put into the zone.",
                edits=(CHANGED_RECORD,),
            ),
            _fault(
                "soa-edited",
                "ns2",
                "soa-fields-differ",
                "Serves other SOA timers under the same serial.",
                "The secondary's SOA has another contact and other timers, though the serial is the same.",
                soa_edit=True,
            ),
            _fault(
                "ns-edited",
                "ns2",
                "ns-set-differs",
                "Lists one nameserver more than its primary, under the same serial.",
                "The servers do not agree on who serves the zone.",
                edits=("@ 300 NS ns1", "@ 300 NS ns2", "@ 300 NS ns3"),
            ),
            _fault(
                "garbage",
                "ns2",
                "malformed-answer",
                "Answers with noise that has the right id.",
                "Something between scrambles the secondary's answers.",
                wire=Wire.GARBAGE,
            ),
            _fault(
                "forged",
                "ns2",
                "",
                "Each UDP answer comes after a burst of forgeries with wrong ids and a false serial.",
                "Somebody forges answers: a monitor must not believe one of them.",
                wire=Wire.FORGED,
            ),
        )
    )
)


def fault(name: str) -> Fault:
    """Raises UnknownFault."""
    if name not in FAULTS:
        raise UnknownFault(f"no fault is called {name!r}; there are: {', '.join(FAULTS)}")
    return FAULTS[name]


def conduct(active: Iterable[str]) -> Conduct:
    """How a server behaves with these faults; where two set the same thing, the later wins."""
    behaviour = Conduct()
    for name in active:
        behaviour = replace(behaviour, **fault(name).sets)
    return behaviour
