"""What goes back for packets of every kind, the hostile ones first."""

import struct
import time
from collections.abc import Callable

import dns.flags
import dns.message
import dns.opcode
import dns.rrset
import dns.tsig
import pytest
from dns.edns import GenericOption, OptionType
from dns.message import Message
from dns.rcode import Rcode

from monitor.pair.behaviour import Answers, Behaviour, Transfers, TransferStream
from monitor.pair.exchange import Reply
from monitor.pair.zonedata import Condition
from monitor.probe.message import tsig_server as tsig
from tests.integration.pair.responses import (
    KEY,
    NOW,
    ORIGIN,
    data,
    query,
    reply_to,
    response_to,
    server_context,
    summary,
    tsig_start,
    zone_copy,
)

SOA = query("pair.example.", "SOA").to_wire()
PLAIN = query("pair.example.", "SOA", use_edns=-1).to_wire()


def with_flags(wire: bytes, flags: int) -> bytes:
    return wire[:2] + struct.pack("!H", flags) + wire[4:]


def with_counts(wire: bytes, *counts: int) -> bytes:
    return wire[:4] + struct.pack("!HHHH", *counts) + wire[12:]


OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
HEADER = b"\x12\x34\x00\x00"

SILENT = [
    ("nothing", b""),
    ("eleven octets", SOA[:11]),
    ("an answer", with_flags(SOA, 0x8000)),
]

BARE = [
    ("no question", with_counts(SOA[:12], 0, 0, 0, 0), Rcode.FORMERR),
    ("two questions", with_counts(PLAIN + PLAIN[12:], 2, 0, 0, 0), Rcode.FORMERR),
    ("a loop of compression", HEADER + struct.pack("!HHHH", 1, 0, 0, 0) + b"\xc0\x0c\x00\x06\x00\x01", Rcode.FORMERR),
    ("a pointer forward", HEADER + struct.pack("!HHHH", 1, 0, 0, 0) + b"\xc0\x20\x00\x06\x00\x01", Rcode.FORMERR),
    ("a label of 64", HEADER + struct.pack("!HHHH", 1, 0, 0, 0) + b"\x40" + b"a" * 64, Rcode.FORMERR),
    ("a name of 300", HEADER + struct.pack("!HHHH", 1, 0, 0, 0) + (b"\x3f" + b"a" * 63) * 5 + b"\0" * 5, Rcode.FORMERR),
    ("counts that lie", with_counts(PLAIN, 1, 65535, 65535, 65535), Rcode.FORMERR),
    ("cut off in the question", PLAIN[:-3], Rcode.FORMERR),
    ("two OPT records", with_counts(PLAIN + OPT + OPT, 1, 0, 0, 2), Rcode.FORMERR),
    ("an OPT that is not the root's", with_counts(PLAIN + b"\x01a" + OPT, 1, 0, 0, 1), Rcode.FORMERR),
    ("opcode IQUERY", with_flags(SOA, 1 << 11), Rcode.NOTIMP),
    ("opcode STATUS", with_flags(SOA, 2 << 11), Rcode.NOTIMP),
    ("opcode UPDATE", with_flags(SOA, 5 << 11), Rcode.NOTIMP),
    ("opcode 15", with_flags(SOA, 15 << 11), Rcode.NOTIMP),
]


@pytest.mark.parametrize(("what", "wire"), SILENT, ids=[row[0] for row in SILENT])
def test_silence(what: str, wire: bytes) -> None:
    assert list(reply_to(wire).messages) == []


@pytest.mark.parametrize(("what", "wire", "rcode"), BARE, ids=[row[0] for row in BARE])
def test_a_bare_header(what: str, wire: bytes, rcode: Rcode) -> None:
    (answer,) = reply_to(wire).messages
    assert len(answer) == 12
    assert answer[:2] == wire[:2]
    assert answer[2] & 0xF8 == 0x80 | wire[2] & 0x78
    assert answer[3] == rcode


