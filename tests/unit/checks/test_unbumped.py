"""An edit without a new serial, look by look: who was edited is told once, and not who has not got the edit."""

from dataclasses import replace

import pytest

from checks.common.unbumped import UNBUMPED
from checks.model import RememberedRecords, WantedRecord, Zone
from checks.records import Records
from tests.support.observations import address, gather, server, zone
from tests.support.record_looks import in_columns, looked, said

WWW = WantedRecord("www.example.com.", "A")
PAIR = zone(records=(WWW,))
DEFAULT = zone(default_records=True)
THREE = zone("ns1", "ns2", "ns3", records=(WWW,))
NOBODY = zone("ns1", "ns2", "ns3", primary=None, records=(WWW,))
SIGNED = zone(server("ns1", group="u"), "ns2", "ns3", signer="ns2", records=(WWW,))
DUAL = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2", records=(WWW,))
FAR = zone("ns2", server("ns9", group="far"), primary=None, records=(WWW,))

STORIES: list[tuple[str, Zone, dict[str, str], list[str]]] = [
    # title, zone, what each server gives at one look after the other, what is said at each
    ("the primary was edited", PAIR, {"ns1": "10 a,10 b,10 b", "ns2": "10 a,10 a,10 a"},
     ["", "serial-unbumped ns1", "serial-unbumped ns1"]),
    ("and edited again", PAIR, {"ns1": "10 a,10 b,10 c", "ns2": "10 a,10 a,10 a"},
     ["", "serial-unbumped ns1", "serial-unbumped ns1"]),
    ("a record was taken out", PAIR, {"ns1": "10 a,10 nothing", "ns2": "10 a,10 a"}, ["", "serial-unbumped ns1"]),
    ("then the serial was raised", PAIR, {"ns1": "10 a,10 b,11 b,11 b", "ns2": "10 a,10 a,10 a,11 b"},
     ["", "serial-unbumped ns1", "record-differs ns2", ""]),
    ("or the edit was taken back", PAIR, {"ns1": "10 a,10 b,10 a", "ns2": "10 a,10 a,10 a"},
     ["", "serial-unbumped ns1", ""]),
    ("or all took the zone again", PAIR, {"ns1": "10 a,10 b,10 b", "ns2": "10 a,10 a,10 b"},
     ["", "serial-unbumped ns1", ""]),
    ("one took it again", THREE, {"ns1": "10 a,10 b,10 b", "ns2": "10 a,10 a,10 b", "ns3": "10 a,10 a,10 a"},
     ["", "serial-unbumped ns1", "serial-unbumped ns1"]),
    ("one has something else yet", THREE, {"ns1": "10 a,10 b", "ns2": "10 a,10 c", "ns3": "10 a,10 a"},
     ["", "serial-unbumped ns1 content-differs ns2"]),
    ("one gives no answer meanwhile", THREE, {"ns1": "10 a,10 b", "ns2": "10 a,10 a", "ns3": "10 a,10 -"},
     ["", "serial-unbumped ns1 ?"]),
    ("a secondary was edited", THREE, {"ns1": "10 a,10 a", "ns2": "10 a,10 b", "ns3": "10 a,10 a"},
     ["", "content-differs ns2"]),
    ("it was so at the first look", PAIR, {"ns1": "10 b,10 b", "ns2": "10 a,10 a"},
     ["content-differs ns2", "content-differs ns2"]),
    ("it was so when the serial was seen first", PAIR, {"ns1": "10 a,11 b", "ns2": "10 a,11 a"},
     ["", "content-differs ns2"]),
    ("the secondary was silent as all agreed", PAIR, {"ns1": "10 a,10 b", "ns2": "-,10 a"},
     ["?", "content-differs ns2"]),
    ("no primary is named", NOBODY, {"ns1": "10 a,10 a", "ns2": "10 a,10 b", "ns3": "10 a,10 a"},
     ["", "serial-unbumped ns2"]),
    ("no primary, and two have changed", NOBODY, {"ns1": "10 a,10 b", "ns2": "10 a,10 b", "ns3": "10 a,10 a"},
     ["", "content-differs ns3"]),
    ("the signer was edited", SIGNED, {"ns1": "5 a,5 a", "ns2": "10 a,10 b", "ns3": "10 a,10 a"},
     ["", "serial-unbumped ns2"]),
    ("of another group", FAR, {"ns2": "10 a,10 a", "ns9": "7 a,7 b"}, ["", "record-differs ns9"]),
    ("its answers vary", PAIR, {"ns1": "10 a,10 b|a|b", "ns2": "10 a,10 a"}, ["", "content-differs ns2"]),
    ("nobody has chosen", DEFAULT, {"ns1": "10 a,10 b,10 b", "ns2": "10 a,10 a,10 a"},
     ["", "?", "serial-unbumped ns1"]),
    ("nobody has chosen, and it varies", DEFAULT, {"ns1": "10 a,10 b/60,10 b/30", "ns2": "10 a,10 a,10 a"},
     ["", "?", ""]),
]  # fmt: skip


@pytest.mark.parametrize(("title", "where", "gives", "expected"), STORIES, ids=[title for title, *_ in STORIES])
def test_story(title: str, where: Zone, gives: dict[str, str], expected: list[str]) -> None:
    assert [said(result) for result in looked(where, in_columns(gives))] == expected


def test_it_says_what_has_changed_and_who_goes_on() -> None:
    (found,) = looked(
        THREE, [dict.fromkeys(("ns1", "ns2", "ns3"), "10 a"), {"ns1": "10 b", "ns2": "10 a", "ns3": "10 a"}]
    )[1].findings
    assert (found.code, found.subject, found.address) == (UNBUMPED.code, "", address("192.0.2.1"))
    assert found.text == (
        "ns1 (192.0.2.1) has other records than before on the same serial 10: www.example.com. A is b "
        "(was a); no transfer brings that to ns2 and ns3"
    )


def test_each_address_of_the_primary_is_told_of() -> None:
    found = looked(DUAL, [{"ns1": "10 a", "ns2": "10 a"}, {"ns1": "10 b", "ns2": "10 a"}])[1].findings
    assert [(one.code, str(one.address)) for one in found] == [
        (UNBUMPED.code, "192.0.2.1"), (UNBUMPED.code, "2001:db8::1"),
    ]  # fmt: skip


def test_what_is_remembered_is_the_same_in_another_process() -> None:
    (result,) = looked(PAIR, [{"ns1": "10 a", "ns2": "10 a"}])
    assert result.remembered == RememberedRecords(agreed=6028107724622624062)


def test_who_is_not_well_is_told_all_the_same_when_nothing_is_decided() -> None:
    """What is remembered goes along with a result that says nothing."""
    (result,) = looked(PAIR, [{"ns1": "10 -", "ns2": "10 -"}])
    assert result.reason == "no usable answer for the record"
    assert result.remembered == RememberedRecords()
    poll = gather(replace(PAIR, records=()), "records")
    assert not Records().applies(replace(PAIR, records=())), poll
