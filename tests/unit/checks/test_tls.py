"""What TLS shows, beside what TCP answers → what is said."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from checks.evaluation import run_check
from checks.model import CheckResult, Health, Observation, Outcome, Tls, Transport
from checks.model.tls import TlsFault
from checks.tls import OverTls
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, gather, query, seen, server, zone

PLACE = replace(server("ns1"), tls=True)
ZONE = zone(PLACE)
DAY = timedelta(days=1)


def over_tls(said: str, tls: Tls | None, **fields: object) -> Observation:
    return seen(query(ZONE, "ns1", transport=Transport.TLS), said, tls=tls, **fields)


def look(tls: Observation, tcp: str = "10") -> CheckResult:
    beside = seen(query(ZONE, "ns1", transport=Transport.TCP), tcp)
    return run_check(OverTls(), ZONE, gather(ZONE, "tls", beside, tls), ZoneState(ZONE.name))


WHO = "ns1 (192.0.2.1)"


def until(when: datetime) -> Tls:
    return Tls(when)


F = TlsFault
REJECTED = "refused-connection"
SAID: list[tuple[str, Tls | None, str, str, str]] = [
    # over TLS, what it showed, its detail → code, text
    ("10", until(NOON + 90 * DAY), "", "", ""),
    ("10", Tls(), "", "", ""),
    ("REFUSED", until(NOON + 90 * DAY), "", "", ""),  # other checks say what is wrong with the zone
    ("10", until(NOON + 14 * DAY), "", "", ""),
    ("10", until(NOON + 13 * DAY), "", "tls-certificate-expiring",
     f"the certificate for TLS of {WHO} ends in 13 d (2026-12-03 12:00 UTC)"),
    ("10", until(NOON), "", "tls-certificate-expired",
     f"the certificate for TLS of {WHO} has ended 0 s ago (2026-11-20 12:00 UTC)"),
    (REJECTED, Tls(NOON - DAY, F.EXPIRED), "certificate: certificate has expired", "tls-certificate-expired",
     f"the certificate for TLS of {WHO} has ended 1 d ago (2026-11-19 12:00 UTC)"),
    (REJECTED, Tls(None, F.EXPIRED), "certificate: certificate has expired", "tls-certificate-expired",
     f"the certificate for TLS of {WHO} has ended"),
    *((REJECTED, Tls(None, one), "certificate: why", "tls-certificate-invalid",
       f"the certificate for TLS of {WHO} is not taken: certificate: why")
      for one in (F.NAME, F.UNTRUSTED, F.NOT_YET_VALID, F.PIN)),
    (REJECTED, Tls(None, F.HANDSHAKE), "TLS handshake: wrong version number", "tls-unreachable",
     f"{WHO} answers over TCP and not over TLS: TLS handshake: wrong version number"),
    (REJECTED, None, "", "tls-unreachable", f"{WHO} answers over TCP and not over TLS: refused-connection"),
    ("-", None, "connect: no answer within 6 s", "tls-unreachable",
     f"{WHO} answers over TCP and not over TLS: connect: no answer within 6 s"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "tls", "detail", "code", "text"), SAID)
def test_what_is_said(said: str, tls: Tls | None, detail: str, code: str, text: str) -> None:
    found = look(over_tls(said, tls, detail=detail))
    assert [(one.code, one.text) for one in found.findings] == ([(code, text)] if code else [])
    assert found.unsure == ()


@pytest.mark.parametrize("tcp", ["-", "refused-connection", "REFUSED", "?", "SERVFAIL"])
def test_where_tcp_brings_nothing_either_it_is_not_tls(tcp: str) -> None:
    found = look(over_tls("-", None), tcp)
    assert (found.health, found.reason) == (Health.UNKNOWN, "no answer over TCP either")
    assert [one.code for one in look(over_tls("-", Tls(None, F.NAME)), tcp).findings] == ["tls-certificate-invalid"]


def test_what_could_not_be_asked_accuses_nobody() -> None:
    found = look(over_tls("?", None, detail="the file of authorities cannot be used: No such file or directory"))
    assert found.health is Health.UNKNOWN
    assert found.reason == "the file of authorities cannot be used: No such file or directory"
    alone = run_check(OverTls(), ZONE, gather(ZONE, "tls"), ZoneState(ZONE.name))
    assert (alone.health, alone.reason) == (Health.UNKNOWN, "the monitor could not ask")
    one = seen(query(ZONE, "ns1", transport=Transport.TLS), "10", outcome=Outcome.ANSWERED)
    assert run_check(OverTls(), ZONE, gather(ZONE, "tls", one), ZoneState(ZONE.name)).health is Health.UNKNOWN


def test_only_servers_that_are_asked_over_tls_are_asked() -> None:
    both = zone(PLACE, server("ns2", "192.0.2.2"))
    asked = list(OverTls().queries(both, ()))
    assert [(str(one.address), one.transport) for one in asked] == [
        ("192.0.2.1", Transport.TCP), ("192.0.2.1", Transport.TLS),
    ]  # fmt: skip
    assert list(OverTls().queries(both, (seen(asked[0], "10"),))) == []
    assert OverTls().applies(both)
    assert not OverTls().applies(zone())
    assert OverTls().standing_questions(both) == ()


def test_what_is_soon_is_a_setting() -> None:
    one = over_tls("10", until(NOON + 2 * DAY))
    beside = seen(query(ZONE, "ns1", transport=Transport.TCP), "10")
    poll = gather(ZONE, "tls", beside, one)
    assert run_check(OverTls(expiring=DAY), ZONE, poll, ZoneState(ZONE.name)).health is Health.GOOD