def test_names_that_lead_through_each_other_cost_no_time() -> None:
    """Each pointer leads to the one before it: a name takes thousands of steps, and there are thousands of names."""
    chain = b"".join(struct.pack("!HHH", 0xC000 | 12 + 6 * (n - 1), 6, 1) for n in range(1, 2700))
    top = struct.pack("!HHH", 0xC000 | 12 + 6 * 2690, 6, 1)
    wire = HEADER + struct.pack("!HHHH", 10_000, 0, 0, 0) + b"\0\0\6\0\1\0" + chain + top * 7000
    began = time.process_time()
    (answer,) = reply_to(wire[:65_535], udp=False).messages
    assert answer[3] == Rcode.FORMERR
    assert time.process_time() - began < 0.5


def test_octets_after_the_message_do_not_matter() -> None:
    assert response_to(SOA + b"rubbish").rcode() == Rcode.NOERROR


def test_without_edns_there_is_none_in_the_answer() -> None:
    assert response_to(PLAIN).edns == -1
    assert response_to(query("elsewhere.example.", "A", use_edns=-1).to_wire()).rcode() == Rcode.REFUSED


@pytest.mark.parametrize(("rdtype", "opcode"), [("SOA", 0), ("AXFR", 0), ("SOA", dns.opcode.NOTIFY)])
def test_edns_of_a_version_to_come(rdtype: str, opcode: int) -> None:
    asked = query("pair.example.", rdtype, use_edns=1)
    asked.flags |= dns.opcode.to_flags(dns.opcode.Opcode(opcode))
    where = server_context(behaviour=Behaviour(transfers=Transfers.OPEN), upstreams=("127.0.0.1",))
    answer = response_to(asked.to_wire(), where, udp=False)
    assert (answer.rcode(), answer.edns, answer.answer) == (Rcode.BADVERS, 0, [])


def test_do_is_repeated_and_rd_too_but_never_ra() -> None:
    answer = response_to(query("pair.example.", "SOA", want_dnssec=True).to_wire())
    assert answer.ednsflags & dns.flags.DO
    assert answer.flags & dns.flags.RD
    assert not answer.flags & dns.flags.RA


@pytest.mark.parametrize(
    ("asked", "name", "rdtype", "got"),
    [
        ((), "pair.example.", "SOA", {}),
        ((OptionType.NSID,), "www.pair.example.", "A", {OptionType.NSID: b"ns1"}),
        ((OptionType.NSID,), "elsewhere.example.", "A", {OptionType.NSID: b"ns1"}),
        ((OptionType.EXPIRE,), "pair.example.", "SOA", {OptionType.EXPIRE: b"\0\0\x02\x58"}),
        ((OptionType.EXPIRE,), "www.pair.example.", "A", {}),
        ((65001,), "pair.example.", "SOA", {}),
    ],
)
def test_options_are_given_when_asked_for(
    asked: tuple[int, ...], name: str, rdtype: str, got: dict[int, bytes]
) -> None:
    options = [GenericOption(option, b"") for option in asked]
    answer = response_to(query(name, rdtype, options=options).to_wire())
    assert {o.otype: o.to_wire() for o in answer.options if o.otype != OptionType.EDE} == got


NOT_SERVED = [
    ("another zone", query("elsewhere.example.", "A"), None, Rcode.REFUSED, 20),
    ("the root", query(".", "NS"), None, Rcode.REFUSED, 20),
    ("class CH", query("version.bind.", "TXT", rdclass="CH"), None, Rcode.REFUSED, None),
    ("type OPT", query("pair.example.", "OPT"), None, Rcode.REFUSED, None),
    ("never loaded", query("pair.example.", "SOA"), Condition.NOT_LOADED, Rcode.SERVFAIL, 14),
    ("expired", query("www.pair.example.", "A"), Condition.EXPIRED, Rcode.SERVFAIL, 24),
    ("absent", query("pair.example.", "SOA"), Condition.ABSENT, Rcode.REFUSED, 20),
    ("AXFR of another zone", query("elsewhere.example.", "AXFR"), None, Rcode.NOTAUTH, 20),
    ("AXFR below the apex", query("www.pair.example.", "AXFR"), None, Rcode.NOTAUTH, 20),
    ("AXFR without key", query("pair.example.", "AXFR"), None, Rcode.REFUSED, 18),
    ("IXFR without SOA or key", query("pair.example.", "IXFR"), None, Rcode.REFUSED, 18),
]


