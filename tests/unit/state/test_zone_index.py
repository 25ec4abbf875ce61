"""The zone index, which holds a few octets for a zone, says of all zones what their statuses say."""

import asyncio
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from alerting.finding_types import FINDING_TYPES
from checks.model import Address, Health, Server, Zone
from checks.model.finding_type import Severity
from checks.model.zone_table import ZoneTable
from monitor.probe.message.names import unicode
from monitor.state.columns import ZoneColumns, change_to
from monitor.state.label_search import split_labels
from monitor.state.status import AddressStatus, ServerTally, Zones, ZoneStatus
from monitor.state.zone_index import ZoneIndex, no_zones
from monitor.web.redaction import public_zone, redaction_of
from tests.support.fakes.zones import FakeZones
from tests.support.web_status import NOW, ago, finding
from tests.support.zone_states import REPLICATION_STATES

SERVERS = (
    Server("hush", (Address("198.51.100.1"),), hidden=True),
    Server("ns1", (Address("192.0.2.1"), Address("2001:db8::1"))),
    Server("ns2", (Address("192.0.2.2"),)),
    Server("ns2", (Address("192.0.2.2"), Address("192.0.2.22"))),
    Server("nowhere", ()),
)
NAMES = ("a.example.", "b.example.", "c.example.net.", "xn--bcher-kva.example.", "xn--fsqu00a.example.", "z.example.")
LABELS = {NAMES[0]: (("team", "web"),), NAMES[1]: (("team", "mail"), ("tier", "gold"))}
FOUND = ("serial-overdue", "no-answer", "tcp-unreachable", "ttl-differs", "transfer-open")

layouts = st.lists(st.sampled_from(SERVERS), max_size=3, unique_by=lambda server: server.name).map(tuple)
plans = st.dictionaries(st.sampled_from(NAMES), layouts).map(
    lambda zones: ZoneTable.of(Zone(name, servers, labels=LABELS.get(name, ())) for name, servers in zones.items())
)


@st.composite
def statuses(draw: st.DrawFn, zone: Zone) -> ZoneStatus:
    states = [draw(st.sampled_from(REPLICATION_STATES)) for _ in zone.server_addresses()]
    servers = [None, *(server.name for server in zone.servers if server.addresses)]
    found = draw(st.lists(st.tuples(st.sampled_from(FOUND), st.sampled_from(servers), st.sampled_from(Severity))))
    findings = tuple(
        finding(code, f"it is so at {server}", server, severity=severity, since=since(code))
        for code, server, severity in found
    )
    return shown(zone, draw(st.sampled_from(Health)), states, findings)


def since(code: str) -> object:
    return ago(minutes=FOUND.index(code))


def shown(zone: Zone, health: Health, states: Sequence[str], findings: Sequence[object] = ()) -> ZoneStatus:
    addresses = tuple(
        AddressStatus(
            server=server.name, address=address, hidden=server.hidden, primary=False, serial=1, state=state,
            outcome="answered", rtt=None, since=None, behind_since=None, checked_at=NOW,
        )
        for (server, address), state in zip(zone.server_addresses(), states, strict=True)
    )  # fmt: skip
    return ZoneStatus(zone.name, unicode(zone.name), health, {}, addresses, tuple(findings), labels=zone.labels)


def unknown(zone: Zone) -> ZoneStatus:
    return shown(zone, Health.UNKNOWN, ["unknown" for _ in zone.server_addresses()])


class Both:
    """A zone index, and the statuses it draws from."""

    def __init__(self, zone_table: ZoneTable[Zone]) -> None:
        self.seen = {name: unknown(zone_table[name]) for name in zone_table}
        self.zone_index = ZoneIndex(ZoneColumns(zone_table), lambda name: self.seen[name])

    def note(self, zone_status: ZoneStatus) -> None:
        self.seen[zone_status.name] = zone_status
        states = [address.state for address in zone_status.addresses]
        self.zone_index.note(zone_status.name, zone_status.health, states, zone_status.findings, NOW)

    def use(self, zone_table: ZoneTable[Zone]) -> None:
        change = change_to(self.zone_index.columns, zone_table)
        for zone in map(zone_table.__getitem__, zone_table):
            before = self.seen.get(zone.name)
            if before is None:
                self.seen[zone.name] = unknown(zone)
                continue
            known = {(a.server, a.address): a.state for a in before.addresses}
            states = [known.get((server.name, address), "unknown") for server, address in zone.server_addresses()]
            here = {None, *(server.name for server, _ in zone.server_addresses())}
            left = [one for one in before.findings if one.key.server in here]
            self.seen[zone.name] = shown(zone, before.health, states, left)
        self.seen = {name: self.seen[name] for name in zone_table}
        if change.old_index is not None:
            self.zone_index.use(change.columns, change.old_index)

    def agree(self) -> None:
        asyncio.run(agree_on(self.zone_index.zones(), FakeZones(self.seen.values())))
        redact = partial(public_zone, redaction=redaction_of(self.zone_index.zones().server_addresses()))
        asyncio.run(agree_on(self.zone_index.zones().redacted(redact), FakeZones(self.seen.values()).redacted(redact)))


