"""What is read of a NOTIFY, and what is written in answer to it, beside dnspython."""

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.tsig
import pytest
from dns.rcode import Rcode

from monitor.probe.message.notify import format_error, is_notify, is_request, read_notify, response
from monitor.probe.message.wire import Malformed
from tests.support.mutations import dice, mutants
from tests.support.notifies import ZONE, notify, soa_serial

KEY = dns.tsig.Key("xfr.", b"a secret of some length")
LONG = ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 61)) + "."
SPECIMENS = {
    "plain": notify(),
    "with the new SOA": notify(serial=2026010101),
    "with EDNS": notify(serial=4294967295, edns=0),
    "signed": notify(serial=1, key=KEY),
    "signed, with EDNS": notify(edns=0, key=KEY),
    "the root": notify("."),
    "a name of 255 octets": notify(LONG, serial=7),
    "escapes": notify(r"a\.b\000c\\\"d.example."),
    "another type": notify(rdtype="CDS"),
    "an unknown type": notify(rdtype="TYPE65280"),
    "another class": notify(rdclass="CH"),
}


@pytest.mark.parametrize("wire", SPECIMENS.values(), ids=SPECIMENS)
def test_it_is_read_as_dnspython_reads_it(wire: bytes) -> None:
    found, known = read_notify(wire), dns.message.from_wire(wire, keyring=lambda *_: False)
    asked = known.question[0]
    assert is_request(wire)
    assert is_notify(wire)
    assert (found.zone, found.type, found.rclass) == (asked.name.canonicalize().to_text(), asked.rdtype, asked.rdclass)
    assert found.serial == soa_serial(known)
    assert found.edns == (0 if known.edns == 0 else None)
    assert found.signed is (known.tsig is not None)


@pytest.mark.parametrize("rcode", [Rcode.NOERROR, Rcode.NOTAUTH, Rcode.NOTIMP, Rcode.REFUSED])
@pytest.mark.parametrize("wire", SPECIMENS.values(), ids=SPECIMENS)
def test_the_response_is_one_to_that_and_never_longer(wire: bytes, rcode: Rcode) -> None:
    asked = dns.message.from_wire(wire, keyring=lambda *_: False)
    octets = response(read_notify(wire), rcode)
    assert len(octets) <= len(wire)
    found = dns.message.from_wire(octets)
    assert asked.is_response(found)
    assert (found.opcode(), found.rcode()) == (dns.opcode.NOTIFY, rcode)
    assert bool(found.flags & dns.flags.AA) is (rcode == Rcode.NOERROR)
    assert not found.flags & (dns.flags.RA | dns.flags.TC)
    assert found.edns == asked.edns
    assert (found.answer, found.authority) == ([], [])


def test_another_version_of_edns_has_an_rcode_of_its_own() -> None:
    octets = response(read_notify(notify(edns=1)), Rcode.BADVERS)
    found = dns.message.from_wire(octets)
    assert (found.rcode(), found.edns) == (dns.rcode.BADVERS, 0)


def test_the_octets_of_the_name_are_repeated_as_they_came() -> None:
    """Some senders look for the very case they sent (draft-vixie-dnsext-dns0x20)."""
    wire = notify("eXaMpLe.cOm.")
    assert read_notify(wire).zone == ZONE
    assert b"eXaMpLe" in response(read_notify(wire), Rcode.NOERROR)


HEAD = notify()[:12]
QUESTION = notify()[12:]


def headed(questions: int, answers: int = 0, additionals: int = 0) -> bytes:
    return HEAD[:4] + b"".join(n.to_bytes(2, "big") for n in (questions, answers, 0, additionals))


OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
TSIG = SPECIMENS["signed"][len(notify(serial=1)) :]
MALFORMED = {
    "no question": headed(0),
    "two questions": headed(2) + QUESTION + QUESTION,
    "a question that ends early": headed(1) + QUESTION[:-1],
    "a name that leads to itself": headed(1) + b"\xc0\x0c" + QUESTION[-4:],
    "a name in the header": headed(1) + b"\xc0\x06" + QUESTION[-4:],
    "a label of another type": headed(1) + b"\x41" + QUESTION[1:],
    "octets behind it": headed(1) + QUESTION + b"\0",
    "a record that is not there": headed(1, answers=1) + QUESTION,
    "65535 records": headed(1, answers=65535) + QUESTION,
    "a SOA that is too short": headed(1, answers=1) + QUESTION + b"\0\0\6\0\1\0\0\0\0\0\3\0\0\0",
    "a SOA that loops": headed(1, answers=1) + QUESTION + b"\0\0\6\0\1\0\0\0\0\0\x18\xc0\x28\0" + bytes(21),
    "two OPT": headed(1, additionals=2) + QUESTION + OPT + OPT,
    "an OPT among the answers": headed(1, answers=1) + QUESTION + OPT,
    "an OPT with a name": headed(1, additionals=1) + QUESTION + b"\1a" + OPT,
    "a TSIG that is not the last": headed(1, additionals=2) + QUESTION + TSIG + OPT,
    "a TSIG among the answers": headed(1, answers=1) + QUESTION + TSIG,
}


@pytest.mark.parametrize("wire", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_notify_is_told_and_answered_with_a_header(wire: bytes) -> None:
    with pytest.raises(Malformed):
        read_notify(wire)
    found = dns.message.from_wire(format_error(wire))
    assert (found.id, found.rcode(), found.opcode()) == (4711, dns.rcode.FORMERR, dns.opcode.NOTIFY)
    assert found.flags & dns.flags.QR
    assert len(format_error(wire)) == 12


@pytest.mark.parametrize("octets", [b"", HEAD[:11], b"\0\0\xa4\0" + bytes(8)])
def test_what_must_not_be_answered_is_no_request(octets: bytes) -> None:
    assert not is_request(octets)


def test_the_serial_of_another_zone_is_no_hint() -> None:
    message = dns.message.from_wire(notify(serial=5))
    message.answer[0].name = dns.name.from_text("other.example.")
    assert read_notify(message.to_wire()).serial is None


def test_mutated_messages_are_read_or_told_and_an_answer_to_them_is_no_longer_than_they_are() -> None:
    read = 0
    for wire in mutants(tuple(SPECIMENS.values()), 5000, dice()):
        if not is_request(wire) or not is_notify(wire):
            continue
        try:
            request = read_notify(wire)
        except Malformed:
            continue
        read += 1
        assert request.zone.isascii()
        assert request.zone.isprintable()
        assert len(response(request, Rcode.NOERROR)) <= len(wire)
    assert read > 100
