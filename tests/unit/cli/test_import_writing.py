"""What ``soawatch import`` writes of answers; real ones are in tests/integration/nameservers/test_import.py."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model import (
    Address,
    Observation,
    Outcome,
    Query,
    RrSet,
    Server,
    Shape,
    Soa,
    TransferResult,
    Transport,
    Zone,
)
from checks.model.zone_table import ZoneTable
from monitor.cli.errors import Failure
from monitor.cli.zone_import.conclusions import find_primary, hidden
from monitor.cli.zone_import.order import ImportOrder, read_order
from monitor.cli.zone_import.survey import AddressAnswers, Survey, ZoneAnswers
from monitor.cli.zone_import.writing import configuration, toml_text
from monitor.config.load import parse
from monitor.config.model import Config, ZoneEntry

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ZONE = "example.test."
NS1, NS2 = Address("192.0.2.1"), Address("198.51.100.2")


def seen(
    server: str,
    address: Address,
    serial: int | None = 7,
    *,
    mname: str = "ns1.example.test.",
    ns: tuple[str, ...] = ("ns1.example.test.", "ns2.example.test."),
    tcp: bool = True,
    transfer: TransferResult = TransferResult.REFUSED,
) -> AddressAnswers:
    """What an address said; without a serial it refused."""

    def soa(transport: Transport, *, answers: bool) -> Observation:
        query = Query(ZONE, server, address, ZONE, "SOA", transport)
        if not answers:
            return Observation(query, Outcome.TIMEOUT, NOON)
        if serial is None:
            return Observation(query, Outcome.ANSWERED, NOON, rcode="REFUSED", shape=Shape.OTHER)
        record = Soa(serial, mname, "h.example.test.", 1, 1, 1, 1)
        return Observation(
            query, Outcome.ANSWERED, NOON, rcode="NOERROR", authoritative=True, shape=Shape.RECORDS, soa=record
        )

    names = Query(ZONE, server, address, ZONE, "NS", Transport.UDP)
    axfr = Query(ZONE, server, address, ZONE, "AXFR", Transport.TCP)
    return AddressAnswers(
        server,
        address,
        soa(Transport.UDP, answers=True),
        soa(Transport.TCP, answers=tcp),
        Observation(names, Outcome.ANSWERED, NOON, answer=RrSet(ZONE, "NS", 300, ns)),
        Observation(axfr, Outcome.ANSWERED, NOON, transfer=transfer, given=int(transfer is TransferResult.ALLOWED)),
    )


def survey(*answers: AddressAnswers, known: dict[str, frozenset[str]] | None = None, **more: str) -> Survey:
    servers = tuple(Server(one.server, (one.address,)) for one in answers)
    return Survey((ZoneAnswers(Zone(ZONE, servers), answers),), known or {}, tuple(more.values()))


def primary(*answers: AddressAnswers, known: dict[str, frozenset[str]] | None = None) -> tuple[str | None, str]:
    looked = survey(*answers, known=known)
    found = find_primary(looked.zones[0], looked)
    return found.server, found.why


def test_the_primary_is_whom_the_soa_names_by_any_of_its_names_or_addresses() -> None:
    assert primary(seen("ns1", NS1), seen("ns2", NS2))[0] == "ns1"
    assert primary(seen("ns1.example.test", NS1), seen("ns2", NS2))[0] == "ns1.example.test"
    known = {"ns1.example.test": frozenset({NS1.host})}
    assert primary(seen("a", NS1), seen("b", NS2), known=known)[0] == "a"


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([seen("ns1", NS1, None), seen("ns2", NS2, None)], "nobody answered with authority"),
        ([seen("ns1", NS1, 1), seen("ns2", NS2, 1 + 2**31)], "the serials cannot be ordered (RFC 1982)"),
        ([seen("ns1", NS1, 6), seen("ns2", NS2, 7)], "the SOA names ns1 as the primary, but others serve "),
        ([seen("ns1", NS1, None), seen("ns2", NS2)], "the SOA names ns1 as the primary, which does not answer with"),
        ([seen("ns1", NS1), seen("ns2", NS2, mname="ns2.example.test.")], "the SOA records of the newest version "),
        ([seen("ns1", NS1, mname=".")], "the SOA records of the newest version name nobody"),
        ([seen("ns1", NS1, mname="x.test.")], "the SOA names x.test, whose addresses are not known, as the primary"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_told_that_is_said(answers: list[AddressAnswers], why: str) -> None:
    server, said = primary(*answers)
    assert server is None
    assert said.startswith(why)


def test_an_address_that_several_have_tells_nothing() -> None:
    known = {"x.test": frozenset({NS1.host})}
    answers = [seen(name, NS1, mname="x.test.") for name in ("a", "b")]
    assert primary(*answers, known=known) == (
        None,
        "the SOA names x.test as the primary, which is several of these servers, a and b",
    )


def test_hidden_is_who_is_in_no_ns_set_as_far_as_that_is_known() -> None:
    known = {f"ns{n}.example.test": frozenset({f"203.0.113.{n}"}) for n in (1, 2)}
    whole = survey(seen("h", NS1), known=known)
    server = whole.zones[0].zone.servers[0]
    assert hidden(server, whole) is True
    assert hidden(server, survey(seen("h", NS1), known={"ns1.example.test": frozenset({"203.0.113.1"})})) is None
    assert hidden(server, survey(seen("h", NS1), known=known | {"ns2.example.test": frozenset({NS1.host})})) is False
    assert hidden(server, survey(seen("h", NS1, None), known=known)) is None


def on_its_ns_set(*answers: AddressAnswers) -> tuple[Config, str]:
    """A zone whose servers were found, and the configuration that is written."""
    order = ImportOrder((ZONE,), (), Config(zones=ZoneTable.of([ZoneEntry(ZONE)])))
    text = configuration(order, survey(*answers), NOON)
    return parse(text, Path("made.toml"), {}), text


def test_a_zone_on_its_ns_set_names_its_primary_alone() -> None:
    config, text = on_its_ns_set(seen("ns1.example.test", NS1), seen("ns2.example.test", NS2, 6, tcp=False))
    assert (config.zones[ZONE].servers, config.zones[ZONE].primary) == ((), "ns1.example.test")
    assert "# ns2.example.test (198.51.100.2): serial 6 over UDP alone; over TCP no answer in time;" in text
    assert text.startswith(
        "# Written by soawatch import, of what was seen from this machine at 2026-11-28 12:00:00 UTC."
    )


def test_who_gives_the_zone_away_is_told_with_the_line_that_allows_it() -> None:
    given = seen("ns1.example.test", NS1, transfer=TransferResult.ALLOWED)
    _, text = on_its_ns_set(given, seen("ns2.example.test", NS2))
    assert "GIVES the zone to this machine without a key" in text.replace("\n# ", " ")
    allowed = parse(text.replace("# transfer =", "transfer ="), Path("made.toml"), {})
    assert [rule.server for rule in allowed.zones[ZONE].transfers] == ["ns1.example.test"]


@given(st.text())
def test_any_text_is_written_as_toml_reads_it(text: str) -> None:
    assert tomllib.loads(f"a = {toml_text(text)}") == {"a": text}


ODD = st.text(st.sampled_from(['"', "\\", "\n", "\r", "\x1b", "#", "[", "]", "a", ".", " ", "\u2028", "\u202e"]))


@given(ODD, ODD, ODD)
def test_whatever_strangers_say_stays_in_comments(mname: str, ns: str, problem: str) -> None:
    order = read_order([ZONE], ["a=192.0.2.1"], [], None, None)
    looked = survey(seen("a", NS1, mname=mname, ns=(ns,)), problem=problem)
    text = configuration(order, looked, NOON)
    config = parse(text, Path("made.toml"), {})
    assert (list(config.zones), list(config.servers)) == ([ZONE], ["a"])
    assert config.zones[ZONE].primary is None
    assert all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("name", ["ns1", "NS1.Example.net.", "a.b", "a]b", "bücher", "192.0.2.9", "a[b;c"])
def test_any_name_of_a_server_is_written_as_it_is_read(name: str) -> None:
    order = read_order([ZONE], [f"{name}=192.0.2.1", f"{name}=192.0.2.2", f"{name}=192.0.2.2"], [], None, None)
    (kept,) = order.config.servers
    config = parse(configuration(order, survey(seen(kept, NS1)), NOON), Path("made.toml"), {})
    assert config.servers[kept].addresses == (NS1, Address("192.0.2.2"))
    assert config.zones[ZONE].servers == (kept,)


@pytest.mark.parametrize("name", ['a"b', "a#b", "a'b", "a b", "*", "a\nb"])
def test_what_cannot_be_the_name_of_a_server_is_refused(name: str) -> None:
    with pytest.raises(Failure, match="--server: ") as caught:
        read_order([ZONE], [f"{name}=192.0.2.1"], [], None, None)
    assert caught.value.status == 2


def test_a_zone_that_is_given_twice_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"a.test\n{ZONE}\n")
    (tmp_path / "b.txt").write_text("b.test\na.test\n")
    with pytest.raises(Failure, match=r"zone example\.test\. is in .*/a\.txt and among those that are named") as caught:
        read_order([ZONE], [], [tmp_path / "a.txt"], None, None)
    assert caught.value.status == 78
    with pytest.raises(Failure, match=r"zone a\.test\. is in .*/b\.txt and in .*/a\.txt"):
        read_order([], [], [tmp_path / "a.txt", tmp_path / "b.txt"], None, None)
    assert read_order([ZONE, ZONE], [], [tmp_path / "b.txt"] * 2, None, None).asked == (ZONE, "a.test.", "b.test.")
