"""The registry of checks, and of the finding types that they declare."""

from collections.abc import Mapping
from types import MappingProxyType

from checks.base import Check
from checks.canary import Canary
from checks.content import Content
from checks.delegation import Delegation
from checks.model.finding_type import FindingType
from checks.ns_set import NsSet
from checks.open_transfer import OpenTransfer
from checks.reachable import Reachable
from checks.records import Records
from checks.redundancy import Redundancy
from checks.removed_member import RemovedMember
from checks.signatures import Signatures
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.soa_timers import SoaTimers
from checks.tls import OverTls
from checks.transfer import Transfer

_ALL: tuple[type[Check], ...] = (
    Reachable,
    SoaSerial,
    SoaFields,
    SoaTimers,
    NsSet,
    Redundancy,
    Records,
    Content,
    Signatures,
    Delegation,
    Transfer,
    OpenTransfer,
    RemovedMember,
    OverTls,
    Canary,
)

CHECKS: Mapping[str, type[Check]] = MappingProxyType({check.name: check for check in _ALL})

FINDINGS: tuple[FindingType, ...] = tuple(dict.fromkeys(found for check in _ALL for found in check.finding_types))
"""What the checks find, in the order in which it is documented; some is found by two of them."""
