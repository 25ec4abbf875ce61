"""Runbook entries of the codes that say that servers answer differently."""

from alerting.runbook.entry import Cure, RunbookEntry
from alerting.runbook.fixes import RELOAD, SELF

SOA = "dig @{address} -p {port} {zone} SOA +norecurse"
RECORD = "dig @{address} -p {port} {record} +norecurse +nsid"

SIGNED = Cure(
    bind="""\
# raise the serial with every change; named does so itself for dynamic and inline-signed zones
rndc retransfer {zone}
# inline signing on two machines at once gives two versions of one serial: sign on one of them only
rndc signing -list {zone}""",
    knot="""\
# raise the serial with every change; knot.conf does so for signed zones
zone:
  - domain: {zone}
    serial-policy: unixtime
# on the secondary
knotc zone-retransfer {zone}""",
    nsd="""\
# NSD serves what is in the file: raise the serial before nsd-control reload. On the secondary
nsd-control force_transfer {zone}""",
    powerdns="""\
# raise the serial with every change to the database; for signed zones let PowerDNS tell secondaries
pdnsutil increase-serial {zone}
pdnsutil set-meta {zone} SOA-EDIT INCEPTION-INCREMENT
# on the secondary
pdns_control retrieve {zone}""",
)

ENTRIES = (
    RunbookEntry(
        "soa-fields-differ",
        "Servers serve the same serial with different SOA fields (mname, rname or the timers). One serial stands for "
        "one content: somebody changed the zone without raising it, and it will never be transferred.",
        (
            "The zone was edited on one server without a new serial.",
            "Two primaries are fed by two processes that do not agree.",
            "A provider rewrites mname or the timers on its own servers.",
        ),
        "Raise the serial at the primary; if a provider rewrites the SOA on purpose, set the severity to info.",
        RELOAD,
        (SOA,),
    ),
    RunbookEntry(
        "ns-set-differs",
        "The servers give different NS records for the zone. Which nameservers a resolver uses from then on depends "
        "on which one it asked.",
        (
            "A nameserver was added or removed on one side only.",
            "A change of the NS set is on its way, and a server is behind.",
            "Providers write their own NS records into the zone and leave out the other provider's.",
        ),
        "Compare the NS sets below, and make the primary's the one that the registry has.",
        RELOAD,
        ("dig @{address} -p {port} {zone} NS +norecurse",),
    ),
    RunbookEntry(
        "ns-unresolvable",
        "The zone names a nameserver whose name does not exist or has no address. Resolvers lose time on it, or ask "
        "the others more; if its domain can be registered by anybody, that somebody can answer for the zone.",
        (
            "The server was taken away, or renamed, and the NS record was left behind.",
            "The name is mistyped, or lacks its final dot in the zone file and so ends in the zone's name twice.",
            "An address stands where a name must be.",
            "The domain that the name belongs to has expired, or its own nameservers do not answer.",
            "The monitor asks a resolver that does not know the name, as with names inside a company: see [resolver].",
        ),
        "Give the name its A and AAAA records again, or take it out of the NS set here and at the registry. "
        "If it is nobody's concern here, name it in ignore_servers.",
        RELOAD,
        ("dig @{address} -p {port} {zone} NS +norecurse", "dig {zone} NS +trace"),
    ),
    RunbookEntry(
        "unwatched-server",
        "The zone names a nameserver that is not among those that are watched: what it serves, and whether it answers, "
        "is not known here, though every resolver asks it.",
        (
            "A nameserver was added to the zone, and not to the monitor's configuration.",
            "A provider's nameserver, or an old one, is still in the NS set.",
            "The server is watched at another address than its name resolves to, as behind NAT.",
        ),
        "Add it to the zone's servers, or leave servers out to have them found from the NS set. "
        "If it is not to be watched, name it in ignore_servers.",
        SELF,
        ("dig @{address} -p {port} {zone} NS +norecurse",),
    ),
    RunbookEntry(
        "record-differs",
        "A record that is watched is not the same on all servers, and their serials differ or belong to providers "
        "that count apart. Visitors get one or the other.",
        (
            "A change is made at one provider and not, or not yet, at the other.",
            "A server is behind.",
            "The answers are made up per visitor (GeoIP, weighted, ALIAS/ANAME flattening): then do not watch them.",
        ),
        "Decide which answer is right, and publish it where it is missing.",
        RELOAD,
        (RECORD,),
    ),
    RunbookEntry(
        "record-unexpected",
        "A record that is watched is not what the configuration says it must be. If nobody changed it on purpose, "
        "take it for a mistake in a deployment or for an attack, until you know better.",
        (
            "The record was changed on purpose, and the monitor's 'expect' was not.",
            "A deployment or a script has overwritten the zone.",
            "Somebody has access who should not: registrar, control panel, primary.",
        ),
        "Find out who changed it. Then put the record back, or change 'expect' in the configuration.",
        RELOAD,
        (RECORD,),
    ),
    RunbookEntry(
        "content-differs",
        "Two servers serve the same serial with different data. Every comparison of serials says that all is well, "
        "and no refresh will ever mend it.",
        (
            "The zone was edited without raising the serial.",
            "An incremental transfer (IXFR) went wrong and left a mixture.",
            "Signatures were renewed, or the zone was signed, without a new serial.",
            "Two primaries give out the same serial for different contents.",
        ),
        "Raise the serial at the primary; where one server alone is wrong, let it take the whole zone again.",
        SIGNED,
        (SOA, RECORD),
    ),
    RunbookEntry(
        "ttl-differs",
        "A record that is watched has the same data on all servers but not the same TTL. Nothing is broken; a planned "
        "change may take effect later than you think.",
        (
            "The TTL was changed without raising the serial.",
            "A provider has a lower or upper bound for TTLs.",
            "The answer comes from a cache, where TTLs count down.",
        ),
        "Publish the TTL again with a new serial, or set 'ttl = false' for this record.",
        RELOAD,
        (RECORD,),
    ),
)
