"""The check delegation: who says what at the parent and in the zone, and what is found."""

from dataclasses import dataclass, field, replace

import dns.dnssec
import dns.name
import pytest

from checks.common.parent_side import SERVES_BOTH, ParentZone, parent_of
from checks.delegation import Delegation, named_by_parents
from checks.evaluation import run_check
from checks.model import (
    Address,
    CheckResult,
    Health,
    Observation,
    Query,
    Referral,
    Server,
    Shape,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.relative_names import ancestors, is_within
from checks.model.resolution import Resolution
from checks.zone_state.model import ZoneState
from tests.support.observations import MINUTE, NOON, has, seen, server
from tests.support.signed_observations import answer, made, parsed
from tests.support.signed_zones import ZoneKey, zone_key

FIRST, SECOND, THIRD = Address("203.0.113.1"), Address("203.0.113.2"), Address("203.0.113.3")
NS = ("ns1.example.com.", "ns2.example.net.")
GLUE = (("ns1.example.com.", "192.0.2.1"),)
GIVEN = Referral("example.com.", NS, 86400, GLUE)
NAMES = {"ns2.example.net": Resolution(("192.0.2.2",))}
KEY, OTHER = zone_key(), zone_key()
ABSENT, ALIAS, SERVED = "absent", "alias", "served"

Said = Referral | str | tuple[str, ...]


def ds(key: ZoneKey, digest: str = "SHA256") -> str:
    return dns.dnssec.make_ds(dns.name.from_text("example.com."), key.public, digest).to_text()


def watched(*servers: Server, name: str = "example.com.", **fields: object) -> Zone:
    every = servers or (server("ns1"), server("ns2"))
    return Zone(name, every, "ns1", parent=(FIRST,), **fields)  # type: ignore[arg-type]


@dataclass
class Scene:
    """What everybody says: the parent's addresses of the delegation, the zone's servers of its NS records (a token
    stands for whatever else comes), the zone of what lies within; and what is known of names.
    """

    parents: dict[Address, Said] = field(default_factory=lambda: {FIRST: GIVEN})
    own: dict[str, Said] = field(default_factory=lambda: {"ns1": NS, "ns2": NS})
    hosts: dict[tuple[str, str], Said] = field(default_factory=lambda: {("ns1.example.com.", "A"): ("192.0.2.1",)})
    keys: ZoneKey | str | None = None
    ds: Said = ()
    strangers: dict[str, str] = field(default_factory=dict)
    over_tcp: Referral | str | None = None
    names: dict[str, Resolution] = field(default_factory=lambda: dict(NAMES))
    zone: Zone = field(default_factory=watched)

    def poll(self) -> ZonePoll:
        zone, check = replace(self.zone, parent=tuple(self.parents)), Delegation(names=self.names)
        every: tuple[Observation, ...] = ()
        while queries := tuple(check.queries(zone, every)):
            every += tuple(map(self._answer, queries))
        return ZonePoll(zone.name, check.name, NOON, 60 * MINUTE, every)

    def result(self, poll: ZonePoll | None = None) -> CheckResult:
        zone = replace(self.zone, parent=tuple(self.parents))
        return run_check(Delegation(names=self.names), zone, poll or self.poll(), ZoneState(zone.name))

    def _answer(self, query: Query) -> Observation:
        if query.foreign and query.qtype == "NS":
            again = self.over_tcp if query.transport is Transport.TCP else None
            return self._above(query, again or self.parents[query.address])
        if query.foreign and query.qtype == "SOA":
            return seen(query, self.strangers.get(query.server, "-"))
        if query.qtype == "DS":
            return _answered(query, self.ds)
        if query.qtype == "NS":
            return _answered(query, self.own[query.server])
        if query.qtype == "DNSKEY":
            if isinstance(self.keys, str):
                return seen(query, self.keys)
            return has(query) if self.keys is None else answer(query, parsed(made(self.keys)))
        return _answered(query, self.hosts.get((query.qname, query.qtype), ()))

    def _above(self, query: Query, said: Said) -> Observation:
        if isinstance(said, Referral):
            return has(query, shape=Shape.REFERRAL, authoritative=False, referral=said)
        if said == ABSENT:
            return has(query, rcode="NXDOMAIN")
        if said == ALIAS:
            return has(query, shape=Shape.CNAME)
        return has(query, *NS) if said == SERVED else _answered(query, said)


def _answered(query: Query, said: Said) -> Observation:
    assert not isinstance(said, Referral)
    return seen(query, said) if isinstance(said, str) else has(query, *said)


def found(result: CheckResult) -> set[tuple[str, str | None]]:
    return {(one.code, one.server) for one in result.findings}


def text(result: CheckResult) -> str:
    (finding,) = result.findings
    return finding.text


def test_a_delegation_that_is_right_is_good() -> None:
    result = Scene().result()
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())


