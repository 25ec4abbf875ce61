"""Runbook entries of the codes that say how a server answers."""

from alerting.runbook.entry import Cure, RunbookEntry
from alerting.runbook.fixes import CAPTURE, FETCH, LISTEN, SERVE

UDP = "dig @{address} -p {port} {zone} SOA +norecurse +nsid"
TCP = "dig @{address} -p {port} {zone} SOA +norecurse +tcp"

TCP_CURE = Cure(
    bind="""\
# does it listen, and are all its TCP slots taken? (rndc status: tcp clients)
ss -ltn 'sport = :53'
rndc status
# named.conf, if the slots are taken
tcp-clients 1000;""",
    knot="""\
# does it listen? knot.conf, if all its TCP slots are taken: server: tcp-max-clients: 1000
ss -ltn 'sport = :53'
knotc status""",
    nsd="""\
# does it listen? nsd.conf, if all its TCP slots are taken: server: tcp-count: 1000
ss -ltn 'sport = :53'
nsd-control stats_noreset""",
    powerdns="""\
# does it listen? pdns.conf, if all its TCP slots are taken: max-tcp-connections=1000
ss -ltn 'sport = :53'
pdns_control show tcp-queries""",
)

RATE_CURE = Cure(
    bind="""\
# named.conf: is rate-limit in force? Leave the monitor out of it
rate-limit { responses-per-second 20; exempt-clients { 192.0.2.9; }; };
rndc reconfig""",
    knot="""\
# knot.conf: is mod-rrl in force? Leave the monitor out of it
mod-rrl:
  - id: default
    rate-limit: 20
    whitelist: 192.0.2.9
knotc reload""",
    nsd="""\
# nsd.conf: does rrl-ratelimit bite? NSD has no list of exempt addresses, but rates of its own per zone:
server:
    rrl-ratelimit: 200
    rrl-whitelist-ratelimit: 2000
zone:
    name: {zone}
    rrl-whitelist: positive""",
    powerdns="""\
# PowerDNS has no rate limit of its own: look at dnsdist in front of it, and at
pdns_control show udp-queries
pdns_control show overload-drops""",
)

SOURCE_CURE = Cure(
    bind="""\
# named.conf: BIND binds each address of its own accord, unless it is told not to. Which has it bound?
ss -lunp 'sport = :53'
# after an address was added, it looks for it only every interface-interval minutes
rndc scan""",
    knot="""\
# knot.conf: each address by name
server:
    listen: [ 192.0.2.2@53, 2001:db8::2@53 ]
# then restart, and see what it has bound
ss -lunp 'sport = :53'""",
    nsd="""\
# nsd.conf: each address by name; on the wildcard address the system picks the sender
server:
    ip-address: 192.0.2.2
    ip-address: 2001:db8::2
# then restart, and see what it has bound
ss -lunp 'sport = :53'""",
    powerdns="""\
# pdns.conf, then restart: each address by name
local-address=192.0.2.2, 2001:db8::2
# and see what it has bound
ss -lunp 'sport = :53'""",
)

EDNS_CURE = Cure(
    bind="""\
# BIND 9 knows EDNS and cannot be told not to answer it. Does it answer on its own machine?
dig @127.0.0.1 {zone} SOA +norecurse +edns=0
# dig there, and from elsewhere: what only works there is lost on the way
dig @192.0.2.2 {zone} SOA +norecurse +edns=0""",
    knot="""\
# Knot DNS knows EDNS. Does it answer on its own machine, and from elsewhere?
kdig @127.0.0.1 {zone} SOA +edns=0
kdig @192.0.2.2 {zone} SOA +edns=0""",
    nsd="""\
# NSD knows EDNS. Does it answer on its own machine, and from elsewhere?
dig @127.0.0.1 {zone} SOA +norecurse +edns=0
dig @192.0.2.2 {zone} SOA +norecurse +edns=0""",
    powerdns="""\
# PowerDNS knows EDNS. Does it answer on its own machine, and from elsewhere? Look at dnsdist between the two
dig @127.0.0.1 {zone} SOA +norecurse +edns=0
dig @192.0.2.2 {zone} SOA +norecurse +edns=0""",
)

