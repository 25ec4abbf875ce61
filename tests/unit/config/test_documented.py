"""The example and the documentation name every key there is, and all they show is understood."""

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from pydantic import BaseModel

from checks.base import Check
from checks.model import TransferRule, WantedRecord
from checks.redundancy import Redundancy
from checks.registry import CHECKS
from monitor.config import file_model, secrets
from monitor.config.keys import ALGORITHMS
from monitor.config.load import load, parse
from monitor.config.model import Config
from monitor.config.receivers import kinds, notifier
from monitor.config.tables import table_of
from monitor.probe.settings import TransferLimits
from tests.support.certificates import certified

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.toml"
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def uncommented(text: str) -> str:
    """The example with everything in it switched on: "#key = value" counts, "# words" do not."""
    return re.sub(r"^#(?=[^\s#-]|    [\"{])", "", text, flags=re.MULTILINE)


WHOLE = uncommented(EXAMPLE.read_text(encoding="utf-8"))
ENV = dict.fromkeys(re.findall(r'_env = "(.+?)"', WHOLE), "whsec_aGVsbG8gd29ybGQ=")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the secret files that the example names."""
    certified(tmp_path, "mail.example.com")
    for name in set(re.findall(r'_file = "(.+?)"', WHOLE)) - {"ca.pem"}:
        text = "https://hooks.example.com/dns" if name.endswith((".url", ".urls")) else "aGVsbG8gd29ybGQ="
        own = {"pagerduty.key": "0" * 32, "anna.token": "annas-own-token"}
        (tmp_path / name).write_text(own.get(name, f"{text}\n"))
        (tmp_path / name).chmod(0o600)
    (tmp_path / "zones.d").mkdir()
    (tmp_path / "pfx2as.txt").write_text("192.0.2.0/24 64496\n")
    for name, zone in (("zones.txt", "a.example"), ("customers.csv", "name\nb.example"), ("zones.d/one", "c.example")):
        (tmp_path / name).write_text(f"{zone}\n")
    return tmp_path


def make_configuration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_configuration", ROOT / "docs" / "make_configuration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_tables_of_the_page_and_sections_of_the_example_are_what_the_code_says() -> None:
    made = make_configuration()
    run = "run: python docs/make_configuration.py"
    assert made.page(PAGE) == PAGE, run
    example = EXAMPLE.read_text(encoding="utf-8")
    assert made.example(example) == example, run


SECRETS = ("service", "tokens", "keys", "receivers", "lists", "heartbeat", "alerting")
"""Sections with secrets."""


def tables() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in file_model.whole().model_fields.items():
        found = file_model.model_in(field.annotation)
        if found is not None:
            yield name, found
    yield "records", table_of(WantedRecord)
    yield "zone transfer", table_of(TransferRule)
    yield "probe.transfer", table_of(TransferLimits)


def every_key() -> Iterator[tuple[str, str]]:
    """Section and key; of the four ways to give a secret, one is enough."""
    for section in file_model.whole().model_fields:
        yield "file", section
    for section, model in tables():
        for key in model.model_fields:
            yield section, key
    for name, check in CHECKS.items():
        yield "cadence", name
        for key in table_of(check).model_fields:
            yield f"checks.{name}", key
    for kind in kinds():
        for key in table_of(notifier(kind)).model_fields:
            yield f"receivers {kind}", key


ALL = sorted(set(every_key()))


def other_ways(key: str) -> set[str]:
    """The ways to give the secret that ``key`` is one of."""
    for way in secrets.WAYS[1:]:
        if key.endswith(way):
            return set(secrets.secret_keys(key.removesuffix(way)))
    return set(secrets.secret_keys(key))


def test_the_example_is_a_configuration() -> None:
    config = load(EXAMPLE, {})
    assert list(config.zones) == ["example.com."]
    assert config.warnings == ()


def test_all_of_the_example_is_a_configuration(place: Path) -> None:
    config = parse(WHOLE, place / "config.toml", ENV)
    assert list(config.zones) == ["a.example.", "c.example.", "example.com.", "xn--bcher-kva.example."]
    assert [(each.path.name, each.zones) for each in config.lists] == [("zones.txt", 1), ("one", 1)]
    assert sorted(config.kinds.values()) == list(kinds())
    assert config.warnings == ()


def _but_for_shown(checks: Mapping[str, Check]) -> Mapping[str, Check]:
    """The checks without what the example shows in place of a default that is no value."""
    shown = {
        name: {field.name: field.default for field in fields(cast("Any", check)) if field.metadata.get("example")}
        for name, check in checks.items()
    }
    shown[Redundancy.name]["table"] = Redundancy().table
    return {name: replace(cast("Any", check), **shown[name]) for name, check in checks.items()}


def test_defaults_in_the_example_are_the_defaults(place: Path) -> None:
    config = parse(WHOLE, place / "config.toml", ENV)
    default = Config()
    assert config.cadence == {name: check.cadence for name, check in CHECKS.items()}
    assert _but_for_shown(config.checks) == {name: check() for name, check in CHECKS.items()}
    assert config.metrics == default.metrics
    examples: dict[str, set[str]] = {
        "service": {"database", "token", "url"},
        "probe": {"max_qps", "source"},
        "resolver": {"addresses"},
        "policy": {"proxy", "quorum", "witness"},
    }
    for section, shown in examples.items():
        for field in fields(getattr(default, section)):
            if field.name not in shown:
                found = getattr(getattr(config, section), field.name)
                assert found == getattr(getattr(default, section), field.name), f"{section}.{field.name}"


@pytest.mark.parametrize(("section", "key"), ALL, ids=str)
def test_every_key_is_in_the_example(section: str, key: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    ways = other_ways(key) if section.split(maxsplit=1)[0] in SECRETS else {key}
    assert any(re.search(rf"(^|[\[\s#.{{\"]){re.escape(way)}(\"?\s*=|\]|\.)", text, re.MULTILINE) for way in ways)


@pytest.mark.parametrize(("section", "key"), ALL, ids=str)
def test_every_key_is_documented(section: str, key: str) -> None:
    assert f"`{key}`" in PAGE or f"[{key}]" in PAGE or f"[{key}." in PAGE


def test_the_page_names_every_algorithm_and_kind() -> None:
    assert [name for name in ALGORITHMS if f"`{name}`" not in PAGE and f'"{name}"' not in PAGE] == []
    assert [kind for kind in kinds() if f'type = "{kind}"' not in PAGE] == []


BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_the_page_shows_is_understood(block: str, place: Path) -> None:
    for name in ("xfr", "smtp", "pager-secret", "pager-url", "anna", "prometheus"):
        own = f"token-of-{name}"
        text = {
            "anna": own,
            "prometheus": own,
            "pager-secret": "whsec_aGVsbG8gd29ybGQ=",
            "pager-url": "https://pager.example.com/",
        }
        (place / name).write_text(text.get(name, "aGVsbG8gd29ybGQ="))
    config = parse(block, place / "config.toml", {"CREDENTIALS_DIRECTORY": str(place)})
    assert config.zones or config.catalogs
    assert config.warnings == ()


SHOWN = r"\| (?:`([\w-]+)` \| )?`([\w-]+)` \| `([^`]+)` \|"
"""A row of a table: the key, and its default; in that of the checks the check before it."""


def shown_defaults() -> Iterator[tuple[str, str, Any]]:
    """Section, key and default of every row of the page's tables whose default is a value."""
    section = ""
    for line in PAGE.splitlines():
        if heading := re.match(r"## \[+([a-z]+)", line):
            section = heading[1]
        elif line.startswith(("## ", "### ")):
            section = ""
        elif section and (row := re.match(SHOWN, line)) and (row[1] or section != "checks"):
            yield f"{section}.{row[1]}" if row[1] else section, row[2], row[3]


