"""soawatch audit on real servers: what it finds, the forms of its report, and how it ends."""

import asyncio
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli.zone_audit import run
from monitor.cli.zone_audit.formats import as_json, as_junit, as_sarif
from monitor.cli.zone_audit.target import parse_targets
from monitor.cli.zone_audit.text import as_html, as_text
from tests.e2e.test_delegation import OWN, ROOT, written
from tests.support.lab.model import Content
from tests.support.lab.topology import Lab

pytestmark = pytest.mark.xdist_group("audit")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration with a zone that is right and one whose delegation is not."""
    room = tmp_path_factory.mktemp("audit")
    with Lab(room / "lab") as lab:
        lab.primary("nsd", ROOT, name="root")
        lab.primary("knot", Content("right.", records=OWN), Content("wrong.", records=OWN), name="ns1")
        lab.start()
        yield written(room, lab, "right", "wrong")


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", "audit", "--moment", "0.1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def reports(place: Path) -> dict[str, str]:
    """One report in each form, of all zones of the configuration."""
    report = asyncio.run(run.audit(parse_targets((), (), place), moment=0.1))
    return {
        "text": as_text(report), "html": as_html(report), "json": as_json(report), "junit": as_junit(report),
        "sarif": as_sarif(report),
    }  # fmt: skip


def test_the_worst_zone_is_told_first_with_what_to_do(reports: dict[str, str]) -> None:
    text = reports["text"]
    assert text.startswith("wrong.: warning\n")
    assert "  warning delegation-differs: only the parent names ns2.wrong; " in text
    assert "    What to do: Decide which set is right." in text
    assert "\n2 zones: 1 warning, 1 good; " in text


def test_json_has_each_check_of_each_zone(reports: dict[str, str]) -> None:
    data = json.loads(reports["json"])
    assert data["summary"] == {"critical": 0, "warning": 1, "info": 0, "unknown": 0, "good": 1}
    wrong, right = data["zones"]
    assert (wrong["name"], wrong["verdict"], right["verdict"]) == ("wrong.", "warning", "good")
    found = {one["check"]: [each["code"] for each in one["findings"]] for one in wrong["audit"]}
    assert found["delegation"] == ["delegation-differs"]
    assert {"soa-serial", "reachable", "ns-set", "open-transfer"} <= found.keys()
    assert wrong["zone"]["addresses"][0]["serial"] == 1


def test_junit_has_a_failed_case_for_a_warning(reports: dict[str, str]) -> None:
    root = ET.fromstring(reports["junit"])
    suites = {suite.get("name"): suite for suite in root}
    assert {name: suite.get("failures") for name, suite in suites.items()} == {"wrong.": "1", "right.": "0"}
    failed = [case.get("name") for case in suites["wrong."] if case.find("failure") is not None]
    assert failed == ["delegation"]
    assert suites["wrong."].get("tests") == str(len(suites["wrong."]))


def test_sarif_has_a_rule_and_a_result_at_the_zone(reports: dict[str, str]) -> None:
    (run,) = json.loads(reports["sarif"])["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    (result,) = run["results"]
    assert (rule["id"], result["ruleId"], result["level"]) == ("delegation-differs",) * 2 + ("warning",)
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "wrong."


def test_the_page_stands_alone(reports: dict[str, str]) -> None:
    page = reports["html"]
    assert "<h1>2 zones: 1 warning, 1 good</h1>" in page
    assert not any(word in page for word in ("<script", "http://", "https://", "src="))


def test_a_zone_may_be_named_and_the_severity_that_counts_chosen(place: Path) -> None:
    assert audit("right", "-c", str(place)).returncode == 0
    lenient = audit("-c", str(place), "--fail-on", "critical", "--format", "json")
    assert (lenient.returncode, json.loads(lenient.stdout)["summary"]["warning"]) == (0, 1)


def test_without_configuration_the_servers_that_are_named_are_asked(place: Path) -> None:
    server = next(line.split('"')[1] for line in place.read_text().splitlines()[::-1] if line.startswith("addresses"))
    done = audit("right", "wrong", "--server", f"ns1={server}")
    assert done.stdout.splitlines()[-1].startswith("2 zones: 2 good; "), done.stdout + done.stderr
    assert done.returncode == 0


def test_a_report_goes_into_a_file_and_the_summary_to_the_terminal(place: Path, tmp_path: Path) -> None:
    there = tmp_path / "audit.html"
    done = audit("right", "-c", str(place), "--format", "html", "-o", str(there))
    assert (done.returncode, done.stdout) == (0, "1 zone: 1 good\n")
    assert there.read_text().startswith("<!doctype html>")
    lost = audit("right", "-c", str(place), "-o", "/dev/full")
    assert (lost.returncode, lost.stderr) == (1, "soawatch: /dev/full cannot be written: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ((), 2, "name a zone, or a configuration with -c"),
        (
            ("right", "-o", "/nowhere/audit.txt"),
            2,
            "/nowhere/audit.txt cannot be written: there is no directory /nowhere",
        ),
        (("right", "bad..name"), 2, "'bad..name': "),
        (("right", "--server", "ns1=nowhere"), 2, "--server"),
        (("right", "-c", "/dev/null"), 78, "a device, not a file"),
    ],
)
def test_mistakes_are_refused_as_by_other_commands(arguments: tuple[str, ...], status: int, told: str) -> None:
    done = audit(*arguments)
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr


def test_a_zone_whose_servers_are_not_found_cannot_be_judged(place: Path, tmp_path: Path) -> None:
    config = tmp_path / "soawatch.toml"
    config.write_text(
        '[service]\ndatabase = "x.db"\n[resolver]\naddresses = ["127.0.0.1:1"]\ntimeout = "50ms"\n'
        '[[zones]]\nname = "nowhere.example"\n'
    )
    done = audit("-c", str(config))
    assert done.returncode == 1
    assert "nowhere.example.: unknown\n  nobody could be asked" in done.stdout
    junit = ET.fromstring(audit("-c", str(config), "--format", "junit").stdout)
    assert junit[0].get("errors") == "1"
