"""The world of each primary, started once for all tests that look at it; and the servers' logs beside a failure."""

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe
from monitor.probe.types import Prober
from tests.integration.nameservers.keys import KEYS
from tests.integration.nameservers.world import BRIEF, World, build
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab

HERE = Path(__file__).parent


@pytest.fixture(scope="package", params=SOFTWARE)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A primary of each software in turn with secondaries of all four, every zone where it belongs.

    One zone is taken from the primary at once: by the time that its story is told its copies have expired.
    """
    with Lab() as lab:
        world = build(lab, request.param)
        lab.start()
        for secondary in world.secondaries:
            for duty in secondary.setup.duties:
                content = world.primary.content(duty.zone)
                if duty.upstream_key in duty.allow:
                    secondary.catch_up(duty.zone, content.serial)
        world.primary.drop(BRIEF)
        yield world


@pytest.fixture
async def probe() -> AsyncIterator[Prober]:
    probe = DnsClient(Probe(), KEYS, now)
    yield probe
    await probe.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share servers stay in one process, so that each set of them is started once."""
    for item in items:
        if HERE in item.path.parents and isinstance(item, pytest.Function):
            shared = item.callspec.params.get("world", item.path.stem) if hasattr(item, "callspec") else item.path.stem
            item.add_marker(pytest.mark.xdist_group(f"real-{shared}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for value in item.funcargs.values():
            lab = value if isinstance(value, Lab) else getattr(value, "lab", None)
            if isinstance(lab, Lab):
                report.sections.append(("servers", lab.words()))
    return report
