"""A dataclass is all the configuration has to know of a check or a notifier."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from alerting.model import Secret
from checks.model import Address
from checks.model.finding_type import Severity
from monitor.config.errors import ConfigError, Problems
from monitor.config.load import parse
from monitor.config.secrets import FileContext
from monitor.config.tables import instance_of, table_of
from monitor.config.toml_reader import validate


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    host: str
    password: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Odd:
    name: ClassVar[str] = "odd"
    count: int
    url: Secret
    inner: Inner | None = None
    from_: str | None = None
    ratio: float = 0.5
    wait: timedelta = timedelta(minutes=1)
    to: tuple[str, ...] = ()
    pair: tuple[int, str] = (1, "a")
    where: Address | None = None
    several: tuple[Address, ...] = ()
    level: Severity = Severity.INFO
    how: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    file: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)
    derived: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.count > 9:
            raise ValueError("count is for fingers")


def read(table: Any, env: dict[str, str] | None = None) -> tuple[Odd | None, list[str]]:
    problems = Problems("c.toml")
    path = ("odd", "x")
    odd = instance_of(
        problems,
        path,
        Odd,
        validate(table_of(Odd), table, problems, path),
        FileContext(Path("/etc/soawatch"), env or {}),
    )
    return odd, [str(mistake).removeprefix("c.toml: ") for mistake in problems.mistakes]


def test_fields_are_keys_annotations_types_and_defaults_defaults() -> None:
    odd, mistakes = read({"count": 3, "url": "https://x.example/"})
    assert mistakes == []
    assert odd == Odd(3, Secret("https://x.example/"))


def test_every_type_a_field_may_have() -> None:
    odd, mistakes = read(
        {
            "count": 3,
            "url_env": "URL",
            "inner": {"host": "h", "password_env": "PW"},
            "from": "me",
            "ratio": 1,
            "wait": "1h30m",
            "to": ["a", "b"],
            "pair": [2, "b"],
            "where": "[2001:DB8::1]:54",
            "several": "192.0.2.1",
            "level": "critical",
            "how": "b",
            "colour": "blue",
            "file": "ca.pem",
            "headers": {"X-Y": "z"},
        },
        {"URL": "https://x.example/", "PW": "sesame"},
    )
    assert mistakes == []
    assert odd == Odd(
        3, Secret("https://x.example/"), Inner("h", Secret("sesame")), "me", 1.0, timedelta(minutes=90), ("a", "b"),
        (2, "b"), Address("2001:db8::1", 54), (Address("192.0.2.1"),), Severity.CRITICAL, "b", Colour.BLUE,
        Path("/etc/soawatch/ca.pem"), {"X-Y": "z"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": "3"}, "odd.x.count: must be a whole number"),
        ({"count": True}, "odd.x.count: must be a whole number"),
        ({"count": 3.5}, "odd.x.count: must be a whole number"),
        ({"ratio": float("inf")}, "odd.x.ratio: must be a number"),
        ({"ratio": float("nan")}, "odd.x.ratio: must be a number"),
        ({"from": 3}, "odd.x.from: must be text in quotes"),
        ({"from_": "me"}, 'odd.x.from_: unknown key (did you mean "from"?)'),
        ({"derived": 3}, "odd.x.derived: unknown key"),
        ({"name": "x"}, "odd.x.name: unknown key"),
        ({"wait": 60}, 'odd.x.wait: must be a duration in quotes, with a unit (write for example "60s")'),
        ({"to": ["a", 3]}, "odd.x.to[1]: must be text in quotes"),
        ({"level": "high"}, 'odd.x.level: "high" is not a severity (one of critical, warning, info)'),
        ({"how": "c"}, 'odd.x.how: must be "a" or "b"'),
        ({"colour": "blu"}, 'odd.x.colour: must be "red" or "blue" (did you mean "blue"?)'),
        ({"inner": "h"}, "odd.x.inner: must be a table"),
        ({"inner": {}}, "odd.x.inner.host: missing"),
        ({"inner": {"host": "h", "pasword": "p"}}, 'odd.x.inner.pasword: unknown key (did you mean "password"?)'),
        ({"count": 10}, "odd.x: count is for fingers"),
        ({"url_env": "U"}, "odd.x.url_env: given together with url (one of them is enough)"),
        ({"url": ["u"]}, "odd.x.url: must be text in quotes"),
    ],
)
def test_what_is_wrong_is_said_by_its_key(given: dict[str, Any], said: str) -> None:
    odd, mistakes = read({"count": 1, "url": "u", **given})
    assert odd is None
    assert mistakes == [said]


def test_all_that_is_missing_is_told() -> None:
    assert read({})[1] == [
        "odd.x.count: missing",
        "odd.x.url: missing (give one of url, url_file, url_env, url_credential)",
    ]
    assert read({"count": 1, "url_evn": "U"})[1] == ['odd.x.url_evn: unknown key (did you mean "url_env"?)']
    for section in ("receivers", "checks"):
        with pytest.raises(ConfigError, match=rf"{section}\.x: must be a table$"):
            parse(f'zones = ["example.com"]\n[{section}]\nx = 3\n', Path("c.toml"), {})


def test_the_keys_of_a_dataclass() -> None:
    assert tuple(table_of(Odd).model_fields)[:6] == ("count", "url", "url_file", "url_env", "url_credential", "inner")
    assert "from" in table_of(Odd).model_fields
    assert "derived" not in table_of(Odd).model_fields
