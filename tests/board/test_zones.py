"""Does a board, which holds a few octets for a zone, say of all zones what their pictures say?"""

import asyncio
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from alerting.model import Severity
from checks.codes import CODES
from checks.model import Address, Health, Server, Zone
from checks.model.zone_table import ZoneTable, difference
from checks.zone_state.address_status import STATES
from monitor.probe.message.names import unicode
from monitor.state.drawn_zones import DrawnZones
from monitor.state.status import AddressStatus, ServerTally, Zones, ZoneStatus
from monitor.state.zone_index import ZoneIndex
from monitor.web.redaction import public_zone, veil
from tests.web.build import NOW, ago, finding

SERVERS = (
    Server("hush", (Address("198.51.100.1"),), hidden=True),
    Server("ns1", (Address("192.0.2.1"), Address("2001:db8::1"))),
    Server("ns2", (Address("192.0.2.2"),)),
    Server("ns2", (Address("192.0.2.2"), Address("192.0.2.22"))),
    Server("nowhere", ()),
)
NAMES = ("a.example.", "b.example.", "c.example.net.", "xn--bcher-kva.example.", "xn--fsqu00a.example.", "z.example.")
FOUND = ("serial-overdue", "no-answer", "tcp-unreachable", "ttl-differs", "transfer-open")

lineups = st.lists(st.sampled_from(SERVERS), max_size=3, unique_by=lambda server: server.name).map(tuple)
plans = st.dictionaries(st.sampled_from(NAMES), lineups).map(
    lambda zones: ZoneTable.of(Zone(name, servers) for name, servers in zones.items())
)


@st.composite
def pictures(draw: st.DrawFn, zone: Zone) -> ZoneStatus:
    states = [draw(st.sampled_from(STATES)) for _ in zone.places()]
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
        for (server, address), state in zip(zone.places(), states, strict=True)
    )  # fmt: skip
    return ZoneStatus(zone.name, unicode(zone.name), health, {}, addresses, tuple(findings))


def unknown(zone: Zone) -> ZoneStatus:
    return shown(zone, Health.UNKNOWN, ["unknown" for _ in zone.places()])


class Both:
    """A board, and the pictures it draws from."""

    def __init__(self, zone_table: ZoneTable[Zone]) -> None:
        self.seen = {name: unknown(zone_table[name]) for name in zone_table}
        self.board = ZoneIndex(zone_table, lambda name: self.seen[name])

    def note(self, picture: ZoneStatus) -> None:
        self.seen[picture.name] = picture
        states = [address.state for address in picture.addresses]
        self.board.note(picture.name, picture.health, states, picture.findings, NOW)

    def use(self, zone_table: ZoneTable[Zone]) -> None:
        change = difference(self.board.zone_table, zone_table)
        for zone in map(zone_table.__getitem__, zone_table):
            before = self.seen.get(zone.name)
            if before is None:
                self.seen[zone.name] = unknown(zone)
                continue
            known = {(a.server, a.address): a.state for a in before.addresses}
            states = [known.get((server.name, address), "unknown") for server, address in zone.places()]
            here = {None, *(server.name for server, _ in zone.places())}
            left = [one for one in before.findings if one.server in here]
            self.seen[zone.name] = shown(zone, before.health, states, left)
        self.seen = {name: self.seen[name] for name in zone_table}
        self.board.use(zone_table, change.was)

    def agree(self) -> None:
        asyncio.run(alike(self.board.zones(), DrawnZones(self.seen.values())))
        veiling = partial(public_zone, cover=veil(self.board.zones().places()))
        asyncio.run(alike(self.board.zones().veiled(veiling), DrawnZones(self.seen.values()).veiled(veiling)))


async def alike(board: Zones, drawn: Zones) -> None:
    """Everything a page could ask has the same answer from both."""
    assert (len(board), list(board)) == (len(drawn), list(drawn))
    assert [board[name] for name in board] == [drawn[name] for name in drawn]
    assert board.tally() == drawn.tally()
    assert dict(board.tones()) == dict(drawn.tones())
    assert told(board.servers()) == told(drawn.servers())
    for text in ("", "example.", "BÜCH", "fsqu", "例", "z"):
        for healths in (tuple(Health), (Health.BAD, Health.UNKNOWN), (Health.GOOD,)):
            for first, most, by_name in ((0, 100, False), (1, 2, False), (0, 100, True), (1, 2, True), (50, 1, True)):
                asked = (text, healths, first, most)
                assert await board.part(*asked, by_name=by_name) == await drawn.part(*asked, by_name=by_name), asked
    for server in ("ns1", "ns2", "nobody"):
        for first, most in ((0, 100), (1, 2)):
            assert await board.at_server(server, first, most) == await drawn.at_server(server, first, most)
        for code in FOUND:
            one, other = await board.with_code(server, code), await drawn.with_code(server, code)
            assert (one is None) == (other is None)
            assert one is None or any(f.code == code and f.server == server for f in one.findings)


