"""Results that are taken over from a zone that is alike.

A zone of which nothing is known of a check, or whose result stood until a server came to another version, is *looked
at*: each address is asked the check's standing questions. Its result is good without an evaluation if, as soon as that
is known,

1. soa-serial has it on the fast path, with every address up: each serial group has one version, and serves it, since
   before the look began;
2. neither an alert of the check nor a result with more than that all is good stands at the zone, and none of its
   records is known to differ or to vary (``record_memories``);
3. over UDP, its answers are of the kind that those of another zone of the same template were of
   (``ComparesZones.likeness``), when the pipeline found a poll of that one good and let its result stand; over TCP,
   each answer is good: there is no other zone in it;
4. where its own records are to be remembered, each answer comes from the machine of which that version is known, or
   names none (NSID): a poll in full ties an answer to a version by that, too.

From then on its result stands (``standing``), by the answers that were looked at, and what they were is remembered with
the version that soa-serial knows, as a poll in full would have it. All others are polled in full; so is a zone of which
a poll in full has found more, until one finds that all is good.
"""

from collections.abc import Iterable, Iterator, Sequence

from checks.base import Check, ComparesZones
from checks.common.unbumped import agreed_number, largest_group
from checks.model import Address, Observation, Query, Zone
from checks.model.relative_names import absolute
from monitor.state.alike_zones import Look
from monitor.state.columns import STANDS, STEADY_UP, AddressLayout, ZoneColumns
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import RecordMemory

SlotKey = tuple[str, Address, str, str, bool]
"""Server, address, name and type of what is asked, and whether with signatures."""


def look_at(columns: ZoneColumns, check: Check, zone: Zone, seen: Iterable[Observation], began: int) -> Look | None:
    """What is seen of a zone of these columns by all that was answered; None where its kind is not told by that."""
    answers = standing_answers(columns, check.name, zone, seen)
    likeness = check.likeness(zone, answers) if answers and isinstance(check, ComparesZones) else None
    if likeness is None:
        return None
    template_id = columns.zone_table.template_ids[columns.zone_table.index(zone.name)]
    nsids = _nsids(columns.layouts[template_id], answers) if likeness.words else ()
    return Look((template_id, likeness.kind), began, likeness.words, nsids)


def _nsids(layout: AddressLayout, answers: Sequence[Observation]) -> tuple[str | None, ...]:
    """Of the machines that answered, in the order of the layout; empty where there are several at one address."""
    found: dict[tuple[str, Address], set[str]] = {(place.server, place.address): set() for place in layout}
    for one in answers:
        if one.nsid is not None:
            found[one.query.server, one.query.address].add(one.nsid)
    if any(len(nsids) > 1 for nsids in found.values()):
        return ()
    return tuple(next(iter(nsids), None) for nsids in found.values())


def standing_answers(
    columns: ZoneColumns, check: str, zone: Zone, seen: Iterable[Observation]
) -> Sequence[Observation]:
    """Those to questions that have a slot, in its order; nothing where one is missing, or there twice."""
    found: dict[SlotKey, Observation] = {}
    questions = questions_of(columns, check, zone)
    for one in seen:
        key = question_of(one.query)
        if key in found:
            return ()
        if key in questions:
            found[key] = one
    return [found[key] for key in questions] if len(found) == len(questions) else ()


def questions_of(columns: ZoneColumns, check: str, zone: Zone) -> dict[SlotKey, int]:
    """What the check asks beside the SOA of soa-serial, with the slot of each."""
    if check not in columns.rrsets:
        return {}
    number = columns.zone_table.index(zone.name)
    template_id = columns.zone_table.template_ids[number]
    slots = iter(columns.rrset_slots(check, number))
    return {
        (endpoint.server, endpoint.address, absolute(owner, zone.name), qtype, dnssec): next(slots)
        for owner, qtype, dnssec in columns.rrsets[check][template_id]
        for endpoint in columns.layouts[template_id]
    }


def question_of(query: Query) -> SlotKey:
    return query.server, query.address, query.qname, query.qtype, query.dnssec


def may_be_alike(columns: ZoneColumns, check: str, numbers: Iterable[int]) -> list[int]:
    """Those of the zones that are to be looked at instead of being polled in full."""
    standing, in_full, mode = columns.standing.get(check), columns.alike.in_full(check), columns.mode
    return [
        number
        for number in numbers
        if mode[number] == STEADY_UP and not (standing is not None and standing[number]) and not in_full[number]
    ]


def note_kind(state: MonitorState, check: Check, zone: Zone, seen: Iterable[Observation]) -> None:
    """After a poll in full was evaluated and its result stands: others like it have the same."""
    columns, standing = state.columns, state.columns.standing.get(check.name)
    if check.name in columns.rrsets and standing and standing[columns.zone_table.index(zone.name)] == STANDS:
        look = look_at(columns, check, zone, seen, 0)
        if look is not None:
            columns.alike.note_good(check.name, look.kind)


def takes_over(state: MonitorState, check: str, number: int, look: Look | None) -> bool:
    """Whether nothing speaks against it that a zone has the result of those that it is like. No ``look``: over TCP."""
    columns, name = state.columns, state.columns.zone_table.names[number]
    return (
        bool(may_be_alike(columns, check, (number,)))
        and not state.of_check(name, check)
        and check not in state.results.get(name, ())
        and not state.record_memories.is_uncertain(check, name)
        and (look is None or _is_of_versions(state, name, look))
    )


def _is_of_versions(state: MonitorState, name: str, look: Look) -> bool:
    """Whether the versions of the zone were there before the look, and the machines that were seen had them."""
    row = state.zone_states.row(name)
    if row is None or any(seen > look.began for _, _, seen in state.zone_states.codec.versions(row)):
        return False
    if not look.words or look.nsids.count(None) == len(look.nsids) > 0:
        return True
    return len(look.nsids) > 0 and all(
        nsid is None or nsid == one.nsid
        for nsid, one in zip(look.nsids, state.zone_states[name].address_states, strict=True)
    )


def remember_looks(state: MonitorState, check: str, looks: Iterable[tuple[int, Look]]) -> Iterator[RecordMemory]:
    """Keeps what zones, by number, that have taken over a result were seen to have; what is new in that."""
    zone_table, codec = state.columns.zone_table, state.zone_states.codec
    groups: dict[int, str | None] = {}
    for number, look in looks:
        name, template_id = zone_table.names[number], zone_table.template_ids[number]
        if template_id not in groups:
            groups[template_id] = _agreeing_group(zone_table.templates[template_id])
        row = state.zone_states.row(name)
        if look.words and row is not None:
            serial = next((serial for group, serial, _ in codec.versions(row) if group == groups[template_id]), None)
            if serial is not None:
                agreed = agreed_number(serial, look.words)
                memory = state.record_memories.note_agreed(check, name, agreed, look.began)
                yield from () if memory is None else (memory,)


def _agreeing_group(template: Zone) -> str | None:
    """Of the group that has the most servers it is remembered what they agree about; None where it is one."""
    group = largest_group(template)
    return group if sum(one.group == group and bool(one.addresses) for one in template.servers) > 1 else None
