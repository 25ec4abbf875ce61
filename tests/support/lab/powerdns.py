"""PowerDNS Authoritative (pdns_server, gsqlite3) for the lab."""

import hashlib
import sqlite3
import subprocess
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from tests.support.lab.model import XFR, Content, Duty, Setup
from tests.support.lab.process import Process
from tests.support.lab.writing import rewrite
from tests.support.require import file, program

CONFIG = """\
launch=gsqlite3
gsqlite3-database={room}/pdns.db
gsqlite3-pragma-synchronous=0
gsqlite3-dnssec={dnssec}
direct-dnskey={dnssec}
local-address={ipv4}:{port},[{ipv6}]:{port}
server-id={nsid}
socket-dir=.
write-pid=no
disable-syslog=yes
primary=yes
secondary=yes
xfr-cycle-interval=1
only-notify=
allow-axfr-ips=
enable-lua-records=yes
security-poll-suffix=
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
consistent-backends=no
signing-threads=1
retrieval-threads=1
distributor-threads=1
dnsupdate={dnsupdate}
allow-dnsupdate-from=
"""
# Its database is its configuration: without caches a change there holds at once. The loopback nets, allowed transfers
# and updates by default, are taken out; the security poll would ask the Internet.

SCHEMAS = (
    "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql",
    "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql",
)


def _database(room: Path) -> sqlite3.Connection:
    db = sqlite3.connect(room / "pdns.db", timeout=10, isolation_level=None)
    db.execute("PRAGMA foreign_keys = 1")
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'domains'").fetchone():
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(file(*SCHEMAS, package="pdns-backend-sqlite3").read_text())
    return db


def _bare(name: str) -> str:
    return name.rstrip(".").lower()


@lru_cache(maxsize=300_000)
def _parsed(zone: str, record: str) -> tuple[dns.name.Name, str, str, str]:
    """Owner, also as text, type and rdata: each read once, however many versions of a large zone have it."""
    owner, rtype, rdata = record.split(None, 2)
    origin = dns.name.from_text(zone)
    name, kind = dns.name.from_text(owner, origin), dns.rdatatype.from_text(rtype)
    read = dns.rdata.from_text(dns.rdataclass.IN, kind, rdata, origin, relativize=False)
    return name, name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(kind), read.to_text()


def _rows(content: Content) -> list[tuple[str, str, str, int, bool]]:
    """Owner, type, rdata, TTL, and whether the zone is the authority for it: what lies below a cut is glue.

    PowerDNS looks owners up in lower case; rdata stays as it is spelt.
    """
    every = {_parsed(content.zone, record) for record in (content.soa, *content.records)}
    apex = dns.name.from_text(content.zone)
    cuts = {name for name, _, rtype, _ in every if rtype == "NS" and name != apex}
    return [
        (owner, rtype, rdata, content.ttl, not any(name.is_subdomain(cut) for cut in cuts))
        for name, owner, rtype, rdata in every
    ]


def _signs_what_it_gets(duty: Duty) -> bool:
    """Whether it is a signer of another's zone; a primary is given its keys by orders."""
    return duty.signs and duty.upstream is not None


def _metadata(duty: Duty) -> list[tuple[str, str]]:
    rows = [("TSIG-ALLOW-AXFR", _bare(key.wire_name)) for key in duty.allow]
    if duty.dynamic:
        rows += [
            ("TSIG-ALLOW-DNSUPDATE", _bare(XFR.wire_name)),
            ("ALLOW-DNSUPDATE-FROM", "127.0.0.0/8"),
            ("NOTIFY-DNSUPDATE", "1"),
        ]
    if duty.everyone:
        rows += [("ALLOW-AXFR-FROM", net) for net in ("0.0.0.0/0", "::/0")]
    if duty.upstream_key is not None:
        rows.append(("AXFR-MASTER-TSIG", _bare(duty.upstream_key.wire_name)))
    for address in duty.notify:
        host = f"[{address.host}]" if ":" in address.host else address.host
        rows.append(("ALSO-NOTIFY", f"{host}:{address.port}"))
    if _signs_what_it_gets(duty):
        rows.append(("SOA-EDIT", "INCEPTION-INCREMENT"))
    return rows