@pytest.mark.parametrize(("what", "asked", "condition", "rcode", "ede"), NOT_SERVED)
def test_refusals_say_why(
    what: str, asked: Message, condition: Condition | None, rcode: Rcode, ede: int | None
) -> None:
    where = server_context(behaviour=Behaviour(condition=condition or Condition.SERVED))
    answer = response_to(asked.to_wire(), where, udp=False)
    assert answer.rcode() == rcode
    assert not answer.flags & dns.flags.AA
    assert [option.code for option in answer.extended_errors()] == ([] if ede is None else [ede])


# --- signatures ---


def signed(message: Message, key: dns.tsig.Key = KEY, at: int = NOW) -> tuple[bytes, bytes]:
    return tsig.sign_request(message.to_wire(), key, at)


WRONG_SECRET = dns.tsig.Key(KEY.name, b"another secret", KEY.algorithm)
WRONG_NAME = dns.tsig.Key("other.", KEY.secret, KEY.algorithm)
WRONG_ALGORITHM = dns.tsig.Key(KEY.name, KEY.secret, "hmac-sha512")

BADLY_SIGNED = [
    ("unknown key", WRONG_NAME, NOW, dns.tsig.PeerBadKey, Rcode.BADKEY),
    ("another algorithm", WRONG_ALGORITHM, NOW, dns.tsig.PeerBadKey, Rcode.BADKEY),
    ("wrong secret", WRONG_SECRET, NOW, dns.tsig.PeerBadSignature, Rcode.BADSIG),
    ("a clock that is late", KEY, NOW - 301, dns.tsig.PeerBadTime, Rcode.BADTIME),
    ("a clock that is early", KEY, NOW + 301, dns.tsig.PeerBadTime, Rcode.BADTIME),
]


@pytest.mark.parametrize("rdtype", ["SOA", "AXFR"])
@pytest.mark.parametrize(("what", "key", "at", "error", "rcode"), BADLY_SIGNED)
def test_a_bad_signature_is_told(
    what: str, key: dns.tsig.Key, at: int, error: type[Exception], rcode: Rcode, rdtype: str
) -> None:
    wire, mac = signed(query("pair.example.", rdtype), key, at)
    (answer,) = reply_to(wire, udp=False).messages
    parsed = dns.message.from_wire(answer, keyring=lambda *_: False)
    assert parsed.rcode() == Rcode.NOTAUTH
    assert (parsed.tsig.name, parsed.tsig[0].algorithm, parsed.tsig[0].error) == (key.name, key.algorithm, rcode)
    assert bool(parsed.tsig[0].mac) == (rcode == Rcode.BADTIME)
    with pytest.raises(error):
        dns.message.from_wire(answer, keyring=key, request_mac=mac)


def test_badtime_says_what_time_it_is_and_is_signed_with_the_time_of_the_request() -> None:
    wire, mac = signed(query("pair.example.", "SOA"), at=NOW - 1000)
    (answer,) = reply_to(wire).messages
    parsed = dns.message.from_wire(answer, keyring=lambda *_: False)
    rdata = parsed.tsig[0]
    assert int.from_bytes(rdata.other, "big") == NOW
    assert rdata.time_signed == NOW - 1000
    unsigned = with_counts(answer[: tsig_start(answer)], 1, 0, 0, 1)
    dns.tsig._digest(unsigned, KEY, rdata, None, mac).verify(rdata.mac)


def test_a_clock_within_the_fudge_is_good_enough() -> None:
    for at in (NOW - 300, NOW + 300):
        wire, _ = signed(query("pair.example.", "SOA"), at=at)
        assert response_to(wire).rcode() == Rcode.NOERROR


