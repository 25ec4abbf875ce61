"""The page that compares two servers: who may, from where, and what is shown of what they say."""

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape

import httpx
import pytest

from checks.model import Outcome, TransferResult
from tests.support.diff_stage import USUAL, ZONE, Given, Transferring, diff_stage, watched
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, SERIAL, TOKEN

PAGE = "/zones/example.com."
PATH = f"{PAGE}/diff"
TWO = {"before": "ns1=192.0.2.1", "after": "ns2=192.0.2.2"}
EVIL = 'evil.example.com. 300 IN TXT "<script>alert(1)</script>&\x1b[31m\u202e"'
OTHER = ("www.example.com. 300 IN A 192.0.2.81", "new.example.com. 60 IN MX 10 mail.example.com.", EVIL)


async def proof(http: httpx.AsyncClient) -> str:
    found = re.search(r'name="proof" value="(\w+)"', (await http.get(PAGE)).text)
    assert found
    return found[1]


async def compared(given: Mapping[str, Given], **fields: str) -> httpx.Response:
    async with client(await diff_stage(given)) as http:
        return await http.post(PATH, data={"proof": await proof(http), **TWO, **fields})


def text_of(answer: httpx.Response) -> str:
    """What is read, without tags."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", "", main)).split())


async def test_what_differs_is_shown_by_owner_and_type() -> None:
    answer = await compared({"ns2": (SERIAL, OTHER)})
    assert answer.status_code == 200
    text = text_of(answer)
    assert "2 records only at ns1, 3 only at ns2" in text
    assert "Changed www.example.com. A \u2212ns1: 300 192.0.2.80 +ns2: 300 192.0.2.81" in text
    assert "Only at ns1 mail.example.com. A \u2212ns1: 300 192.0.2.25" in text
    assert "Only at ns2 new.example.com. MX +ns2: 60 10 mail.example.com." in text
    assert f"serial {SERIAL} · 3 records" in text
    assert "live.js" not in answer.text  # it would ask for the page without what was compared
    assert "http-equiv" not in answer.text


async def test_what_servers_say_is_shown_and_not_obeyed() -> None:
    answer = await compared({"ns2": (SERIAL, OTHER)})
    assert '"<script>alert(1)</script>&\\x1b[31m\\u202e"' in text_of(answer)
    assert "<script>alert" not in answer.text
    assert not {"\x1b", "\u202e"} & set(answer.text)


async def test_equal_zones_and_others_on_their_way() -> None:
    assert f"The same 3 records, serial {SERIAL}" in text_of(await compared({}))
    text = text_of(await compared({"ns2": (SERIAL + 1, USUAL)}))
    assert "may be a change on its way" in text
    assert "Changed example.com. SOA" in text


async def test_two_addresses_of_one_server_are_told_apart() -> None:
    answer = await compared({"192.0.2.2": (SERIAL, ())}, before="ns2=[2001:db8::2]:5353", after="ns2=192.0.2.2")
    assert "Only at ns2 ([2001:db8::2]:5353) www.example.com. A" in text_of(answer)


async def test_no_more_is_shown_than_fits_a_page() -> None:
    many = tuple(f"h{number}.example.com. 300 IN A 192.0.2.1" for number in range(600))
    text = text_of(await compared({"ns2": (SERIAL, many)}))
    assert "And 102 more." in text
    long = tuple(f'h{number}.example.com. 300 IN TXT "{"x" * 5000}"' for number in range(300))
    answer = await compared({"ns2": (SERIAL, (*USUAL, *long))})
    assert "And 100 more." in text_of(answer)
    assert len(answer.text) < 400_000


@pytest.mark.parametrize(
    ("given", "fields", "status", "why"),
    [
        (TransferResult.REFUSED, {}, 200, "ns2 (192.0.2.2) gives no zone: the transfer is refused (REFUSED)"),
        (Outcome.TIMEOUT, {}, 200, "ns2 (192.0.2.2) gives no zone: timeout"),
        (Outcome.TIMEOUT, {"after": "ns1=192.0.2.1"}, 400, "are the same: name two servers"),
        (Outcome.TIMEOUT, {"after": "<b>=1"}, 400, '"1" is not an IP address'),
        (Outcome.TIMEOUT, {"after": ""}, 400, "after is missing"),
    ],
)
async def test_what_cannot_be_compared(given: Given, fields: dict[str, str], status: int, why: str) -> None:
    answer = await compared({"ns2": given}, **fields)
    assert answer.status_code == status
    assert f"Not compared · {why}" in text_of(answer) or why in text_of(answer)
    assert "Compare now" in answer.text


async def test_a_form_that_was_not_made_here_is_refused() -> None:
    probe = Transferring()
    async with client(replace(await diff_stage(), diffs=watched(ZONE, probe))) as http:
        for given in ({}, {"proof": ""}, {"proof": "0" * 64}, {"proof": "ä"}):
            assert (await http.post(PATH, data={**TWO, **given})).status_code == 403
        good = await proof(http)
        assert probe.asked == []
        assert (await http.post(PATH, data={**TWO, "proof": good}, headers={"Host": "evil.example"})).status_code == 421
        assert (await http.post(PATH, data={**TWO, "proof": good, "more": "x" * 5000})).status_code == 413
        assert (await http.post(PATH, data={**TWO, "proof": good})).status_code == 200
    async with client(await diff_stage()) as other:
        assert (await other.post(PATH, data={**TWO, "proof": good})).status_code == 403


async def test_the_form_is_filled_in_with_who_leads() -> None:
    async with client(await diff_stage()) as http:
        page = (await http.get(PAGE)).text
        assert re.findall(r'value="([^"]*)" selected', page) == [f"{HIDDEN}=198.51.100.77", "ns1=192.0.2.1"]
        asked = (await http.get(PATH, params={**TWO, "proof": "x"})).text
        assert re.findall(r'value="([^"]*)" selected', asked) == list(TWO.values())
        assert (await http.get("/zones/nothing.example/diff")).status_code == 404
    alone = replace(ZONE, servers=(replace(ZONE.servers[1], addresses=ZONE.servers[1].addresses[:1]),))
    async with client(await diff_stage(zone=alone)) as http:
        assert "Compare now" not in (await http.get(PAGE)).text
        assert "no two addresses" in (await http.get(PATH)).text


@pytest.mark.parametrize(
    ("token", "public", "known", "page", "status"),
    [
        (False, True, False, 200, 403),
        (True, True, False, 200, 401),
        (True, False, False, 401, 401),
        (True, True, True, 200, 200),
    ],
)
async def test_only_who_sees_everything_has_the_form(
    token: bool, public: bool, known: bool, page: int, status: int
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"} if known else {}
    async with client(await diff_stage(token=token, public=public), headers=headers) as http:
        shown = await http.get(PAGE)
        assert shown.status_code == page
        assert ("Compare now" in shown.text) == known
        sent = {"proof": await proof(http)} if known else {}
        assert (await http.get(PATH)).status_code == status
        answer = await http.post(PATH, data={**TWO, **sent})
        assert answer.status_code == status
        assert (HIDDEN in answer.text) == known
