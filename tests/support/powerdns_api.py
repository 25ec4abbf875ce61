"""PowerDNS with its API (pdns_server, gsqlite3), for who asks that for its zones."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.lab.ports import reserve
from tests.support.lab.powerdns import SCHEMAS
from tests.support.lab.process import Process
from tests.support.lab.waiting import until
from tests.support.require import file, program

API_KEY = "not-to-be-told"

CONFIG = """\
launch=gsqlite3
gsqlite3-database={room}/pdns.db
local-address=127.0.0.1
local-port={port}
socket-dir=.
write-pid=no
disable-syslog=yes
security-poll-suffix=
api=yes
api-key={key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={web}
webserver-allow-from=127.0.0.0/8
zone-cache-refresh-interval=0
"""


@dataclass(slots=True)
class PowerDnsApi:
    """A server that can be killed and started again."""

    room: Path
    web: int
    process: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web}/api/v1/servers/localhost/zones"

    def add(self, *zones: str) -> None:
        """Make these zones."""
        for zone in zones:
            made = {"name": zone, "kind": "Native", "nameservers": ["ns1.example."]}
            httpx.post(self.url, json=made, headers={"X-API-Key": API_KEY}, timeout=20).raise_for_status()

    def remove(self, *zones: str) -> None:
        for zone in zones:
            httpx.delete(f"{self.url}/{zone}", headers={"X-API-Key": API_KEY}, timeout=20).raise_for_status()

    def start(self) -> None:
        self.process = _launch(self.room)
        until(self._answers, "the API answers")

    def kill(self) -> None:
        self.process.kill()

    def _answers(self) -> bool:
        assert self.process.ended is None, (self.room / "log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.url, headers={"X-API-Key": API_KEY}, timeout=5).status_code == httpx.codes.OK
        return False


def _launch(room: Path) -> Process:
    pdns = program("pdns_server", package="pdns-server")
    command = [pdns, f"--config-dir={room}", "--daemon=no", "--guardian=no"]
    return Process(command, room=room, log=room / "log")


@contextlib.contextmanager
def powerdns_api() -> Iterator[PowerDnsApi]:
    """One that runs, without a zone."""
    (port, claim), (web, web_claim) = reserve(), reserve()
    with contextlib.closing(claim), contextlib.closing(web_claim), tempfile.TemporaryDirectory(prefix="pdns-") as made:
        room = Path(made)
        (room / "pdns.conf").write_text(CONFIG.format(room=room, port=port, key=API_KEY, web=web))
        with contextlib.closing(sqlite3.connect(room / "pdns.db")) as db:
            db.executescript(file(*SCHEMAS, package="pdns-backend-sqlite3").read_text())
        server = PowerDnsApi(room, web, _launch(room))
        try:
            until(server._answers, "the API answers")
            yield server
        finally:
            server.kill()