def _put(db: sqlite3.Connection, duty: Duty) -> None:
    """Write a duty, unless it stands there already: its fingerprint is kept where PowerDNS keeps whose a zone is.

    The version a zone begins with counts as told: PowerDNS would send NOTIFY for it some time in its first second, and
    who follows that up after a test has frozen it would have the test's change without having been told of it.
    """
    kind, master = "MASTER", None
    if duty.upstream is not None:
        host = f"[{duty.upstream.host}]" if ":" in duty.upstream.host else duty.upstream.host
        kind, master = "SLAVE", f"{host}:{duty.upstream.port}"
    name, fingerprint = _bare(duty.zone), hashlib.sha1(repr(duty).encode()).hexdigest()
    if db.execute("SELECT 1 FROM domains WHERE name = ? AND account = ?", (name, fingerprint)).fetchone():
        return
    first = duty.content.serial if duty.content is not None else None
    db.execute(
        "INSERT INTO domains (name, type, notified_serial) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (name, kind, first),
    )
    (domain,) = db.execute("SELECT id FROM domains WHERE name = ?", (name,)).fetchone()
    db.execute("UPDATE domains SET type = ?, master = ?, account = ? WHERE id = ?", (kind, master, fingerprint, domain))
    db.execute("DELETE FROM domainmetadata WHERE domain_id = ?", (domain,))
    db.executemany(
        "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)",
        [(domain, *row) for row in _metadata(duty)],
    )
    if duty.content is not None:
        db.execute("DELETE FROM records WHERE domain_id = ?", (domain,))
        db.executemany(
            "INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (?, ?, ?, ?, ?, ?)",
            [(domain, *row) for row in _rows(duty.content)],
        )


def write(setup: Setup, room: Path) -> None:
    config = CONFIG.format(
        room=room, name=setup.name, port=setup.ipv4.port, ipv4=setup.ipv4.host, ipv6=setup.ipv6.host,
        dnsupdate="yes" if any(duty.dynamic for duty in setup.duties) else "no",
        dnssec="yes" if setup.dnssec else "no", nsid=setup.name if setup.named else "disabled",
    )  # fmt: skip
    rewrite(room / "pdns.conf", config)
    with closing(_database(room)) as db:
        db.execute("BEGIN IMMEDIATE")
        for (name,) in db.execute("SELECT name FROM domains").fetchall():
            if not setup.has(f"{name}."):
                db.execute("DELETE FROM domains WHERE name = ?", (name,))
        db.executemany(
            "INSERT OR REPLACE INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)",
            [(_bare(key.wire_name), key.algorithm, key.secret.reveal()) for key in setup.keys],
        )
        for duty in setup.duties:
            _put(db, duty)
        db.execute("COMMIT")
        keyed = {name for (name,) in db.execute("SELECT name FROM domains JOIN cryptokeys ON domain_id = domains.id")}
    for duty in setup.duties:
        if _signs_what_it_gets(duty) and _bare(duty.zone) not in keyed:
            make_key = [*orders(room)["pdnsutil"], "add-zone-key", duty.zone, "ksk", "active", "ecdsa256"]
            subprocess.run(make_key, check=True, capture_output=True)


def command(room: Path) -> list[str]:
    return [program("pdns_server", package="pdns-server"), f"--config-dir={room}", "--daemon=no", "--guardian=no"]


def reload(process: Process, room: Path) -> None:
    """Nothing to do: it reads its database for every answer."""


def orders(room: Path) -> dict[str, list[str]]:
    return {
        name: [program(name, package="pdns-server"), f"--config-dir={room}"] for name in ("pdns_control", "pdnsutil")
    }
