"""What the log says of canaries: what will be changed, and what is left behind."""

from structlog.testing import capture_logs

from monitor.service.config_log import log_warnings
from tests.support.configuration import TWO, read

KEY = '[keys.update]\nsecret = "c29hd2F0Y2ggbGFiOiB0cmFuc2ZlcnMgYWxsb3dlZCE="\n'
PLAIN = f'{KEY}{TWO}primary = "ns1"\n'
FIRST = PLAIN + 'canary = { key = "update" }\n'
SECOND = PLAIN + 'canary = { key = "update", name = "_other", server = "ns2" }\n'
OLD, NEW = "_soawatch-canary.example.com. TXT", "_other.example.com. TXT"


def said(after: str, before: str | None = None) -> list[tuple[str, object, object]]:
    with capture_logs() as logs:
        log_warnings(read(after), None if before is None else read(before))
    of_canaries = (one for one in logs if one["event"].startswith("canary"))
    return [(one["event"], one.get("will_change") or one["record"], one["at"]) for one in of_canaries]


def test_what_will_be_changed_is_said_once() -> None:
    assert said(PLAIN) == []
    assert said(FIRST) == [("canary", OLD, "ns1")]
    assert said(FIRST, FIRST) == []


def test_what_is_left_behind_is_said() -> None:
    assert said(PLAIN, FIRST) == [("canary left", OLD, "ns1")]
    assert said(SECOND, FIRST) == [("canary", NEW, "ns2"), ("canary left", OLD, "ns1")]
