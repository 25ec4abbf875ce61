"""Runbook entries of the codes that say who may have a whole zone."""

from alerting.runbook.entry import Cure, RunbookEntry
from alerting.runbook.fixes import ALLOW, DENY

AXFR = "dig @{address} -p {port} {zone} AXFR{key} | head"
SOA = "dig @{address} -p {port} {zone} SOA +norecurse"

ENTRIES = (
    RunbookEntry(
        "transfer-refused",
        "The server does not give the zone to somebody who must have it. The reason is in the text: 'refused' and "
        "'notauth' are about the list of addresses and keys, 'badkey' about the key's name or algorithm, 'badsig' "
        "about its secret, 'badtime' about a clock. PowerDNS says NOTAUTH to all of these.",
        (
            "The address that asks, or its key, is not in the server's list.",
            "The TSIG key is known under another name or algorithm on one side.",
            "The secret was changed on one side only.",
            "A clock is off by more than five minutes.",
        ),
        "Allow the address or the key at the server that is asked. Every secondary there is may have the same trouble.",
        ALLOW,
        (AXFR, SOA),
    ),
    RunbookEntry(
        "transfer-failed",
        "The server begins to give the zone away, or at least accepts the connection, and does not get to a good end; "
        "or what it gives is a zone that secondaries refuse, or an older one than it answers with. Secondaries keep "
        "their old copy, and try again until it expires.",
        (
            "The connection is reset or times out on the way: firewall, MTU, a slow or overloaded server.",
            "The server cannot read its own copy of the zone: not loaded, broken, or expired.",
            "The answer is not signed, or not fully, although the question was.",
            (
                "A record in it is broken, of another class, or beside a CNAME, or there is no NS record at its name: "
                "the text says which, and which secondaries refuse the whole zone for it."
            ),
            "The copy that it transfers from is another than the one it answers from, and older.",
            "The zone is larger than the limits set for the monitor under [probe].",
        ),
        "Where the text names a record and the software that would refuse it, mend the record at the server where the "
        "zone is kept. Otherwise transfer the zone by hand and see where it stops; the log of the server says what it "
        "sees.",
        Cure(
            bind="""\
# the server's log: journalctl -u named | grep transfer. named.conf, if many transfers run at once
transfers-out 50;
# the zone itself
rndc zonestatus {zone}""",
            knot="""\
# the server's log: journalctl -u knot | grep -i xfr. knot.conf, if large transfers take long
server:
    tcp-io-timeout: 2000
knotc zone-status {zone}""",
            nsd="""\
# the server's log: journalctl -u nsd. nsd.conf, if large transfers take long
server:
    tcp-timeout: 120
nsd-control zonestatus {zone}""",
            powerdns="""\
# the server's log: journalctl -u pdns | grep AXFR. pdns.conf, if large transfers take long: 0 is no limit
max-tcp-connection-duration=0
pdnsutil check-zone {zone}""",
        ),
        (AXFR,),
    ),
    RunbookEntry(
        "transfer-open",
        "The server gives the whole zone to somebody who must not have it, here to the monitor. Whoever asks learns "
        "every name in it: machines, customers, test systems.",
        (
            "No list of addresses or keys is set, and the software gives to anybody by default (BIND before 9.20).",
            "A list is too wide: 'any', 0.0.0.0/0, or a whole provider's network.",
            "The monitor's address is in the list, and the rule in the configuration says it should not be.",
        ),
        "Allow transfers by TSIG key, and to nobody else.",
        DENY,
        (AXFR,),
    ),
)
