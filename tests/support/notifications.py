"""Notifications as receivers get them."""

from alerting.render import render
from tests.support.alerts import TELLING, minute

NOTE = render(TELLING, "https://dns.example.com", minute(2))
