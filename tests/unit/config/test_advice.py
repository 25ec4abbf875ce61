"""What is allowed but hardly meant is said, each with its line; it stops nobody."""

from pathlib import Path

import pytest

from checks.model import Address
from monitor.config import advice
from monitor.config.advice import MAX_SERVERS_NAMED
from monitor.config.load import load
from tests.support.configuration import TWO, off, read

PAGER = 'type = "alertmanager"\nurl = "https://am.example/"\n'
HOOK = 'type = "webhook"\nurl = "https://hooks.example.com/x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f'[receivers.a]\n{HOOK}[receivers.b]\n{HOOK}[[routes]]\nreceivers = "a"\n',
            "receivers.b: no route leads to this receiver: it will never be told anything",
        ),
        (
            f'[receivers.a]\n{HOOK}[[routes]]\nreceivers = "a"\nzones = "*.example.com"\n',
            'routes[0].zones: "*.example.com" matches no zone ("example.com" is the zone itself)',
        ),
        (
            f'[receivers.a]\n{HOOK}[[routes]]\nreceivers = "a"\nzones = ["example.*", "*.org"]\n',
            'routes[0].zones[1]: "*.org" matches no zone',
        ),
        (
            f'[receivers.a]\n{HOOK}[[routes]]\nreceivers = "a"\nlabels = {{ team = "web" }}\n',
            "routes[0].labels: no zone has these labels",
        ),
        (
            '[[maintenance]]\nname = "m"\nstart = "02:00"\nduration = "2h"\nlabels = { team = "web" }\n',
            "maintenance[0].labels: no zone has these labels",
        ),
        (
            f'[receivers.a]\n{PAGER}[[routes]]\nreceivers = "a"\nsend_resolved = false\n',
            'routes[0].send_resolved: what "a" is told of stays open there, for it does not hear of the end',
        ),
        ('[servers.ns3]\naddresses = "192.0.2.3"\n', "servers.ns3: no zone is on this server"),
        (
            '[servers.ns3]\naddresses = "192.0.2.1"\n[[zones]]\nname = "a.example"\nservers = "ns3"\n',
            'servers.ns3: 192.0.2.1 is also an address of "ns1": both are asked',
        ),
        (
            '[alerting]\nwitness = ["192.0.2.99", "192.0.2.2"]\n',
            'alerting.witness[1]: 192.0.2.2 is "ns2", which is watched: it shows nothing when that is silent',
        ),
        ('[keys.k]\nsecret_env = "K"\n', "keys.k: no transfer rule uses this key"),
        (
            '[[zones]]\nname = "a.example"\nservers = "ns1"\nrecords = "@ A"\n[cadence]\nrecords = "off"\n',
            "cadence.records: is off, although a.example. has records to check",
        ),
        (
            '[[zones]]\nname = "a.example"\nservers = "ns1"\nmax_lag = "30s"\n',
            "zones[1].max_lag: 30s is shorter than the cadence of soa-serial, 1m",
        ),
        (
            '[[zones]]\nname = "a.example"\nservers = "ns1"\ncadence = { soa-serial = "1h" }\n',
            "zones[1].max_lag: 10m is shorter than the cadence of soa-serial, 1h",
        ),
        (
            '[[zones]]\nname = "a.example"\nservers = "ns1"\nrecords = "@ A"\ncadence = { records = "off" }\n',
            "zones[1].cadence.records: is off, although the zone has records to check",
        ),
    ],
)
def test_what_is_allowed_but_hardly_meant_is_a_warning(text: str, said: str) -> None:
    warnings = [warning.split(": ", 1)[1] for warning in read(TWO + text, K="aGVsbG8gd29ybGQ=").warnings]
    assert warnings == [said]


