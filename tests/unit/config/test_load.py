"""What a good file comes to, and that everything wrong with a bad one is told at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerting.model import Policy
from checks.model import Address, Expectation, TransferRule, WantedRecord
from checks.model.finding_type import Severity
from checks.registry import CHECKS
from monitor.config.errors import Mistake
from monitor.config.load import ConfigError, load
from monitor.config.model import ZoneEntry
from monitor.config.sections import Resolver, ServiceSettings
from monitor.probe.settings import Probe, TransferLimits
from tests.support.configuration import TWO, off, read


def mistakes(text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, **env)
    return [str(mistake).removeprefix("/etc/soawatch/") for mistake in caught.value.mistakes]


def test_a_zone_is_enough() -> None:
    config = read('[[zones]]\nname = "example.com"\n')
    assert config.zones == {"example.com.": ZoneEntry("example.com.", cadence=(("records", timedelta(hours=1)),))}
    assert config.probe == Probe()
    assert config.resolver == Resolver()
    assert config.policy == Policy()
    assert config.service == ServiceSettings(database=Path("/etc/soawatch/soawatch.db"))
    assert config.cadence == {name: check.cadence for name, check in CHECKS.items()}
    assert {name: type(check) for name, check in config.checks.items()} == dict(CHECKS)
    assert config.warnings == ()


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    assert mistakes("""
[service]
listen = "0.0.0.0:53"
[cadence]
soa_serial = "60s"
[servers.ns1]
addresses = ["192.0.2.1", "192.0.2.300"]
hidden = "yes"
[[zones]]
servers = ["ns1", "ns9"]
records = ["www A", "@ MXX", { name = "a..b", type = "BB" }]
transfer = [{ server = "ns1", key = "nokey", expect = "allowd" }]
[[routes]]
receivers = "nobody"
severity = ["critical", "loud"]
""") == [
        (
            "config.toml:3: service.listen: 0.0.0.0 can be reached by others, who need no token "
            '(set token_file = "…", or public = true if anyone may read it)'
        ),
        'config.toml:5: cadence.soa_serial: unknown check (did you mean "soa-serial"?)',
        (
            'config.toml:7: servers.ns1.addresses[1]: "192.0.2.300" is not an IP address '
            '(write for example "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353")'
        ),
        "config.toml:8: servers.ns1.hidden: must be true or false",
        "config.toml:9: zones[0].name: missing",
        'config.toml:10: zones[0].servers[1]: no server is called "ns9" (did you mean "ns1"?)',
        'config.toml:11: zones[0].records[1].type: "MXX" is not a record type (did you mean "MX"?)',
        'config.toml:11: zones[0].records[2].name: "a..b": not a domain name: a DNS label is empty',
        'config.toml:11: zones[0].records[2].type: "BB" is not a record type',
        'config.toml:12: zones[0].transfer[0].expect: must be "allowed" or "refused" (did you mean "allowed"?)',
        'config.toml:12: zones[0].transfer[0].key: no key is called "nokey" (there is no [keys.…] at all)',
        'config.toml:14: routes[0].receivers: no receiver is called "nobody" (there is no [receivers.…] at all)',
        'config.toml:15: routes[0].severity[1]: "loud" is not a severity (one of critical, warning, info)',
    ]


def test_who_names_something_with_a_mistake_in_it_is_not_told_that_it_does_not_exist() -> None:
    text = """
