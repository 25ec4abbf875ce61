"""A ledger that stands still goes into a row and comes out as it was."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.history import Ledger
from checks.ledger import see
from checks.model import Address, Soa
from checks.packed import Packer, Words
from monitor.store.words import text, word
from tests.checks.build import NOON, SOA, looked, server, zone

NAMES = ("ns1", "ns2", "ns3")


def history(chance: random.Random, looks: int) -> list[Ledger]:
    """The ledgers of a zone to which this and that happens."""
    watched = zone("ns1", server("ns2", "192.0.2.2", "2001:db8::2"), server("ns3", group=chance.choice(("", "b"))))
    ledger, serial = Ledger(watched.name), dict.fromkeys(NAMES, 10)
    like = replace(SOA, mname=f"a.{watched.name}")
    found = []
    for number in range(looks):
        if chance.random() < 0.2:
            serial["ns1"] += 1
        for name in NAMES[1:]:
            if chance.random() < 0.5:
                serial[name] = serial["ns1"]
        tokens = {
            name: f"{serial[name]}@{chance.choice('ab')}" if chance.random() < 0.3 else str(serial[name])
            for name in NAMES
        }
        if chance.random() < 0.3:
            tokens[chance.choice(NAMES)] = chance.choice(("-", "SERVFAIL", "?", "REFUSED"))
        elif chance.random() < 0.3:
            tokens["ns2"] += "~600000" if "@" not in tokens["ns2"] else ""
        ledger = see(ledger, watched, looked(watched, tokens, NOON + timedelta(minutes=number), like))
        found.append(ledger)
    return found


def as_packed(ledger: Ledger) -> Ledger:
    """What a row does not hold: that of each look."""
    standings = tuple(replace(one, looked=ledger.at, rtt=None) for one in ledger.standings)
    return replace(ledger, standings=standings)


def whole(ledger: Ledger) -> object:
    """With the fields that do not take part in ``==``."""
    return ledger, ledger.at, [(s.looked, s.expires, s.estimated, s.rtt) for s in ledger.standings]


@pytest.mark.parametrize("seed", range(40))
def test_what_was_packed_comes_out_as_it_was(seed: int) -> None:
    packer, packed = Packer(), 0
    for ledger in history(random.Random(seed), 80):
        row = packer.pack(ledger)
        if row is None:
            continue
        packed += 1
        again = Packer(Words(word(text(value)) for value in packer.words.values))
        for one in (packer, again):
            assert whole(one.unpack(ledger.zone, row)) == whole(as_packed(ledger))
        serving = [s.state == "answered" for s in ledger.standings]
        assert packer.answering(row) == all(serving)
        assert packer.audible(row) == tuple(
            s.state not in ("timeout", "unreachable", "unasked") for s in ledger.standings
        )
        taken = {(s.server, s.address, s.since) for s in ledger.standings if s.serial is not None}
        assert set(packer.took(row)) == taken
        assert packer.floors(row, 0.5) == tuple(SOA.expire // 2 + 1 for _ in ledger.standings)
    assert packed


@pytest.mark.parametrize("seed", range(40))
def test_only_what_stands_still_is_packed(seed: int) -> None:
    packer = Packer()
    for ledger in history(random.Random(seed), 80):
        restless = any(
            space.doubt or space.regressed or len(space.versions) != 1 or space.reference is None
            for space in ledger.spaces
        ) or any(
            s.doubt or s.passed or (s.state == "answered" and (s.synced is not None)) for s in ledger.standings
        )  # fmt: skip
        assert (packer.pack(ledger) is None) >= restless


def test_a_healthy_zone_takes_some_forty_octets_and_shares_its_words() -> None:
    packer = Packer()
    sizes = set()
    for number in range(100):
        one = zone(name=f"z{number}.example.")
        like = replace(SOA, mname=f"ns1.{one.name}", rname=f"hostmaster.{one.name}")
        row = packer.pack(see(Ledger(one.name), one, looked(one, {"ns1": number, "ns2": number}, NOON, like)))
        assert row is not None
        sizes.add(len(row))
        assert packer.unpack(one.name, row).spaces[0].soa == replace(like, serial=number)
    assert max(sizes) < 48
    assert len(packer.words.values) == 3


@pytest.mark.parametrize(
    "value", ["", "ns1.fra", SOA, (("", "b"), (("ns1", Address("192.0.2.1", 5353), ""), ("ns2", Address("::1"), "b")))]
)
def test_words_are_kept_as_text(value: Soa | str) -> None:
    assert word(text(value)) == value


def test_what_has_never_been_looked_at_is_not_packed() -> None:
    assert Packer().pack(Ledger("example.com.")) is None
