"""The values that are passed around."""

import pickle
import traceback
from dataclasses import replace

import pytest

from alerting.incident import Cause
from alerting.model import Phase, Secret
from alerting.notification import DeliveryError
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute


def test_a_secret_is_seen_by_nobody_but_who_asks_for_it() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    assert f"{secret} {secret!r} {secret!s} {[secret]} { ({'x': secret}) }".count("hunter2") == 0
    assert str(secret) == repr(secret) == "<secret>"
    assert secret == Secret("hunter2")
    assert pickle.loads(pickle.dumps(secret)) == secret


@pytest.mark.parametrize("severity", Severity)
def test_a_severity_reads_as_it_is_written(severity: Severity) -> None:
    assert Severity.parse(str(severity)) is severity
    assert str(severity) == severity.name.lower()


def test_severities_have_an_order() -> None:
    assert Severity.CRITICAL > Severity.WARNING > Severity.INFO


@pytest.mark.parametrize("phase", Phase)
def test_only_what_is_ok_need_not_be_remembered(phase: Phase) -> None:
    assert alert("a.", "serial-late", phase=phase).quiet == (phase is Phase.OK)


def test_a_cause_reads_as_words() -> None:
    assert str(Cause("server", "ns2")) == "server ns2"


def test_a_failed_delivery_says_why_and_whether_trying_again_helps() -> None:
    error = DeliveryError("it answered 503", retry_after=17)
    assert (str(error), error.permanent, error.retry_after) == ("it answered 503", False, 17)
    assert "it answered 503" in "".join(traceback.format_exception(error))


def test_an_alert_began_with_its_first_bad_look_not_when_it_fired() -> None:
    fired = alert("a.", "serial-late", at=5)
    assert replace(fired, bad_since=None).began == fired.since
    assert replace(fired, bad_since=minute(2)).began == minute(2)
