"""What a prober sees of one scripted nameserver, for tests of the contract that all probers keep."""

from dataclasses import fields
from typing import Any

from checks.model import Address, Observation, Query
from monitor.clock import now
from monitor.probe.settings import Probe
from tests.support.nameserver import (
    ZONE,
    Nameserver,
    Tcp,
    Udp,
)
from tests.support.probers import prober_of

PATIENT = Probe(timeout=2, attempts=3, max_qps_per_server=1e6)


QUICK = Probe(timeout=0.1, attempts=3, max_qps_per_server=1e6)
"""For what ends only when patience does."""


HOSTS = ("127.0.0.1", "::1")


CLOSED = {"127.0.0.1": Address("127.200.0.9", 9), "::1": Address("::1", 9)}
"""Nobody serves discard any more, and no other test a loopback address like this."""


async def see(
    udp: Udp | None, tcp: Tcp | None, host: str = "127.0.0.1", probe: Probe = PATIENT, **how: Any
) -> Observation:
    async with Nameserver(udp, tcp, host) as server:
        return await ask(server.address, probe, **how)


async def ask(address: Address, probe: Probe = PATIENT, **how: Any) -> Observation:
    how = {"zone": ZONE, "qname": ZONE, "qtype": "SOA", **how}
    prober = prober_of(probe, {}, now)
    try:
        (seen,) = [one async for batch in prober([Query(server="ns1", address=address, **how)]) for one in batch]
    finally:
        await prober.close()
    clean(seen)
    return seen


def clean(seen: Observation) -> None:
    """Nothing from the network goes further than as bounded printable ASCII."""
    texts = [seen.rcode, seen.nsid, seen.detail, seen.evidence, *seen.ede]
    if seen.soa is not None:
        texts += [seen.soa.mname, seen.soa.rname]
    for text in filter(None, texts):
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= 1009 if seen.soa and text in (seen.soa.mname, seen.soa.rname) else len(text) <= 255
    for rdata in seen.answer.rdata if seen.answer is not None else ():
        assert rdata.isascii()
        assert rdata.isprintable()
        assert len(rdata) <= 4096


def check(seen: Observation, wanted: dict[str, Any]) -> None:
    known = {one.name for one in fields(Observation)} | {"serial"}
    assert wanted.keys() <= known
    assert {name: getattr(seen, name) for name in wanted} == wanted, seen
