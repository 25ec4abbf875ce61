"""The page in a real browser: no complaint, readable by all, on a phone, in the dark, live."""

import contextlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from checks.common.record_differences import record_difference
from checks.model import TransferResult
from checks.model.finding_type import Severity
from monitor.state.status import Status
from monitor.web.app import build
from monitor.web.server import WebServer
from monitor.web.snapshot import Settings
from tests.support.diff_stage import USUAL, diff_stage
from tests.support.fakes.zones import FakeZones
from tests.support.hostile_status import hostile
from tests.support.require import program
from tests.support.told_incident import ID, told
from tests.support.web_status import (
    SERIAL,
    SERVERS,
    TOKEN,
    Stage,
    bad,
    finding,
    silenced,
    slow,
    stage,
    status,
    troubled,
    zone,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
DESKTOP, PHONE, SMALL = (1280, 900), (390, 844), (360, 640)
DEADLINE = 5000
"""Milliseconds the browser may take for anything."""


@dataclass
class Looking:
    """A browser, and what it had to complain of."""

    browser: Browser
    shots: Path | None
    complaints: list[str] = field(default_factory=list)

    async def shoot(self, page: Page, name: str) -> None:
        """Keeps a picture for people, where SOAWATCH_SCREENSHOTS names a directory."""
        if self.shots is not None:
            await page.screenshot(path=self.shots / f"{name}.png", full_page=True)

    @contextlib.asynccontextmanager
    async def page(self, size: tuple[int, int] = DESKTOP, scheme: str = "light", **how: object) -> AsyncIterator[Page]:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", **how
        )
        context.set_default_timeout(DEADLINE)
        page = await context.new_page()
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        try:
            yield page
        finally:
            await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = program("chromium", package="chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def looking(browser: Browser) -> Looking:
    wanted = os.environ.get("SOAWATCH_SCREENSHOTS")
    shots = Path(wanted) if wanted else None
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
    return Looking(browser, shots)


@contextlib.asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[str]:
    server = WebServer(build(stage.context()), "127.0.0.1", 0, stage.stopping)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.address[1]}"
    finally:
        await server.stop()


