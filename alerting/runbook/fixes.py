"""Fixes that serve more than one code."""

from alerting.runbook.entry import Cure

FETCH = Cure(
    bind="""\
# on the secondary: does it know the zone, when does it refresh, when does it expire?
rndc zonestatus {zone}
# ask the primary for its serial now, and transfer if that is newer
rndc refresh {zone}
# take the whole zone again, whatever the serial says
rndc retransfer {zone}
# on the primary: announce the zone again; in named.conf, secondaries that are not in the NS set
rndc notify {zone}
also-notify { 192.0.2.2 key xfr; };""",
    knot="""\
# on the secondary
knotc zone-status {zone}
knotc zone-refresh {zone}
# take the whole zone again, whatever the serial says
knotc zone-retransfer {zone}
# on the primary: announce it again (knot.conf: notify: [secondary] in the zone)
knotc zone-notify {zone}""",
    nsd="""\
# on the secondary: state ok, refreshing or expired, and the serials it knows of
nsd-control zonestatus {zone}
nsd-control transfer {zone}
# take the whole zone again, whatever the serial says
nsd-control force_transfer {zone}
# on the primary: announce it again (nsd.conf: notify: 192.0.2.2 xfr in the zone)
nsd-control notify {zone}""",
    powerdns="""\
# on the secondary (pdns.conf: secondary=yes; before 4.5: slave=yes): take the whole zone again
pdns_control retrieve {zone}
# on the primary (pdns.conf: primary=yes; before 4.5: master=yes), announce it again
pdns_control notify {zone}
# secondaries that are not in the NS set: also-notify=192.0.2.2 in pdns.conf""",
)

ALLOW = Cure(
    bind="""\
# named.conf of the server that is asked, in the zone or in options
allow-transfer { key xfr; };
# or by address
allow-transfer { 192.0.2.2; };
# then
rndc reconfig""",
    knot="""\
# knot.conf of the server that is asked; address and key must both match if both are written
acl:
  - id: out
    address: 192.0.2.2
    key: xfr
    action: transfer
zone:
  - domain: {zone}
    acl: out
# then
knotc reload""",
    nsd="""\
# nsd.conf of the server that is asked, in the zone; NOKEY instead of xfr: by address alone
provide-xfr: 192.0.2.2 xfr
# then
nsd-control reconfig""",
    powerdns="""\
# pdns.conf of the server that is asked, then restart; the default is loopback only
allow-axfr-ips=192.0.2.2
disable-axfr=no
# or for one zone
pdnsutil set-meta {zone} ALLOW-AXFR-FROM 192.0.2.2
# or by key (before 4.5: master instead of primary)
pdnsutil activate-tsig-key {zone} xfr primary""",
)

DENY = Cure(
    bind="""\
# named.conf: before BIND 9.20 a zone without allow-transfer is given to anybody
options { allow-transfer { none; }; };
# and in the zone, those who need it
allow-transfer { key xfr; };
# then
rndc reconfig""",
    knot="""\
# knot.conf: nobody may transfer unless an acl with action transfer says so. Remove from the zone's acl
# the one that has neither key nor address, then
knotc reload""",
    nsd="""\
# nsd.conf: nobody may transfer unless a provide-xfr says so. Remove lines such as
#   provide-xfr: 0.0.0.0/0 NOKEY
# and write instead
provide-xfr: 192.0.2.2 xfr
# then
nsd-control reconfig""",
    powerdns="""\
# pdns.conf, then restart; an address range such as 0.0.0.0/0 gives the zone to anybody
allow-axfr-ips=127.0.0.0/8,::1
# and see whether the zone itself opens it
pdnsutil get-meta {zone} ALLOW-AXFR-FROM""",
)

LISTEN = Cure(
    bind="""\
# named.conf; both default to all addresses in current versions
listen-on port 53 { any; };
listen-on-v6 port 53 { any; };
# is it alive, and what does it say?
rndc status
journalctl -u named""",
    knot="""\
# knot.conf
server:
    listen: [ 0.0.0.0@53, ::@53 ]
# is it alive, and what does it say?
knotc status
journalctl -u knot""",
    nsd="""\
# nsd.conf; without any ip-address it listens on all of them
server:
    ip-address: 0.0.0.0
    ip-address: ::0
# is it alive, and what does it say?
nsd-control status
journalctl -u nsd""",
    powerdns="""\
# pdns.conf
local-address=0.0.0.0, ::
# is it alive, and what does it say?
pdns_control rping
journalctl -u pdns""",
)

_AFRESH = "# on the server that is ahead: take the whole zone again, whatever the serial says"

_ABOVE = """\
# where that server is not yours, on the primary: a serial that is newer than all that are served, and every server
# takes it (where there is one, the finding names it)."""

_LOWER = """\
# only if it must be lower than that after all: two more in the same way, each once all servers have the one before
#   1. add 2147483647 (modulo 4294967296)
#   2. set the serial you want; to go back by exactly one, go back by two here, and then up"""