[keys.xfr]
algorithm = "rot13"
secret_env = "XFR"
[servers.ns1]
addresses = ["nowhere"]
[[zones]]
name = "example.com"
servers = ["ns1"]
primary = "ns1"
transfer = { server = "ns1", key = "xfr", expect = "allowed" }
[receivers.oncall]
type = "telegraph"
[[routes]]
receivers = ["oncall"]
"""
    assert [line.split(": ")[1] for line in mistakes(text, XFR="aGVsbG8gd29ybGQ=")] == [
        "keys.xfr.algorithm",
        "servers.ns1.addresses[0]",
        "receivers.oncall.type",
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"www A"', WantedRecord("www.example.com.", "A")),
        ('"@ mx"', WantedRecord("example.com.", "MX")),
        ('"WWW.Example.COM AAAA"', WantedRecord("www.example.com.", "AAAA")),
        ('"straße A"', WantedRecord("xn--strae-oqa.example.com.", "A")),
        ('"_dmarc TXT"', WantedRecord("_dmarc.example.com.", "TXT")),
        ('"* A"', WantedRecord("*.example.com.", "A")),
        (
            '{ name = "a", type = "TYPE65280", ttl = false }',
            WantedRecord("a.example.com.", "TYPE65280", None, ttl=False),
        ),
        (
            '{ name = "@", type = "MX", expect = ["20 B", "10 a.example.net."] }',
            WantedRecord("example.com.", "MX", ("10 a.example.net.", "20 b.example.com.")),
        ),
        (
            '{ name = "@", type = "AAAA", expect = "2001:DB8:0::1" }',
            WantedRecord("example.com.", "AAAA", ("2001:db8::1",)),
        ),
        (
            '{ name = "@", type = "TXT", expect = "v=spf1 -all" }',
            WantedRecord("example.com.", "TXT", ('"v=spf1 -all"',)),
        ),
        ('{ name = "gone", type = "A", expect = [] }', WantedRecord("gone.example.com.", "A", ())),
    ],
)
def test_records(written: str, expected: WantedRecord) -> None:
    assert read(f"{TWO}records = [{written}]\n").zones.at(0).records == (expected,)


@pytest.mark.parametrize(
    ("servers", "kept"),
    [
        ('["ns1"]', {"ns1": ((Address("192.0.2.1"),), None, 53)}),
        ('"NS1."', {"ns1": ((Address("192.0.2.1"),), None, 53)}),
        ('"192.0.2.9"', {"192.0.2.9": ((Address("192.0.2.9"),), None, 53)}),
        ('"[2001:DB8::9]:5353"', {"[2001:db8::9]:5353": ((Address("2001:db8::9", 5353),), None, 53)}),
        ('"2001:db8::9"', {"2001:db8::9": ((Address("2001:db8::9"),), None, 53)}),
        ('"NS.Example.Net."', {"ns.example.net": ((), "ns.example.net.", 53)}),
        ('"ns.example.net:5353"', {"ns.example.net:5353": ((), "ns.example.net.", 5353)}),
        ('"ns.bücher.example"', {"ns.xn--bcher-kva.example": ((), "ns.xn--bcher-kva.example.", 53)}),
    ],
)
def test_a_zone_names_its_servers(servers: str, kept: dict[str, tuple[object, ...]]) -> None:
    config = read(f'{TWO}[[zones]]\nname = "example.org"\nservers = {servers}\n')
    names = config.zones.at(1).servers
    assert {n: (e.addresses, e.host, e.port) for n, e in config.servers.items() if n in names} == kept


def test_a_server_by_its_name_by_a_host_and_with_a_port_for_all_its_addresses() -> None:
    config = read("""
