"""The page of silences: what is on it, for whom, and its forms."""

import re
from dataclasses import replace
from html import unescape

import httpx

from alerting.incident import Cause
from tests.support.web_client import client
from tests.support.web_status import ANNA, HIDDEN, VIEWER, Stage, bearer, silenced, stage, troubled

PATH = "/silences"
WANTED = {"servers": "NS2, ns3", "duration": "2h", "comment": "new disk"}


async def guarded(*, public: bool = False) -> Stage:
    seen = await stage(replace(troubled(), silences=silenced()), token=True, public=public)
    return replace(seen, tokens=(ANNA, VIEWER))


def text_of(answer: httpx.Response) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


async def signed_in(http: httpx.AsyncClient) -> str:
    """The proof of the form."""
    assert (await http.post("/login", data={"token": ANNA.token.reveal()})).status_code == 303
    found = re.search(r'name="proof" value="(\w+)"', (await http.get(PATH)).text)
    assert found
    return found[1]


async def test_what_is_silenced_by_whom_until_when_and_why_what_has_no_end_first() -> None:
    async with client(await guarded(), headers=bearer(VIEWER)) as http:
        answer = await http.get(PATH)
    text = text_of(answer)
    endless, active = "No end zone lab. * bert from 17 Nov 10:24 UTC without an end a lab", "Active server ns2 anna"
    assert text.index(endless) < text.index(active)
    assert "from 09:24 UTC until 11:24 UTC new disk" in text
    assert "To come server ns1 night every day at 02:00 UTC, for 2h; next from 21 Nov 02:00 UTC" in text
    assert "Over code ttl-differs anna, ended by bert" in text
    assert "<form" not in answer.text.partition("<main")[2].partition("</main>")[0]


async def test_what_changes_the_direction_of_writing_is_shown_as_it_is_written() -> None:
    seen = await guarded()
    (active, *more) = seen.status.silences.made
    odd = replace(active, comment="disk\u202e<b>", matchers=replace(active.matchers, servers=("ns\u202e2",)))
    seen.show(replace(seen.status, silences=replace(seen.status.silences, made=(odd, *more))))
    async with client(seen, headers=bearer(VIEWER)) as http:
        text = text_of(await http.get(PATH))
    assert "Active server ns\\u202e2 anna" in text
    assert "disk\\u202e<b>" in text


async def test_the_form_makes_one_and_its_button_ends_it() -> None:
    seen = await guarded()
    async with client(seen) as http:
        proof = await signed_in(http)
        made = await http.post(PATH, data={**WANTED, "proof": proof})
        assert (made.status_code, made.headers["Location"]) == (303, PATH)
        one = seen.status.silences.made[-1]
        assert (str(one.matchers), one.created_by, one.comment) == ("server ns2 or ns3", "anna", "new disk")
        assert one.ends_at is not None
        assert f'action="/silences/{one.id}/end"' in (await http.get(PATH)).text
        assert (await http.post(f"{PATH}/{one.id}/end", data={"proof": proof})).status_code == 303
        assert seen.status.silences.made[-1].ended_by == "anna"
        assert (await http.post(f"{PATH}/x/end", data={"proof": proof})).status_code == 404
        labelled = {**WANTED, "proof": proof, "labels": "team=web, team=m* tier"}
        assert (await http.post(PATH, data=labelled)).status_code == 303
        assert str(seen.status.silences.made[-1].matchers) == "server ns2 or ns3, label team web or m*, label tier *"
        later = {**WANTED, "proof": proof, "endless": "on", "starts_at": "2026-12-01 02:00 UTC"}
        assert (await http.post(PATH, data=later)).status_code == 303
        last = seen.status.silences.made[-1]
        assert (f"{last.starts_at:%m-%d %H:%M}", last.ends_at) == ("12-01 02:00", None)


async def test_what_cannot_be_meant_comes_back_with_what_was_written() -> None:
    seen = await guarded()
    async with client(seen) as http:
        proof = await signed_in(http)
        answer = await http.post(PATH, data={**WANTED, "proof": proof, "duration": "<2h>"})
        assert answer.status_code == 400
        assert 'Not silenced: not a duration: "<2h>"' in text_of(answer)
        assert 'value="NS2, ns3"' in answer.text
        assert "<2h>" not in answer.text
    assert seen.status.silences == silenced()


async def test_who_may_not() -> None:
    seen = await guarded()
    async with client(seen) as http:
        await signed_in(http)
        for path in (PATH, f"{PATH}/s1/end"):
            assert (await http.post(path, data={**WANTED, "proof": "0"})).status_code == 403
            refused = await http.post(path, data=WANTED, headers={"Sec-Fetch-Site": "cross-site"})
            assert refused.status_code == 403
    async with client(seen, headers=bearer(VIEWER)) as http:
        assert (await http.post(PATH, data=WANTED)).status_code == 403
    async with client(await guarded(public=True)) as http:
        assert (await http.get(PATH)).status_code == 401
    assert seen.status.silences == silenced()


async def test_the_incidents_lead_whoever_may_make_one_to_the_form_before_anything_is_silenced() -> None:
    seen = replace(await stage(troubled(), token=True), tokens=(ANNA, VIEWER))
    for token, leads in ((ANNA, True), (VIEWER, False)):
        async with client(seen, headers=bearer(token)) as http:
            assert (f'<a href="{PATH}">make a silence</a>' in (await http.get("/incidents")).text) is leads


async def test_an_incident_says_that_it_is_silenced_and_leads_to_the_form() -> None:
    seen = await guarded()
    (name, known), *_ = [(n, i) for n, i in seen.status.incidents.items() if i.cause == Cause("zone", "example.com.")]
    hushed = replace(known, silenced=known.findings, silenced_zones=known.zones, silences=("s1",))
    seen.show(replace(seen.status, incidents={**seen.status.incidents, name: hushed}))
    async with client(seen) as http:
        await signed_in(http)
        text = text_of(page := await http.get(f"/incidents/{name}"))
        assert "All that is bad is silenced. Silenced by anna until 11:24 UTC: new disk." in text
        assert 'href="/silences?zones=example.com."' in page.text
        assert 'value="example.com."' in (await http.get("/silences?zones=example.com.&x=1")).text
        assert "· all silenced" in text_of(await http.get("/incidents"))
        front = text_of(await http.get("/"))
        assert "need attention 1 silenced" in front
        assert "Silenced by anna until 11:24 UTC: new disk." in text_of(await http.get("/zones/example.com"))


async def test_the_public_reads_of_nobody_and_no_reason() -> None:
    seen = await guarded(public=True)
    (name, known), *_ = [(n, i) for n, i in seen.status.incidents.items() if i.cause == Cause("zone", "example.com.")]
    hushed = replace(known, silenced=1, silenced_zones=known.zones, silences=("s1",))
    seen.show(replace(seen.status, incidents={**seen.status.incidents, name: hushed}))
    async with client(seen) as http:
        for path in ("/", "/incidents", f"/incidents/{name}", "/zones/example.com", "/api/v1/incidents"):
            said = (await http.get(path)).text
            assert "new disk" not in said
            assert "anna" not in said
            assert HIDDEN not in said
            assert "s1" not in re.findall(r'"silences":\s*\["(\w+)', said)
