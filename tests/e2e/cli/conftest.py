"""Fixtures of the commands' tests: what ``soawatch deploy-files`` writes."""

from pathlib import Path

import pytest

from tests.support.speaking import say

NAMES = ["prometheus-rules.yml", "soawatch.service"]


@pytest.fixture
async def deployed(tmp_path: Path) -> Path:
    said = await say("deploy-files", tmp_path / "deploy")
    assert said.status == 0
    assert said.out.splitlines() == [str(tmp_path / "deploy" / name) for name in NAMES]
    return tmp_path / "deploy"