USELESS = "is of no use: all servers of its zones are of one group (give each provider's servers their own group)"
CATALOG = '[[catalogs]]\nzone = "catalog.example"\nfrom = "ns1"\nservers = ["ns1", "ns2"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'[receivers.a]\n{HOOK}[[routes]]\nreceivers = "a"\nzones = "*.members.example"\n{CATALOG}', []),
        (
            (f'{CATALOG}max_lag = "30s"\n[catalogs.groups.gold]\nrecords = "@ A"\n'
            '[catalogs.groups.tin]\nmax_lag = "5s"\n'),
            [
                "catalogs[0].max_lag: 30s is shorter than the cadence of soa-serial, 1m",
                "catalogs[0].groups.tin.max_lag: 5s is shorter than the cadence of soa-serial, 1m",
            ],
        ),
        (
            f'{CATALOG}ignore_between_groups = "@ NS"\n[catalogs.groups.gold]\nmax_lag = "1h"\n',
            [
                f"catalogs[0].ignore_between_groups: {USELESS}",
            ],
        ),
        (
            f'{CATALOG}[catalogs.groups.gold]\nrecords = "@ A"\ncadence = {{ records = "off" }}\n',
            ["catalogs[0].groups.gold.cadence.records: is off, although its zones have records to check"],
        ),
        (
            '[[lists]]\nurl = "http://127.0.0.1:1/zones"\napi_key_env = "K"\nservers = "ns1"\nmax_lag = "1s"\n',
            ["lists.max_lag: 1s is shorter than the cadence of soa-serial, 1m"],
        ),
    ],
)  # fmt: skip
def test_of_zones_that_are_not_known_yet_what_is_written_of_them_counts(text: str, said: list[str]) -> None:
    warnings = [warning.split(": ", 1)[1] for warning in read(TWO + text, K="aGVsbG8gd29ybGQ=").warnings]
    assert warnings == said


def test_more_questions_than_the_cap_allows_are_told_for_each_server() -> None:
    probe = "[probe]\nmax_qps_per_server = 0.1\nmax_qps = 0.3\n"
    config = read(f'{TWO}{probe}[cadence]\nsoa-serial = "6s"\n{off(but=("soa-serial",))}')
    needs = (
        "the cadences need {} queries/s at {}; the cap is {}, so sweeps take about {} times their cadence "
        "(soa-serial {} instead of 6s); a cap of {} would do"
    )
    assert [warning.split(": ", 1)[1] for warning in config.warnings] == [
        f"probe.max_qps_per_server: {needs.format(0.167, 'ns1', 0.1, 1.67, '10s', 0.21)}",
        f"probe.max_qps_per_server: {needs.format(0.167, 'ns2', 0.1, 1.67, '10s', 0.21)}",
        f"probe.max_qps: {needs.format(0.333, 'all servers together', 0.3, 1.11, '6s700ms', 0.42)}",
    ]


def test_a_hidden_feeder_and_servers_beside_an_ns_set_are_not_unused() -> None:
    feeder = '[servers.feed]\naddresses = "192.0.2.8"\n[servers.ns3]\naddresses = "192.0.2.3"\nupstream = "feed"\n'
    assert read(f'{TWO}[[zones]]\nname = "a.example"\nservers = "ns3"\n{feeder}').warnings == ()
    assert read(f'{TWO}[[zones]]\nname = "a.example"\n[servers.ns3]\naddresses = "192.0.2.3"\n').warnings == ()


def test_what_may_differ_between_groups_is_of_no_use_where_all_servers_are_of_one() -> None:
    zone = '[[zones]]\nname = "a.example"\nservers = ["ns1", "ns3"]\nignore_between_groups = "@ NS"\n'
    third = '[servers.ns3]\naddresses = "192.0.2.3"\n'
    text = "zones[1].ignore_between_groups: is of no use: all servers of a.example. are of one group"
    hint = "give each provider's servers their own group"
    assert [warning.split(": ", 1)[1] for warning in read(f"{TWO}{zone}{third}").warnings] == [f"{text} ({hint})"]
    assert read(f'{TWO}{zone}{third}group = "other"\n').warnings == ()


@pytest.mark.parametrize(
    ("records", "patterns", "useless"),
    [
        ("", '"@ NS", "* CAA", "www", "*", "@ CSYNC"', []),
        ("", '"@ NS", "geo A", "_acme-challenge*"', [(1, "geo A"), (2, "_acme-challenge* *")]),
        (
            'records = ["geo A"]\n',
            '"geo A", "www A", "www.a.example A", "ge* *"',
            [(1, "www A"), (2, "www.a.example A")],
        ),
        ("records = []\n", '"www A", "@ cds"', [(0, "www A")]),
    ],
)
def test_what_may_differ_between_groups_is_of_no_use_where_it_is_not_compared(
    records: str, patterns: str, useless: list[tuple[int, str]]
) -> None:
    zone = f'[[zones]]\nname = "a.example"\nservers = ["ns1", "ns3"]\n{records}ignore_between_groups = [{patterns}]\n'
    third = '[servers.ns3]\naddresses = "192.0.2.3"\ngroup = "other"\n'
    told = [warning.split(": ", 1)[1].partition(" (")[0] for warning in read(f"{TWO}{zone}{third}").warnings]
    assert told == [
        f'zones[1].ignore_between_groups[{at}]: "{pattern}" names nothing that is compared between groups'
        for at, pattern in useless
    ]