def test_whatever_is_asked_is_asked_once_and_of_the_parent_slowly() -> None:
    poll = Scene().poll()
    asked = [one.query for one in poll.seen]
    assert len(set(asked)) == len(asked)
    assert {(one.server, one.qtype) for one in asked if one.foreign} == {("203.0.113.1", "NS")}
    assert {(one.server, one.qname, one.qtype) for one in asked if not one.foreign} == {
        ("ns1", "example.com.", "NS"), ("ns2", "example.com.", "NS"), ("ns1", "example.com.", "DNSKEY"),
        ("ns1", "ns1.example.com.", "A"), ("ns1", "ns1.example.com.", "AAAA"),
    }  # fmt: skip


def test_names_that_only_one_side_has_are_told_with_the_time_that_resolvers_keep_them() -> None:
    moved = replace(GIVEN, nameservers=("ns1.example.com.", "ns9.example.org."))
    scene = Scene({FIRST: moved}, strangers={"ns9.example.org": "10"})
    scene.names["ns9.example.org"] = Resolution(("198.51.100.9",))
    assert text(scene.result()) == (
        "only the parent names ns9.example.org, and only the zone itself names ns2.example.net; resolvers may keep "
        "what the parent says until 2026-11-21 12:00 UTC (TTL 1 d)"
    )
    more = replace(GIVEN, nameservers=(*NS, "ns9.example.org."))
    assert "only the parent names ns9.example.org; resolvers" in text(replace(scene, parents={FIRST: more}).result())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("10", ""),
        ("REFUSED", "the parent names ns9.example.org (198.51.100.9), which refuses: not configured"),
        ("-", "the parent names ns9.example.org (198.51.100.9), which gives no answer for the zone: timeout"),
    ],
)
def test_a_stranger_that_the_parent_names_has_to_serve_the_zone(said: str, expected: str) -> None:
    names = (*NS, "ns9.example.org.")
    scene = Scene({FIRST: replace(GIVEN, nameservers=names)}, {"ns1": names, "ns2": names})
    scene.names["ns9.example.org"] = Resolution(("198.51.100.9",))
    scene.strangers["ns9.example.org"] = said
    result = scene.result()
    assert found(result) == ({("delegation-lame", "ns9.example.org")} if expected else set())
    assert not expected or text(result).startswith(expected)


def test_a_stranger_that_was_not_asked_is_not_known() -> None:
    names = (*NS, "ns9.example.org.")
    scene = Scene({FIRST: replace(GIVEN, nameservers=names)}, {"ns1": names, "ns2": names})
    poll = scene.poll()
    assert named_by_parents(scene.zone, poll) == {"ns2.example.net", "ns9.example.org"}
    scene.names["ns9.example.org"] = Resolution(("198.51.100.9",))
    result = scene.result(poll)
    assert [(one.server, one.reason) for one in result.unsure] == [
        ("ns9.example.org", "it was not asked whether it serves the zone")
    ]


def test_who_is_ignored_or_has_an_address_that_is_watched_is_no_stranger() -> None:
    names = (*NS, "ns8.example.org.", "ns9.example.org.")
    scene = Scene({FIRST: replace(GIVEN, nameservers=names)}, {"ns1": names, "ns2": names})
    scene.names |= {"ns8.example.org": Resolution(("198.51.100.8",)), "ns9.example.org": Resolution(("192.0.2.2",))}
    scene.zone = watched(ignored=("ns8.example.org",))
    assert scene.result().health is Health.GOOD


def test_no_delegation_at_all() -> None:
    scene = Scene({FIRST: ABSENT, SECOND: ABSENT})
    assert text(scene.result()) == "203.0.113.1 and 203.0.113.2 of the parent zone say that there is no such zone"