servers."NS3.example.net" = { hidden = true }
servers.ns4 = { host = "ns4.example.net", port = 54 }
servers.ns5 = { addresses = ["192.0.2.5", "192.0.2.5:53"], port = 5353, group = "b", upstream = "ns4" }
[[zones]]
name = "."
servers = ["ns3.example.net", "ns4", "ns5"]
""")
    three, four, five = (config.servers[name] for name in config.zones.at(0).servers)
    assert (three.host, three.hidden) == ("ns3.example.net.", True)
    assert (four.host, four.port) == ("ns4.example.net.", 54)
    assert five.addresses == (Address("192.0.2.5", 5353), Address("192.0.2.5", 53))
    assert (five.group, five.upstream) == ("b", ("ns4",))


def test_transfer_rules_for_one_several_and_all_servers() -> None:
    config = read(
        f"""{TWO}transfer = [
  {{ server = ["ns1", "ns2"], key = "xfr", expect = "allowed", whole = true }},
  {{ expect = "refused" }},
]
[keys.xfr]
secret_env = "XFR"
""",
        XFR="aGVsbG8gd29ybGQ=",
    )
    assert config.zones.at(0).transfers == (
        TransferRule("ns1", Expectation.ALLOWED, "xfr", whole=True),
        TransferRule("ns2", Expectation.ALLOWED, "xfr", whole=True),
        TransferRule("*", Expectation.REFUSED),
    )


def test_short_forms() -> None:
    config = read('zones = ["example.com", "bücher.example"]\n')
    assert list(config.zones) == ["example.com.", "xn--bcher-kva.example."]
    assert read(f'{TWO}transfer = "refused"\n').zones.at(0).transfers == (TransferRule("*", Expectation.REFUSED),)
    zone = read(
        '[[zones]]\nname = "a.example"\nservers = "ns1.example.net:53"\nprimary = "ns1.example.net"\n'
    ).zones.at(0)
    assert (zone.servers, zone.primary) == (("ns1.example.net",), "ns1.example.net")


def test_transfer_rules_of_a_zone_whose_servers_are_yet_to_be_found() -> None:
    zone = '[[zones]]\nname = "a.example"\ntransfer = [{ server = ["ns1.a.example", "*"], expect = "refused" }]\n'
    rules = read(zone).zones.at(0).transfers
    assert rules == (TransferRule("ns1.a.example", Expectation.REFUSED), TransferRule("*", Expectation.REFUSED))
    assert mistakes(zone.replace("ns1.a.example", "ns1"))[0].startswith(
        'config.toml:3: zones[0].transfer[0].server[0]: no server is called "ns1"'
    )


def test_a_primary_beside_the_ns_set() -> None:
    config = read('servers.origin.addresses = "192.0.2.9"\n[[zones]]\nname = "a.example"\nprimary = "origin"\n')
    assert config.zones.at(0).primary == "origin"
    assert config.zones.at(0).servers == ()


SIGNED = """servers.origin.addresses = "192.0.2.9"
servers.signer.addresses = "192.0.2.8"
[[zones]]
name = "a.example"
"""


def test_a_signer_beside_its_primary() -> None:
    found = read(f'{SIGNED}primary = "origin"\nsigner = "Signer."\n').zones.at(0)
    assert (found.primary, found.signer, found.servers) == ("origin", "signer", ())
    found = read(
        f'{SIGNED}servers = ["origin", "192.0.2.1", "signer"]\nprimary = "origin"\nsigner = "signer"\n'
    ).zones.at(0)
    assert (found.primary, found.signer) == ("origin", "signer")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            'signer = "signer"',
            (
                "there is no primary whose zone it could sign (name the server that has the zone unsigned; where none "
                "is watched, the signer is the primary)"
            ),
        ),
        (
            'primary = "origin"\nsigner = "ORIGIN."',
            "is the primary as well (leave it out: it has its serials from nobody)",
        ),
        (
            'primary = "origin"\nsigner = "singer"',
            'no server is called "singer" (did you mean "signer"?)',
        ),
        (
            'servers = ["origin", "192.0.2.1"]\nprimary = "origin"\nsigner = "signer"',
            (
                '"signer" is not among the servers of the zone (add it to servers (origin, 192.0.2.1): '
                "a hidden signer is listed as well)"
            ),
        ),
    ],
)
def test_a_signer_that_cannot_be_one(lines: str, said: str) -> None:
    (found,) = mistakes(f"{SIGNED}{lines}\n")
    assert found.partition(".signer: ")[2] == said


def test_a_primary_that_is_none_is_told_of_once_where_there_is_a_signer() -> None:
    (found,) = mistakes(f'{SIGNED}primary = "origen"\nsigner = "signer"\n')
    assert ".primary: no server is called" in found


def test_all_of_service_probe_resolver_alerting() -> None:
    config = read(
        f"""{TWO}
[service]
listen = "[2001:db8::9]:0"
token_env = "TOKEN"
url = "https://dns.example.net/watch"
database = "/var/lib/soawatch/db"
retention = "1y"
vantage = "fra-1"
log_format = "json"
[probe]
timeout = "500ms"
attempts = 2
max_qps_per_server = 20
max_qps = 90.5
max_in_flight = 10
transfers_per_server = 1
source = ["2001:DB8::9", "192.0.2.9"]
transfer = {{ deadline = "2m", max_octets = 1_000_000, max_messages = 10, max_records = 20 }}
[resolver]
addresses = "[2001:db8::53]:5353"
interval = "1h"
timeout = "1s500ms"
[alerting]
grace = "0s"
settle = "5m"
remind = "off"
[metrics]
max_zones = 0
[cadence]
transfer = "off"
[checks.soa-serial]
stuck_after = 5
[severity]
transfer-open = "critical"
""",
        TOKEN="open sesame",
    )
    service = config.service
    assert service.listen == ("2001:db8::9", 0)
    assert service.token is not None
    assert service.token.reveal() == "open sesame"
    assert (service.url, service.vantage, service.log_format) == ("https://dns.example.net/watch", "fra-1", "json")
    assert (service.database, service.retention) == (Path("/var/lib/soawatch/db"), timedelta(days=365))
    assert config.probe == Probe(
        0.5, 2, 20.0, 10, 1, TransferLimits(120.0, 1_000_000, 10, 20), ("2001:db8::9", "192.0.2.9"), 1, 90.5
    )
    assert config.resolver == Resolver((Address("2001:db8::53", 5353),), timedelta(hours=1), 1.5)
    assert config.policy == Policy(timedelta(0), timedelta(minutes=5), timedelta(0))
    assert config.metrics.max_zones == 0
    assert config.cadence["transfer"] == timedelta(0)
    assert getattr(config.checks["soa-serial"], "stuck_after") == 5  # noqa: B009  a Check has no such field
    assert config.severity == {"transfer-open": Severity.CRITICAL}


def test_a_cadence_shorter_than_patience_is_fine_when_the_check_is_off() -> None:
    assert read(f'{TWO}[probe]\nattempts = 10\ntimeout = "9s"\n[cadence]\nreachable = "90s"\nsoa-serial = "off"\n')


def test_a_configuration_with_every_check_off_would_watch_nothing() -> None:
    nothing = "every check is off: nothing would be watched"
    assert mistakes(f"{TWO}[cadence]\n{off()}") == [f"config.toml:9: cadence: {nothing}"]
    own = 'cadence = { soa-serial = "1m" }\n[[zones]]\nname = "example.org"\nservers = "ns1"\n'
    assert mistakes(f"{TWO}{own}[cadence]\n{off()}") == [
        f"config.toml:13: cadence: {nothing} (example.org. has no cadence of its own)"
    ]
    one_line = off().strip().replace("\n", ", ")
    (mistake,) = mistakes(f"{TWO}cadence = {{ {one_line} }}")
    asking = nothing.replace("check", "check that has something to ask of the zone")
    assert mistake == f"config.toml:9: zones[0].cadence: {asking}"


def test_routes_and_their_patterns() -> None:
    config = read(f"""{TWO}
