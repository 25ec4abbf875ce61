"""Zone transfers that a prober pulls from a scripted nameserver."""

from typing import Any

from checks.model import Address, Observation, Outcome, Query, TransferResult, Transport
from monitor.clock import now
from monitor.probe.settings import Probe
from tests.support.nameserver import (
    ZONE,
    Nameserver,
    Tcp,
)
from tests.support.prober_observations import clean
from tests.support.probers import prober_of
from tests.support.signing import KEY

PATIENT = Probe(timeout=1, attempts=3, max_qps_per_server=1e6)


async def pull(tcp: Tcp | None, probe: Probe = PATIENT, **how: Any) -> Observation:
    async with Nameserver(None, tcp) as server:
        return await ask(server.address, probe, **how)


async def ask(address: Address, probe: Probe = PATIENT, **how: Any) -> Observation:
    prober = prober_of(probe, {"xfr": KEY}, now)
    query = Query(**{"zone": ZONE, "server": "ns1", "address": address, "qname": ZONE, "qtype": "AXFR", **how})
    try:
        (seen,) = [one async for batch in prober([query]) for one in batch]
    finally:
        await prober.close()
    clean(seen)
    return seen


ALLOWED = {"outcome": Outcome.ANSWERED, "transfer": TransferResult.ALLOWED, "transport": Transport.TCP}


ENDED = {"outcome": Outcome.ANSWERED, "transport": Transport.TCP}