async def violations(page: Page) -> list[str]:
    """What axe has to say; it is run through the debugger, for the page's own policy lets no such script in."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run(document)")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


VIEWS = {
    "overview": "/",
    "zone": "/zones/example.com?span=24h",
    "zone-unknown": "/zones/lab.example",
    "servers": "/servers",
    "servers-found": "/servers?q=ns&health=bad",
    "server": "/servers/ns2",
    "incidents": "/incidents",
    "checks": "/checks",
    "sources": "/sources",
    "silences": "/silences",
    "code": "/codes/serial-overdue",
}
SCENES = [
    (DESKTOP, "light", tuple(VIEWS)),
    (DESKTOP, "dark", ("overview", "zone", "servers", "checks", "sources")),
    (PHONE, "light", ("overview", "zone", "servers", "checks", "sources")),
    (PHONE, "dark", ()),
    (SMALL, "light", ()),
]
"""Size, scheme, and the pages axe looks at there: it takes its time."""


def few() -> Status:
    seen = troubled()
    names = ("example.com.", "shop.example.", "lab.example.", "dyn.example.", "xn--bcher-kva.example.")
    return replace(seen, zones=FakeZones(seen.zones[name] for name in names), silences=silenced())


BETWEEN = (320, 740, 1025)
"""Widths at which a layout is at its narrowest."""


async def fits(page: Page, name: str, size: tuple[int, int], *more: int) -> None:
    """Nothing is wider than the screen, nor than one as wide as each of ``more``."""
    for width in (*more, size[0]):
        await page.set_viewport_size({"width": width, "height": size[1]})
        wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} px too wide for {width}"


@pytest.mark.parametrize(("size", "scheme", "judged"), SCENES, ids=[f"{row[0][0]} {row[1]}" for row in SCENES])
async def test_every_page_is_readable_by_all_and_fits_the_screen(
    looking: Looking, size: tuple[int, int], scheme: str, judged: tuple[str, ...]
) -> None:
    async with served(await stage(few())) as url, looking.page(size, scheme) as page:
        for name, path in VIEWS.items():
            await page.goto(url + path)
            await page.locator("#live:not(:empty)").wait_for()
            await looking.shoot(page, f"{name}-{size[0]}-{scheme}")
            await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
            await fits(page, name, size, *(BETWEEN if size == PHONE else ()))
            assert name not in judged or await violations(page) == [], name
    assert looking.complaints == []


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
async def test_an_incident_is_readable_by_all_and_is_acknowledged(
    looking: Looking, size: tuple[int, int], scheme: str
) -> None:
    """By the form of its page; what is typed there stays while the page is kept true."""
    seen = replace(await told(), settings=Settings(), tokens=())
    async with served(seen) as url, looking.page(size, scheme) as page:
        await page.goto(f"{url}/incidents/{ID}")
        await page.locator("#live:not(:empty)").wait_for()
        await looking.shoot(page, f"incident-{size[0]}-{scheme}")
        await fits(page, "incident", size, *BETWEEN)
        assert await violations(page) == []
        await page.get_by_label("Note").fill("I look at it")
        await page.get_by_role("button", name="Acknowledge").focus()
        worse = replace(seen.status.incidents[ID], severity=Severity.WARNING)
        seen.show(replace(seen.status, incidents={ID: worse}))
        await page.locator(".headline strong", has_text="Warning").wait_for()
        await page.get_by_role("button", name="Acknowledge").click()
        await page.get_by_text("Acknowledged by local, ").wait_for()
        await page.get_by_text(": I look at it").first.wait_for()
        await fits(page, "incident", size, *BETWEEN)
        assert await violations(page) == []
        await page.get_by_role("button", name="Take the acknowledgement back").click()
        await page.get_by_text("Acknowledgement taken back").wait_for()
    assert looking.complaints == []


@pytest.mark.parametrize(("size", "scheme", "_"), SCENES, ids=[f"{row[0][0]} {row[1]}" for row in SCENES])
async def test_cadences_that_are_not_kept_are_readable_by_all_and_fit_the_screen(
    looking: Looking, size: tuple[int, int], scheme: str, _: object
) -> None:
    seen = await stage(replace(status(), sweeps=slow()))
    async with served(seen) as url, looking.page(size, scheme) as page:
        for name, path in (("slow", "/"), ("checks-slow", "/checks")):
            await page.goto(url + path)
            await page.locator("#live:not(:empty)").wait_for()
            await page.get_by_text("Cadences are not kept: ").wait_for()
            await looking.shoot(page, f"{name}-{size[0]}-{scheme}")
            await fits(page, name, size, *BETWEEN)
            assert await violations(page) == [], name
        await page.goto(url)
        await page.get_by_role("link", name="More", exact=True).click()
        await page.get_by_role("heading", name="Checks").wait_for()
        seen.show(status())
        await page.get_by_text("Cadences are not kept: ").wait_for(state="detached")
    assert looking.complaints == []


DIFFERENT = (
    "www.example.com. 60 IN A 192.0.2.81",
    f'long.example.com. 300 IN TXT "{"x" * 900}" "<img src=x onerror=alert(1)>"',
)
"""What one server has in place of USUAL."""


@pytest.mark.parametrize(("size", "scheme", "_"), SCENES, ids=[f"{row[0][0]} {row[1]}" for row in SCENES])
async def test_two_servers_are_compared_readably_for_all(
    looking: Looking, size: tuple[int, int], scheme: str, _: object
) -> None:
    given = {"ns2": (SERIAL, DIFFERENT), "ns3.anycast.example.net": TransferResult.REFUSED}
    async with served(await diff_stage(given)) as url, looking.page(size, scheme) as page:
        await page.goto(url + "/zones/example.com")
        await page.get_by_label("Compare", exact=True).select_option("ns1=192.0.2.1")
        for other, heading in (
            ("ns2=192.0.2.2", "What differs"),
            ("ns1=2001:db8::1", "What was compared"),
            ("ns3.anycast.example.net=203.0.113.53", "Compare two servers"),
        ):
            await page.get_by_label("with", exact=True).select_option(other)
            await page.get_by_role("button", name="Compare now").click()
            await page.wait_for_url("**/zones/example.com./diff")
            await page.get_by_role("heading", name=heading).wait_for()
            await looking.shoot(page, f"diff-{other.partition('=')[0]}-{size[0]}-{scheme}")
            await fits(page, "diff", size, *BETWEEN)
            assert await violations(page) == [], other
            assert await page.get_by_label("Compare", exact=True).input_value() == "ns1=192.0.2.1"
        await page.get_by_text("gives no zone: the transfer is refused (REFUSED)").wait_for()
    assert looking.complaints == []


def differing() -> Status:
    """The check content has found other records at ns2."""
    head = "ns2 (192.0.2.2) is on serial 7 as ns1 (192.0.2.1) is, with other records"
    told = record_difference(head, "ns1", USUAL[:1], [line[:150] for line in DIFFERENT])
    one = finding("content-differs", head, "ns2", SERVERS["ns2"][0], check="content")
    found = bad(zone("example.com."), replace(one, difference=told and replace(told, more=5)))
    return replace(troubled(), zones=FakeZones([found]))


async def test_what_was_chosen_to_compare_outlasts_an_update(looking: Looking) -> None:
    seen = await diff_stage()
    async with served(seen) as url, looking.page() as page:
        await page.goto(url + "/zones/example.com")
        await page.get_by_text("live", exact=True).wait_for()
        await page.get_by_label("with", exact=True).select_option("ns2=192.0.2.2")
        await page.get_by_label("leave out what signers make").check()
        seen.show(status())
        await page.locator(".headline.level-good").wait_for()
        assert await page.get_by_label("with", exact=True).input_value() == "ns2=192.0.2.2"
        assert await page.get_by_label("leave out what signers make").is_checked()
        seen.show(differing())
        await page.reload()
        await page.get_by_text("Only at ns2").first.wait_for()
        await page.get_by_text("and 5 more").wait_for()
        await looking.shoot(page, "content-differs")
        await fits(page, "content-differs", DESKTOP, *BETWEEN)
        assert await violations(page) == []
    assert looking.complaints == []


async def test_pages_for_all_well_and_for_the_public(looking: Looking) -> None:
    async with served(await stage(status(), token=True)) as url, looking.page() as page:
        await page.goto(url + "/zones/example.com.")
        assert await violations(page) == []
        await looking.shoot(page, "login")
        await page.get_by_label("Token").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_text("That is not the token.").wait_for()
        assert await violations(page) == []
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="example.com.", exact=True).wait_for()
        assert page.url == url + "/zones/example.com."
        await page.goto(url)
        await page.get_by_role("heading", name="All 12 zones are well").wait_for()
        assert await violations(page) == []
        await looking.shoot(page, "well")
        await page.goto(url + "/nothing")
        assert await violations(page) == []
        await page.goto(url)
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Token").wait_for()
    unwelcome = [said for said in looking.complaints if not re.search(r"status of (401|404)", said)]
    assert unwelcome == []


async def test_it_is_live_and_disturbs_nobody(looking: Looking) -> None:
    seen = await stage(status())
    async with served(seen) as url, looking.page() as page:
        await page.goto(url)
        await page.get_by_text("live", exact=True).wait_for()
        await page.get_by_label("Find zones by name").fill("half a na")
        seen.show(troubled())
        await page.get_by_role("heading", name="2 of 12 zones need attention").wait_for()
        assert await page.title() == "● soawatch"
        assert await page.get_by_label("Find zones by name").input_value() == "half a na"
        assert await page.evaluate("document.activeElement.id") == "q"

        await page.goto(url + "/zones/example.com")
        await page.get_by_text("The same as a table").click()
        await page.evaluate("window.scrollTo(0, 400)")
        seen.show(status())
        await page.locator(".headline.level-good").wait_for()
        assert await page.locator("#d-history").get_attribute("open") is not None
        assert await page.evaluate("window.scrollY") == 400
    assert looking.complaints == []


async def test_a_lost_connection_is_said_and_found_again(looking: Looking) -> None:
    seen = await stage(status())
    server = WebServer(build(seen.context()), "127.0.0.1", 0, seen.stopping)
    await server.start()
    async with looking.page() as page:
        await page.goto(f"http://127.0.0.1:{server.address[1]}")
        await page.get_by_text("live", exact=True).wait_for()
        await server.stop()
        await page.get_by_text(re.compile(r"connection lost, last seen \d\d:\d\d:\d\d UTC")).wait_for()
        again = await stage(troubled())
        second = WebServer(build(again.context()), *server.address, again.stopping)
        await second.start()
        await page.get_by_role("heading", name="2 of 12 zones need attention").wait_for(timeout=15000)
        await page.get_by_text("live", exact=True).wait_for()
        await second.stop()


async def test_it_works_without_scripts(looking: Looking) -> None:
    async with served(await diff_stage()) as url, looking.page(java_script_enabled=False) as page:
        await page.goto(url)
        assert await page.locator("meta[http-equiv=refresh]").get_attribute("content") == "30"
        await page.get_by_role("link", name="example.com.", exact=True).first.click()
        await page.get_by_role("heading", name="Who served which version when").wait_for()
        assert await page.locator(".history .run").count() > 20
        await page.get_by_role("link", name="7d").click()
        await page.wait_for_url("**/zones/example.com.?span=7d")
        await page.get_by_text("The same as a table").click()
        await page.get_by_role("cell", name="timeout").first.wait_for()
        await page.get_by_role("button", name="Compare now").click()
        await page.get_by_text("The same 3 records").wait_for()
        assert await page.locator("meta[http-equiv=refresh]").count() == 0


async def test_nothing_a_server_says_runs(looking: Looking) -> None:
    async with served(await hostile()) as url, looking.page() as page:
        for path in ("/", "/zones/example.com", "/servers", "/incidents"):
            await page.goto(url + path)
            await page.locator("#live:not(:empty)").wait_for()
        await page.goto(url + "/servers")
        await page.locator("tbody a").first.click()
        await page.get_by_role("heading", name="alert(1)").wait_for()
    assert looking.complaints == []
