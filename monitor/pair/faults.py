"""The table of faults that the pair can play, and what soawatch should find of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from monitor.pair.behaviour import Answers, Behaviour, Edns, Tcp, Transfers, TransferStream, Wire
from monitor.pair.zonedata import Condition


class UnknownFault(ValueError):
    """There is no fault of that name; the sentence says which there are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``codes`` are the findings that must come of it in the configuration that the pair writes."""

    name: str
    server: str
    """Where it applies unless told otherwise."""
    codes: tuple[str, ...]
    """None: the monitor must raise nothing."""
    does: str
    story: str
    sets: Mapping[str, Any]
    """The fields of Behaviour that it sets."""
    change: bool = False
    """It shows once the zone changes."""
    changes: float = 0.0
    """Every zone changes again and again meanwhile, so many seconds apart; 0: none does."""
    spreads_to: str = ""
    """The server that the demo breaks in the same way once the receiver was told of the first."""


def _row(
    name: str, server: str, codes: str, *, does: str, story: str,
    change: bool = False, changes: float = 0.0, spreads_to: str = "", **sets: Any,
) -> Fault:  # fmt: skip
    return Fault(name, server, tuple(codes.split()), does, story, MappingProxyType(sets), change, changes, spreads_to)


CHANGED_RECORD = "www 300 A 192.0.2.66"
"""What ``www`` becomes where a fault changes it; the pair's own zones have another address there."""

