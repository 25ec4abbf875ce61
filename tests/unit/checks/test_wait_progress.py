"""How a wait comes on, address by address, and what is said of it."""

import pytest

from checks.common.arrival import Look
from checks.common.wait_progress import GONE_LOOKS, AddressProgress, WaitProgress, choose
from checks.common.wait_text import Ended, goal_text, precise, result_text, state_text
from checks.model import Address, Zone
from checks.model.awaited import Awaited, AwaitedRecord, Presence
from tests.support.observations import server, zone

ZONE = zone("ns1", "ns2", "ns3")
SERIAL = Awaited(10)
SAME = Awaited()


def place(name: str, of: Zone = ZONE) -> tuple[str, Address]:
    found = of.server(name)
    assert found is not None
    return name, found.addresses[0]


def serves(serial: int, *nsids: str) -> Look:
    return Look(True, f"serves {serial}", serial, nsids)


SIGNED = (("signer", "192.0.2.2"), ("ns1", "192.0.2.3"))
BAD = Look(False, "does not answer")
LATE = Look(False, "serves 9, older than 10", 9)


def after(progress: WaitProgress, *looks: tuple[str, Look], of: Zone = ZONE) -> WaitProgress:
    """Second by second one look more."""
    for name, look in looks:
        progress = progress.after(place(name, of), look, progress.seconds + 1)
    return progress


def begin(awaited: Awaited, *names: str, needed: int = 1, of: Zone = ZONE) -> WaitProgress:
    chosen = [place(name, of) for name in names] or choose(of)
    return WaitProgress.begin(of, awaited, chosen, needed)


def late(progress: WaitProgress) -> list[str]:
    return [one.server for one in progress.late]


def one_of(progress: WaitProgress, name: str, of: Zone = ZONE) -> AddressProgress:
    return progress.addresses[place(name, of)]


def test_all_must_have_it() -> None:
    progress = begin(SERIAL)
    assert late(progress) == ["ns1", "ns2", "ns3"]
    progress = after(progress, ("ns1", serves(10)), ("ns2", LATE), ("ns3", BAD))
    assert late(progress) == ["ns2", "ns3"]
    assert not progress.done
    progress = after(progress, ("ns2", serves(11)), ("ns3", serves(10)))
    assert progress.done
    assert progress.served is None
    assert [one.arrived for one in progress.chosen] == [1.0, 4.0, 5.0]


def test_only_the_chosen_are_waited_for() -> None:
    progress = after(begin(SERIAL, "ns2"), ("ns2", serves(10)))
    assert progress.done
    assert list(progress.addresses) == [place("ns2")]


def test_good_looks_are_in_a_row() -> None:
    progress = after(begin(SERIAL, "ns2", needed=3), ("ns2", serves(10)), ("ns2", serves(10)), ("ns2", LATE))
    assert one_of(progress, "ns2").row == 0
    assert one_of(progress, "ns2").arrived is None
    progress = after(progress, *[("ns2", serves(10))] * 2)
    assert not progress.done
    assert one_of(progress, "ns2").arrived == 4.0
    progress = after(progress, ("ns2", serves(10)))
    assert progress.done
    assert one_of(progress, "ns2").looks == 6


def test_the_same_version_is_that_of_the_primary() -> None:
    progress = after(begin(SAME), ("ns2", serves(10)), ("ns3", serves(9)))
    assert progress.references == {"": 10}
    assert late(progress) == ["ns1", "ns3"]
    progress = after(progress, ("ns1", serves(9)))
    assert progress.served == 9
    assert late(progress) == ["ns2"]
    assert progress.text(one_of(progress, "ns2")) == "serves 10, newer than 9"
    progress = after(progress, ("ns1", serves(11)), ("ns2", serves(11)), ("ns3", serves(11)))
    assert progress.done


def test_without_a_primary_it_is_the_newest_that_is_served() -> None:
    alone = zone("ns1", "ns2", primary=None)
    progress = after(begin(SAME, of=alone), ("ns1", serves(4294967295)), of=alone)
    assert not progress.done
    progress = after(progress, ("ns2", serves(3)), of=alone)
    assert late(progress) == ["ns1"]
    assert progress.text(one_of(progress, "ns1")) == "serves 4294967295, older than 3"


def test_versions_that_cannot_be_ordered_are_not_the_same() -> None:
    alone = zone("ns1", "ns2", primary=None)
    progress = after(begin(SAME, of=alone), ("ns1", serves(1)), ("ns2", serves(1 + 2**31)), of=alone)
    assert late(progress) == ["ns1", "ns2"]
    assert progress.served is None
    assert progress.text(one_of(progress, "ns1")) == "serves 1"


def test_a_dead_primary_says_nothing_and_is_late() -> None:
    progress = after(begin(SAME), ("ns1", BAD), ("ns2", serves(5)), ("ns3", serves(5)))
    assert late(progress) == ["ns1"]
    assert progress.text(one_of(progress, "ns1")) == "does not answer"


