"""The service watches a zone that BIND signs between a hidden primary and two others, before and after it knows."""

import asyncio
import signal
from pathlib import Path

from monitor.pair.config_template import config_text
from tests.integration.nameservers.test_service import ROUTE, found, told
from tests.support.lab.model import XFR, Content
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import eventually
from tests.support.receiver import Receiver, receiver
from tests.support.running import Running, running, until
from tests.support.speaking import say

ZONE = "signed.test."
WATCHED = f"""
[[zones]]
name = "{ZONE}"
servers = ["hidden", "signer", "knot", "nsd"]
primary = "hidden"
max_lag = "3s"
records = ["www A"]
"""


def config(room: Path, lab: Lab, hook: Receiver, more: str = "") -> Path:
    settings = config_text(
        {server.name: (server.ipv4,) for server in lab.servers},
        key=XFR,
        service={"database": "soawatch.db", "log_format": "json"},
        probe={"timeout": "1s"},
        deadline="10s",
    )
    path = room / "soawatch.toml"
    path.touch(mode=0o600)
    path.write_text('ignore_servers = ["*"]\n' + settings + WATCHED + more + hook.toml() + ROUTE)
    return path


async def well(service: Running) -> bool:
    shown = await service.get(f"api/v1/zones/{ZONE}")
    return bool(shown["health"] == "good" and not shown["findings"])


async def test_a_hint_that_a_reload_takes_back_and_a_signer_that_stalls(tmp_path: Path) -> None:
    async with Lab() as lab, receiver() as hook:
        hidden = lab.primary("bind", Content(ZONE, serial=10, expire=86400), name="hidden")
        signer = lab.server("bind", "signer")
        signer.follow(hidden, ZONE, signs=True)
        followers = [lab.secondary(software, of=signer, name=software) for software in ("knot", "nsd")]
        await lab.started()

        def signed() -> bool:
            serials = {server.serial(ZONE) for server in (signer, *followers)}
            return len(serials) == 1 and None not in serials and serials != {hidden.serial(ZONE)}

        await eventually(signed, lab.words, seconds=30)
        path = config(tmp_path, lab, hook)
        once = ("check", ZONE, "--config", path, "--moment", "0.1")
        said = await say(*once)
        assert said.status == 1, said.out
        assert "signs it, or the server they have it from" in said.out
        async with running(path) as service:
            await service.up()
            hint = await told(hook, "opened", f"zone {ZONE}")
            assert found(hint) == {("signer-unset", name) for name in ("signer", "knot", "nsd")}
            assert not any("set the serial" in finding["text"] for finding in hint["findings"])

            config(tmp_path, lab, hook, 'signer = "signer"\n')
            service.signal(signal.SIGHUP)
            await told(hook, "resolved", f"zone {ZONE}")
            await until(lambda: well(service), seconds=30)
            said = await say(*once)
            assert (said.status, said.out.startswith(f"{ZONE}: all is well")) == (0, True), said.out
            assert "signer (signer)" in said.out
            shown = await service.get(f"api/v1/zones/{ZONE}")
            assert (shown["primary"], shown["signer"]) == ("hidden", "signer")
            assert shown["reference_serials"] == {"": 10, "signed": signer.serial(ZONE)}
            assert [(one["server"], one["signer"], one["group"]) for one in shown["addresses"]] == [
                ("hidden", False, ""), ("signer", True, "signed"), ("knot", False, "signed"), ("nsd", False, "signed"),
            ]  # fmt: skip

            hook.heard.clear()
            signer.freeze(ZONE)
            hidden.bump(ZONE, "new A 192.0.2.9")
            late = await told(hook, "opened", f"zone {ZONE}")
            assert found(late) == {("serial-late", "signer")}
            await asyncio.to_thread(signer.thaw, ZONE)
            await told(hook, "resolved", f"zone {ZONE}")
            await until(lambda: well(service), seconds=30)