# fmt: off
_ROWS = (
    # what a zone holds
    _row("frozen", "ns2", "serial-late serial-overdue", change=True, refresh_stopped=True,
         does="Neither refreshes from its primary nor takes its NOTIFY.",
         story="The zone changes on the primary, but the secondary has stopped looking."),
    _row("deaf", "ns2", "", change=True, notify_ignored=True,
         does="Answers NOTIFY and forgets it; it still refreshes by its timer.",
         story="A NOTIFY gets lost: the change arrives with the next refresh, and nobody needs to be told."),
    _row("slow-follower", "ns2", "serial-late", changes=0.7, serve_delay=5.6,
         does="Serves each version, but falls behind by more than five seconds, while the zone changes all the time.",
         story="The zone changes again and again; the secondary follows, but late: never stuck, never in step."),
    _row("secondary-wrong-key", "ns2", "serial-late serial-overdue", change=True, own_key_unknown=True,
         does="Asks its primary with a key that the primary does not know.",
         story="After a change of keys the secondary was forgotten: its transfers are refused."),
    _row("secondary-wrong-secret", "ns2", "serial-late serial-overdue", change=True, own_key_wrong=True,
         does="Asks its primary with the right key name and another secret.",
         story="A secret was mistyped on the secondary: its transfers are refused."),
    _row("expired", "ns2", "zone-expired", condition=Condition.EXPIRED,
         does="Has not reached its primary for too long: SERVFAIL, EDE 24.",
         story="The secondary's copy has expired."),
    _row("not-loaded", "ns2", "zone-expired", condition=Condition.NOT_LOADED,
         does="Never got the zone from its primary: SERVFAIL, EDE 14.",
         story="The secondary was set up, but never loaded the zone."),
    _row("serial-back", "ns1", "serial-regressed serial-ahead", serial_offset=-10,
         does="Serves a serial that is ten less than it was.",
         story="The primary was restored from an old backup: its serial went back, and nobody follows it."),
    _row("serial-ahead", "ns2", "serial-ahead", serial_offset=10,
         does="Serves a serial that is ten more than its primary's.",
         story="Someone edited the zone on the secondary: it is ahead of its primary and will not follow it."),
    _row("serial-unordered", "ns2", "serial-unordered", serial_offset=2**31,
         does="Serves a serial exactly 2^31 away from its primary's.",
         story="The two serials are so far apart that neither is newer."),
    _row("same-serial", "ns1", "serial-unbumped", edits=(CHANGED_RECORD,),
         does="Serves a changed record without a new serial.",
         story="The zone was edited on the primary, and the serial forgotten: the secondary never takes the change."),
    _row("record-changed", "ns2", "content-differs", edits=(CHANGED_RECORD,),
         does="Serves another address for www than its primary, under the same serial.",
         story="One server answers with an address that nobody put into the zone."),
    _row("soa-edited", "ns2", "soa-fields-differ", soa_edit=True,
         does="Serves other SOA timers under the same serial.",
         story="The secondary's SOA has another contact and other timers, though the serial is the same."),
    _row("ns-edited", "ns2", "ns-set-differs", edits=("@ 300 NS ns1", "@ 300 NS ns2", "@ 300 NS ns3"),
         does="Lists one nameserver more than its primary, under the same serial.",
         story="The servers do not agree on who serves the zone."),
    _row("ageing", "ns2", "expiry-near", expire_share=0.4,
         does="Says that 40 % of its expire time is left (EDNS EXPIRE).",
         story="The secondary has not refreshed for a long time, though its serial is right."),
    _row("expiring", "ns2", "expiry-imminent", expire_share=0.1,
         does="Says that 10 % of its expire time is left (EDNS EXPIRE).",
         story="The secondary will soon stop serving the zone."),
    _row("hand-edited", "ns2", "serial-ahead record-differs", edits=(CHANGED_RECORD,), serial_offset=1,
         does="Serves another address for www, under a serial of its own.",
         story="Someone edited the zone on the secondary and raised the serial there."),
    _row("mail-moved", "ns2", "record-unexpected content-differs", edits=("mail 300 A 192.0.2.66",),
         does="Serves an address for mail that the configuration does not expect.",
         story="Mail for the zone goes to an address that nobody wants."),
    _row("ttl-changed", "ns2", "ttl-differs", edits=("www 600 A 192.0.2.80",),
         does="Serves www with another TTL, under the same serial.",
         story="The servers agree on the address, but not on how long to keep it."),
    # zone transfers
    _row("transfer-refused", "ns1", "transfer-refused", transfers=Transfers.NONE,
         does="Refuses every zone transfer.",
         story="Someone closes the primary's transfers altogether, also to those who need them."),
    _row("transfer-open", "ns2", "transfer-open", transfers=Transfers.OPEN,
         does="Gives the zone to whoever asks.",
         story="The secondary's access list is lost: anybody can read the whole zone."),
    _row("wrong-key", "ns1", "transfer-refused", clients_key_missing=True,
         does="Does not know the clients' key any more (BADKEY).",
         story="The key was removed from the primary's configuration."),
    _row("wrong-secret", "ns1", "transfer-refused", clients_key_wrong=True,
         does="Has another secret under the clients' key name (BADSIG).",
         story="The key's secret was changed on one side only."),
    _row("skewed-clock", "ns1", "transfer-refused", clock_skew=1000.0,
         does="Its clock is 1000 seconds ahead: signatures are out of time (BADTIME).",
         story="The primary's clock ran away: signed transfers fail."),
    _row("clock-behind", "ns1", "transfer-refused", clock_skew=-1000.0,
         does="Its clock is 1000 seconds late: signatures are out of time (BADTIME).",
         story="The primary lost its time source and fell behind: signed transfers fail."),
    _row("endless-transfer", "ns1", "transfer-failed", stream=TransferStream.ENDLESS,
         does="Starts a transfer and never comes to the end of it.",
         story="The primary sends a zone that never ends."),
    _row("truncated-transfer", "ns1", "transfer-failed", stream=TransferStream.TRUNCATED,
         does="Closes the connection in the middle of a transfer.",
         story="Transfers from the primary break off."),
    _row("unsigned-transfer", "ns1", "transfer-failed", stream=TransferStream.UNSIGNED,
         does="Answers a signed transfer without a signature.",
         story="Something between takes the signatures off the primary's transfers."),
    _row("malformed-transfer", "ns1", "transfer-failed", stream=TransferStream.MALFORMED,
         does="Sends a zone to its end, with an A record of seven octets in it.",
         story="A broken record gets into the primary's zone: every secondary refuses the whole of it."),
    # how a server is reached, and how it answers
    _row("dead", "ns2", "server-unreachable", udp=False, tcp=Tcp.CLOSED,
         does="Answers nothing over UDP and refuses TCP connections.",
         story="The secondary is gone."),
    _row("udp-dead", "ns2", "no-answer", udp=False,
         does="Drops every UDP packet.",
         story="A filter swallows UDP to the secondary."),
    _row("tcp-dead", "ns2", "tcp-unreachable", tcp=Tcp.CLOSED,
         does="Refuses TCP connections.",
         story="A firewall rule closes TCP/53 on the secondary: large answers and transfers are lost."),
    _row("tcp-silent", "ns2", "tcp-unreachable", tcp=Tcp.SILENT,
         does="Accepts TCP connections and never answers on them.",
         story="TCP connections to the secondary hang."),
    _row("slow", "ns2", "", delay=0.2,
         does="Answers 200 ms late.",
         story="The secondary is slow: annoying, but nothing is wrong."),
    _row("lossy", "ns2", "", loss=0.1,
         does="Loses one UDP packet in ten.",
         story="The line to the secondary loses packets: a monitor asks again before it accuses."),
    _row("garbage", "ns2", "malformed-answer", wire=Wire.GARBAGE,
         does="Answers with noise that has the right id.",
         story="Something between scrambles the secondary's answers."),
    _row("forged", "ns2", "", wire=Wire.FORGED,
         does="Each UDP answer comes after a burst of forgeries: wrong ids, another port, a false serial.",
         story="Somebody forges answers: a monitor must not believe one of them."),
    _row("strays", "ns2", "malformed-answer", wire=Wire.STRAYS,
         does="Answers over UDP under another id than was asked; TCP is as it should be.",
         story="Something before the secondary mangles UDP: resolvers throw away all it says, though its TCP is fine."),
    _row("elsewhere", "ns2", "unexpected-source", wire=Wire.ELSEWHERE,
         does="Answers over UDP from another address than the one that was asked.",
         story="The secondary has several addresses, and answers from the wrong one."),
    _row("edns-dropped", "ns2", "edns-broken", edns=Edns.DROPPED,
         does="Answers nothing to questions with EDNS.",
         story="A firewall before the secondary drops what it does not know: EDNS."),
    _row("edns-servfail", "ns2", "edns-broken", edns=Edns.SERVFAIL,
         does="Answers SERVFAIL to questions with EDNS.",
         story="The secondary fails on EDNS: the zone is there, for those who ask without."),
    _row("edns-refused", "ns2", "edns-broken", edns=Edns.REFUSED,
         does="Answers REFUSED to questions with EDNS.",
         story="The secondary refuses EDNS, and serves the zone to those who ask without."),
    _row("lame", "ns2", "zone-not-served", condition=Condition.ABSENT,
         does="Refuses questions about the zones, as if it had never heard of them.",
         story="The secondary's operator removed the zone."),
    _row("last-server", "ns2", "zone-not-served", spreads_to="ns1", condition=Condition.ABSENT,
         does="Refuses questions about the zones; in the demo the primary does so too, once that has been told.",
         story="The zones are lost on the secondary, and a while later on the last server that has them."),
    _row("not-authoritative", "ns2", "not-authoritative", answers=Answers.WITHOUT_AA,
         does="Answers without AA, as a resolver does.",
         story="The address of the secondary now belongs to a resolver."),
    _row("upward-referral", "ns2", "zone-not-served", answers=Answers.UPWARD,
         does="Refers to the root servers.",
         story="The secondary does not know the zone and points to the root."),
    _row("servfail", "ns1", "bad-rcode", answers=Answers.SERVFAIL,
         does="Answers SERVFAIL and does not say why.",
         story="The primary fails on every question."),
)
# fmt: on

FAULTS: Mapping[str, Fault] = MappingProxyType({row.name: row for row in _ROWS})


def fault(name: str) -> Fault:
    """Raises UnknownFault."""
    if name not in FAULTS:
        raise UnknownFault(f"no fault is called {name!r}; there are: {', '.join(FAULTS)}")
    return FAULTS[name]


def behaviour(active: Iterable[str]) -> Behaviour:
    """How a server behaves with these faults; where two set the same field, the later wins."""
    found = Behaviour()
    for name in active:
        found = replace(found, **fault(name).sets)
    return found