def test_what_is_said_of_notify_is_of_no_use_where_nobody_listens() -> None:
    said = 'notify_from = "198.51.100.0/24"\nnotify_key = "k"\nexpect_notify = true\n'
    key = '[keys.k]\nsecret_env = "K"\n'
    text = f'{TWO}[[zones]]\nname = "a.example"\nservers = "ns3"\n[servers.ns3]\naddresses = "192.0.2.3"\n{said}{key}'
    hint = '(listen = ["192.0.2.10:5300"] in [notify])'
    assert [warning.split(": ", 1)[1] for warning in read(text, K="aGVsbG8gd29ybGQ=").warnings] == [
        f"servers.ns3.{name}: is of no use: nobody listens for NOTIFY {hint}"
        for name in ("notify_from", "notify_key", "expect_notify")
    ]
    listening = read(f'{text}[notify]\nlisten = ["192.0.2.10", "[2001:db8::10]:0"]\n', K="aGVsbG8gd29ybGQ=")
    assert listening.warnings == ()
    assert listening.notify.listen == (Address("192.0.2.10"), Address("2001:db8::10", 0))
    assert listening.servers["ns3"].notify_from == ("198.51.100.0/24",)


def test_deprecated_algorithms_and_literal_secrets_are_warnings() -> None:
    key = '[keys.old]\nalgorithm = "HMAC-MD5.SIG-ALG.REG.INT."\nsecret = "aGVsbG8gd29ybGQ="\n'
    config = read(f'{TWO}transfer = {{ key = "old", expect = "refused" }}\n{key}')
    assert config.keys["old"].algorithm == "hmac-md5.sig-alg.reg.int"
    assert [warning.split(": ", 1)[1] for warning in config.warnings] == [
        "keys.old.algorithm: hmac-md5 is deprecated (RFC 8945 section 6) (use hmac-sha256)",
        "keys.old.secret: a secret stands in the file (secret_file, secret_env or secret_credential keep it out)",
    ]


def test_a_list_whose_lateness_is_seen_too_coarsely_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "zones.txt").write_text("b.example\na.example\n")
    path = tmp_path / "config.toml"
    path.write_text(f'{TWO}[[lists]]\nfile = "zones.txt"\nservers = "ns1"\nmax_lag = "30s"\n')
    assert load(path, {}).warnings == (
        (
            f"{path}:9: lists: the max_lag of a.example. and those like it, "
            "30s is shorter than the cadence of soa-serial, 1m"
        ),
    )


def test_a_check_that_is_off_for_a_list_that_has_something_for_it_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "zones.txt").write_text("b.example\na.example\n")
    path = tmp_path / "config.toml"
    own = 'records = "@ A"\ncadence = { records = "off" }\n'
    path.write_text(f'{TWO}[[lists]]\nfile = "zones.txt"\nservers = "ns1"\n{own}')
    assert load(path, {}).warnings == (
        f"{path}:9: lists: records of a.example. and those like it is off, although the zone has records to check",
    )


def test_a_check_that_is_off_but_on_for_the_zone_is_no_trouble() -> None:
    own = 'records = "@ A"\ncadence = { records = "5m" }\n'
    assert (
        read(f'{TWO}[[zones]]\nname = "a.example"\nservers = "ns1"\n{own}[cadence]\nrecords = "off"\n').warnings == ()
    )


def test_who_writes_out_very_many_zones_is_told_of_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "MANY_ZONES", 200)
    few, many = (TWO + "".join(f'[[zones]]\nname = "z{n}.example"\n' for n in range(count)) for count in (199, 200))
    assert not [warning for warning in read(few).warnings if "written out" in warning]
    (told,) = [warning for warning in read(many).warnings if "written out" in warning]
    assert "zones: 201 zones are written out in this file (a list beside it is read in no time" in told


def test_of_very_many_servers_that_cannot_keep_up_only_the_worst_are_named() -> None:
    zones = "".join(
        f'[[zones]]\nname = "z{n}.example"\nservers = ["192.0.2.{n}"]\n' for n in range(1, MAX_SERVERS_NAMED + 6)
    )
    worst = '[[zones]]\nname = "a.example"\nservers = ["192.0.2.7"]\n'
    told = list(read(f"[probe]\nmax_qps_per_server = 0.01\n{zones}{worst}").warnings)
    assert len(told) == MAX_SERVERS_NAMED + 1
    assert (
        "192.0.2.7, 0.0333 of them for soa-serial; the cap is 0.01, so sweeps take about 5.78 times their cadence "
        "(soa-serial 5m47s instead of 1m); a cap of 0.073 would do"
    ) in told[0]
    assert told[-1].endswith("the cadences need more than the cap at 5 more servers; a cap of 0.073 would do for all")
