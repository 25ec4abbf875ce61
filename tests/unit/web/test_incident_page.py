"""The page of an incident: what is on it, for whom, and its form."""

import re
from dataclasses import replace
from html import unescape

import httpx
import pytest

from alerting.incident import Acknowledgement
from monitor.state.ports import StoreError
from tests.support.told_incident import ID, OF_THE_HIDDEN, told
from tests.support.web_client import client
from tests.support.web_status import ANNA, HIDDEN, NOW, VIEWER, Stage, ago, bearer, stage, troubled

PAGE = f"/incidents/{ID}"
FORM = f"{PAGE}/acknowledge"


def text_of(answer: httpx.Response) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", "", main)).split())


async def proof(http: httpx.AsyncClient) -> str:
    found = re.search(r'name="proof" value="(\w+)"', (await http.get(PAGE)).text)
    assert found
    return found[1]


async def signed_in(http: httpx.AsyncClient) -> None:
    assert (await http.post("/login", data={"token": ANNA.token.reveal()})).status_code == 303


async def test_what_is_wrong_what_became_of_it_and_who_was_told() -> None:
    async with client(await told(), headers=bearer(VIEWER)) as http:
        answer = await http.get(PAGE)
        assert "<title>● example.com.: ns2 serves" in answer.text
        text = text_of(answer)
        assert "Critical · since 10:02 UTC (22 min) · zone example.com." in text
        assert "serial-overdue ns2 serves 2026112006" in text
        assert "dig @192.0.2.2 example.com. SOA" in text
        assert f"No longer ttl-differs www A: 300 at ns1, 600 at {HIDDEN} 10:02 UTC to 10:21 UTC" in text
        worse = "Worse 10:09 UTC critical, 1 zoneIt is critical now; it was a warning."
        assert text.index(worse) < text.index("Opened 10:04 UTC critical, 1 zone")
        assert "Waiting1 attempt: 500 hook 10:05 UTC it opened" in text
        assert "Told 10:10 UTC in one message about many incidents" in text
        assert "Waiting pager 10:10 UTC how many incidents there are, this among them" in text
        assert "Delivered10:05 UTC mail 10:05 UTC it opened" in text
        assert "<form" not in answer.text.partition("<main")[2].partition("</main>")[0]
        assert f'href="{PAGE}"' in (await http.get("/incidents")).text
        assert (await http.get("/incidents/x")).status_code == 404


async def test_the_public_sees_no_names_of_people_receivers_and_hidden_servers() -> None:
    seen = await told(public=True)
    known = Acknowledgement(ago(minutes=1), "anna", "the note")
    incident = replace(seen.status.incidents[ID], acknowledged=known)
    seen.show(replace(seen.status, incidents={**seen.status.incidents, ID: incident}))
    async with client(seen) as http:
        answer = await http.get(PAGE)
        assert "Acknowledged, 10:23 UTC" in text_of(answer)
        for secret in ("anna", "the note", "hook", HIDDEN, "Who was told", "dig @"):
            assert secret not in answer.text
        assert (await http.get(f"/incidents/{OF_THE_HIDDEN}")).status_code == 404
        assert "acknowledged" in text_of(await http.get("/incidents"))


async def test_the_form_acknowledges_and_takes_back() -> None:
    async with client(await told()) as http:
        await signed_in(http)
        sent = {"proof": await proof(http), "note": " <b>I</b> look\u202e at it "}
        answer = await http.post(FORM, data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        page = await http.get(PAGE)
        assert "Acknowledged by anna, 10:24 UTC: <b>I</b> look\\u202e at it" in text_of(page)
        assert "<b>I" not in page.text
        assert "\u202e" not in page.text
        assert "acknowledged by anna" in text_of(await http.get("/"))
        sent = {"proof": await proof(http), "action": "unacknowledge"}
        assert (await http.post(FORM, data=sent)).status_code == 303
        assert "Acknowledgement taken back 10:24 UTC by anna" in text_of(await http.get(PAGE))


async def test_a_form_from_elsewhere_is_refused() -> None:
    """Neither without the proof that it holds, nor with that of another's, nor from a page of another site."""
    seen = await told()
    bert = replace(ANNA, name="bert", token=replace(VIEWER.token, _text="berts-own-token"))
    seen.tokens = (ANNA, bert, VIEWER)
    async with client(seen) as http:
        await signed_in(http)
        good = await proof(http)
        for given in ("", "0" * 64, "ä"):
            assert (await http.post(FORM, data={"proof": given})).status_code == 403
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert (await http.post(FORM, data={"proof": good}, headers=cross)).status_code == 403
        assert (await http.post(FORM, data={"proof": good}, headers=bearer(bert))).status_code == 403
        assert (await http.post(FORM, data={"proof": good}, headers=bearer(VIEWER))).status_code == 403
        http.cookies.clear()
        assert (await http.post(FORM, data={"proof": good})).status_code == 401
    assert seen.status.incidents[ID].acknowledged is None


async def test_what_cannot_be_done_is_said_on_the_page() -> None:
    seen = await stage(troubled())
    async with client(seen) as http:
        sent = {"proof": await proof(http), "note": "x" * 501}
        answer = await http.post(FORM, data=sent)
        assert (answer.status_code, "The note is longer than 500 characters." in text_of(answer)) == (400, True)
        assert f'value="{"x" * 501}"' in answer.text
        over = replace(seen.status.incidents[ID], phase="resolved", resolved_at=NOW, ended_at=ago(minutes=1))
        seen.show(replace(seen.status, incidents={ID: over}))
        answer = await http.post(FORM, data={**sent, "note": ""})
        assert (answer.status_code, "The incident is over" in text_of(answer)) == (409, True)
        assert "Over · critical, from 10:02 UTC to 10:23 UTC, lasted 21 min" in text_of(answer)


async def test_many_zones_and_none_that_is_served() -> None:
    seen = await stage(troubled())
    names = tuple(f"z{number:03}.example." for number in range(150))
    incident = replace(
        seen.status.incidents[OF_THE_HIDDEN], zones=names, unserved=names[:7], short=names[7:8], lines=()
    )
    seen.show(replace(seen.status, incidents={OF_THE_HIDDEN: incident}))
    async with client(seen) as http:
        text = text_of(await http.get(f"/incidents/{OF_THE_HIDDEN}"))
    assert "No server is left that answers for z000.example, z001.example" in text
    assert "and 2 more." in text
    assert "Fewer servers than min_good are left that answer for z007.example." in text
    assert "150 zones z000.example., z001.example." in text
    assert text.count(".example.,") + 1 == 100
    assert "and 50 more" in text


@pytest.mark.parametrize("known", [True, False])
async def test_while_the_database_cannot_be_read(known: bool) -> None:
    class Unreadable:
        async def incident_record(self, id: str) -> None:
            raise StoreError("it cannot be read")

    seen: Stage = replace(await stage(troubled()), store=Unreadable())
    async with client(seen) as http:
        answer = await http.get(PAGE if known else "/incidents/x")
    assert answer.status_code == (200 if known else 503)
    assert not known or "cannot be read just now" in text_of(answer)