[receivers.hook]
type = "webhook"
url = "https://hooks.example.com/x"
[[routes]]
receivers = ["hook", "hook"]
severity = ["critical", "warning"]
zones = ["*.Bücher.example", "[!a]*.example."]
servers = "NS?"
codes = "transfer-open"
""")
    (route,) = config.routes
    assert route.receivers == ("hook",)
    assert route.severity == (Severity.CRITICAL, Severity.WARNING)
    assert route.zones == ("*.xn--bcher-kva.example", "[!a]*.example.")
    assert route.servers == ("ns?",)
    assert route.codes == ("transfer-open",)
    assert config.kinds == {"hook": "webhook"}


def test_a_file_that_is_not_there_is_a_directory_or_is_too_large(tmp_path: Path) -> None:
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (10 * 1024 * 1024 + 1))
    for path, text in (
        (tmp_path / "none.toml", "no such file"),
        (tmp_path, "cannot be read"),
        (large, "larger than 10 MB"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert text in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")


def test_a_byte_order_mark_and_line_ends_of_windows_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TWO.replace("\n", "\r\n").encode())
    assert list(load(path, {}).zones) == ["example.com."]
    path.write_bytes(b"\xef\xbb\xbf" + TWO.replace("name", "nam").replace("\n", "\r\n").encode())
    with pytest.raises(ConfigError, match=r":7: zones\[0\]\.nam: unknown key"):
        load(path, {})


def test_a_home_and_paths_that_are_none() -> None:
    config = read(f'{TWO}[service]\ndatabase = "~/soawatch.db"\n', HOME="/home/dns")
    assert config.service.database == Path("/home/dns/soawatch.db")
    assert mistakes(f'{TWO}[service]\ndatabase = "a\\u0000b"\n') == [
        'config.toml:10: service.database: "a\\u0000b" is not a path'
    ]


def test_tables_in_tables_without_end() -> None:
    for depth in (20, 400, 100_000):
        assert mistakes("a = " + "[" * depth + "]" * depth) == ["config.toml: tables or lists are nested too deeply"]


def test_a_mistake_prints_as_file_line_path_text_and_hint() -> None:
    assert str(Mistake("config.toml", 5, "zones[0].intervall", "unknown key", 'did you mean "interval"?')) == (
        'config.toml:5: zones[0].intervall: unknown key (did you mean "interval"?)'
    )
    assert str(Mistake("config.toml", None, "", "no such file")) == "config.toml: no such file"


def test_a_thousand_zones() -> None:
    zones = "".join(f'[[zones]]\nname = "z{n}.example"\nservers = ["ns1", "ns2"]\n' for n in range(1_000))
    config = read(TWO + zones)
    assert len(config.zones) == 1_001
    assert config.zones["z999.example."].servers == ("ns1", "ns2")
    assert mistakes(f"{TWO}{zones}primary = 1\n") == [
        f"config.toml:{12 + 3 * 999}: zones[1000].primary: must be text in quotes"
    ]
