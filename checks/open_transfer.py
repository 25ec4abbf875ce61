"""The check open-transfer: no address gives the zone away without a key, unless a rule says that it may."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from checks.common.each_address import EachAddress
from checks.common.open_transfers import FAILURE, OPEN, is_given, is_withheld, why_unasked
from checks.common.text import server_at
from checks.model import (
    Address,
    Finding,
    Inconclusive,
    Observation,
    Query,
    Server,
    Transport,
    Zone,
)
from checks.model.finding_type import FindingType


@dataclass(frozen=True, slots=True)
class OpenTransfer(EachAddress):
    """Objective: whoever gives the zone away without a key is meant to.

    Steps: 1. Ask for AXFR over TCP, without a key, each address that no rule without a key is for: rules are the
    business of ``transfer``. The first record that is not the zone's SOA is enough, and the connection is closed.
    2. What came before that end decides. A refusal, whatever it is for, gives nothing away, and no more is said of it;
    of who could not be asked, or did not come to an end, nothing is known. It is seen from the monitor's address alone:
    that others are refused is not known either.

    ================  =====================================================================================
    transfer-open     records other than the zone's SOA were given, and no rule says that they may be
    ================  =====================================================================================
    """

    name: ClassVar[str] = "open-transfer"
    finding_types: ClassVar[tuple[FindingType, ...]] = (OPEN,)
    cadence: ClassVar[timedelta] = timedelta(days=1)
    version_bound: ClassVar[bool] = False

    def places(self, zone: Zone) -> Iterator[tuple[Server, Address]]:
        """The addresses of which nobody has said whether they may give the zone away without a key."""
        named = {rule.server for rule in zone.transfers if rule.key is None and rule.plain}
        if "*" in named:
            return iter(())
        return ((server, address) for server, address in zone.server_addresses() if server.name not in named)

    def asked(self, zone: Zone, server: Server, address: Address) -> Sequence[Query]:
        return [Query(zone.name, server.name, address, zone.name, "AXFR", Transport.TCP)]

    def judge(
        self, zone: Zone, server: Server, address: Address, seen: Sequence[Observation | None], now: datetime
    ) -> Finding | Inconclusive | None:
        (axfr,) = seen
        if axfr is None or axfr.transfer is None:
            return Inconclusive(server.name, address, reason=why_unasked(axfr))
        if is_given(axfr):
            text = (
                f"{server_at(server.name, address)} gives the zone away without a key, as asked from this monitor's "
                "address, and no rule says that it may"
            )
            return Finding(OPEN.code, text, server.name, address)
        return None if is_withheld(axfr) else Inconclusive(server.name, address, reason=FAILURE[axfr.transfer])
