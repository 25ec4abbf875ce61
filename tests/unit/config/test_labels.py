"""Labels of zones, wherever zones are written, and routes that select by them."""

from pathlib import Path

import pytest

from monitor.config.load import ConfigError, parse
from monitor.config.model import Config

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
MANY = ", ".join(f'l{number} = "x"' for number in range(17))
HOOK = '[receivers.h]\ntype = "webhook"\nurl = "https://hooks.example.com/x"\n'


def read(text: str, place: Path = Path("/etc/soawatch")) -> Config:
    return parse(text, place / "c.toml", {})


def test_a_zone_has_its_own_labels_or_those_of_its_list_row_catalog_or_group(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,labels\na.example,\nb.example,team=mail tier=gold\n")
    (tmp_path / "a.jsonl").write_text('{"name": "c.example", "labels": {"team": "dns"}}\n')
    config = read(
        f'{ZONE}labels = {{ tier = "gold", team = "web" }}\n'
        '[[lists]]\nfile = "a.csv"\nservers = ["192.0.2.1"]\nlabels = { team = "web" }\n'
        '[[lists]]\nfile = "a.jsonl"\nservers = ["192.0.2.1"]\n'
        '[[catalogs]]\nzone = "catalog.example"\nfrom = "192.0.2.1"\nservers = ["192.0.2.1"]\nlabels = { team = "a" }\n'
        'groups = { b = { labels = { team = "b" } } }\n',
        tmp_path,
    )
    assert {zone.name: zone.labels for zone in config.zones.values()} == {
        "example.com.": (("team", "web"), ("tier", "gold")),
        "a.example.": (("team", "web"),),
        "b.example.": (("team", "mail"), ("tier", "gold")),
        "c.example.": (("team", "dns"),),
    }
    (catalog,) = config.catalogs
    assert (catalog.member(()).labels, catalog.member(("b",)).labels) == ((("team", "a"),), (("team", "b"),))


def test_a_route_selects_by_labels_each_with_one_glob_or_several() -> None:
    (route,) = read(
        f'{ZONE}{HOOK}[[routes]]\nreceivers = "h"\nlabels = {{ tier = ["gold", "s*"], team = "web" }}\n'
    ).routes
    assert route.labels == (("team", ("web",)), ("tier", ("gold", "s*")))


def test_a_window_is_about_zones_with_labels() -> None:
    window = '[[maintenance]]\nname = "m"\nstart = "02:00"\nduration = "2h"\nlabels = { team = ["web", "m*"] }\n'
    (found,) = read(f"{ZONE}{window}").maintenance
    assert str(found.matchers) == "label team web or m*"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{ZONE}labels = {{ 9x = "a" }}\n', '"9x" is not the name of a label'),
        (f'{ZONE}labels = {{ team = "" }}\n', "must have one to 100 characters that can be printed"),
        (f'{ZONE}labels = {{ team = "{"x" * 101}" }}\n', "must have one to 100 characters that can be printed"),
        (f'{ZONE}labels = {{ team = "a\\u001bb" }}\n', "must have one to 100 characters that can be printed"),
        (f"{ZONE}labels = {{ {MANY} }}\n", "has more than 16 labels"),
        (f'{ZONE}{HOOK}[[routes]]\nreceivers = "h"\nlabels = {{ "a-b" = "x" }}\n', '"a-b" is not the name of a label'),
    ],
)
def test_what_cannot_be_a_label_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value)
