"""The registry of checks."""

from collections.abc import Mapping
from types import MappingProxyType

from checks.base import Check
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.transfer import Transfer

CHECKS: Mapping[str, type[Check]] = MappingProxyType(
    {check.name: check for check in (Reachable, SoaSerial, SoaFields, NsSet, Records, Transfer)}
)
