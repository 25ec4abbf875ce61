"""Runbook entries of the codes that say which version a server serves."""

from alerting.runbook.entry import Cure, RunbookEntry
from alerting.runbook.fixes import ACROSS, FETCH, SERIAL

SOA = "dig @{address} -p {port} {zone} SOA +norecurse +nsid"
EXPIRE = "dig @{address} -p {port} {zone} SOA +norecurse +expire"
TRANSFER = "dig @{address} -p {port} {zone} AXFR{key} | head -1"

_APART = (
    "The server signs the zone, or gets it from elsewhere, and has serials of its own: then it, and who follows it, "
    "need another group (a setting of servers)."
)

ENTRIES = (
    RunbookEntry(
        "serial-late",
        "The server has been serving an older version than the newest one for longer than max_lag. The lag counts "
        "from when a newer version was first seen anywhere. Visitors get old or new data, as chance has it.",
        (
            "The NOTIFY did not reach the secondary, so that it waits for the SOA's refresh to run out.",
            "The transfer fails: refused, wrong TSIG key, TCP/53 closed between the two.",
            "The primary publishes faster, or in larger zones, than the secondary can follow.",
            "max_lag is shorter than the zone's own refresh, and the zone does not use NOTIFY.",
            _APART,
        ),
        "Have the secondary ask its primary now; its log tells why it did not do so by itself.",
        FETCH,
        (SOA,),
    ),
    RunbookEntry(
        "serial-overdue",
        "The server has been behind for longer than the zone itself promises: refresh and retry (RFC 1035 section "
        "3.3.13) have gone by, so that even without any NOTIFY it should have the new version.",
        (
            "The transfer is refused by the primary: its list of addresses or keys lacks the secondary.",
            "The secondary does not reach the primary: address changed, TCP/53 closed, primary hidden and down.",
            "The TSIG key or secret differs, or a clock is off by more than five minutes.",
            "The secondary rejects the new version: it is broken, too large, or its journal does not fit.",
            _APART,
        ),
        "Read the secondary's log for the transfer, and try the transfer by hand from the secondary.",
        FETCH,
        (SOA, TRANSFER),
    ),
    RunbookEntry(
        "serial-stuck",
        "The server has stayed on one version while at least two newer ones came by, for longer than max_lag and than "
        "the SOA's refresh: even without any NOTIFY it must have asked its primary meanwhile. It does not follow "
        "slowly, it takes none of them; a secondary that gets nothing stops serving the zone when that expires.",
        (
            "The transfer is refused, or its TSIG key differs.",
            "The zone was turned into a primary (or its primary's address is wrong) on this server.",
            "The server cannot write its zone or journal: disk full, permissions, read-only.",
            "A load balancer or an anycast site in front of it shows a machine that is not updated.",
            _APART,
        ),
        "Take the whole zone again on that server, and read in its log why the transfers before did not work.",
        FETCH,
        (SOA, TRANSFER),
    ),
    RunbookEntry(
        "serial-ahead",
        "The server serves a newer version (RFC 1982) than the zone's primary. As a secondary it takes nothing from "
        "the primary until the primary's serial has passed its own: changes are lost on it in silence.",
        (
            "The primary was restored from a backup, or its serial was lowered.",
            "The zone was edited on the secondary.",
            "The server takes the zone from another primary than the one that is configured here.",
            _APART,
            "A serial was mistyped once (one digit too many) and corrected only on the primary.",
        ),
        "Decide which content is right. Then let the secondary take the zone again, or raise the primary's serial.",
        SERIAL,
        (SOA,),
    ),
    RunbookEntry(
        "serial-regressed",
        "The primary's serial went back: what it serves now is older, by RFC 1982, than what it served before. "
        "Secondaries that have the higher serial will not take the zone any more.",
        (
            "A backup or an older file was put back.",
            "The way of counting was changed, for instance from unix time to dates.",
            "Two machines answer as the primary, and one of them is behind.",
            "The zone was recreated, and counts from 1 again.",
        ),
        "Raise the serial above the one that was served before, or have every secondary take the zone again. If it "
        "must be lower on servers that are not yours, lead it around the circle.",
        SERIAL,
        (SOA,),
    ),
    RunbookEntry(
        "serial-unordered",
        "Two servers have serials that are exactly 2147483648 apart. RFC 1982 leaves undefined which of them is newer, "
        "and implementations differ: as secondaries Knot DNS and NSD mostly take such a version, BIND and PowerDNS "
        "stay where they are.",
        (
            "A step of the two-step way to lower a serial was 2147483648 instead of 2147483647.",
            "A serial was set by hand to a value from another way of counting.",
        ),
        "Let the server that is across take the whole zone again, or lead all servers to one serial in two steps.",
        ACROSS,
        (SOA,),
    ),
    RunbookEntry(
        "expiry-near",
        "The secondary has not been in step with its primary for at least half of the SOA's expire. When the rest has "
        "gone by it stops serving the zone (RFC 1035 section 3.3.13). The date comes from the server itself where it "
        "answers EDNS EXPIRE (RFC 7314), else it is estimated.",
        (
            "The primary cannot be reached from the secondary, although it may well be reachable from elsewhere.",
            "The transfer is refused, or its TSIG key differs.",
            "The SOA's expire is shorter than an ordinary outage lasts: two to four weeks are usual.",
        ),
        "Make the secondary reach its primary again before the date that is given.",
        FETCH,
        (EXPIRE,),
    ),
    RunbookEntry(
        "expiry-imminent",
        "Less than a quarter of the SOA's expire is left before the secondary stops serving the zone. BIND, Knot DNS "
        "and NSD will answer SERVFAIL from then on; PowerDNS does not expire zones and goes on with the old copy.",
        (
            "The primary has been unreachable from the secondary for a long time.",
            "The transfer has been refused for a long time, or its TSIG key differs.",
            "The SOA's expire is very short.",
        ),
        "Restore the transfer now. If the primary cannot be had back in time, make the secondary the primary.",
        Cure(
            bind="""\
rndc retransfer {zone}
# if the primary is lost: keep serving the copy. In named.conf, instead of type secondary and primaries:
zone "{zone}" { type primary; file "{zone}.db"; };
# (the file must be text: masterfile-format text, or named-compilezone -f raw -F text)
rndc reconfig""",
            knot="""\
knotc zone-retransfer {zone}
# if the primary is lost: keep serving the copy. Write it out, then remove master: from the zone in knot.conf
knotc zone-flush {zone}
knotc reload""",
            nsd="""\
nsd-control force_transfer {zone}
# if the primary is lost: keep serving the copy. Write it out, then remove request-xfr: from the zone in nsd.conf
nsd-control write {zone}
nsd-control reconfig""",
            powerdns="""\
pdns_control retrieve {zone}
# PowerDNS goes on serving the copy; to make it the primary (before 4.5: master)
pdnsutil set-kind {zone} primary""",
        ),
        (EXPIRE,),
    ),
)
