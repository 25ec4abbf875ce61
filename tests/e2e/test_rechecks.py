"""A check that looks once an hour: what it sees in the first seconds is told when grace ends, and so is the end."""

import re
import signal
from pathlib import Path

from tests.support.running import running, until
from tests.support.service_scene import scene


async def test_an_hourly_check_tells_when_grace_ends_and_when_settle_ends(tmp_path: Path) -> None:
    """Cadence of transfer: one hour. The second look is asked for, and so are those that see the end."""
    async with scene(tmp_path) as on:
        on.pair.break_("transfer-open")
        text = re.sub(r'transfer = "\w+"', 'transfer = "1h"', on.text)
        on.write(text)
        async with running(on.config) as service:
            await service.up()
            await until(lambda: len(on.hook.heard) > 0)
            (told,) = [said["data"] for _, said in on.hook.heard]
            assert {line["code"] for line in told["findings"]} == {"transfer-open"}
            on.pair.mend()
            await until(lambda: on.hook.kinds()[-1] == "incident.resolved")
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
    opened, resolved = on.hook.heard[0][1], on.hook.heard[-1][1]
    assert opened["data"]["id"] == resolved["data"]["id"]