async def agree_on(zone_index: Zones, drawn: Zones) -> None:
    """Everything a page could ask has the same answer from both."""
    assert (len(zone_index), list(zone_index)) == (len(drawn), list(drawn))
    assert [zone_index[name] for name in zone_index] == [drawn[name] for name in drawn]
    assert zone_index.tally() == drawn.tally()
    assert dict(zone_index.levels()) == dict(drawn.levels())
    assert by_address(zone_index.servers()) == by_address(drawn.servers())
    for text in ("", "example.", "BÜCH", "fsqu", "例", "z"):
        for healths in (tuple(Health), (Health.BAD, Health.UNKNOWN), (Health.GOOD,)):
            for first, most, by_name in ((0, 100, False), (1, 2, False), (0, 100, True), (1, 2, True), (50, 1, True)):
                asked = (text, healths, first, most)
                assert await zone_index.page(*asked, by_name=by_name) == await drawn.page(*asked, by_name=by_name), (
                    asked
                )
    for text in ("team", "team=web", "team=mail", "web", "team=web label:tier", "tier=gold label:team=mail"):
        labels = split_labels(f"label:{text}")[1]
        asked = ("example", tuple(Health), 0, 100)
        assert await zone_index.page(*asked, labels=labels) == await drawn.page(*asked, labels=labels), text
    for server in ("ns1", "ns2", "nobody"):
        for first, most in ((0, 100), (1, 2)):
            assert await zone_index.at_server(server, first, most) == await drawn.at_server(server, first, most)
        for code in FOUND:
            one, other = await zone_index.with_code(server, code), await drawn.with_code(server, code)
            assert (one is None) == (other is None)
            assert one is None or any(f.key.code == code and f.key.server == server for f in one.findings)


def by_address(servers: Mapping[str, ServerTally]) -> object:
    return {name: replace(tally, addresses=tuple(sorted(tally.addresses))) for name, tally in servers.items()}


@given(plans, st.data())
def test_a_zone_index_says_what_its_statuses_say(zone_table: ZoneTable[Zone], data: st.DataObject) -> None:
    both = Both(zone_table)
    both.agree()
    for _ in range(data.draw(st.integers(0, 6)) if len(zone_table) else 0):
        name = data.draw(st.sampled_from(list(zone_table)))
        both.note(data.draw(statuses(zone_table[name])))
    both.agree()
    both.use(other := data.draw(plans))
    both.agree()
    for name in other:
        both.note(data.draw(statuses(other[name])))
    both.agree()


def zone_table(*names: str, servers: Iterable[Server] = SERVERS[1:3]) -> ZoneTable[Zone]:
    return ZoneTable.of(Zone(name, tuple(servers)) for name in names)


def test_since_when_it_is_so_moves_with_the_health_alone() -> None:
    both = Both(zone_table("a.", "b."))
    zone_index, good = both.zone_index, ("in-sync",) * 3
    assert zone_index.since("a.") is None
    zone_index.note("a.", Health.GOOD, good, (), ago(minutes=9))
    zone_index.note("a.", Health.GOOD, ("propagating", *good[1:]), (), ago(minutes=8))
    assert zone_index.since("a.") == ago(minutes=9)
    zone_index.note("a.", Health.BAD, good, (finding("no-answer", "x", "ns1"),), ago(minutes=30))
    assert zone_index.since("a.") == ago(minutes=30), "the findings know better than the clock"
    both.use(zone_table("0.", "a."))
    assert zone_index.since("a.") == ago(minutes=30)
    assert zone_index.since("0.") is None


def test_identity_tells_change() -> None:
    zone_index = Both(zone_table("a.")).zone_index
    first = zone_index.zones()
    assert zone_index.zones() is first
    zone_index.heard(NOW)
    second = zone_index.zones()
    assert second is not first
    assert second.checked_at == NOW
    zone_index.note("a.", Health.GOOD, ("in-sync",) * 3, (), NOW)
    assert zone_index.zones() is not second
    zone_index.use(ZoneColumns(zone_table("b.")), array("q", [-1]))
    assert list(zone_index.zones()) == ["b."]


def test_thousands_of_zones_that_are_alike_have_one_group() -> None:
    names = [f"z{number:04}." for number in range(4_000)]
    both = Both(zone_table(*names))
    for name in names[::2]:
        both.zone_index.note(name, Health.GOOD, ("in-sync",) * 3, (), NOW)
    group_ids = both.zone_index.groups.group_ids()
    assert sorted(group.zones for group in group_ids) == [2_000, 2_000]
    for name in names[::2]:
        both.zone_index.note(name, Health.UNKNOWN, ("unknown",) * 3, (), NOW)
    assert [group.zones for group in both.zone_index.groups.group_ids()] == [4_000]
    assert len(both.zone_index.groups.all) == 2, "what no zone has any more is used again"


def test_a_server_has_had_a_code_since_any_zone_had_it() -> None:
    both = Both(zone_table("a.", "b."))
    states = ("in-sync",) * 3
    for name, minutes in (("a.", 5), ("b.", 50)):
        both.zone_index.note(
            name, Health.BAD, states, (finding("no-answer", "x", "ns1", since=ago(minutes=minutes)),), NOW
        )
    assert both.zone_index.zones().servers()["ns1"].codes["no-answer"].since == ago(minutes=50)
    assert both.zone_index.zones().servers()["ns1"].codes["no-answer"].zones == 2
    both.zone_index.note("b.", Health.GOOD, states, (), NOW)
    assert both.zone_index.zones().servers()["ns1"].codes["no-answer"].zones == 1


def test_the_codes_of_this_test_are_codes() -> None:
    assert set(FOUND) <= FINDING_TYPES.keys()


def test_no_zones_answer_everything() -> None:
    asyncio.run(agree_on(no_zones(), FakeZones()))
