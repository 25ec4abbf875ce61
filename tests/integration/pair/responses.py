"""What a server in a given state replies to octets, without sockets."""

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.wire
from dns.message import Message

from monitor.pair import zonedata
from monitor.pair.behaviour import Behaviour, altered, serve
from monitor.pair.exchange import Context, Reply, exchange
from monitor.pair.zonedata import ZoneCopy, ZoneData, zone_text

NOW = 1_800_000_000
ORIGIN = dns.name.from_text("pair.example.")
KEY = dns.tsig.Key("xfr.", b"a secret of thirty-two octets ..", "hmac-sha256")


def data(serial: int = 1000, *records: str) -> ZoneData:
    return zonedata.edit(zonedata.parse(ORIGIN, zone_text(serial=serial)), records)


def zone_copy(*versions: ZoneData, expires: float | None = None) -> ZoneCopy:
    """A zone with those versions, the oldest first."""
    found = ZoneCopy(ORIGIN, expires=expires)
    for version in versions:
        found = found.changed(version)
    return found


def server_context(
    found: ZoneCopy | None = None,
    behaviour: Behaviour | None = None,
    *,
    now: float = 0.0,
    upstreams: tuple[str, ...] = (),
) -> Context:
    behaviour = behaviour or Behaviour()
    shown = altered(zone_copy(data()) if found is None else found, behaviour)
    served = serve(shown, behaviour, now)
    zones = {} if served is None else {ORIGIN: served}
    keys = {KEY.name: KEY}
    return Context("ns1", zones.get, keys, behaviour, NOW + int(behaviour.clock_skew), frozenset(upstreams))


def reply_to(wire: bytes, where: Context | None = None, *, peer: str = "127.0.0.1", udp: bool = True) -> Reply:
    return exchange(wire, where or server_context(), peer, udp=udp)


def response_to(wire: bytes, where: Context | None = None, *, udp: bool = True) -> Message:
    """The only message of the reply, its signature not looked at."""
    (message,) = reply_to(wire, where, udp=udp).messages
    return dns.message.from_wire(message, keyring=lambda *_: False)


def query(name: str, rdtype: str, **fields: object) -> Message:
    """With EDNS unless told otherwise."""
    return dns.message.make_query(name, rdtype, **{"use_edns": 0, **fields})  # type: ignore[arg-type]


def summary(message: Message) -> tuple[str, bool, list[str], list[str], list[str]]:
    """rcode, AA, and the three sections as "owner type rdata" in lower case, owners relative to the zone."""
    return (
        dns.rcode.to_text(message.rcode()),
        bool(message.flags & dns.flags.AA),
        *(
            [
                f"{rrset.name.choose_relativity(ORIGIN, True)} {dns.rdatatype.to_text(rrset.rdtype)} "
                f"{rdata.to_text(ORIGIN, True)}"
                for rrset in section
                for rdata in rrset
            ]
            for section in (message.answer, message.authority, message.additional)
        ),
    )


def tsig_start(wire: bytes) -> int:
    """Where the last record begins. The message has been parsed before: it is well formed."""
    parser = dns.wire.Parser(wire, 4)
    questions, *sections = parser.get_struct("!HHHH")
    for _ in range(questions):
        parser.get_name(decompress=True)
        parser.get_bytes(4)
    for _ in range(sum(sections) - 1):
        parser.get_name(decompress=True)
        parser.get_bytes(8)
        parser.get_counted_bytes(2)
    return parser.current
