"""Catalogs in the configuration: what their members are, and what is wrong with them."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.check_config import command
from monitor.config.load import ConfigError, parse
from monitor.config.model import Config

HEAD = """
[keys.xfr]
secret = "c29hd2F0Y2ggbGFiOiB0cmFuc2ZlcnMgYWxsb3dlZCE="
[servers.ns1]
addresses = ["192.0.2.1"]
"""


def read(text: str) -> Config:
    return parse(HEAD + text, Path("/etc/soawatch.toml"), {})


def test_members_have_the_options_of_the_catalog_and_those_of_the_first_of_their_groups() -> None:
    config = read("""
[[catalogs]]
zone = "Catalog.Example"
from = ["ns1", "192.0.2.2", "ns3.example.net"]
key = "xfr"
refresh = "30s"
max_shrink = 0.5
servers = ["ns1"]
records = ["www A", { name = "@", type = "MX", expect = ["10 mail"] }]
[catalogs.groups.gold]
max_lag = "1m"
[catalogs.groups."two words"]
max_lag = "2m"
servers = ["ns1", "192.0.2.2"]
""")
    (catalog,) = config.catalogs
    assert (catalog.zone, catalog.from_) == ("catalog.example.", ("ns1", "192.0.2.2", "ns3.example.net"))
    assert (catalog.key, catalog.refresh, catalog.max_shrink) == ("xfr", timedelta(seconds=30), 0.5)
    assert {"ns1", "192.0.2.2", "ns3.example.net"} <= set(config.servers)
    plain, gold = catalog.member(()), catalog.member(("other", "two words", "gold"))
    assert (plain.servers, plain.max_lag) == (("ns1",), timedelta(minutes=10))
    assert (gold.servers, gold.max_lag) == (("ns1",), timedelta(minutes=1))
    assert catalog.member(("two words",)).servers == ("ns1", "192.0.2.2")
    assert [str(one) for one in gold.with_name("a.example.").records or ()] == ["www.a.example. A", "a.example. MX"]
    assert (gold.with_name("a.example.").records or ())[1].expect == ("10 mail.a.example.",)
    assert len(config.zones) == 0
    assert not [one for one in config.warnings if "no zone is on" in one or "no transfer rule" in one]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('zone = "c.example"\n', "catalogs[0].from: missing"),
        ('from = "ns1"\n', "catalogs[0].zone: missing"),
        ('zone = "c.example"\nfrom = []\n', "catalogs[0].from: names no server"),
        ('zone = "c.example"\nfrom = "ns2"\n', 'catalogs[0].from: no server is called "ns2"'),
        ('zone = "c.example"\nfrom = "ns1"\nkey = "xfer"\n', 'catalogs[0].key: no key is called "xfer"'),
        ('zone = "c example"\nfrom = "ns1"\n', "catalogs[0].zone"),
        ('zone = "c.example"\nfrom = "ns1"\nmax_shrink = 20\n', "catalogs[0].max_shrink"),
        ('zone = "c.example"\nfrom = "ns1"\nrefresh = "10ms"\n', "catalogs[0].refresh"),
        ('zone = "c.example"\nfrom = "ns1"\nprimary = "ns7"\n', "catalogs[0].primary"),
        (
            'zone = "c.example"\nfrom = "ns1"\n[catalogs.groups.gold]\nmax_lag = "1"\n',
            "catalogs[0].groups.gold.max_lag",
        ),
        ('zone = "c.example"\nfrom = "ns1"\n[catalogs.groups.gold]\nname = "x"\n', "catalogs[0].groups.gold.name"),
        (
            'zone = "c.example"\nfrom = "ns1"\n[[catalogs]]\nzone = "C.example."\nfrom = "ns1"\n',
            'catalogs[1].zone: catalog "c.example." is there twice',
        ),
    ],
)
def test_mistakes_are_told_where_they_are(text: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(f"[[catalogs]]\n{text}")
    assert mistake in str(error.value)


def test_check_config_says_what_it_read_and_that_members_are_not_known_to_it(tmp_path: Path) -> None:
    path = tmp_path / "soawatch.toml"
    text = '[[catalogs]]\nzone = "c.example"\nfrom = ["ns1"]\nkey = "xfr"\n[catalogs.groups.gold]\nmax_lag = "1m"\n'
    path.write_text(HEAD + text)
    path.chmod(0o600)
    shown = CliRunner().invoke(command, [str(path)])
    assert shown.exit_code == 0, shown.output
    assert "their members are known to the service only" in shown.output
    assert "c.example." in shown.output
    assert "gold" in shown.output
