"""Whole transfers of a zone: by which rules a server may be asked for one, and why it gave none."""

from collections.abc import Iterable, Iterator

from checks.model import Expectation, Observation, Outcome, TransferResult, TransferRule, ZoneTransfer


def transfer_rules(rules: Iterable[TransferRule], server: str) -> list[TransferRule]:
    """The rules that hold for a server: those that name it, before those for every server."""
    known = list(rules)
    return [rule for rule in known if rule.server == server] + [rule for rule in known if rule.server == "*"]


def allowing_rules(rules: Iterable[TransferRule], server: str) -> list[TransferRule]:
    """Those of them by which it must give the zone."""
    return [rule for rule in transfer_rules(rules, server) if rule.expect is Expectation.ALLOWED]


def why_not_given(seen: Observation) -> str:
    """What came of a transfer in place of the zone."""
    if seen.outcome is not Outcome.ANSWERED or seen.transfer is None:
        return f"{seen.outcome.value}{f', {seen.detail}' if seen.detail else ''}"
    if seen.transfer in (TransferResult.REFUSED, TransferResult.NOTAUTH):
        return f"the transfer is refused ({seen.transfer.value.upper()})"
    return f"{seen.transfer.value}{f', {seen.detail}' if seen.detail else ''}"


def whole_transfers(seen: Iterable[Observation]) -> Iterator[ZoneTransfer]:
    """What can be said of those that were to be read to their end, and were; of no other."""
    for one in seen:
        if one.query.whole and one.took is not None and one.soa is not None:
            asked = one.query
            yield ZoneTransfer(
                one.server, one.address, one.at, one.took, one.octets, one.messages, one.records, one.soa.serial,
                asked.key, asked.transport, asked.source,
            )  # fmt: skip