ENTRIES = (
    RunbookEntry(
        "server-unreachable",
        "The server answers neither over UDP nor over TCP, after several attempts. Resolvers lose time on it or go "
        "elsewhere; if it is the primary, its secondaries can no longer refresh.",
        (
            "The machine or the nameserver process is down, or hangs.",
            "A firewall, or a route to it, has changed.",
            "Its address has changed, and the NS or glue records, or the monitor's configuration, have not.",
            "It no longer listens on this address (after an upgrade, often only on IPv6 or only on IPv4).",
        ),
        "See whether the machine answers at all, whether the process runs, and whether it listens on this address.",
        LISTEN,
        (UDP, TCP),
    ),
    RunbookEntry(
        "no-answer",
        "The server is silent over UDP but answers over TCP. Nearly all resolvers ask over UDP first: for them it is "
        "as good as dead.",
        (
            "A firewall drops UDP/53 in or out.",
            "Response rate limiting, or a filter against floods, drops the monitor's queries.",
            "The server is overloaded: its UDP receive buffer overflows.",
        ),
        "Look for UDP/53 in the firewall at the server and on the way, then at the server's rate limits.",
        RATE_CURE,
        (UDP, TCP),
    ),
    RunbookEntry(
        "rate-limited",
        "The server has sent truncated answers in place of short ones, which is how response rate limiting bids a "
        "resolver come again over TCP, and then nothing over UDP. Those who ask less often are answered. soawatch asks "
        "it more slowly for a while.",
        (
            "Response rate limiting (RRL) is in force, and the monitor asks for the same more often than it allows.",
            "Others behind the monitor's address or network are limited together with it.",
        ),
        "Leave the monitor's address out of the limit, or lower probe.max_qps_per_server.",
        RATE_CURE,
        (UDP, TCP),
    ),
    RunbookEntry(
        "unexpected-source",
        "The server answers over UDP, but its answers come from another address or port than the one that was asked. "
        "Resolvers throw such answers away: for them it is as good as dead (RFC 5452 section 9.1).",
        (
            "The server listens on the wildcard address of a machine with several, and the system picks the sender.",
            "The answers go out another way than the questions came in, and are translated there (NAT, VPN).",
            "Another machine answers in the server's place.",
        ),
        "Let the nameserver listen on each of its addresses by name, then look at address translation on the way back.",
        SOURCE_CURE,
        (UDP, TCP),
    ),
    RunbookEntry(
        "edns-broken",
        "Questions with EDNS (RFC 6891) are lost, or answered with an error or with what cannot be used, while the "
        "same question without it is answered well. Resolvers lose time on it, or give up; DNSSEC, NSID and large "
        "answers do not work. All else that is said of the server is from its answers without EDNS.",
        (
            "A firewall or load balancer on the way drops or mangles what it does not know.",
            "The server, or a proxy before it, is older than EDNS or has it switched off.",
            "The service behind a load balancer is reached only by questions of a certain shape.",
        ),
        "Ask from the server's own network: if EDNS works there, look at what lies between; else update the server.",
        EDNS_CURE,
        (UDP, "dig @{address} -p {port} {zone} SOA +norecurse +noedns"),
    ),
    RunbookEntry(
        "tcp-unreachable",
        "The server answers over UDP and not over TCP. Every answer that does not fit a datagram is lost for "
        "resolvers, and no secondary can transfer a zone from it (RFC 7766, RFC 9210: TCP is not optional).",
        (
            "A firewall lets UDP/53 through and not TCP/53.",
            "The server, or the load balancer in front of it, does not listen on TCP.",
            "All its TCP slots are taken, by a flood or by idle connections.",
        ),
        "Open TCP/53 in the firewall at the server and on the way, in both directions.",
        TCP_CURE,
        (TCP, UDP),
    ),
    RunbookEntry(
        "zone-not-served",
        "The server answers, but says that it does not serve the zone: it refuses, refers to elsewhere, or denies "
        "that the name exists. Resolvers that come here by delegation are turned away (a lame delegation).",
        (
            "The zone was never configured on this server, or was removed there but not at the registry.",
            "A configuration that was not reloaded, or failed to load.",
            "On PowerDNS also: the zone is configured, but was never transferred.",
            "The monitor's address sees another view of the server, or is not allowed to query it.",
        ),
        "Configure the zone on this server, or take the server out of the delegation.",
        SERVE,
        (UDP,),
    ),
    RunbookEntry(
        "zone-expired",
        "The server has the zone in its configuration but no valid copy of it: its copy is older than the SOA's expire "
        "(RFC 1034 section 4.3.5), or was never fetched. It answers SERVFAIL until it can transfer again. PowerDNS "
        "does not expire zones and keeps answering from the old copy.",
        (
            "The primary cannot be reached from the secondary, or refuses the transfer.",
            "The TSIG key differs, or a clock is off by more than five minutes.",
            "The address of the primary in the secondary's configuration is out of date.",
            "The zone is new, and its first transfer has not worked.",
        ),
        "Make a transfer from the primary work; the log of the secondary says why it does not.",
        FETCH,
        (UDP, "dig @{address} -p {port} {zone} AXFR{key} | head"),
    ),
    RunbookEntry(
        "not-authoritative",
        "The server answers, but without the authoritative bit: the answer comes from a cache or a forwarder, and may "
        "be as old as the TTL. Resolvers take the delegation to it for lame.",
        (
            "A recursive resolver answers at this address, not the nameserver.",
            "A load balancer or a redirecting firewall sends queries to the wrong place.",
            "The zone is configured as a forward or stub zone.",
        ),
        "Find out what answers there: ask for its identity (NSID, version.bind), and look at what lies on the way.",
        SERVE,
        (UDP, "dig @{address} -p {port} version.bind TXT CH"),
    ),
    RunbookEntry(
        "bad-rcode",
        "The server answers the question for the zone's SOA with an error that says neither 'not served' nor "
        "'expired', such as FORMERR or NOTIMP.",
        (
            "Something between the monitor and the server (a firewall that 'inspects' DNS) mangles EDNS queries.",
            "The server is very old, or is not a nameserver for this purpose at all.",
            "The zone failed to load because of an error in its file or database.",
        ),
        "Ask once with EDNS and once without; if the second works, look for what lies between.",
        Cure(
            bind="rndc zonestatus {zone}\nnamed-checkzone {zone} /path/to/{zone}.zone\njournalctl -u named",
            knot="knotc zone-status {zone}\nknotc zone-check {zone}\njournalctl -u knot",
            nsd="nsd-control zonestatus {zone}\nnsd-checkzone {zone} /path/to/{zone}.zone\njournalctl -u nsd",
            powerdns="pdnsutil check-zone {zone}\npdns_control show backend-queries\njournalctl -u pdns",
        ),
        (UDP, "dig @{address} -p {port} {zone} SOA +norecurse +noedns"),
    ),
    RunbookEntry(
        "malformed-answer",
        "What came back is not a DNS answer to the question: it cannot be parsed, or its id, question or records "
        "belong to something else. Resolvers discard such answers, and nearly all of them ask over UDP first: a server "
        "whose every answer over UDP is like that is as good as dead for them, even if its TCP is fine.",
        (
            "A middlebox or a load balancer rewrites DNS packets.",
            "Something other than a nameserver listens on the port.",
            "Somebody on the way answers in the server's place, and its own answers do not arrive.",
        ),
        "Capture the packets on the server and at the monitor and compare; a difference shows the middlebox.",
        CAPTURE,
        ("dig @{address} -p {port} {zone} SOA +norecurse +qr", TCP),
    ),
)
