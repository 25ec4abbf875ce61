"""What the timers of zones are to be, wherever zones are written, and for all zones."""

from datetime import timedelta
from pathlib import Path

import pytest

from checks.model import TimerLimits
from checks.soa_timers import SoaTimers
from monitor.config.load import ConfigError, parse
from monitor.config.model import Config

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'


def read(text: str, place: Path = Path("/etc/soawatch")) -> Config:
    return parse(text, place / "c.toml", {})


def test_all_zones_have_a_profile_and_ranges_that_come_before_it() -> None:
    config = read(f'{ZONE}[checks.soa-timers]\nprofile = "rfc1912"\nexpire = ["7d", "42d"]\nttl = "5m"\n')
    week, six_weeks = timedelta(weeks=1), timedelta(weeks=6)
    assert config.checks["soa-timers"] == SoaTimers("rfc1912", expire=(week, six_weeks), ttl=(timedelta(minutes=5),))


def test_a_zone_has_its_own_or_those_of_its_list_row_catalog_or_group(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,timers\na.example,\nb.example,dnscale\n")
    (tmp_path / "a.jsonl").write_text('{"name": "c.example", "timers": {"refresh": ["1h", "2h"]}}\n')
    config = read(
        f'{ZONE}timers = {{ profile = "ripe-203", minimum = ["1m", "1h"] }}\n'
        '[[zones]]\nname = "example.org"\nservers = ["192.0.2.1"]\n'
        '[[lists]]\nfile = "a.csv"\nservers = ["192.0.2.1"]\ntimers = "zonemaster"\n'
        '[[lists]]\nfile = "a.jsonl"\nservers = ["192.0.2.1"]\n'
        '[[catalogs]]\nzone = "catalog.example"\nfrom = "192.0.2.1"\nservers = ["192.0.2.1"]\ntimers = "rfc1912"\n'
        'groups = { b = { timers = "none" } }\n',
        tmp_path,
    )
    assert {zone.name: zone.timers for zone in config.zones.values()} == {
        "example.com.": TimerLimits("ripe-203", minimum=(timedelta(minutes=1), timedelta(hours=1))),
        "example.org.": None,
        "a.example.": TimerLimits("zonemaster"),
        "b.example.": TimerLimits("dnscale"),
        "c.example.": TimerLimits(refresh=(timedelta(hours=1), timedelta(hours=2))),
    }
    (catalog,) = config.catalogs
    assert (catalog.member(()).timers, catalog.member(("b",)).timers) == (TimerLimits("rfc1912"), TimerLimits("none"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{ZONE}timers = "rfc1921"\n', "c.toml:4: zones[0].timers"),
        (f'{ZONE}timers = {{ refesh = "1h" }}\n', "c.toml:4: zones[0].timers.refesh"),
        (f'{ZONE}[checks.soa-timers]\nprofile = "rfc-1912"\n', "c.toml:5: checks.soa-timers.profile"),
        (f'{ZONE}[checks.soa-timers]\nexpire = ["14"]\n', "c.toml:5: checks.soa-timers.expire[0]"),
        (f'{ZONE}[checks.soa-timers]\nretry = ["2h", "1h"]\n', "the least of retry, 2 h, is more than its most, 1 h"),
        (f'{ZONE}timers = {{ ttl = ["1h", "2h", "3h"] }}\n', "zones[0].timers: ttl has more than two values"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value)