def test_servers_of_the_parent_that_differ_from_most_are_named() -> None:
    other = replace(GIVEN, nameservers=("ns1.example.com.",), ds=(ds(KEY),))
    result = Scene({FIRST: other, SECOND: GIVEN, THIRD: GIVEN}).result()
    assert found(result) == {("parents-differ", "203.0.113.1")}
    assert text(result) == (
        "203.0.113.1 of the parent zone has ns1.example.com, and 1 DS; most of its servers have ns1.example.com and "
        "ns2.example.net, and no DS"
    )
    gone = Scene({FIRST: ABSENT, SECOND: GIVEN, THIRD: GIVEN}).result()
    assert "203.0.113.1 of the parent zone has no delegation; most" in text(gone)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("-", "gives no answer: timeout"),
        ("REFUSED", "answers REFUSED, which says nothing of it"),
        (Referral("com.", ("a.nic.",), 60), "refers to com."),
    ],
)
def test_who_does_not_speak_of_the_delegation_is_unsure(said: Said, why: str) -> None:
    alone = Scene({FIRST: said}).result()
    assert (alone.health, alone.reason) == (Health.UNKNOWN, f"203.0.113.1 {why}")
    beside = Scene({FIRST: said, SECOND: GIVEN}).result()
    assert (beside.health, [(one.server, one.reason) for one in beside.unsure]) == (Health.GOOD, [("203.0.113.1", why)])


def test_without_a_parent_that_is_known_nothing_is_said() -> None:
    zone = replace(watched(), parent=())
    poll = replace(Scene().poll(), seen=())
    result = run_check(Delegation(), zone, poll, ZoneState(zone.name))
    assert (result.health, result.reason) == (Health.UNKNOWN, "which servers its parent zone has is not known")
    assert {query.foreign for query in Delegation().queries(zone, ())} == {False}
    nobody = run_check(Delegation(), watched(), poll, ZoneState(zone.name))
    assert nobody.reason == "no server of the parent zone was asked"


# --- glue ---


def test_glue_that_is_missing_or_other_than_in_the_zone() -> None:
    missing = Scene({FIRST: replace(GIVEN, glue=())}).result()
    assert found(missing) == {("glue-missing", "ns1.example.com")}
    other = Scene(hosts={("ns1.example.com.", "A"): ("192.0.2.9",), ("ns1.example.com.", "AAAA"): ("2001:db8::9",)})
    assert text(other.result()) == (
        "the parent gives 192.0.2.1 for ns1.example.com; the zone has 192.0.2.9 and 2001:db8::9"
    )
    assert text(Scene(hosts={}).result()).endswith("; the zone has none")


def test_glue_that_had_no_room_in_a_datagram_is_asked_for_over_tcp() -> None:
    short, there = replace(GIVEN, glue=()), {("ns1.example.com.", "A"): ("192.0.2.1",)}
    scene = Scene({FIRST: short, SECOND: GIVEN}, hosts=there, over_tcp=GIVEN)
    assert [one.query.address for one in scene.poll().seen if one.query.transport is Transport.TCP] == [FIRST]
    assert scene.result().findings == ()
    both = {**there, ("ns1.example.com.", "AAAA"): ("2001:db8::1",)}
    whole = replace(GIVEN, glue=(*GLUE, ("ns1.example.com.", "2001:db8::1")))
    assert Scene(hosts=both, over_tcp=whole).result().findings == ()
    for nothing_more in ("-", short):
        assert found(replace(scene, over_tcp=nothing_more).result()) == {("glue-missing", "ns1.example.com")}


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "::1", "0.0.0.0", "64:ff9b::7f00:1"])
def test_the_internet_leads_nobody_into_private_networks(host: str) -> None:
    glue = (*GLUE, ("ns9.example.com.", host))
    given = replace(GIVEN, nameservers=("ns1.example.com.", "ns9.example.com."), glue=glue)
    for above, asked in ((Address("8.8.8.8"), False), (FIRST, host != "0.0.0.0")):
        poll = (scene := Scene({above: given}, strangers={"ns9.example.com": "-"})).poll()
        assert any(one.query.qtype == "SOA" for one in poll.seen) is asked
        assert ("delegation-lame" in {one.code for one in scene.result(poll).findings}) is (asked and ":" not in host)


def test_silence_over_a_family_over_which_nothing_is_heard_accuses_no_stranger() -> None:
    given = replace(GIVEN, nameservers=(*NS, "ns9.example.org."))
    scene = Scene({FIRST: given}, own={"ns1": given.nameservers, "ns2": given.nameservers})
    scene.names["ns9.example.org"] = Resolution(("2001:db8::9",))
    result = scene.result()
    assert result.findings == ()
    assert "nothing was heard over IPv6 at all" in {one.reason for one in result.unsure}
    heard = replace(scene, parents={FIRST: given, Address("2001:db8::53"): given})
    assert found(heard.result()) == {("delegation-lame", "ns9.example.org")}