def test_the_answer_to_a_signed_question_is_signed_and_still_fits() -> None:
    many = [f"many 300 TXT {'x' * 100}{n}" for n in range(4)]
    for records in ((), many):
        name = "many.pair.example." if records else "pair.example."
        asked = query(name, "TXT" if records else "SOA", use_edns=-1)
        wire, mac = signed(asked)
        (answer,) = reply_to(wire, server_context(zone_copy(data(1000, *records)))).messages
        assert len(answer) <= 512
        parsed = dns.message.from_wire(answer, keyring=lambda *_: False)
        dns.tsig.validate(answer, KEY, KEY.name, parsed.tsig[0], NOW, mac, tsig_start(answer))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(error=16),
        lambda t: t.replace(mac=bytes(33)),
        lambda t: t.replace(mac=bytes(15)),
        lambda t: t.replace(mac=b""),
    ],
)
def test_a_signature_that_no_request_may_have_is_a_format_error(change: Callable[[object], object]) -> None:
    wire, _ = signed(query("pair.example.", "SOA"))
    parsed = dns.message.from_wire(wire, keyring=lambda *_: False)
    start = tsig_start(wire)
    bad = tsig.append(with_counts(wire[:start], 1, 0, 0, 1), KEY.name, change(parsed.tsig[0]))
    (answer,) = reply_to(bad).messages
    assert (len(answer), answer[3]) == (12, Rcode.FORMERR)


# --- transfers ---


def test_who_gets_the_zone() -> None:
    for policy, with_key, without in (
        (Transfers.KEYED, Rcode.NOERROR, Rcode.REFUSED),
        (Transfers.OPEN, Rcode.NOERROR, Rcode.NOERROR),
        (Transfers.NONE, Rcode.REFUSED, Rcode.REFUSED),
    ):
        where = server_context(behaviour=Behaviour(transfers=policy))
        wire, _ = signed(query("pair.example.", "AXFR"))
        assert response_to(wire, where, udp=False).rcode() == with_key
        assert response_to(query("pair.example.", "AXFR").to_wire(), where, udp=False).rcode() == without


def test_axfr_over_udp_is_a_format_error_for_those_who_may_have_the_zone() -> None:
    wire, _ = signed(query("pair.example.", "AXFR"))
    assert response_to(wire).rcode() == Rcode.FORMERR
    assert response_to(query("pair.example.", "AXFR").to_wire()).rcode() == Rcode.REFUSED


def ixfr(serial: int | None) -> bytes:
    asked = query("pair.example.", "IXFR")
    if serial is not None:
        asked.authority = [dns.rrset.from_text("pair.example.", 0, "IN", "SOA", f". . {serial} 0 0 0 0")]
    return signed(asked)[0]


ONE, TWO, THREE = (
    data(1000),
    data(1001, "www 300 A 192.0.2.81"),
    data(1002, "www 300 A 192.0.2.81", "new 300 A 192.0.2.5"),
)
AT = {serial: f"@ SOA ns1 hostmaster {serial} 2 1 600 5" for serial in (1000, 1001, 1002)}
STEPS = {
    1000: [
        AT[1002],
        AT[1000],
        "www A 192.0.2.80",
        AT[1001],
        "www A 192.0.2.81",
        AT[1001],
        AT[1002],
        "new A 192.0.2.5",
        AT[1002],
    ],
    1001: [AT[1002], AT[1001], AT[1002], "new A 192.0.2.5", AT[1002]],
    1002: [AT[1002]],
    1003: [AT[1002]],
}


@pytest.mark.parametrize("serial", STEPS)
def test_ixfr_gives_the_steps_from_what_the_client_has(serial: int) -> None:
    where = server_context(zone_copy(ONE, TWO, THREE))
    (wire,) = reply_to(ixfr(serial), where, udp=False).messages
    message = dns.message.from_wire(wire, keyring=lambda *_: False, one_rr_per_rrset=True)
    assert summary(message)[2] == STEPS[serial]


def test_ixfr_from_a_version_nobody_remembers_gives_the_whole_zone() -> None:
    where = server_context(zone_copy(ONE, TWO, THREE))
    (wire,) = reply_to(ixfr(7), where, udp=False).messages
    message = dns.message.from_wire(wire, keyring=lambda *_: False, one_rr_per_rrset=True)
    answer = summary(message)[2]
    assert (answer[0], answer[-1], len(answer)) == (AT[1002], AT[1002], 16)
    assert answer[1] == "@ NS ns1"


def test_ixfr_over_udp_gives_the_newest_soa_and_the_rest_over_tcp() -> None:
    where = server_context(zone_copy(ONE, TWO, THREE))
    assert summary(response_to(ixfr(1000), where))[2] == [AT[1002]]


