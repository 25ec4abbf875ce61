"""Numbers and durations that are well-formed and make no sense are refused, each with its line and what it may be."""

import asyncio
import sys
from pathlib import Path

import pytest

from monitor.config.load import ConfigError, parse

ZONE = """[[zones]]
name = "example.com"
servers = ["192.0.2.1", "192.0.2.2"]
[receivers.a]
type = "webhook"
url = "https://hooks.example.com/"
{webhook}
[receivers.b]
type = "email"
to = ["dns@example.com"]
smtp = {{ host = "mail.example.com" }}
{email}
{rest}
"""
STATES = "[checks.soa-serial]"
AFTER = "checks.soa-serial: expiry_imminent comes after expiry_near, so it must not be more"
SENSELESS = [
    (f"{STATES}\nstuck_after = 0", "14: checks.soa-serial.stuck_after: must be at least 1, got 0"),
    (f"{STATES}\nstuck_after = -1", "14: checks.soa-serial.stuck_after: must be at least 1, got -1"),
    (f"{STATES}\nexpiry_near = 5", "14: checks.soa-serial.expiry_near: must be at most 1.0, got 5"),
    (f"{STATES}\nexpiry_near = 0", "14: checks.soa-serial.expiry_near: must be more than 0.0, got 0"),
    (f"{STATES}\nexpiry_imminent = -1", "14: checks.soa-serial.expiry_imminent: must be more than 0.0, got -1"),
    (f"{STATES}\nexpiry_imminent = 1.5", "14: checks.soa-serial.expiry_imminent: must be at most 1.0, got 1.5"),
    (f"{STATES}\nexpiry_near = 0.1\nexpiry_imminent = 0.9", f"13: {AFTER}: 0.9 is more than expiry_near, 0.1"),
    (f"{STATES}\nexpiry_near = 0.2", f"13: {AFTER}: 0.25 is more than expiry_near, 0.2"),
    (f"{STATES}\nexpiry_imminent = 0.6", f"13: {AFTER}: 0.6 is more than expiry_near, 0.5"),
    ('[probe]\ntimeout = "1ms"', "14: probe.timeout: must be at least 10ms, got 1ms"),
    ("[probe]\nmax_qps_per_server = 1e-300", "14: probe.max_qps_per_server: must be at least 0.01, got 1e-300"),
    ("[probe]\nmax_qps = 0.001", "14: probe.max_qps: must be at least 0.01, got 0.001"),
    ('[probe.transfer]\ndeadline = "1ms"', "14: probe.transfer.deadline: must be at least 100ms, got 1ms"),
    ('[resolver]\ntimeout = "9ms"', "14: resolver.timeout: must be at least 10ms, got 9ms"),
    ('[resolver]\ninterval = "1ms"', "14: resolver.interval: must be at least 10s, got 1ms"),
    (
        '[resolver]\ntimeout = "1h"',
        "14: resolver.timeout: 1h is longer than interval, 15m: names would be looked up again before that is over",
    ),
    ('[service]\nretention = "1s"', "14: service.retention: must be at least 1h, got 1s"),
    ('[alerting]\nremind = "1s"', "14: alerting.remind: must be at least 1m, got 1s"),
]


def told(webhook: str = "#", email: str = "#", rest: str = "#") -> list[str]:
    try:
        parse(ZONE.format(webhook=webhook, email=email, rest=rest), Path("c.toml"), {})
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(("rest", "said"), SENSELESS, ids=[rest.replace("\n", " ") for rest, _ in SENSELESS])
def test_what_makes_no_sense_is_refused(rest: str, said: str) -> None:
    assert told(rest=rest) == [f"c.toml:{said}"]


@pytest.mark.parametrize("rest", [
    f"{STATES}\nstuck_after = 1\nexpiry_near = 1\nexpiry_imminent = 1",
    f"{STATES}\nexpiry_near = 0.01\nexpiry_imminent = 0.01",
    f"{STATES}\nexpiry_near = 1.0\nexpiry_imminent = 0.001",
    '[probe]\ntimeout = "10ms"\nmax_qps = 0.01\nmax_qps_per_server = 1000\n[probe.transfer]\ndeadline = "100ms"',
    '[resolver]\ntimeout = "10s"\ninterval = "10s"',
    '[service]\nretention = "1h"',
    '[alerting]\nremind = "1m"\ngrace = "0s"\nsettle = "0s"',
    '[alerting]\nremind = "off"',
])  # fmt: skip
def test_what_makes_just_sense_is_taken(rest: str) -> None:
    assert told(rest=rest) == []


def test_a_receiver_has_some_time() -> None:
    line = 'timeout = "0s"'
    assert told(webhook=line, email=line) == [
        "c.toml:7: receivers.a.timeout: must be longer than zero",
        "c.toml:12: receivers.b.timeout: must be longer than zero",
    ]


async def test_check_config_refuses_them_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    rest = f"{STATES}\nstuck_after = 0\nexpiry_near = 5\nexpiry_imminent = -1"
    file.write_text(ZONE.format(webhook="#", email="#", rest=rest))
    command = Path(sys.executable).with_name("soawatch")
    ran = await asyncio.create_subprocess_exec(
        command, "check-config", "-q", file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await ran.communicate())[0].decode()
    assert ran.returncode == 78
    assert [key in said for key in ("stuck_after", "expiry_near", "expiry_imminent")] == [True] * 3
