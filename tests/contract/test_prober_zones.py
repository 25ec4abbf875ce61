"""What secondaries refuse is no good transfer, and what all of them take is: evaluated by what real ones do.

The kind is any zone that comes whole, by its frames, and that a secondary does not load. Who takes which is a fact of
tests/integration/nameservers/test_secondaries.py; here the same zones are pulled by the prober.
"""

import pytest

from checks.evaluation import run_check
from checks.model import Expectation, Outcome, Server, TransferResult, TransferRule, Zone
from checks.transfer import Transfer
from checks.zone_state.model import ZoneState
from monitor.clock import now
from monitor.polling.sweep import poll_zone
from monitor.probe.settings import Probe
from tests.support.nameserver import AXFR, SOA, ZONE, Asked, Connection, Nameserver, reply
from tests.support.probers import prober_of
from tests.support.refused import ALL, CASES, NAMES, SERIAL, soa, zone
from tests.support.transfers import pull

QUICK = Probe(timeout=0.4, max_qps_per_server=1e6)

OTHERWISE = {
    "soa alone": TransferResult.EMPTY,
    "soa soa": TransferResult.EMPTY,
    "soa soa, in two messages": TransferResult.EMPTY,
    "servfail in the end": TransferResult.SERVFAIL,
    "serial moved": TransferResult.SERIAL_MOVED,
}
"""How a transfer ends that some refuse, where it is not malformed."""

UNREADABLE = frozenset({"octets after the records", "owner of label type 1", "soa with a tail"})
UNNAMED = UNREADABLE | {"soa alone", "servfail in the end"}
"""What every reader stumbles over, dnspython too: no software is named."""


@pytest.mark.parametrize("name", CASES)
async def test_a_zone_is_good_when_all_take_it(name: str) -> None:
    """Whoever is said to refuse it does, and at least one that does is said to."""
    case = CASES[name]
    seen = await pull(case.script, QUICK, whole=True)
    assert seen.outcome in (Outcome.ANSWERED, Outcome.MALFORMED)
    if case.takes == ALL:
        assert (seen.transfer, seen.detail) == (TransferResult.ALLOWED, "")
        return
    assert seen.transfer is OTHERWISE.get(name, TransferResult.MALFORMED), seen.detail
    named = {initial for initial, software in NAMES.items() if software in seen.detail}
    assert bool(named) == (name not in UNNAMED), seen.detail
    assert not named & set(case.takes), seen.detail


SAYS = {
    "a of 7": "x.example.net. A: 7 octets of rdata instead of 4; BIND, Knot, NSD and PowerDNS would refuse the zone",
    "mx of ff": "x.example.net. MX: its rdata is broken: a compression pointer leads nowhere; "
    "BIND, Knot, NSD and PowerDNS would refuse the zone",
    "one of class CH": "x.example.net. A is of class CH; BIND would refuse the zone",
    "no ns": "example.net. has no NS record; BIND would refuse the zone",
    "cname and key": "x.example.net. has a CNAME record and others beside it; Knot would refuse the zone",
    "below a dname": "y.x.example.net. A below the DNAME of x.example.net.; Knot would refuse the zone",
    "tc": "the message says of itself, over TCP, that it is cut (TC=1); PowerDNS would refuse the zone",
}


@pytest.mark.parametrize("name", SAYS)
async def test_the_record_is_named(name: str) -> None:
    assert (await pull(CASES[name].script, QUICK, whole=True)).detail == SAYS[name]


NOTHING = frozenset({"soa alone", "soa soa", "soa soa, in two messages"})
IN_ITS_FRAME = UNREADABLE | {"ixfr", "serial moved", "mname moved", "refresh moved", "record after the end"}
"""What is wrong with the message itself, and with its two SOA records; such is not passed over."""


@pytest.mark.parametrize("name", sorted(CASES.keys() - IN_ITS_FRAME))
async def test_permission_alone_does_not_look_at_the_zone(name: str) -> None:
    """Where only the right to transfer is asked for, one record beside the SOA tells it."""
    seen = await pull(CASES[name].script, QUICK)
    assert seen.transfer is (TransferResult.EMPTY if name in NOTHING else TransferResult.ALLOWED), seen.detail


async def test_a_zone_older_than_the_soa_is_asked_for_twice_and_told() -> None:
    """The SOA says one serial, the transfer has the one before; for permission alone and for a whole zone."""
    for whole in (False, True):

        async def tcp(query: Asked, connection: Connection) -> None:
            if query.type == SOA:
                await connection.send(reply(query, [soa(SERIAL)]))
            else:
                await zone(serial=SERIAL - 1)(query, connection)

        async with Nameserver(None, tcp) as server:
            prober = prober_of(QUICK, {}, now)
            rule = TransferRule("ns1", Expectation.ALLOWED, whole=whole)
            where = Zone(ZONE, (Server("ns1", (server.address,)),), transfers=(rule,))
            check = Transfer()
            poll = await poll_zone(check, where, prober, check.cadence, now)
            await prober.close()
        assert [query.type for query in server.asked_tcp].count(AXFR) == 2
        (finding,) = run_check(check, where, poll, ZoneState(ZONE)).findings
        assert finding.code == "transfer-failed"
        assert f"serial {SERIAL - 1}, twice, where its SOA says {SERIAL}" in finding.text