def test_the_primary_is_asked_for_its_serial_though_it_is_not_waited_for() -> None:
    progress = begin(SAME, "ns2", "ns3")
    assert [one.server for one in progress.chosen] == ["ns2", "ns3"]
    progress = after(progress, ("ns2", serves(9)), ("ns3", serves(9)))
    assert progress.late == ()
    assert not progress.done
    progress = after(progress, ("ns1", serves(10)))
    assert late(progress) == ["ns2", "ns3"]
    assert list(begin(SERIAL, "ns2").addresses) == [place("ns2")]


def test_the_row_is_of_one_serial_where_the_same_is_wanted() -> None:
    progress = after(begin(SAME, needed=2), *[("ns1", serves(9))] * 2, *[("ns2", serves(9))] * 2)
    assert late(progress) == ["ns3"]
    progress = after(progress, ("ns1", serves(10)))
    assert late(progress) == ["ns1", "ns2", "ns3"]
    progress = after(progress, ("ns2", serves(10)))
    assert (one_of(progress, "ns2").row, one_of(progress, "ns2").arrived) == (1, 6.0)


def test_who_is_done_rests_but_for_a_primary_that_may_change() -> None:
    progress = after(begin(SAME), ("ns1", serves(9)), ("ns2", serves(9)))
    assert [progress.rests(one_of(progress, name)) for name in ("ns1", "ns2", "ns3")] == [False, True, False]
    progress = after(begin(SERIAL), ("ns1", serves(10)))
    assert progress.rests(one_of(progress, "ns1"))


def test_each_group_counts_for_itself() -> None:
    two = zone(
        server("ns1", group="a"), server("ns2", group="a"), server("ns3", group="b"), server("ns4", group="b"),
        primary="ns1",
    )  # fmt: skip
    progress = after(begin(SAME, of=two), ("ns1", serves(5)), ("ns2", serves(5)), ("ns3", serves(900)), of=two)
    assert late(progress) == ["ns4"]
    progress = after(progress, ("ns4", serves(900)), of=two)
    assert progress.done
    assert progress.served is None


@pytest.mark.parametrize(
    ("awaited", "chosen", "comparable"),
    [
        (SAME, ("ns1", "ns2"), True),
        (SAME, ("ns2",), True),
        (SAME, ("ns1",), False),
        (SERIAL, ("ns1",), True),
    ],
)
def test_one_address_alone_is_nothing_to_compare_with(
    awaited: Awaited, chosen: tuple[str, ...], comparable: bool
) -> None:
    assert begin(awaited, *chosen).comparable is comparable


def test_no_one_serial_is_waited_for_at_servers_that_count_apart() -> None:
    """Behind a signer, or at another provider: what is newer there may be without the change."""
    apart = zone(server("origin", "192.0.2.1"), *(server(name, ip, group="signed") for name, ip in SIGNED))
    assert begin(SERIAL, of=apart).counted_apart == (
        "no one serial can be waited for at servers that count apart (origin; signer and ns1)"
    )
    assert begin(SERIAL, "signer", "ns1", of=apart).counted_apart is None
    assert begin(SERIAL, "origin", of=apart).counted_apart is None
    assert begin(SAME, of=apart).counted_apart is None
    assert begin(Awaited(None, (record(Presence.CONTAINS),)), of=apart).counted_apart is None
    assert begin(Awaited(10, (record(Presence.CONTAINS),)), of=apart).counted_apart is not None


def test_choosing() -> None:
    many = zone(server("ns1", "192.0.2.1", "2001:db8::1"), server("ns2", "192.0.2.2"))
    assert len(choose(many)) == 3
    assert choose(many, ["ns1"], [Address("2001:db8::1")]) == [("ns1", Address("2001:db8::1"))]
    assert choose(many, ["ns2"], [Address("2001:db8::1")]) == []
    with pytest.raises(LookupError, match=r"ns9 is not a server of example.com.; they are ns1 and ns2"):
        choose(many, ["ns9"])
    with pytest.raises(LookupError, match=r"192.0.2.9 is .*; they are 192.0.2.1, 2001:db8::1 and 192.0.2.2"):
        choose(many, (), [Address("192.0.2.9")])
    for names, addresses in (["ns1"], []), ([], [Address("192.0.2.9")]):
        with pytest.raises(LookupError, match="they are none"):
            choose(Zone("example.com."), names, addresses)


def record(presence: Presence, *rdata: str, name: str = "www") -> AwaitedRecord:
    return AwaitedRecord(f"{name}.example.com.", "A", rdata, presence)


@pytest.mark.parametrize(
    ("awaited", "all_of_them", "one"),
    [
        (SAME, "serve the same version", "serves the same version"),
        (SERIAL, "serve 10 or newer", "serves 10 or newer"),
        (Awaited(records=(record(Presence.CONTAINS, "1.1.1.1", "2.2.2.2"),)),
         "have 1.1.1.1 and 2.2.2.2 for www.example.com. A", "has 1.1.1.1 and 2.2.2.2 for www.example.com. A"),
        (Awaited(records=(record(Presence.CONTAINS),)), "have something for www.example.com. A",
         "has something for www.example.com. A"),
        (Awaited(records=(record(Presence.EXACT, "1.1.1.1"),)), "have exactly 1.1.1.1 for www.example.com. A",
         "has exactly 1.1.1.1 for www.example.com. A"),
        (Awaited(records=(record(Presence.ABSENT, "1.1.1.1"),)), "lack 1.1.1.1 for www.example.com. A",
         "lacks 1.1.1.1 for www.example.com. A"),
        (Awaited(10, (record(Presence.ABSENT),)), "serve 10 or newer and lack www.example.com. A",
         "serves 10 or newer and lacks www.example.com. A"),
    ],
)  # fmt: skip
def test_what_is_waited_for_in_words(awaited: Awaited, all_of_them: str, one: str) -> None:
    assert goal_text(awaited) == all_of_them
    assert goal_text(awaited, one=True) == one


