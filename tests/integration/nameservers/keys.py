"""The keys that the monitor asks with: the right one, and each way in which one can be wrong."""

from collections.abc import Mapping

from alerting.model import Secret
from monitor.probe.types import TsigKey
from tests.support.lab.model import GUEST, XFR

STRANGER = TsigKey("stranger", "stranger-key.", "hmac-sha256", XFR.secret)
"""A name that no server knows."""
WRONG_SECRET = TsigKey(
    "wrong-secret", XFR.wire_name, "hmac-sha256", Secret("bm90IHRoZSBzZWNyZXQgYXQgYWxsLCBub3QgaXQgISE=")
)
WRONG_ALGORITHM = TsigKey("wrong-algorithm", XFR.wire_name, "hmac-sha512", XFR.secret)

KEYS: Mapping[str, TsigKey] = {key.name: key for key in (XFR, GUEST, STRANGER, WRONG_SECRET, WRONG_ALGORITHM)}
