"""The cadence that is kept is shown beside the one that is to be, with its cause where that is known."""

import re
from dataclasses import replace
from datetime import timedelta

from monitor.web.headline import notices
from monitor.web.sweep_view import sweep_rows
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, NOW, TOKEN, ago, slow, stage, status

CAP = (
    f"At {HIDDEN} the cadences need 508 queries/s, and probe.max_qps_per_server is 200: what is due in {{}} takes "
    "about {}. A cap of 640 would do."
)
WHOLE = (
    "At all servers together the cadences need 450 queries/s, and probe.max_qps is 300: what is due in {} takes about "
    "{}. A cap of 570 would do."
)


def test_each_sweep_says_what_is_so_and_no_cause_that_is_not_known() -> None:
    rows = {row.sweep.check: (row.word, row.every, row.kept, " ".join(row.what)) for row in rows_of()}
    assert rows == {
        "reachable": ("Not kept", "1m", "3m", "By the estimate no cap is too low for it while all is well."),
        "records": (
            "Not kept",
            "5m",
            "9m",
            "A sweep has been under way for 9 min. " + CAP.format("5m", "12m43s"),
        ),
        "soa-serial": ("Not kept", "1m", "3m", f"{CAP.format('1m', '2m33s')} {WHOLE.format('1m', '1m30s')}"),
        "soa-fields": ("Late", "1m", "2m", f"{CAP.format('1m', '2m33s')} {WHOLE.format('1m', '1m30s')}"),
        "ns-set": ("Not begun", "5m", "", "Its first sweep has not begun yet."),
        "transfer": ("Kept", "1h", "1h", ""),
    }
    assert [row.sweep.check for row in rows_of()][:3] == ["reachable", "records", "soa-serial"], "what is wrong first"


def rows_of() -> list:
    return sweep_rows(slow().values(), NOW)


def test_a_first_look_that_takes_long_is_none_of_the_caps_doing_unless_one_is_too_low() -> None:
    first = replace(slow()["soa-serial every 1m"], started=ago(minutes=4), finished=None, begun=ago(minutes=4),
                    interval=None, late=0)  # fmt: skip
    said = [" ".join(sweep_rows([replace(first, low_caps=low)], NOW)[0].what) for low in ((), None)]
    assert said == ["A sweep has been under way for 4 min."] * 2
    (row,) = sweep_rows([first], NOW)
    assert (row.word, row.kept) == ("Not kept", "4m")
    assert "A cap of 640 would do." in row.what[1]


def test_the_notice_names_a_few_cadences_and_the_highest_of_the_caps_that_would_do() -> None:
    sweeps = slow()
    (notice,) = notices(status(sweeps=sweeps), NOW)
    assert notice.path == "/checks"
    assert notice.text == (
        "Cadences are not kept: reachable every 3m instead of 1m, records every 9m instead of 5m and soa-serial every "
        "3m instead of 1m. probe.max_qps = 300 is too low: 570 would do. probe.max_qps_per_server = 200 is too low: "
        "640 would do."
    )
    alone = {"one": replace(sweeps["reachable every 1m"], cadence=timedelta(seconds=60))}
    assert notices(status(sweeps=alone), NOW)[0].text == "A cadence is not kept: reachable every 3m instead of 1m."
    many = {str(n): replace(sweeps["reachable every 1m"], check=f"c{n}") for n in range(9)}
    assert "c2 every 3m instead of 1m and 6 more." in notices(status(sweeps=many), NOW)[0].text


async def test_every_page_has_the_notice_while_a_cadence_is_not_kept() -> None:
    seen = await stage(status(sweeps=slow()))
    async with client(seen) as http:
        for path in ("/", "/servers", "/incidents", "/zones/example.com"):
            text = (await http.get(path)).text
            assert "Cadences are not kept: reachable every 3m instead of 1m" in text
            assert '<a href="/checks">More</a>' in text
        assert '<a href="/checks">More</a>' not in (await http.get("/checks")).text
        seen.status = status()
        assert "not kept" not in (await http.get("/")).text


async def test_page_api_and_metrics_say_the_same() -> None:
    async with client(await stage(status(sweeps=slow()))) as http:
        page = (await http.get("/checks")).text
        answer = await http.get("/api/v1/checks")
        metrics = (await http.get("/metrics")).text
    data = {row["check"]: row for row in answer.json()}
    assert answer.headers["X-Total-Count"] == "6"
    assert list(data) == sorted(data)
    for check, kept, is_kept in (("soa-serial", 180, False), ("transfer", 3600, True), ("ns-set", None, None)):
        assert (data[check]["kept_seconds"], data[check]["is_kept"]) == (kept, is_kept)
    assert data["soa-serial"]["low_caps"][0] == {
        "setting": "probe.max_qps_per_server", "server": HIDDEN, "cap": 200, "needed": 508.35, "sufficient": 640,
        "estimated_seconds": 152.505,
    }  # fmt: skip
    assert (data["soa-serial"]["duration_seconds"], data["soa-serial"]["zones"]) == (150, 30_000)
    assert (data["ns-set"]["zones"], data["ns-set"]["queries"], data["ns-set"]["under_way_since"]) == (None, None, None)
    assert 'soawatch_cadence_kept_seconds{cadence="1m",check="soa-serial"} 180.0\n' in metrics
    assert 'soawatch_cadence_seconds{cadence="1m",check="soa-serial"} 60.0\n' in metrics
    assert 'soawatch_cadence_seconds{cadence="5m",check="ns-set"} 300.0\n' in metrics
    assert 'soawatch_cadence_kept_seconds{cadence="5m",check="ns-set"}' not in metrics
    row = next(row for row in page.split('<tr role="row">') if ">soa-serial</th>" in row)
    assert re.findall(r'data-label="(?:Cadence|Kept)">([^<]*)<', row) == ["1m", "3m"]
    assert '2 min 30 s<span class="aside">30\u202f000 zones, 180\u202f000 queries</span>' in row


async def test_checks_come_in_parts() -> None:
    late = slow()["reachable every 1m"]
    many = {str(n): replace(late, cadence=timedelta(seconds=n)) for n in range(1, 131)}
    async with client(await stage(status(sweeps=many))) as http:
        first = (await http.get("/checks")).text
        assert first.count('scope="row"') == 100
        assert 'href="?page=2"' in first
        part = await http.get("/api/v1/checks?limit=20&offset=120")
        assert [row["cadence_seconds"] for row in part.json()] == list(range(121, 131))
        assert "Link" not in part.headers


async def test_the_public_sees_which_cadence_is_kept_and_neither_questions_nor_caps() -> None:
    async with client(await stage(status(sweeps=slow()), token=True, public=True)) as http:
        rows = (await http.get("/api/v1/checks")).json()
        page = (await http.get("/checks")).text
        whole = (await http.get("/api/v1/checks", headers={"Authorization": f"Bearer {TOKEN}"})).json()
    assert {(row["queries"], row["low_caps"]) for row in rows} == {(None, None)}
    assert [row["kept_seconds"] for row in rows] == [row["kept_seconds"] for row in whole]
    assert "Cadences are not kept: " in page
    assert "30\u202f000 zones<" in page
    assert " queries" not in page
    assert "max_qps" not in page
    assert "estimate" not in page


async def test_where_no_check_is_on_the_page_says_so() -> None:
    async with client(await stage(status(sweeps={}))) as http:
        assert "No check is on for any zone." in (await http.get("/checks")).text
        assert (await http.get("/api/v1/checks")).json() == []
