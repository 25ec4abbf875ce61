"""One incident by the API: what is told of it to whom, and what may be done about it."""

from dataclasses import replace

import httpx
import pytest

from monitor.state.ports import Commit, StoreError
from tests.support.told_incident import ID, OF_THE_HIDDEN, told
from tests.support.web_client import client
from tests.support.web_status import ANNA, HIDDEN, VIEWER, ago, bearer, stage, status, troubled

PATH = f"/api/v1/incidents/{ID}"
NOTE = {"note": "I look at it"}


async def test_what_became_of_it_and_who_was_told() -> None:
    async with client(await told(), headers=bearer(VIEWER)) as http:
        found = (await http.get(PATH)).json()
        listed = (await http.get("/api/v1/incidents")).json()
    assert listed[1] == {name: found[name] for name in listed[1]}
    assert found["acknowledged"] is None
    assert [(each["at"], each["event"], each["severity"], each["zone_count"]) for each in found["timeline"]] == [
        ("2026-11-20T10:04:30Z", "opened", "critical", 1),
        ("2026-11-20T10:09:30Z", "worsened", "critical", 1),
        ("2026-11-20T10:10:30Z", "told-among-many", "critical", 0),
    ]
    assert found["timeline"][1]["text"] == (
        "It is critical now; it was a warning. 2 zones more than before: a.example and b.example. "
        f"It is bad at {HIDDEN} too."
    )
    assert found["deliveries"] == [
        {
            "receiver": "mail", "type": "incident.opened", "at": "2026-11-20T10:05:30Z", "state": "delivered",
            "attempts": 1, "settled_at": "2026-11-20T10:05:30Z", "error": None, "among_many": False,
        },
        {
            "receiver": "hook", "type": "incident.opened", "at": "2026-11-20T10:05:30Z", "state": "waiting",
            "attempts": 1, "settled_at": None, "error": "500", "among_many": False,
        },
        {
            "receiver": "pager", "type": "incident.worsened", "at": "2026-11-20T10:10:30Z", "state": "waiting",
            "attempts": 0, "settled_at": None, "error": None, "among_many": True,
        },
    ]  # fmt: skip


async def test_the_public_sees_what_became_of_it_and_no_names() -> None:
    seen = await told(public=True)
    async with client(seen) as http:
        await http.post(f"{PATH}/acknowledge", json=NOTE, headers=bearer(ANNA))
        answer = await http.get(PATH)
        assert (await http.get(f"/api/v1/incidents/{OF_THE_HIDDEN}")).status_code == 404
    found = answer.json()
    assert found["deliveries"] == []
    assert found["acknowledged"] == {"at": "2026-11-20T10:24:30Z", "by": None, "note": None}
    assert [each["event"] for each in found["timeline"]] == ["opened", "worsened", "acknowledged"]
    for secret in ("mail", "hook", HIDDEN, "anna", NOTE["note"]):
        assert secret not in answer.text


async def test_it_is_acknowledged_and_that_is_taken_back() -> None:
    async with client(await told()) as http:
        answer = await http.post(f"{PATH}/acknowledge", json=NOTE, headers=bearer(ANNA))
        assert answer.status_code == 200
        known = {"at": "2026-11-20T10:24:30Z", "by": "anna", "note": "I look at it"}
        assert answer.json()["acknowledged"] == known
        found = (await http.get(PATH, headers=bearer(VIEWER))).json()
        assert found == answer.json()
        assert found["timeline"][-1] == {
            "at": "2026-11-20T10:24:30Z", "event": "acknowledged", "severity": "critical", "zone_count": 1,
            "who": "anna", "note": "I look at it", "text": None,
        }  # fmt: skip
        answer = await http.delete(f"{PATH}/acknowledge", headers=bearer(ANNA))
        assert answer.status_code == 200
        assert answer.json()["acknowledged"] is None
        assert answer.json()["timeline"][-1]["event"] == "unacknowledged"


async def asked(http: httpx.AsyncClient, path: str = PATH, **how: object) -> httpx.Response:
    return await http.post(f"{path}/acknowledge", **{"headers": bearer(ANNA), "json": NOTE, **how})  # type: ignore[arg-type]


REFUSED = [
    ("a token that reads", {"headers": bearer(VIEWER)}, 403, 'has the role "read"'),
    ("no token", {"headers": {}}, 401, ""),
    ("a form of another site", {"json": None, "data": NOTE}, 415, "application/json"),
    ("a page of another site", {"headers": {**bearer(ANNA), "Sec-Fetch-Site": "cross-site"}}, 403, "another site"),
    ("a note in the URL", {"params": NOTE}, 400, "in the body"),
    ("a key that there is not", {"json": {"text": "x"}}, 400, 'there is no key "text"'),
    ("a note of two lines", {"json": {"note": "a\nb"}}, 400, "one line"),
    ("a note that is too long", {"json": {"note": "x" * 501}}, 400, "500 characters"),
    ("a note that is a number", {"json": {"note": 1}}, 400, "note is text"),
    ("no such incident", {"path": "/api/v1/incidents/x"}, 404, "no such incident"),
]  # fmt: skip


@pytest.mark.parametrize(("story", "how", "code", "said"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_what_is_refused(story: str, how: dict[str, object], code: int, said: str) -> None:
    seen = await told()
    async with client(seen) as http:
        answer = await asked(http, **how)  # type: ignore[arg-type]
    assert answer.status_code == code
    assert said in answer.json()["error"]
    assert seen.status.incidents[ID].acknowledged is None


async def test_what_is_over_cannot_be_acknowledged() -> None:
    seen = await told()
    over = replace(seen.status.incidents[ID], phase="resolved", resolved_at=ago(minutes=1))
    await seen.store.commit(Commit(incidents=(over,)))
    seen.show(replace(seen.status, incidents={}))
    async with client(seen) as http:
        answer = await asked(http)
        assert (answer.status_code, "is over" in answer.json()["error"]) == (409, True)
        assert (await http.get(f"{PATH}/acknowledge", headers=bearer(ANNA))).status_code == 405


async def test_what_stands_is_shown_though_the_database_cannot_be_read() -> None:
    class Unreadable:
        async def incident_record(self, id: str) -> None:
            raise StoreError("it cannot be read")

    seen = replace(await told(), store=Unreadable())
    async with client(seen, headers=bearer(VIEWER)) as http:
        found = (await http.get(PATH)).json()
        assert (found["id"], found["timeline"], found["deliveries"]) == (ID, [], [])
        assert (await http.get("/api/v1/incidents/x")).status_code == 503


async def test_on_this_machine_without_a_token_it_is_local() -> None:
    async with client(await stage(status())) as http:
        assert (await http.get("/api/v1/incidents/x")).status_code == 404
    async with client(await stage(troubled())) as http:
        assert (await asked(http, headers={})).json()["acknowledged"]["by"] == "local"