SERIAL = Cure(
    bind=f"""\
{_AFRESH}
rndc retransfer {{zone}}
{_ABOVE} Edit the SOA in the file, then
rndc reload {{zone}}
# if the zone is dynamic, before the edit
rndc freeze {{zone}}
# and after it
rndc thaw {{zone}}
{_LOWER}""",
    knot=f"""\
{_AFRESH}
knotc zone-retransfer {{zone}}
{_ABOVE} Before the edit of the zone file (without the purge, older changes that
# the journal holds come back together with a serial that was there before)
knotc -b zone-freeze {{zone}} && knotc -b -f zone-flush {{zone}} && knotc -b -f zone-purge {{zone}} +journal
# and after it
knotc zone-reload {{zone}} && knotc zone-thaw {{zone}}
{_LOWER}""",
    nsd=f"""\
{_AFRESH}
nsd-control force_transfer {{zone}}
{_ABOVE} Edit the SOA in the file, then
nsd-control reload {{zone}}
{_LOWER}""",
    powerdns=f"""\
{_AFRESH}
pdns_control retrieve {{zone}}
{_ABOVE} Edit the SOA
pdnsutil edit-zone {{zone}}
pdns_control notify {{zone}}
{_LOWER}""",
)

_OURS = "# on the server that is across: take the whole zone again, whatever the serial says"

_ACROSS = """\
# where that server is not yours and exactly 2147483648 from the primary's serial P, no single serial is newer for all.
# Two steps on the primary:
#   1. publish P + 2147483647 (modulo 4294967296), and wait until those that served P serve that; the one across stays,
#      for it is ahead of that by one
#   2. publish P + 2147483649 (modulo 4294967296): newer for them, and for the one across"""

ACROSS = Cure(
    bind=f"{_OURS}\nrndc retransfer {{zone}}\n{_ACROSS}",
    knot=f"{_OURS}\nknotc zone-retransfer {{zone}}\n{_ACROSS}",
    nsd=f"{_OURS}\nnsd-control force_transfer {{zone}}\n{_ACROSS}",
    powerdns=f"{_OURS}\npdns_control retrieve {{zone}}\n{_ACROSS}",
)

RELOAD = Cure(
    bind="""\
# on the server with the wrong copy, if it is a secondary: take the whole zone again
rndc retransfer {zone}
# if it is a primary: is the file what you think, and does it load?
named-checkzone {zone} /path/to/{zone}.zone
rndc reload {zone}""",
    knot="""\
# on the server with the wrong copy, if it is a secondary: take the whole zone again
knotc zone-retransfer {zone}
# if it is a primary: is the file what you think, and does it load?
knotc zone-check {zone}
knotc zone-reload {zone}""",
    nsd="""\
# on the server with the wrong copy, if it is a secondary: take the whole zone again
nsd-control force_transfer {zone}
# if it is a primary: is the file what you think, and does it load?
nsd-checkzone {zone} /path/to/{zone}.zone
nsd-control reload {zone}""",
    powerdns="""\
# on the server with the wrong copy, if it is a secondary: take the whole zone again
pdns_control retrieve {zone}
# if it is a primary, or its database is replicated: look at what is in there, and drop what is cached
pdnsutil list-zone {zone}
pdnsutil check-zone {zone}
pdns_control purge '{zone}$'""",
)

SERVE = Cure(
    bind="""\
# named.conf of a secondary
zone "{zone}" { type secondary; primaries { 192.0.2.1 key xfr; }; file "{zone}.db"; };
rndc reconfig
# is it loaded, and in the view that the monitor's address gets?
rndc zonestatus {zone}""",
    knot="""\
# knot.conf of a secondary; remote "primary" has address: 192.0.2.1 and key: xfr
zone:
  - domain: {zone}
    master: primary
knotc reload
knotc zone-status {zone}""",
    nsd="""\
# nsd.conf of a secondary
zone:
    name: {zone}
    request-xfr: 192.0.2.1 xfr
    allow-notify: 192.0.2.1 xfr
nsd-control reconfig
nsd-control zonestatus {zone}""",
    powerdns="""\
# on a secondary (before 4.5: create-slave-zone)
pdnsutil create-secondary-zone {zone} 192.0.2.1
pdns_control retrieve {zone}
# PowerDNS says REFUSED both for a zone it was never given and for one it has not loaded yet
pdnsutil list-all-zones""",
)

_TCPDUMP = "# on the server and at the monitor; compare the two\ntcpdump -ni any -X port 53 and host 192.0.2.9"

CAPTURE = Cure(bind=_TCPDUMP, knot=_TCPDUMP, nsd=_TCPDUMP, powerdns=_TCPDUMP)

_ELSEWHERE = "# not applicable: nothing is wrong with the nameserver. Look at the machine the monitor runs on."

SELF = Cure(bind=_ELSEWHERE, knot=_ELSEWHERE, nsd=_ELSEWHERE, powerdns=_ELSEWHERE)