def told(servers: Mapping[str, ServerTally]) -> object:
    return {name: replace(tally, addresses=tuple(sorted(tally.addresses))) for name, tally in servers.items()}


@given(plans, st.data())
def test_a_board_says_what_its_pictures_say(zone_table: ZoneTable[Zone], data: st.DataObject) -> None:
    both = Both(zone_table)
    both.agree()
    for _ in range(data.draw(st.integers(0, 6)) if len(zone_table) else 0):
        name = data.draw(st.sampled_from(list(zone_table)))
        both.note(data.draw(pictures(zone_table[name])))
    both.agree()
    both.use(other := data.draw(plans))
    both.agree()
    for name in other:
        both.note(data.draw(pictures(other[name])))
    both.agree()


def zone_table(*names: str, servers: Iterable[Server] = SERVERS[1:3]) -> ZoneTable[Zone]:
    return ZoneTable.of(Zone(name, tuple(servers)) for name in names)


def test_since_when_it_is_so_moves_with_the_health_alone() -> None:
    both = Both(zone_table("a.", "b."))
    board, good = both.board, ("in-sync",) * 3
    assert board.since("a.") is None
    board.note("a.", Health.GOOD, good, (), ago(minutes=9))
    board.note("a.", Health.GOOD, ("propagating", *good[1:]), (), ago(minutes=8))
    assert board.since("a.") == ago(minutes=9)
    board.note("a.", Health.BAD, good, (finding("no-answer", "x", "ns1"),), ago(minutes=30))
    assert board.since("a.") == ago(minutes=30), "the findings know better than the clock"
    both.use(zone_table("0.", "a."))
    assert board.since("a.") == ago(minutes=30)
    assert board.since("0.") is None


def test_identity_tells_change() -> None:
    board = Both(zone_table("a.")).board
    first = board.zones()
    assert board.zones() is first
    board.heard(NOW)
    second = board.zones()
    assert second is not first
    assert second.checked_at == NOW
    board.note("a.", Health.GOOD, ("in-sync",) * 3, (), NOW)
    assert board.zones() is not second
    board.use(zone_table("b."), array("q", [-1]))
    assert list(board.zones()) == ["b."]


def test_a_hundred_thousand_zones_that_are_alike_have_one_face() -> None:
    names = [f"z{number:06}." for number in range(100_000)]
    both = Both(zone_table(*names))
    for name in names[::2]:
        both.board.note(name, Health.GOOD, ("in-sync",) * 3, (), NOW)
    worn = both.board.faces.worn()
    assert sorted(face.zones for face in worn) == [50_000, 50_000]
    for name in names[::2]:
        both.board.note(name, Health.UNKNOWN, ("unknown",) * 3, (), NOW)
    assert [face.zones for face in both.board.faces.worn()] == [100_000]
    assert len(both.board.faces.all) == 2, "what no zone has any more is used again"


def test_a_server_has_had_a_code_since_any_zone_had_it() -> None:
    both = Both(zone_table("a.", "b."))
    states = ("in-sync",) * 3
    for name, minutes in (("a.", 5), ("b.", 50)):
        both.board.note(name, Health.BAD, states, (finding("no-answer", "x", "ns1", since=ago(minutes=minutes)),), NOW)
    assert both.board.zones().servers()["ns1"].codes["no-answer"].since == ago(minutes=50)
    assert both.board.zones().servers()["ns1"].codes["no-answer"].zones == 2
    both.board.note("b.", Health.GOOD, states, (), NOW)
    assert both.board.zones().servers()["ns1"].codes["no-answer"].zones == 1


def test_the_codes_of_this_test_are_codes() -> None:
    assert set(FOUND) <= CODES.keys()
