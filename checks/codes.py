"""Which codes there are, and how severe each is unless the operator says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Code:
    """A stable code, its default severity ("critical", "warning", "info") and its one-line title."""

    name: str
    severity: str
    title: str


_ALL = (
    # reachable
    Code("server-unreachable", "critical", "The server answers neither over UDP nor over TCP"),
    Code("no-answer", "warning", "The server does not answer over UDP, but does over TCP"),
    Code("rate-limited", "info", "The server limits how often it answers the monitor over UDP"),
    Code("unexpected-source", "warning", "Answers over UDP come from another address than the one that was asked"),
    Code("edns-broken", "warning", "The server answers well only when it is asked without EDNS"),
    Code("tcp-unreachable", "warning", "UDP/53 answers, TCP/53 does not: a firewall"),
    Code("zone-not-served", "critical", "The server does not serve the zone"),
    Code("zone-expired", "critical", "The server has the zone but no valid copy: expired, or never loaded"),
    Code("not-authoritative", "warning", "The server answers, but not with authority"),
    Code("bad-rcode", "warning", "The server answers with an error"),
    Code("malformed-answer", "warning", "The server's answer cannot be understood or does not fit the question"),
    # soa-serial
    Code("serial-late", "warning", "A server is behind for longer than max_lag"),
    Code("serial-overdue", "critical", "A server is behind for longer than the zone's own refresh and retry"),
    Code("serial-stuck", "critical", "A server stays on one version while newer ones come by"),
    Code("serial-ahead", "critical", "A server serves a newer version than its primary"),
    Code("serial-regressed", "warning", "A primary's serial went back"),
    Code("serial-unordered", "critical", "Two serials are exactly 2^31 apart: neither is newer"),
    Code("expiry-near", "warning", "A server will stop serving the zone soon"),
    Code("expiry-imminent", "critical", "A server is about to stop serving the zone"),
    # soa-fields, ns-set, records
    Code("soa-fields-differ", "warning", "Equal serials, but other SOA fields differ"),
    Code("ns-set-differs", "warning", "The servers disagree about the zone's NS records"),
    Code("ns-unresolvable", "warning", "A nameserver's name in the NS set has no address"),
    Code("unwatched-server", "warning", "A nameserver of the NS set is not watched"),
    Code("record-differs", "warning", "A chosen record is not the same on all servers"),
    Code("record-unexpected", "critical", "A chosen record is not what it is expected to be"),
    Code("content-differs", "critical", "Equal serials, but a chosen record differs"),
    Code("ttl-differs", "info", "A chosen record has other TTLs on some servers"),
    # transfer
    Code("transfer-refused", "critical", "A zone transfer that must be allowed is refused"),
    Code("transfer-failed", "critical", "A zone transfer that must work breaks off"),
    Code("transfer-open", "warning", "A zone transfer that must be refused is given away"),
    # the monitor itself
    Code("not-checked", "warning", "The monitor has not been able to check this for a while"),
    Code("vantage-blind", "critical", "No server at all answers the monitor"),
    Code("store-failing", "critical", "The monitor cannot write its database"),
    Code("receiver-failing", "critical", "A receiver does not take what it is told"),
    Code("configuration-refused", "warning", "The monitor was given a configuration that it cannot take"),
    Code("database-recreated", "warning", "The monitor's database was deleted while it ran"),
)

CODES: Mapping[str, Code] = MappingProxyType({code.name: code for code in _ALL})