def test_glue_of_a_name_that_only_the_parent_has_is_told_of_by_its_name_alone() -> None:
    given = replace(GIVEN, nameservers=(*NS, "ns9.example.com."), glue=(*GLUE, ("ns9.example.com.", "192.0.2.9")))
    assert found(Scene({FIRST: given}, strangers={"ns9.example.com": "10"}).result()) == {("delegation-differs", None)}


@pytest.mark.parametrize("said", ["-", "SERVFAIL"])
def test_addresses_that_the_zone_does_not_tell_are_unsure(said: str) -> None:
    result = Scene(hosts={("ns1.example.com.", "A"): said}).result()
    assert [one.server for one in result.unsure] == ["ns1.example.com"]
    assert result.findings == ()


def test_an_alias_in_place_of_an_address_is_for_another_check() -> None:
    scene = Scene()
    poll = scene.poll()
    aliased = tuple(replace(one, shape=Shape.CNAME) if one.query.qtype == "A" else one for one in poll.seen)
    assert [one.server for one in scene.result(replace(poll, seen=aliased)).unsure] == ["ns1.example.com"]


# --- the zone's own side ---


def test_most_of_the_zones_own_servers_say_which_names_it_has() -> None:
    zone = watched(server("ns1"), server("ns2"), server("ns3"))
    scene = Scene(own={"ns1": ("ns7.example.com.",), "ns2": NS, "ns3": NS}, zone=zone)
    scene.names["ns3.example.net"] = Resolution(())
    result = scene.result()
    assert "delegation-differs" not in {code for code, _ in found(result)}
    asked = {one.query.server for one in scene.poll().seen if one.query.qtype == "DNSKEY"}
    assert asked == {"ns2"}


def test_where_its_servers_disagree_or_are_silent_the_zones_own_names_are_not_known() -> None:
    for own in ({"ns1": NS, "ns2": ("ns1.example.com.",)}, {"ns1": "-", "ns2": "-"}):
        result = Scene(own=own).result()
        assert "which nameservers the zone itself names is not known" in {one.reason for one in result.unsure}
        assert (None, "NS") in {(one.server, one.subject) for one in result.unsure}


def test_the_parent_alone_names_what_no_server_of_the_zone_names() -> None:
    """As of two providers each of which has its own names alone."""
    third = server("ns3", "192.0.2.3")
    scene = Scene(zone=watched(server("ns1"), server("ns2"), third), own={"ns1": NS[:1], "ns2": NS[1:], "ns3": NS[:1]})
    assert "delegation-differs" not in {code for code, _ in found(scene.result())}
    other = replace(scene, own={**scene.own, "ns2": NS[:1]})
    assert ("delegation-differs", None) in found(other.result())


def test_of_names_that_are_all_ignored_none_is_asked() -> None:
    given = replace(GIVEN, nameservers=(*NS, "ns9.example.org."))
    scene = Scene({FIRST: given}, own={"ns1": given.nameservers, "ns2": given.nameservers})
    scene.names["ns9.example.org"] = Resolution(("198.51.100.9",))
    assert found(scene.result()) == {("delegation-lame", "ns9.example.org")}
    for ignored in ("*", "ns9.example.org"):
        quiet = replace(scene, zone=watched(ignored=(ignored,)))
        assert quiet.result().findings == ()
        assert "SOA" not in {one.query.qtype for one in quiet.poll().seen}


def test_a_hidden_server_is_not_asked() -> None:
    zone = watched(server("ns0", "192.0.2.77", hidden=True), server("ns1"), server("ns2"))
    assert "ns0" not in {one.query.server for one in Scene(zone=zone).poll().seen}


def test_a_server_that_nobody_names() -> None:
    zone = watched(server("ns1"), server("ns2"), server("extra", "198.51.100.1"))
    scene = Scene(own={"ns1": NS, "ns2": NS, "extra": NS}, zone=zone)
    result = scene.result()
    assert found(result) == {("server-undelegated", "extra")}
    assert text(result) == "extra is watched, and named by neither the parent zone nor the zone"
    scene.names.clear()
    unsure = scene.result()
    assert [(one.server, one.subject) for one in unsure.unsure if one.server == "extra"] == [("extra", "NS")]
    assert unsure.findings == ()


