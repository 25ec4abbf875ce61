"""What the four servers answer, octet for octet: the facts that checks and prober are built on.

When a new version of a server answers otherwise, this is the test that says so first. An answer is written as: rcode,
"aa" with authority, "ede-N" for each extended error (RFC 8914), "signed" or the TSIG error's name (RFC 8945), "qd-0"
without a question section,
"answer" with a SOA in the answer section.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from checks.model import Transport
from monitor.probe.types import TsigKey
from tests.integration.nameservers.keys import STRANGER, WRONG_ALGORITHM, WRONG_SECRET
from tests.support.lab.model import GUEST, XFR, Content, tsig
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

GIVEN, NEVER, ALIEN = "given.test.", "never.test.", "alien.test."


@dataclass(frozen=True, slots=True)
class Asked:
    zone: str
    qtype: str = "SOA"
    transport: Transport = Transport.TCP
    key: TsigKey | None = None


QUESTIONS = {
    "SOA": Asked(GIVEN, transport=Transport.UDP),
    "SOA over TCP": Asked(GIVEN),
    "SOA of a zone not served": Asked(ALIEN, transport=Transport.UDP),
    "SOA of a zone never loaded": Asked(NEVER, transport=Transport.UDP),
    "SOA, key not known": Asked(GIVEN, transport=Transport.UDP, key=STRANGER),
    "AXFR": Asked(GIVEN, "AXFR", key=XFR),
    "AXFR, no key": Asked(GIVEN, "AXFR"),
    "AXFR, key not allowed": Asked(GIVEN, "AXFR", key=GUEST),
    "AXFR, key not known": Asked(GIVEN, "AXFR", key=STRANGER),
    "AXFR, other secret": Asked(GIVEN, "AXFR", key=WRONG_SECRET),
    "AXFR, other algorithm": Asked(GIVEN, "AXFR", key=WRONG_ALGORITHM),
    "AXFR of a zone not served": Asked(ALIEN, "AXFR", key=XFR),
    "AXFR of a zone never loaded": Asked(NEVER, "AXFR", key=XFR),
}

FACTS = {
    "bind": {
        "SOA": "NOERROR aa answer",
        "SOA over TCP": "NOERROR aa answer",
        "SOA of a zone not served": "REFUSED",
        "SOA of a zone never loaded": "SERVFAIL",
        "SOA, key not known": "NOTAUTH BADKEY",
        "AXFR": "NOERROR aa signed answer",
        "AXFR, no key": "REFUSED ede-18",
        "AXFR, key not allowed": "REFUSED ede-18 signed",
        "AXFR, key not known": "NOTAUTH BADKEY",
        "AXFR, other secret": "NOTAUTH BADSIG",
        "AXFR, other algorithm": "NOTAUTH BADKEY",
        "AXFR of a zone not served": "NOTAUTH signed",
        "AXFR of a zone never loaded": "SERVFAIL signed",
    },
    "knot": {
        "SOA": "NOERROR aa answer",
        "SOA over TCP": "NOERROR aa answer",
        "SOA of a zone not served": "REFUSED ede-20",
        "SOA of a zone never loaded": "SERVFAIL ede-24",
        "SOA, key not known": "NOTAUTH BADKEY",
        "AXFR": "NOERROR signed answer",
        "AXFR, no key": "NOTAUTH",
        "AXFR, key not allowed": "NOTAUTH BADKEY",
        "AXFR, key not known": "NOTAUTH BADKEY",
        "AXFR, other secret": "NOTAUTH BADSIG",
        "AXFR, other algorithm": "NOTAUTH BADKEY",
        "AXFR of a zone not served": "NOTAUTH",
        "AXFR of a zone never loaded": "SERVFAIL ede-24 signed",
    },
    "nsd": {
        "SOA": "NOERROR aa answer",
        "SOA over TCP": "NOERROR aa answer",
        "SOA of a zone not served": "REFUSED ede-20",
        "SOA of a zone never loaded": "SERVFAIL ede-14",
        "SOA, key not known": "NOTAUTH BADKEY qd-0",
        "AXFR": "NOERROR aa signed answer",
        "AXFR, no key": "REFUSED ede-18",
        "AXFR, key not allowed": "REFUSED ede-18 signed",
        "AXFR, key not known": "NOTAUTH BADKEY qd-0",
        "AXFR, other secret": "NOTAUTH BADSIG qd-0",
        "AXFR, other algorithm": "REFUSED ede-18 signed",
        "AXFR of a zone not served": "NOTAUTH signed",
        "AXFR of a zone never loaded": "NOTAUTH",
    },
    "powerdns": {
        "SOA": "NOERROR aa answer",
        "SOA over TCP": "NOERROR aa answer",
        "SOA of a zone not served": "REFUSED",
        "SOA of a zone never loaded": "REFUSED",
        "SOA, key not known": "NOTAUTH aa",
        "AXFR": "NOERROR aa signed answer",
        "AXFR, no key": "NOTAUTH aa",
        "AXFR, key not allowed": "NOTAUTH aa",
        "AXFR, key not known": "NOTAUTH aa",
        "AXFR, other secret": "NOTAUTH aa",
        "AXFR, other algorithm": "NOTAUTH aa",
        "AXFR of a zone not served": "NOTAUTH aa",
        "AXFR of a zone never loaded": "NOTAUTH aa",
    },
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Each software once; the secondary zone's upstream is a server that is not there."""
    with Lab() as lab:
        nobody = lab.server("knot", "nobody")
        for software in SOFTWARE:
            server = lab.primary(software, Content(GIVEN), name=software)
            server.follow(nobody, NEVER, notify=False)
        lab.servers.remove(nobody)
        lab.start()
        yield lab
        nobody.close()


@pytest.fixture(scope="module", params=SOFTWARE)
def server(request: pytest.FixtureRequest, lab: Lab) -> Server:
    return next(server for server in lab.servers if server.software == request.param)


def raw(server: Server, asked: Asked) -> dns.message.Message:
    """The first message that comes back, its signature not looked into."""
    query = dns.message.make_query(asked.zone, asked.qtype, use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    if asked.key is not None:
        query.use_tsig(tsig(asked.key))
    wire = query.to_wire()
    where = (server.ipv4.host, server.ipv4.port)
    if asked.transport is Transport.UDP:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.connect(where)
            udp.send(wire)
            return dns.message.from_wire(udp.recv(65535), keyring=False)
    with socket.create_connection(where, timeout=5) as tcp, tcp.makefile("rb") as stream:
        tcp.sendall(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", stream.read(2))
        return dns.message.from_wire(stream.read(length), keyring=False)


def in_words(answer: dns.message.Message) -> str:
    words = [dns.rcode.to_text(answer.rcode())]
    if answer.flags & dns.flags.AA:
        words.append("aa")
    words += [f"ede-{option.code}" for option in answer.extended_errors()]
    if answer.had_tsig:
        error = answer.tsig[0].error
        words.append(dns.rcode.to_text(error, tsig=True) if error else "signed")
    if not answer.question:
        words.append("qd-0")
    if any(rrset.rdtype == dns.rdatatype.SOA for rrset in answer.answer):
        words.append("answer")
    return " ".join(words)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_server_answers_as_the_table_says(server: Server, question: str) -> None:
    assert in_words(raw(server, QUESTIONS[question])) == FACTS[server.software][question]
