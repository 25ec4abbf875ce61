"""soawatch deploy-files: a unit that systemd takes and rules that Prometheus takes, about metrics that exist."""

import re
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.state.status import Status
from monitor.web.metrics import ZoneSelection, render
from tests.support.fakes.zones import FakeZones
from tests.support.require import program
from tests.support.speaking import say
from tests.support.web_status import Counters

ROOT = Path(__file__).parents[3]


async def test_nothing_is_written_over_unasked(deployed: Path) -> None:
    unit = deployed / "soawatch.service"
    unit.write_text("mine")
    said = await say("deploy-files", deployed)
    assert said.status == 1
    assert "there already: prometheus-rules.yml, soawatch.service" in said.err
    assert unit.read_text() == "mine"
    assert (await say("deploy-files", deployed, "--force")).status == 0
    assert unit.read_text() != "mine"


async def test_prometheus_takes_the_rules(deployed: Path) -> None:
    checked = subprocess.run(
        [program("promtool", package="prometheus"), "check", "rules", deployed / "prometheus-rules.yml"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert "SUCCESS: 14 rules found" in checked.stdout


async def test_a_service_that_stops_sweeping_is_noticed(deployed: Path) -> None:
    """As promtool sees it: the dead-man fires when the timestamp stands still, and not before."""
    (deployed / "test.yml").write_text(DEAD_MAN)
    checked = subprocess.run(
        [program("promtool", package="prometheus"), "test", "rules", deployed / "test.yml"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


DEAD_MAN = """
rule_files: [prometheus-rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'soawatch_last_sweep_timestamp_seconds{job="soawatch",instance="here",check="soa-serial"}'
        values: '0+60x30 1800x60'
      - series: 'soawatch_build_info{job="soawatch",instance="here"}'
        values: '1x90'
    alert_rule_test:
      - eval_time: 40m
        alertname: SoawatchStoppedSweeping
        exp_alerts: []
      - eval_time: 55m
        alertname: SoawatchStoppedSweeping
        exp_alerts:
          - exp_labels: {severity: critical, instance: here, check: soa-serial}
            exp_annotations:
              summary: "soawatch at here has not finished a sweep of soa-serial for 25m 0s"
              description: "It is scraped but does not watch any more. Its log says why; a restart loses nothing."
      - eval_time: 55m
        alertname: SoawatchAbsent
        exp_alerts: []
"""


async def test_a_cadence_that_is_not_kept_is_noticed(deployed: Path) -> None:
    """As promtool sees it: for hours as for minutes, and only what lasts."""
    (deployed / "test.yml").write_text(NOT_KEPT)
    checked = subprocess.run(
        [program("promtool", package="prometheus"), "test", "rules", deployed / "test.yml"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


NOT_KEPT = """
rule_files: [prometheus-rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'soawatch_cadence_seconds{instance="here",check="soa-serial",cadence="1m"}'
        values: '60x60'
      - series: 'soawatch_cadence_kept_seconds{instance="here",check="soa-serial",cadence="1m"}'
        values: '60x9 180x50'
      - series: 'soawatch_cadence_seconds{instance="here",check="records",cadence="5m"}'
        values: '300x60'
      - series: 'soawatch_cadence_kept_seconds{instance="here",check="records",cadence="5m"}'
        values: '300x9 600x9 300x9 420x32'
      - series: 'soawatch_cadence_seconds{instance="here",check="transfer",cadence="1h"}'
        values: '3600x60'
    alert_rule_test:
      - eval_time: 20m
        alertname: SoawatchCadenceNotKept
        exp_alerts: []
      - eval_time: 50m
        alertname: SoawatchCadenceNotKept
        exp_alerts:
          - exp_labels: {severity: warning, instance: here, check: soa-serial, cadence: 1m}
            exp_annotations:
              summary: "soawatch at here does not keep the cadence of soa-serial: 3m 0s instead of 1m"
              description: "Its sweeps take longer: /checks says whether a cap is too low, and which would do."
"""


async def test_the_rules_speak_of_metrics_that_exist(deployed: Path) -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    text, _ = render(Status("1", "local", at, at, FakeZones()), ZoneSelection({}), Counters().registry, at)
    exported = set(re.findall(r"^# TYPE (\S+) ", text.decode(), re.MULTILINE))
    rules = (deployed / "prometheus-rules.yml").read_text()
    used = {name for line in rules.splitlines() if "expr:" in line for name in re.findall(r"\bsoawatch_\w+", line)}
    assert len(used) > 8
    assert used <= exported


async def test_systemd_takes_the_unit(deployed: Path) -> None:
    analyze = program("systemd-analyze", package="systemd")
    unit = deployed / "soawatch.service"
    assert unit.read_text().count("/opt/soawatch/bin/soawatch") == 2
    unit.write_text(unit.read_text().replace("/opt/soawatch/bin/soawatch", "/bin/true"))
    checked = subprocess.run(
        [analyze, "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
    )
    about_us = [line for line in checked.stderr.splitlines() if "soawatch" in line]
    assert about_us == []
    assert checked.returncode == 0, checked.stderr


async def test_the_unit_and_the_service_agree(deployed: Path) -> None:
    lines = (deployed / "soawatch.service").read_text().splitlines()
    assert {
        "Type=notify",
        "WatchdogSec=60",
        "RestartPreventExitStatus=78",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "StateDirectory=soawatch",
    } <= set(lines)


def test_the_wheel_holds_them(tmp_path: Path) -> None:
    uv = ROOT / ".uv" / "bin" / "uv"
    built = subprocess.run(
        [str(uv) if uv.exists() else program("uv", package="uv, from PyPI"), "build", "--wheel", "--offline",
         "-o", tmp_path, ROOT], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if built.returncode and "offline" in built.stderr.lower() + built.stdout.lower():
        pytest.skip("hatchling is not in uv's cache")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        assert {"monitor/deploy/prometheus-rules.yml", "monitor/deploy/soawatch.service"} <= set(held.namelist())
