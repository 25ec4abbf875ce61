"""What answers say: which server is the primary of a zone, which of them are hidden. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checks.common.open_transfers import FAILURE, PERMISSION, is_given, is_withheld
from checks.common.response_faults import fault
from checks.common.serial import newer
from checks.common.text import enumerated
from checks.model import Outcome, Server, TransferResult
from monitor.cli.zone_import.survey import AddressAnswers, Survey, ZoneAnswers


@dataclass(frozen=True, slots=True)
class Primary:
    """The server that is the primary, None where that cannot be told; ``why`` is a sentence in any case."""

    server: str | None
    why: str


def find_primary(seen: ZoneAnswers, survey: Survey) -> Primary:
    """The server that the SOA names, where it serves the newest version. Whether it is behind a hidden one no answer
    can tell.
    """
    top = seen.newest
    if not seen.served:
        return Primary(None, "nobody answered with authority, so nothing is known of a primary")
    if top is None:
        return Primary(None, "the serials cannot be ordered (RFC 1982), so nothing is known of a primary")
    mnames = sorted({one.mname for one in seen.served if one.serial == top and one.mname})
    if len(mnames) != 1:
        named = f"name {enumerated(mnames)}" if mnames else "name nobody"
        return Primary(None, f"the SOA records of the newest version {named} as the primary")
    (mname,) = mnames
    servers = [one for one in seen.zone.servers if _is_called(one, mname, seen.zone.name)] or [
        one for one in seen.zone.servers if _is(one, mname, seen.zone.name, survey.addresses)
    ]
    if len(servers) != 1:
        who = f"several of these servers, {enumerated(one.name for one in servers)}" if servers else "none of these"
        hint = "" if servers else ": a primary that is hidden is found by nobody, name it with --server"
        unknown = "" if survey.addresses.get(mname) else ", whose addresses are not known,"
        return Primary(None, f"the SOA names {mname}{unknown} as the primary, which is {who}{hint}")
    server = servers[0].name
    own = [one.serial for one in seen.of(server) if one.serial is not None]
    if not own:
        return Primary(None, f"the SOA names {server} as the primary, which does not answer with authority")
    if any(newer(top, serial) for serial in own):
        return Primary(None, f"the SOA names {server} as the primary, but others serve a newer version, {top}")
    return Primary(server, f"{server} is the primary that the SOA names, and nobody serves a newer version")


def _is_called(server: Server, name: str, zone: str) -> bool:
    """Whether a server has this name, in full or relative to the zone."""
    return name in (server.name, f"{server.name}.{zone.removesuffix('.')}")


def _is(server: Server, name: str, zone: str, addresses: Mapping[str, Collection[str]]) -> bool:
    """Whether a server has this name, or one of its addresses."""
    return _is_called(server, name, zone) or any(one.host in addresses.get(name, ()) for one in server.addresses)


def hidden(server: Server, survey: Survey) -> bool | None:
    """Whether no NS set that was seen names the server; None where that cannot be told."""
    certain = True
    asked = [seen for seen in survey.zones if server in seen.zone.servers and seen.served]
    for seen in asked:
        for name in seen.ns_names:
            if _is(server, name, seen.zone.name, survey.addresses):
                return False
            certain &= bool(survey.addresses.get(name))
    return True if certain and any(seen.ns_names for seen in asked) else None


def unwatched(seen: ZoneAnswers, survey: Survey) -> list[str]:
    """Names of the NS set that are none of the servers."""
    return sorted(
        name
        for name in seen.ns_names
        if not any(_is(server, name, seen.zone.name, survey.addresses) for server in seen.zone.servers)
    )


_SILENT = {
    Outcome.TIMEOUT: "no answer in time",
    Outcome.UNREACHABLE: "cannot be reached from here",
    Outcome.REFUSED_CONNECTION: "the connection is refused",
    Outcome.UNASKED: "could not be asked from here",
}


def of_address(one: AddressAnswers) -> str:
    """What an address said to the question for the SOA, over UDP and over TCP."""
    over_udp, over_tcp = one.soa.serial, one.tcp.serial
    if over_udp is None and over_tcp is None:
        said = fault(one.soa, primary=False) or fault(one.tcp, primary=False)
        return f"not with authority: {said.text}" if said else _SILENT.get(one.soa.outcome, str(one.soa.outcome))
    if over_udp is None:
        return f"serial {over_tcp} over TCP alone; over UDP {_SILENT.get(one.soa.outcome, str(one.soa.outcome))}"
    if over_tcp is None:
        return f"serial {over_udp} over UDP alone; over TCP {_SILENT.get(one.tcp.outcome, str(one.tcp.outcome))}"
    return f"serial {over_udp}, over UDP and TCP"


def of_transfer(one: AddressAnswers) -> str:
    """Whether it gave the zone away to this machine, without a key."""
    axfr = one.axfr
    if axfr is None or axfr.transfer is None:
        return "not known whether it gives the zone away"
    if is_given(axfr):
        return "GIVES the zone to this machine without a key"
    if is_withheld(axfr):
        return f"gives no transfer to this machine without a key ({_ending(axfr.transfer)})"
    return f"not known whether it gives the zone away: {_ending(axfr.transfer)}"


def _ending(result: TransferResult) -> str:
    return PERMISSION.get(result) or FAILURE.get(result) or str(result)
