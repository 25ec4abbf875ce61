"""Who is heard, what is answered to whom, and who gets silence."""

from collections import Counter
from dataclasses import dataclass, field, replace

import dns.message
import dns.opcode
import dns.rcode
import dns.tsig
import pytest

from alerting.model import Secret
from monitor.clock import now
from monitor.probe.message.tsig_server import usable
from monitor.probe.notify.rates import Bucket, SourceRates
from monitor.probe.notify.responder import HeardNotify, NotifyResponder, NotifyResult, NotifySender
from monitor.probe.types import TsigKey
from tests.support.mutations import dice, mutants
from tests.support.notifies import ZONE, notify

PRIMARY, SECONDARY, ELSEWHERE, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.3", "203.0.113.1"
XFR = TsigKey("xfr", "xfr.", "hmac-sha256", Secret("c2VjcmV0IG9mIHRoZSBwcmltYXJ5"))
TWIN = TsigKey("xfr-old", "xfr.", "hmac-sha256", Secret("dGhlIHNlY3JldCBiZWZvcmUgdGhpcw=="))
OTHER = TsigKey("other", "other.", "hmac-sha512", Secret("c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="))
FOREIGN = TsigKey("foreign", "foreign.", "hmac-sha256", Secret("bm9ib2R5IGtub3dzIHRoaXMgb25l"))


@dataclass
class Plan:
    """Two zones: one on a primary and a secondary, the other elsewhere."""

    keys: tuple[str, ...] = ()

    def is_known(self, host: str) -> bool:
        return host in (PRIMARY, SECONDARY, ELSEWHERE)

    def has_zone(self, zone: str) -> bool:
        return zone in (ZONE, "other.example.")

    def sender(self, zone: str, host: str) -> NotifySender | None:
        servers = {(ZONE, PRIMARY): "ns1", (ZONE, SECONDARY): "ns2", ("other.example.", ELSEWHERE): "ns3"}
        server = servers.get((zone, host))
        return NotifySender(server, self.keys if server == "ns1" else ()) if server else None


@dataclass
class Desk:
    """A responder, and what came of each packet."""

    plan: Plan = field(default_factory=Plan)
    at: float = 0.0
    heard: list[HeardNotify] = field(default_factory=list)
    told: Counter[NotifyResult] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = now().timestamp()
        rates = SourceRates(rate=10, burst=1_000_000, clock=lambda: self.at)
        keys = {key.name: key for key in (XFR, TWIN, OTHER)}
        self.responder = NotifyResponder(self.plan, keys, self.heard.append, self._told, lambda: self.at, rates)

    def _told(self, result: NotifyResult, host: str, zone: str, why: str) -> None:
        self.told[result] += 1
        self.words += [host, zone, why]

    def send(self, wire: bytes, host: str = PRIMARY) -> dns.message.Message | None:
        octets = self.responder.respond(wire, host)
        return None if octets is None else dns.message.from_wire(octets, keyring=lambda *_: False)


def key(of: TsigKey) -> dns.tsig.Key:
    return usable(of)


@pytest.mark.parametrize(("host", "server"), [(PRIMARY, "ns1"), (SECONDARY, "ns2")])
def test_a_notify_of_a_server_of_the_zone_is_heard_and_answered(host: str, server: str) -> None:
    desk = Desk()
    answer = desk.send(notify(serial=7), host)
    assert answer
    assert (answer.id, answer.rcode(), answer.opcode()) == (4711, dns.rcode.NOERROR, dns.opcode.NOTIFY)
    assert desk.heard == [HeardNotify(ZONE, server, host, 7)]
    assert desk.told == {NotifyResult.ACCEPTED: 1}


QUERY = dns.message.make_query(ZONE, "SOA").to_wire()
NOT_TAKEN = [
    ("from nobody's address", notify(), STRANGER, NotifyResult.UNKNOWN_SOURCE, None),
    ("garbage from nobody", b"\xff" * 40, STRANGER, NotifyResult.UNKNOWN_SOURCE, None),
    ("a query", QUERY, PRIMARY, NotifyResult.NOT_NOTIFY, None),
    ("a response", notify()[:2] + b"\xa4\0" + notify()[4:], PRIMARY, NotifyResult.NOT_NOTIFY, None),
    ("eleven octets", notify()[:11], PRIMARY, NotifyResult.NOT_NOTIFY, None),
    ("too many octets", notify() + bytes(5000), PRIMARY, NotifyResult.MALFORMED, None),
    ("octets behind it", notify() + b"\0", PRIMARY, NotifyResult.MALFORMED, dns.rcode.FORMERR),
    ("another EDNS", notify(edns=1), PRIMARY, NotifyResult.MALFORMED, dns.rcode.BADVERS),
    ("an unknown zone", notify("unknown.example."), PRIMARY, NotifyResult.UNKNOWN_ZONE, dns.rcode.NOTAUTH),
    ("a zone below it", notify(f"www.{ZONE}"), PRIMARY, NotifyResult.UNKNOWN_ZONE, dns.rcode.NOTAUTH),
    ("a server of another zone", notify(), ELSEWHERE, NotifyResult.OTHER_SOURCE, dns.rcode.REFUSED),
    ("CDS (RFC 9859)", notify(rdtype="CDS"), PRIMARY, NotifyResult.OTHER_TYPE, dns.rcode.NOTIMP),
    ("CSYNC", notify(rdtype="CSYNC"), PRIMARY, NotifyResult.OTHER_TYPE, dns.rcode.NOTIMP),
    ("class CH", notify(rdclass="CH"), PRIMARY, NotifyResult.OTHER_TYPE, dns.rcode.NOTIMP),
    ("a key of nobody", notify(key=key(FOREIGN)), PRIMARY, NotifyResult.BADLY_SIGNED, dns.rcode.NOTAUTH),
]