def test_of_very_much_that_is_waited_for_a_part_is_told() -> None:
    records = tuple(record(Presence.CONTAINS, name=f"n{number}") for number in range(5))
    assert goal_text(Awaited(records=records)).endswith("for n2.example.com. A and 2 more")


def test_the_result_in_words() -> None:
    progress = after(begin(SERIAL), ("ns1", serves(10)), ("ns2", LATE), ("ns3", BAD))
    assert list(result_text(progress, Ended.TIMEOUT, 300)) == [
        "the time is over after 5 min; 2 of 3 addresses do not yet serve 10 or newer",
        "ns2 (192.0.2.2) serves 9, older than 10",
        "ns3 (192.0.2.3) does not answer",
    ]
    progress = after(progress, ("ns3", serves(10)))
    assert list(result_text(progress, Ended.INTERRUPTED, 2.04)) == [
        "interrupted after 2.0 s; 1 of 3 addresses does not yet serve 10 or newer",
        "ns2 (192.0.2.2) serves 9, older than 10",
    ]
    progress = after(progress, ("ns2", serves(10)))
    assert list(result_text(progress, Ended.DONE, 12)) == ["all 3 addresses serve 10 or newer, after 12 s"]


def test_the_result_names_the_version_that_all_serve() -> None:
    progress = after(begin(SAME), *((name, serves(7)) for name in ("ns1", "ns2", "ns3")))
    assert list(result_text(progress, Ended.DONE, 0.25)) == ["all 3 addresses serve the same version (7), after 0.2 s"]
    progress = after(begin(SERIAL, "ns2"), ("ns2", serves(10)))
    assert list(result_text(progress, Ended.DONE, 1)) == ["its address serves 10 or newer, after 1.0 s"]


def test_machines_behind_one_address_and_looks_in_a_row_are_told() -> None:
    progress = after(begin(SERIAL, "ns2", needed=3), ("ns2", serves(10, "fra")), ("ns2", serves(10, "ams")))
    assert state_text(progress, one_of(progress, "ns2")) == (
        "ns2 (192.0.2.2) serves 10, 2 of 3 looks in a row (machines fra and ams)"
    )
    progress = after(progress, ("ns2", Look(False, "serves 9, older than 10", 9, ("ams",))))
    assert state_text(progress, one_of(progress, "ns2")) == (
        "ns2 (192.0.2.2) serves 9, older than 10 (of 2 machines there, this is NSID ams)"
    )


OLD = Look(False, "serves 9, older than 10", 9, ("ams",))


def test_a_machine_that_is_known_to_be_late_is_waited_for_whatever_the_others_say() -> None:
    progress = after(begin(SERIAL, "ns2"), ("ns2", OLD), ("ns2", serves(10, "fra")))
    assert late(progress) == ["ns2"]
    _, told = result_text(progress, Ended.TIMEOUT, 300)
    assert told == "ns2 (192.0.2.2) serves 10 (of 2 machines there, NSID ams serves 9, older than 10)"
    assert not after(progress, ("ns2", serves(10, "fra")), ("ns2", BAD)).done
    assert after(progress, ("ns2", serves(10, "ams"))).done


def test_a_machine_that_is_not_seen_any_more_is_waited_for_no_longer() -> None:
    progress = after(begin(SERIAL, "ns2"), ("ns2", OLD), *[("ns2", serves(10, "fra"))] * (GONE_LOOKS - 1))
    assert late(progress) == ["ns2"]
    progress = after(progress, ("ns2", serves(10, "fra")))
    assert progress.done
    assert one_of(progress, "ns2").looks == GONE_LOOKS + 1


def test_a_look_that_two_machines_answered_says_nothing_of_either() -> None:
    mixed = Look(False, "serves 9, older than 10", 9, ("ams", "fra"))
    assert after(begin(SERIAL, "ns2"), ("ns2", mixed), ("ns2", serves(10, "fra"))).done


def test_all_machines_serve_what_the_others_do() -> None:
    progress = after(begin(SAME), ("ns1", serves(7)), ("ns3", serves(7)), ("ns2", serves(6, "a")))
    assert late(after(progress, ("ns2", serves(7, "b")))) == ["ns2"]
    assert after(progress, ("ns2", serves(7, "b")), ("ns2", serves(7, "a"))).done


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (10.2, "10 s"), (90, "1 min 30 s")])
def test_times_of_a_wait(seconds: float, text: str) -> None:
    assert precise(seconds) == text
