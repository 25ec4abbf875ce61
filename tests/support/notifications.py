"""Notifications as receivers get them."""

from alerting.render import render
from tests.support.alerts import OPENED_MESSAGE, minute

NOTE = render(OPENED_MESSAGE, "https://dns.example.com", minute(2))
