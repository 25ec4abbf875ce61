"""The forms of an audit's report, of zones that could not be judged and of what is meant to break them."""

import json
import xml.etree.ElementTree as ET

from alerting.runbook import explain
from checks.common.text import one_line
from checks.model.finding_type import Severity
from monitor.cli.zone_audit.formats import as_json, as_junit, as_sarif
from monitor.cli.zone_audit.report import AuditedCheck, AuditedFinding, AuditedZone, AuditReport, failed_zone
from monitor.cli.zone_audit.text import as_html, as_text
from tests.support.observations import NOON

HOSTILE = "<script>alert(1)</script> ]]> \x1b[31m \0 \ufffe \u202e \udcc3"


def report() -> AuditReport:
    code = "delegation-differs"
    bad = AuditedFinding(code, Severity.WARNING, one_line(HOSTILE), "ns<9>", "::1", explain(code))
    checks = (
        AuditedCheck("delegation", "it is right", "warning", (bad,)),
        AuditedCheck("tls", "so is that", "unknown"),
    )
    return AuditReport((AuditedZone("x.", checks, failure=one_line(HOSTILE)), failed_zone("y.", HOSTILE)), NOON, NOON)


def test_whatever_a_name_holds_every_form_is_whole() -> None:
    for form in (as_json, as_junit, as_sarif, as_html, as_text):
        text = form(report())
        assert text.encode()
        assert not any(one in text for one in "\x1b\0\ufffe\u202e"), form
    assert "<script" not in as_html(report())
    assert ET.fromstring(as_junit(report()))[0].get("failures") == "1"
    json.loads(as_json(report()))


def test_sarif_says_of_zones_that_could_not_be_judged_why() -> None:
    (run,) = json.loads(as_sarif(report()))["runs"]
    (invocation,) = run["invocations"]
    (told,) = invocation["toolExecutionNotifications"]
    assert invocation["executionSuccessful"] is False
    assert told["level"] == "error"
    assert told["message"]["text"].startswith("y. could not be judged; <script>")
