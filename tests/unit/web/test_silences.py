"""Silences in the API: who sees, makes and ends them, and what is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from monitor.web.silences import MAX_STANDING, MAX_STANDING_PATTERNS
from tests.support.web_client import client
from tests.support.web_status import ANNA, VIEWER, Stage, bearer, silenced, stage, troubled

PATH = "/api/v1/silences"
WANTED = {"matchers": {"servers": ["NS2"], "codes": ["serial-late"]}, "duration": "2h", "comment": " new disk "}


async def guarded(*, public: bool = False) -> Stage:
    seen = await stage(replace(troubled(), silences=silenced()), token=True, public=public)
    return replace(seen, tokens=(ANNA, VIEWER))


async def test_whoever_may_act_makes_one_under_its_name_and_ends_it() -> None:
    async with client(await guarded()) as http:
        made = await http.post(PATH, json=WANTED, headers=bearer(ANNA))
        assert made.status_code == 201
        body = made.json()
        assert made.headers["Location"] == f"{PATH}/{body['id']}"
        wanted = {"zones": [], "servers": ["ns2"], "codes": ["serial-late"], "severity": [], "labels": []}
        assert body["matchers"] == wanted
        assert (body["state"], body["created_by"], body["comment"]) == ("active", "anna", "new disk")
        assert (body["starts_at"], body["ends_at"]) == ("2026-11-20T10:24:30Z", "2026-11-20T12:24:30Z")
        seen = await http.get(made.headers["Location"], headers=bearer(VIEWER))
        assert seen.json() == body
        ended = await http.delete(made.headers["Location"], headers=bearer(ANNA))
        assert (ended.status_code, ended.json()["state"], ended.json()["ended_by"]) == (200, "expired", "anna")
        again = await http.delete(made.headers["Location"], headers=bearer(ANNA))
        assert (again.status_code, again.json()["error"]) == (409, "the silence is over")


async def test_labels_are_globs_of_which_one_of_each_name_must_match() -> None:
    seen = await guarded()
    wanted = ["tier", "team=web", "team=m* l", "team=web=x"]
    async with client(seen) as http:
        body = {"matchers": {"labels": wanted}, "comment": "x", "endless": True}
        made = await http.post(PATH, json=body, headers=bearer(ANNA))
    assert made.json()["matchers"]["labels"] == ["team=web", "team=m* l", "team=web=x", "tier=*"]
    assert seen.status.silences.made[-1].matchers.labels == (("team", ("web", "m* l", "web=x")), ("tier", ("*",)))


@pytest.mark.parametrize(
    ("span", "ends"),
    [
        ({"endless": True}, None),
        ({"ends_at": "2026-11-20T13:00:00+01:00"}, "2026-11-20T12:00:00Z"),
        ({"starts_at": "2026-11-21T00:00:00Z", "duration": "30m"}, "2026-11-21T00:30:00Z"),
    ],
)  # fmt: skip
async def test_when_it_ends(span: dict[str, Any], ends: str | None) -> None:
    async with client(await guarded()) as http:
        made = await http.post(PATH, json={"matchers": {"zones": "b*"}, "comment": "x", **span}, headers=bearer(ANNA))
    assert (made.status_code, made.json()["ends_at"]) == (201, ends)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"matchers": {}}, "matches everything (name zones, labels, servers, codes or severity)"),
        ({"matchers": None}, "matches everything (name zones, labels, servers, codes or severity)"),
        ({"matchers": ["ns2"]}, "matchers is an object"),
        ({"matchers": {"server": ["ns2"]}}, 'there is no key "server" in matchers (did you mean "servers"?)'),
        ({"matchers": {"servers": [2]}}, "servers is a list of texts"),
        ({"matchers": {"servers": ["a"] * 101}}, "more than 100 servers"),
        ({"matchers": {"servers": ["ns["]}}, '"ns[" opens a bracket that it does not close'),
        ({"matchers": {"servers": ["ns\udcff"]}}, '"ns\\udcff" has a control character, as no name has'),
        ({"matchers": {"servers": ["ns\x1b]0;x"]}}, '"ns\\u001b]0;x" has a control character'),
        ({"matchers": {"zones": ["a\u2028b"]}}, '"a\\u2028b" has a control character'),
        ({"matchers": {"codes": ["serial-lag"]}}, 'unknown code "serial-lag" (did you mean "serial-late"?)'),
        ({"matchers": {"severity": ["bad"]}}, '"bad" is not a severity'),
        ({"matchers": {"labels": {"team": "web"}}}, "labels is a list of texts"),
        ({"matchers": {"labels": ["te am=web"]}}, '"te am" is not the name of a label (letters, digits'),
        ({"matchers": {"labels": ["team="]}}, "the value of a label must have one to 100 characters"),
        ({"matchers": {"labels": ["team=a\nb"]}}, "the value of a label must have one to 100 characters"),
        ({"comment": None}, "a comment is missing"),
        ({"comment": "   "}, "a comment is missing"),
        ({"comment": "a\nb"}, "comment is one line, without control characters"),
        ({"comment": "a\udcff"}, "comment is one line, without control characters"),
        ({"comment": "x" * 501}, "comment is longer than 500 characters"),
        ({"duration": None}, "a silence that says nothing of its end (one of ends_at, duration and endless is needed)"),
        ({"endless": True}, "a silence that has duration and endless"),
        ({"duration": "2 hours"}, 'not a duration: "2 hours" (did you mean "2h"?)'),
        ({"starts_at": "tomorrow"}, "starts_at is a time like 2026-11-20T10:02:00Z"),
        ({"starts_at": "2026-11-20T10:02:00"}, "starts_at is a time like 2026-11-20T10:02:00Z"),
        ({"starts_at": "0001-01-01T00:00:00+23:00"}, "starts_at is too far away"),
        ({"starts_at": "2026-11-20T01:00:00Z"}, "is over before it begins"),
        ({"starts_at": "9999-12-31T23:00:00Z", "duration": "2h"}, "ends too far away"),
        ({"until": "2h"}, 'there is no key "until"'),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    async with client(await guarded()) as http:
        body, kind = json.dumps({**WANTED, **wrong}), {"Content-Type": "application/json"}
        answer = await http.post(PATH, content=body, headers={**bearer(ANNA), **kind})
    assert answer.status_code == 400
    assert said in answer.json()["error"]


WHO = [
    ("nobody", {}, 401),
    ("who may only read", bearer(VIEWER), 403),
    ("a page of another site", {**bearer(ANNA), "Sec-Fetch-Site": "cross-site"}, 403),
]


@pytest.mark.parametrize(("who", "headers", "code"), WHO, ids=[row[0] for row in WHO])
async def test_who_may_not(who: str, headers: dict[str, str], code: int) -> None:
    seen = await guarded()
    async with client(seen) as http:
        assert (await http.post(PATH, json=WANTED, headers=headers)).status_code == code
        assert (await http.delete(f"{PATH}/s1", headers=headers)).status_code == code
    assert seen.status.silences == silenced()


async def test_a_form_of_another_site_is_no_json() -> None:
    async with client(await guarded()) as http:
        answer = await http.post(PATH, content="{}", headers={**bearer(ANNA), "Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_the_public_sees_nothing_of_them_but_that_there_are_some() -> None:
    async with client(await guarded(public=True)) as http:
        assert (await http.get(PATH)).status_code == 401
        assert (await http.get(f"{PATH}/s1")).status_code == 401
        assert (await http.get("/api/v1/maintenance")).status_code == 401
        assert "soawatch_silences_active 2.0" in (await http.get("/metrics")).text
    async with client(await stage(troubled(), public=True)) as http:
        answer = await http.get(PATH)
    assert (answer.status_code, answer.json()["error"]) == (403, "public viewers do not see silences")


async def test_all_are_listed_the_newest_first_with_windows_that_are_under_way() -> None:
    seen = await guarded()
    (window,) = seen.status.silences.windows
    (night,) = window.next(seen.now)
    now = replace(seen, now=night.starts_at)
    now.status = replace(seen.status, silences=replace(silenced(), active=(night,)))
    async with client(now) as http:
        listed = (await http.get(PATH, headers=bearer(VIEWER))).json()
        assert [(one["id"], one["state"]) for one in listed] == [
            ("maintenance:night:20261121T020000Z", "active"), ("s1", "expired"), ("s3", "expired"), ("s2", "active"),
        ]  # fmt: skip
        refused = await http.delete(f"{PATH}/{night.id}", headers=bearer(ANNA))
        assert refused.status_code == 409
        windows = (await http.get("/api/v1/maintenance", headers=bearer(VIEWER))).json()
    assert [one["active"] for one in windows[0]["next"]] == [True, False, False]
    assert windows[0]["when"] == "every day at 02:00 UTC, for 2h"


async def test_what_there_is_not() -> None:
    async with client(await guarded()) as http:
        assert (await http.get(f"{PATH}/x", headers=bearer(ANNA))).status_code == 404
        assert (await http.delete(f"{PATH}/x", headers=bearer(ANNA))).status_code == 404


async def test_there_are_not_too_many() -> None:
    seen = await guarded()
    (one, *more) = seen.status.silences.made
    zones = tuple(f"z{number}.example" for number in range(MAX_STANDING_PATTERNS - 2))
    wide = replace(one, matchers=replace(one.matchers, zones=zones))
    over = replace(wide, id="o", ends_at=one.created_at)
    cases = {
        "as many patterns as there may be": ((wide, over), 201),
        "one more": ((wide, *more), 409),
        "as many silences": (tuple(replace(one, id=f"m{number}") for number in range(MAX_STANDING)), 409),
    }
    for case, (made, code) in cases.items():
        seen.show(replace(seen.status, silences=replace(seen.status.silences, made=made)))
        async with client(seen) as http:
            answer = await http.post(PATH, json=WANTED, headers=bearer(ANNA))
        assert answer.status_code == code, case
        assert code == 201 or "end some of them" in answer.json()["error"]


async def test_what_is_not_kept_is_not_done_and_the_answer_says_so() -> None:
    full = replace(await guarded(), full=True)
    async with client(full) as http:
        for answer in (
            await http.post(PATH, json=WANTED, headers=bearer(ANNA)),
            await http.delete(f"{PATH}/s1", headers=bearer(ANNA)),
        ):
            assert answer.status_code == 503
            why = "it was not done, since the database does not take it: soawatch.db: the disk is full\\x1b[2J"
            assert answer.json() == {"error": why}
    assert full.status.silences == silenced()
