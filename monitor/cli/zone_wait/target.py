"""The zone that is waited on, what is waited for, and at which of its addresses."""

from dataclasses import dataclass
from pathlib import Path

from checks.common.wait_progress import WaitProgress, choose
from checks.model import Family, Zone
from checks.model.awaited import Awaited
from monitor.cli.configuration import read_config, zone_wanted
from monitor.cli.errors import Failure
from monitor.cli.stored_zones import with_zones_of_service
from monitor.clock import now
from monitor.config.addresses import address
from monitor.config.awaited import awaited, serial_number
from monitor.config.errors import InvalidValue
from monitor.config.model import Config
from monitor.config.sections import Resolver
from monitor.polling.discovery import resolve
from monitor.polling.resolver import Lookups
from monitor.probe.message.names import BadName, parse_name, show


@dataclass(frozen=True, slots=True)
class WaitOrder:
    """What was written on the command line."""

    zone: str
    serial: str | None = None
    records: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    exact: bool = False
    servers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    family: Family | None = None
    looks: int = 1
    find_zone: bool = False
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class WaitTarget:
    """What to ask, and how; ``notes`` are for whoever asked."""

    progress: WaitProgress
    config: Config
    notes: tuple[str, ...] = ()


async def read_order(order: WaitOrder) -> WaitTarget:
    """What an order means. Asks the resolver, but for what is given as an address; mistakes are told before that.

    Raises Failure: 2 where it makes no sense, 78 for a bad configuration, 1 where nobody can be asked.
    """
    name = _name(order.zone)
    if not order.find_zone:
        _awaited(order, name, name)
    around = await _zone_around(name, order.config) if order.find_zone else name
    specs = any(_has_address(text) for text in order.servers)
    what = zone_wanted(around, order.servers if specs else (), order.config)
    found = await resolve(what.config, None, now())
    zone = found.zones[what.zone]
    notes = (*(() if what.watched else what.notes), *found.problems)
    if around != name:
        notes = (f"{show(name)} is in the zone {show(around)}", *notes)
    if not any(zone.server_addresses()):
        raise Failure("; ".join(found.problems) or f"no server of {show(zone.name)} has an address")
    return WaitTarget(_progress(order, zone, _awaited(order, around, name), named=not specs), what.config, notes)


def _progress(order: WaitOrder, zone: Zone, wanted: Awaited, *, named: bool) -> WaitProgress:
    servers = [text.lower().removesuffix(".") for text in order.servers] if named else []
    try:
        chosen = choose(zone, servers, [address(text) for text in order.addresses])
    except LookupError as error:
        raise Failure(str(error.args[0]), 2) from None
    except InvalidValue as error:
        raise _failure(error, "--address: ") from None
    if order.family is not None:
        chosen = [(server, one) for server, one in chosen if one.family is order.family]
    if not chosen:
        raise Failure(f"none of the addresses of {show(zone.name)} that could be waited for is chosen", 2)
    progress = WaitProgress.begin(zone, wanted, chosen, order.looks)
    if progress.counted_apart:
        raise Failure(f"{progress.counted_apart}: choose by --server those who count alike, or wait for a --record", 2)
    if not progress.comparable:
        raise Failure("one address alone always serves the same version as itself: say --serial or --record", 2)
    return progress


def _awaited(order: WaitOrder, zone: str, origin: str) -> Awaited:
    try:
        serial = None if order.serial is None else serial_number(order.serial)
        return awaited(zone, serial, order.records, order.absent, exact=order.exact, origin=origin)
    except InvalidValue as error:
        raise _failure(error) from None


async def _zone_around(name: str, config: Path | None) -> str:
    """The zone that a name is in: one of the configuration, or the nearest above it that has NS records."""
    candidates = _upwards(name)
    settings = Resolver()
    if config is not None:
        whole = with_zones_of_service(read_config(config, elsewhere=True), candidates)
        settings = whole.resolver
        if (watched := next((each for each in candidates if each in whole.zones), None)) is not None:
            return watched
    lookups = Lookups(settings)
    for each in candidates:
        await lookups.ask([(each, "NS")])
        if lookups.answers.get((each, "NS")):
            return each
        if why := lookups.failures.get((each, "NS")):
            raise Failure(f"the zone of {show(name)} cannot be found: {why}")
    raise Failure(f"the zone of {show(name)} cannot be found: nothing from there up has NS records")


def _upwards(name: str) -> list[str]:
    """The name and those above it, the nearest first, but for the top-level domain, which nobody means."""
    labels = name.rstrip(".").split(".")
    return [".".join(labels[first:]) + "." for first in range(max(1, len(labels) - 1))]


def _name(text: str) -> str:
    try:
        return parse_name(text)
    except BadName as error:
        raise Failure(f"{text!r}: {error.reason}{f' ({error.hint})' if error.hint else ''}", 2) from None


def _has_address(text: str) -> bool:
    """Whether a server is given with its address, rather than by its name alone."""
    if "=" in text:
        return True
    try:
        address(text)
    except InvalidValue:
        return False
    return True


def _failure(error: InvalidValue, where: str = "") -> Failure:
    return Failure(f"{where}{error.text}{f' ({error.hint})' if error.hint else ''}", 2)