@pytest.mark.parametrize(("section", "key", "value"), list(shown_defaults()))
def test_defaults_on_the_page_are_the_defaults(section: str, key: str, value: str, tmp_path: Path) -> None:
    """Writing the default changes nothing."""
    start = {
        "zones": '[[zones]]\nname = "example.com"\n',
        "servers": '[servers."ns.example"]\n',
        "tokens": '[tokens.anna]\ntoken = "correct-horse-battery"\n',
        "keys": '[keys.k]\nsecret = "aGVsbG8gd29ybGQ="\n',
        "catalogs": '[[catalogs]]\nzone = "c.example"\nfrom = ["192.0.2.1"]\n',
        "maintenance": '[[maintenance]]\nname = "n"\nstart = "02:00"\nduration = "1h"\nservers = "ns*"\n',
        "lists": '[[lists]]\nfile = "zones.txt"\n',
        "routes": '[receivers.h]\ntype = "webhook"\nurl = "https://h.example/"\n[[routes]]\nreceivers = "h"\n',
    }.get(section, f"[{section}]\n")
    if (section, key) == ("lists", "refresh"):
        start = '[[lists]]\nurl = "http://127.0.0.1/zones"\napi_key = "secret"\n'
    zone = "" if section == "zones" else '[[zones]]\nname = "example.com"\n'
    (tmp_path / "zones.txt").write_text("example.org\n")
    here = tmp_path / "config.toml"
    with_default = parse(f"{start}{key} = {value}\n{zone}", here, {})
    without = parse(f"{start}\n{zone}", here, {})
    assert with_default == without