@pytest.mark.parametrize(
    ("wire", "host", "result", "rcode"), [row[1:] for row in NOT_TAKEN], ids=[row[0] for row in NOT_TAKEN]
)
def test_what_is_not_taken_is_counted_and_silent_or_answered(
    wire: bytes, host: str, result: NotifyResult, rcode: dns.rcode.Rcode | None
) -> None:
    desk = Desk()
    answer = desk.send(wire, host)
    assert desk.heard == []
    assert desk.told == {result: 1}
    assert (answer.rcode() if answer else None) == rcode


def test_a_server_with_a_key_must_sign_with_it() -> None:
    desk = Desk(Plan(keys=("xfr",)))
    unsigned, wrong = desk.send(notify()), desk.send(notify(key=key(OTHER)))
    forged = desk.send(notify(key=key(replace(XFR, secret=FOREIGN.secret))))
    assert unsigned
    assert wrong
    assert forged
    assert [one.rcode() for one in (unsigned, wrong, forged)] == [
        dns.rcode.REFUSED, dns.rcode.REFUSED, dns.rcode.NOTAUTH,
    ]  # fmt: skip
    assert forged.tsig_error == dns.rcode.BADSIG
    assert desk.heard == []
    signed = desk.responder.respond(notify(serial=3, key=key(XFR)), PRIMARY)
    assert desk.heard == [HeardNotify(ZONE, "ns1", PRIMARY, 3)]
    assert signed
    assert desk.told == {NotifyResult.UNSIGNED: 1, NotifyResult.BADLY_SIGNED: 2, NotifyResult.ACCEPTED: 1}
    desk.send(notify(), SECONDARY)  # that has no key
    assert desk.heard[-1].server == "ns2"


def test_the_answer_to_a_signed_notify_is_signed_by_the_same_key() -> None:
    desk = Desk()
    message = dns.message.from_wire(notify())
    message.use_tsig(key(XFR))
    octets = desk.responder.respond(message.to_wire(), PRIMARY)
    assert octets
    answer = dns.message.from_wire(octets, keyring=key(XFR), request_mac=message.mac)
    assert answer.had_tsig
    assert answer.rcode() == dns.rcode.NOERROR


def test_of_two_keys_with_one_name_on_the_wire_each_is_known() -> None:
    desk = Desk(Plan(keys=("xfr-old",)))
    desk.send(notify(key=key(XFR)))
    assert desk.told == {NotifyResult.BADLY_SIGNED: 1}
    desk.send(notify(key=key(TWIN)))
    assert [one.server for one in desk.heard] == ["ns1"]


def test_a_signature_of_yesterday_is_answered_with_our_time() -> None:
    desk = Desk()
    message = notify(key=key(XFR))
    desk.at += 86400
    answer = desk.send(message)
    assert answer
    assert (answer.rcode(), answer.tsig_error) == (dns.rcode.NOTAUTH, dns.rcode.BADTIME)
    assert desk.heard == []


def test_what_one_source_sends_beyond_its_rate_is_dropped_and_others_are_heard() -> None:
    desk = Desk()
    desk.responder._rates = SourceRates(rate=10, burst=20, clock=lambda: desk.at)
    for _ in range(100):
        desk.send(notify())
    desk.send(notify(), SECONDARY)
    assert desk.told == {NotifyResult.ACCEPTED: 21, NotifyResult.TOO_MANY: 80}
    desk.at += 1.0
    for _ in range(100):
        desk.send(notify())
    assert desk.told[NotifyResult.ACCEPTED] == 31


def test_the_table_of_sources_is_bounded() -> None:
    rates = SourceRates(rate=1, burst=1, most=100, clock=lambda: 0.0)
    for number in range(5000):
        assert rates.take(f"2001:db8::{number:x}")
    assert len(rates) == 100
    assert not rates.take("2001:db8::1387")  # the latest is remembered


def test_a_bucket_is_full_again_after_a_while_and_no_fuller() -> None:
    at = [0.0]
    bucket = Bucket(rate=5, burst=2, clock=lambda: at[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    assert not bucket.ready()
    at[0] = 100.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_nothing_of_mutated_packets_reaches_the_log_unescaped_and_nobody_is_sent_more_than_came() -> None:
    desk = Desk(Plan(keys=("xfr",)))
    seeds = (
        notify(serial=1), notify(edns=0), notify(key=key(XFR)), notify(key=key(FOREIGN), edns=0),
        notify('\\000\\027[31m<b>"x.example.'), notify(rdtype="CDS"),
    )  # fmt: skip
    for wire in mutants(seeds, 5000, dice()):
        octets = desk.responder.respond(wire, PRIMARY)
        assert octets is None or octets[2] & 0x80
        assert octets is None or len(octets) <= len(wire) + 6  # a BADTIME has our time in it, for who has the key
    assert all(word.isascii() and word.isprintable() for word in desk.words)
    assert len(desk.told) >= 5