def test_a_server_is_known_by_its_whole_name_its_first_label_or_its_address() -> None:
    zone = watched(server("ns1.example.com", "192.0.2.1"), server("ns2"), server("other", "192.0.2.2"))
    own = dict.fromkeys(("ns1.example.com", "ns2", "other"), NS)
    assert Scene(own=own, zone=zone).result().findings == ()


# --- keys ---


def signed(*records: str, keys: ZoneKey | str | None = KEY, denied: bool = False) -> Scene:
    return Scene({FIRST: replace(GIVEN, ds=records, denied=denied)}, keys=keys)


@pytest.mark.parametrize("records", [(ds(KEY),), (ds(OTHER), ds(KEY, "SHA384")), (ds(KEY), "1 13 99 abcd")])
def test_a_ds_record_for_the_key_that_signs_is_good(records: tuple[str, ...]) -> None:
    result = signed(*records).result()
    assert (result.health, result.unsure) == (Health.GOOD, ())


def test_a_ds_record_whose_digest_is_wrong_is_for_no_key() -> None:
    head, digest = ds(KEY).rsplit(" ", 1)
    assert found(signed(f"{head} {digest[::-1]}").result()) == {("ds-mismatch", None)}


def test_ds_records_for_other_keys_are_a_broken_chain() -> None:
    assert text(signed(ds(OTHER)).result()) == (
        f"the parent has DS records for key {OTHER.tag}, and the zone has key {KEY.tag}: no validating resolver "
        "believes anything of it"
    )
    assert "and the zone has no DNSKEY records" in text(signed(ds(KEY), keys=None).result())


def test_a_key_that_has_not_signed_the_keys_breaks_the_chain_too() -> None:
    scene = signed(ds(KEY))
    poll = scene.poll()
    bare = tuple(replace(one, signatures=()) if one.query.qtype == "DNSKEY" else one for one in poll.seen)
    assert f"key {KEY.tag} is in the zone, and has not signed its DNSKEY records" in text(
        scene.result(replace(poll, seen=bare))
    )


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (signed(ds(OTHER), "1 13 99 abcd"), "of which not all can be verified here"),
        (signed(ds(KEY), keys="-"), "which DNSKEY records the zone has is not known"),
        (signed(ds(KEY), keys="SERVFAIL"), "which DNSKEY records the zone has is not known"),
        (Scene({FIRST: SERVED}, ds="-"), "which DS records the parent zone has is not known"),
        (Scene({FIRST: SERVED}, ds="REFUSED"), "which DS records the parent zone has is not known"),
    ],
)
def test_keys_that_cannot_be_compared_are_unsure(scene: Scene, why: str) -> None:
    result = scene.result()
    assert result.findings == ()
    (told,) = [one for one in result.unsure if one.subject == "DS"]
    assert (told.server, why in told.reason) == (None, True)


def test_keys_that_are_cut_are_not_judged() -> None:
    scene = signed(ds(OTHER))
    poll = scene.poll()
    keys = next(one for one in poll.seen if one.query.qtype == "DNSKEY")
    assert keys.answer is not None
    cut = replace(keys, answer=replace(keys.answer, rdata=(*keys.answer.rdata, "... 3 more, sha256:00")))
    result = scene.result(replace(poll, seen=tuple(cut if one is keys else one for one in poll.seen)))
    assert (result.findings, result.unsure[0].reason) == ((), "the DNSKEY records are more than can be looked at")


def test_a_signed_zone_without_ds_records_is_told_where_that_is_proved() -> None:
    assert found(signed(denied=True).result()) == {("ds-missing", None)}
    assert signed(denied=False).result().findings == ()
    assert signed(denied=True, keys=None).result().findings == ()


def test_who_serves_both_zones_is_asked_for_ds_records_by_themselves() -> None:
    good = Scene({FIRST: SERVED}, keys=KEY, ds=(ds(KEY),)).result()
    assert good.findings == ()
    assert {one.reason for one in good.unsure} == {SERVES_BOTH}
    assert found(Scene({FIRST: SERVED}, keys=KEY, ds=(ds(OTHER),)).result()) == {("ds-mismatch", None)}
    assert Scene({FIRST: SERVED}, keys=KEY).result().findings == ()


