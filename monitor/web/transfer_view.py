"""Transfers of a zone, in words: when, how long, how large, how fast; for the page and for the commands."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.common.text import format_duration, plural, server_at
from checks.model import IxfrAnswer, IxfrResponse, Transport, ZoneTransfer
from checks.model.ixfr import DifferenceSize
from monitor.state.status import AddressStatus

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A transfer in a line. ``way`` says how it was asked for where that is not over TCP without a key."""

    server: str
    address: str
    way: str
    at: datetime
    serial: int
    seconds: float
    size: str
    records: int
    messages: int
    rate: str


def transfer_rows(addresses: Iterable[AddressStatus]) -> list[TransferRow]:
    """In the order of the addresses."""
    return [_row(one) for address in addresses for one in address.transfers]


def _row(one: ZoneTransfer) -> TransferRow:
    return TransferRow(
        one.server, str(one.address), way(one), one.at, one.serial, one.seconds, octets(one.octets), one.records,
        one.messages, "" if one.rate is None else f"{octets(one.rate)}/s",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class IxfrRow:
    """An answer to IXFR in a line. ``answer`` says what it was, ``size`` how large differences were, and beside the
    whole zone; empty where it was anything else.
    """

    server: str
    address: str
    way: str
    at: datetime
    since: int
    serial: int
    answer: str
    size: str
    seconds: float | None


_ANSWERS = {
    IxfrAnswer.INCREMENTAL: "the differences",
    IxfrAnswer.FULL_ZONE: "the whole zone",
    IxfrAnswer.UP_TO_DATE: "nothing newer",
}


def ixfr_rows(addresses: Iterable[AddressStatus]) -> list[IxfrRow]:
    """In the order of the addresses."""
    return [_ixfr_row(one, address.transfers) for address in addresses for one in address.ixfr]


def _ixfr_row(one: IxfrResponse, whole: Sequence[ZoneTransfer]) -> IxfrRow:
    return IxfrRow(
        one.server, str(one.address), way(one), one.at, one.since, one.serial, _ANSWERS[one.answer],
        "" if one.size is None else _difference_size(one.size, whole), None if one.size is None else one.size.seconds,
    )  # fmt: skip


def _difference_size(size: DifferenceSize, whole: Sequence[ZoneTransfer]) -> str:
    """ "312 octets, 0.02 % of the whole zone"; the latest transfer of it says how large that is, in whatever way."""
    latest = max(whole, key=lambda one: one.at, default=None)
    share = "" if latest is None else f", {100 * size.octets / latest.octets:.2g} % of the whole zone"
    return f"{octets(size.octets)}{share}"


def way(one: ZoneTransfer | IxfrResponse) -> str:
    """ "with key xfr over TLS from 192.0.2.9"; empty where it is as usual."""
    said = (
        f"with key {one.key}" if one.key is not None else "",
        "over TLS" if one.transport is Transport.TLS else "",
        f"from {one.source}" if one.source is not None else "",
    )
    return " ".join(part for part in said if part)


def octets(count: float) -> str:
    """ "512 octets", "3.4 MB", in powers of a thousand."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return plural(round(count), "octet")


def transfer_lines(addresses: Collection[AddressStatus], now: datetime) -> Iterator[str]:
    """A line for each: "transfer: ns1 (192.0.2.1) with key xfr: 3.4 MB, 51000 records in 1.2 s (2.8 MB/s)", and "IXFR:
    ns1 (192.0.2.1) with key xfr, from serial 9 to 10: the differences: 312 octets, 0.01 % of the whole zone in 0.02 s".
    """
    for row in transfer_rows(addresses):
        how = f" {row.way}" if row.way else ""
        rate = f" ({row.rate})" if row.rate else ""
        ago = f", {format_duration(now - row.at)} ago" if (now - row.at).total_seconds() >= 1 else ""
        size = f"{row.size}, {plural(row.records, 'record')}"
        yield f"transfer: {server_at(row.server, row.address)}{how}: {size} in {row.seconds:.2f} s{rate}{ago}"
    for one in ixfr_rows(addresses):
        how = f" {one.way}" if one.way else ""
        what = f"{one.answer}: {one.size} in {one.seconds:.2f} s" if one.seconds is not None else one.answer
        yield f"IXFR: {server_at(one.server, one.address)}{how}, from serial {one.since} to {one.serial}: {what}"
