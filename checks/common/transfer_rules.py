"""Which rule for transfers is for which address, and how it is asked."""

from collections.abc import Iterator

from checks.common.transfers import transfer_rules
from checks.model import Address, Expectation, Query, Server, TransferRule, Transport, Zone
from checks.model.transfer_way import TransferWay


def matrix(zone: Zone) -> Iterator[tuple[Server, Address, TransferRule]]:
    """Every address that a rule is for; those for server "*" are for all that no other alike names."""
    named = {rule.row for rule in zone.transfers if rule.server != "*"}
    for rule in zone.transfers:
        for server, address in zone.server_addresses():
            others = rule.server == "*" and (server.name, *rule.row[1:]) not in named
            if (others or rule.server == server.name) and reaches(rule, server, address):
                yield server, address, rule


def reaches(rule: TransferRule, server: Server, address: Address) -> bool:
    """Whether the address can be asked as the rule says: over TLS, and from an address of its family."""
    if rule.transport == "tls" and not server.tls:
        return False
    return rule.source is None or Address(rule.source).family is address.family


def transfer_query(zone: Zone, server: Server, address: Address, rule: TransferRule | None) -> Query:
    """Without a rule it is asked over TCP, without a key."""
    if rule is None:
        return Query(zone.name, server.name, address, zone.name, "AXFR", Transport.TCP)
    transport = Transport(rule.transport)
    return Query(zone.name, server.name, address, zone.name, "AXFR", transport, rule.key, source=rule.source)


def transfer_ways(zone: Zone) -> frozenset[TransferWay]:
    """All ways in which transfers of the zone may be asked for: by its rules, and where none allows any, without."""
    ways = set()
    for server, address in zone.server_addresses():
        rules = [rule for rule in transfer_rules(zone.transfers, server.name) if reaches(rule, server, address)]
        allowed = any(rule.expect is Expectation.ALLOWED for rule in rules)
        for rule in rules if allowed else (*rules, None):
            asked = transfer_query(zone, server, address, rule)
            ways.add((server.name, address, asked.key, asked.transport, asked.source))
    return frozenset(ways)