def test_servers_that_serve_both_zones_are_enough_to_be_good() -> None:
    """Where they are the zone's own, by the same names, nothing else is asked."""
    both = watched(Server(str(FIRST), (FIRST,)), Server(str(SECOND), (SECOND,)))
    scene = Scene({FIRST: SERVED, SECOND: SERVED}, own={str(FIRST): NS, str(SECOND): NS}, zone=both)
    assert scene.result().health is Health.GOOD
    half = replace(scene, parents={FIRST: SERVED, SECOND: replace(GIVEN, nameservers=NS[:1])})
    assert ("delegation-differs", None) in found(half.result())


def test_an_alias_in_place_of_the_zone_is_no_delegation() -> None:
    assert found(Scene({FIRST: ALIAS, SECOND: ALIAS}).result()) == {("not-delegated", None)}


def test_an_alias_in_place_of_ds_records_says_nothing() -> None:
    scene = Scene({FIRST: SERVED}, keys=KEY)
    poll = scene.poll()
    odd = tuple(replace(one, shape=Shape.OTHER) if one.query.qtype == "DS" else one for one in poll.seen)
    assert "DS" in {one.subject for one in scene.result(replace(poll, seen=odd)).unsure}


# --- where it is asked ---


@pytest.mark.parametrize(
    ("zone", "roots", "applies"),
    [
        (Zone("example.com.", (server("ns1", "10.0.0.1"),)), (), False),
        (Zone("example.com.", (server("ns1", "127.0.0.1"),)), (), False),
        (Zone("example.com.", (server("ns1", "8.8.8.8"),)), (), True),
        (Zone("example.com.", (server("ns1", "8.8.8.8", hidden=True), server("ns2", "10.0.0.1"))), (), False),
        (Zone("example.com.", (server("ns1", "10.0.0.1"),)), (FIRST,), True),
        (Zone("example.com.", (server("ns1", "10.0.0.1"),), parent=(FIRST,)), (), True),
        (Zone("example.com.", ()), (FIRST,), False),
        (Zone("example.com.", (server("ns1", "8.8.8.8"),), removed=True), (), False),
        (Zone(".", (server("ns1", "8.8.8.8"),)), (), False),
    ],
)
def test_it_is_asked_where_somebody_may_know_of_a_delegation(
    zone: Zone, roots: tuple[Address, ...], applies: bool
) -> None:
    assert Delegation(roots=roots).applies(zone) is applies
    assert Delegation().standing_questions(zone) == ()


def test_the_parent_is_the_nearest_zone_above() -> None:
    com = ParentZone("com.", (Server("a.nic", (FIRST, SECOND)), Server("b.nic", (SECOND,))))
    zone = Zone("a.b.example.com.", ())
    assert parent_of(zone, {"b.example.com.": None, "example.com.": None, "com.": com}) is com
    assert parent_of(zone, {"b.example.com.": None, "com.": com}) is None
    assert parent_of(Zone("com.", ()), {".": None}) is None
    assert [(one.name, at) for one, at in com.places()] == [("a.nic", FIRST), ("a.nic", SECOND)]


def test_no_more_addresses_of_a_parent_are_asked_than_anybody_has() -> None:
    many = tuple(Address(f"198.51.100.{number}") for number in range(1, 100))
    assert len(list(ParentZone("com.", (Server("a.nic", many),)).places())) == 32


def test_of_a_parent_of_very_many_zones_each_zone_has_some_addresses_and_all_have_some_zones() -> None:
    every = tuple(
        Server(f"{letter}.nic", (Address(f"203.0.113.{number}"),)) for number, letter in enumerate("abcdefgh")
    )
    few, many = ParentZone("com.", every, zones=2500), ParentZone("com.", every, zones=100_000)
    names = [f"zone{number}.com." for number in range(200)]
    assert {len(few.places_for(name)) for name in names} == {8}
    assert {len(set(many.places_for(name))) for name in names} == {4}
    assert {address for name in names for _, address in many.places_for(name)} == {s.addresses[0] for s in every}
    assert many.places_for(names[0]) == many.places_for(names[0])


def test_names_above_a_name() -> None:
    assert list(ancestors("a.b.")) == ["b.", "."]
    assert list(ancestors(r"a\.b.c\\.d.")) == [r"c\\.d.", "d.", "."]
    assert list(ancestors(".")) == []
    assert is_within("ns1.example.com.", "example.com.")
    assert is_within("example.com.", "example.com.")
    assert not is_within("badexample.com.", "example.com.")