def test_ixfr_that_does_not_say_what_the_client_has_is_a_format_error() -> None:
    assert response_to(ixfr(None), udp=False).rcode() == Rcode.FORMERR


def test_the_first_message_of_a_transfer_says_expire() -> None:
    asked = query("pair.example.", "AXFR", options=[GenericOption(OptionType.EXPIRE, b"")])
    answer = response_to(signed(asked)[0], udp=False)
    assert [o.to_wire() for o in answer.get_options(OptionType.EXPIRE)] == [b"\0\0\x02\x58"]
    assert answer.flags & dns.flags.AA


def test_transfers_of_what_is_not_there_fail() -> None:
    wire, _ = signed(query("pair.example.", "AXFR"))
    conditions = {
        Condition.NOT_LOADED: Rcode.SERVFAIL,
        Condition.EXPIRED: Rcode.SERVFAIL,
        Condition.ABSENT: Rcode.NOTAUTH,
    }
    for condition, rcode in conditions.items():
        assert response_to(wire, server_context(behaviour=Behaviour(condition=condition)), udp=False).rcode() == rcode
    for answers, rcode in ((Answers.SERVFAIL, Rcode.SERVFAIL), (Answers.UPWARD, Rcode.NOTAUTH)):
        assert response_to(wire, server_context(behaviour=Behaviour(answers=answers)), udp=False).rcode() == rcode


def test_broken_streams() -> None:
    wire, _ = signed(query("pair.example.", "AXFR"))

    def sent(stream: TransferStream) -> Reply:
        return reply_to(wire, server_context(behaviour=Behaviour(stream=stream)), udp=False)

    truncated = sent(TransferStream.TRUNCATED)
    assert truncated.hang_up
    (message,) = truncated.messages
    assert len(dns.message.from_wire(message, keyring=lambda *_: False, one_rr_per_rrset=True).answer) == 14
    (unsigned,) = sent(TransferStream.UNSIGNED).messages
    assert dns.message.from_wire(unsigned).tsig is None
    endless = iter(sent(TransferStream.ENDLESS).messages)
    pages = [next(endless) for _ in range(20)]
    assert all(10_000 < len(page) <= 16_384 for page in pages)


# --- NOTIFY ---


def notify(key: dns.tsig.Key | None = None, name: str = "pair.example.") -> bytes:
    message = query(name, "SOA", use_edns=-1)
    message.flags = dns.flags.AA
    message.set_opcode(dns.opcode.NOTIFY)
    return message.to_wire() if key is None else signed(message, key)[0]


NOTIFIES = [
    ("from the primary's address", notify(), ("127.0.0.1",), Behaviour(), Rcode.NOERROR, True),
    ("signed, from elsewhere", notify(KEY), ("192.0.2.1",), Behaviour(), Rcode.NOERROR, True),
    ("from a stranger", notify(), ("192.0.2.1",), Behaviour(), Rcode.REFUSED, False),
    ("badly signed", notify(WRONG_SECRET), ("127.0.0.1",), Behaviour(), Rcode.NOTAUTH, False),
    ("to a primary", notify(), (), Behaviour(), Rcode.NOTAUTH, False),
    ("of another zone", notify(name="elsewhere.example."), ("127.0.0.1",), Behaviour(), Rcode.NOTAUTH, False),
    ("to the deaf", notify(), ("127.0.0.1",), Behaviour(notify_ignored=True), Rcode.NOERROR, False),
    ("to the frozen", notify(), ("127.0.0.1",), Behaviour(refresh_stopped=True), Rcode.NOERROR, False),
]


@pytest.mark.parametrize(
    ("what", "wire", "upstreams", "behaviour", "rcode", "heard"), NOTIFIES, ids=[row[0] for row in NOTIFIES]
)
def test_notify(
    what: str, wire: bytes, upstreams: tuple[str, ...], behaviour: Behaviour, rcode: Rcode, heard: bool
) -> None:
    reply = reply_to(wire, server_context(behaviour=behaviour, upstreams=upstreams))
    (octets,) = reply.messages
    answer = dns.message.from_wire(octets, keyring=lambda *_: False)
    assert (answer.rcode(), answer.opcode()) == (rcode, dns.opcode.NOTIFY)
    assert reply.notified == (ORIGIN if heard else None)
