"""Fixtures of the commands' tests: two nameservers, and what ``soawatch deploy-files`` writes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.support.speaking import say

NAMES = ["prometheus-rules.yml", "soawatch.service"]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """In sync, of pair.example.; the secondary asks again after a minute."""
    async with Pair(["pair.example."], now=now, timers=Timers(refresh=60, retry=30)) as pair:
        await pair.in_sync()
        yield pair


@pytest.fixture
async def deployed(tmp_path: Path) -> Path:
    said = await say("deploy-files", tmp_path / "deploy")
    assert said.status == 0
    assert said.out.splitlines() == [str(tmp_path / "deploy" / name) for name in NAMES]
    return tmp_path / "deploy"
