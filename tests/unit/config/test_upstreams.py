"""Transfers that go in a circle: of any length, through a zone's primary, and those that only look like one."""

from pathlib import Path
from time import process_time

import pytest

from monitor.config.load import ConfigError, parse
from monitor.config.transfer_circles import circles


def servers(**upstreams: str) -> str:
    """Servers, each with those it transfers from, with serial groups between."""
    return "".join(
        f'[servers.{name}]\naddresses = ["10.0.{number // 256}.{number % 256}"]\nupstream = {text.split()}\n'
        for number, (name, text) in enumerate(upstreams.items(), 1)
    )


def zone(name: str, listed: str, primary: str | None = None) -> str:
    said = f'primary = "{primary}"\n' if primary else ""
    return f'[[zones]]\nname = "{name}"\nservers = {listed.split()}\n{said}'


def told(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("c.toml"), {})
    return str(caught.value).splitlines()


def fine(text: str) -> None:
    assert parse(text, Path("c.toml"), {}).zones


ROUND = "in a circle"
CIRCLE = f"transfers go {ROUND}"
ELSEWHERE = "(one of them takes its zones from elsewhere)"
LEAVE = '("p" is the primary: leave its upstream out)'
ONE = zone("example.com", "a b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (servers(a="a", b="") + ONE, ["c.toml:3: servers.a.upstream[0]: a server cannot be its own upstream"]),
        (
            servers(a="b", b="a") + ONE,
            [f'c.toml:3: servers.a.upstream: {CIRCLE}: "a" from "b", "b" from "a" {ELSEWHERE}'],
        ),
        (
            servers(A="B.", b="a") + ONE,
            [f'c.toml:3: servers.A.upstream: {CIRCLE}: "a" from "b", "b" from "a" {ELSEWHERE}'],
        ),
        (
            servers(a="b", b="c", c="a") + ONE,
            [f'c.toml:3: servers.a.upstream: {CIRCLE}: "a" from "b", "b" from "c", "c" from "a" {ELSEWHERE}'],
        ),
        (
            servers(lead="a", a="out b", b="out a", out="") + zone("example.com", "out a b", "out"),
            [f'c.toml:6: servers.a.upstream: {CIRCLE}: "a" from "b", "b" from "a" {ELSEWHERE}'],
        ),
        (
            servers(a="b", b="a", c="d", d="c") + ONE,
            [
                f'c.toml:3: servers.a.upstream: {CIRCLE}: "a" from "b", "b" from "a" {ELSEWHERE}',
                f'c.toml:9: servers.c.upstream: {CIRCLE}: "c" from "d", "d" from "c" {ELSEWHERE}',
            ],
        ),
        (
            servers(p="a", a="") + zone("example.com", "p a", "p"),
            [f'c.toml:3: servers.p.upstream: transfers of example.com. go {ROUND}: "p" from "a", "a" from "p" {LEAVE}'],
        ),
        (
            servers(p="a", a="b", b="") + zone("one.example", "b", "b") + zone("two.example", "p a b", "p"),
            [
                (
                    "c.toml:3: servers.p.upstream: transfers of two.example. go in a circle: "
                    f'"p" from "a", "a" from "b", "b" from "p" {LEAVE}'
                )
            ],
        ),
    ],
    ids=["itself", "two", "in other letters", "three", "beside a way out", "two circles", "primary", "long primary"],
)
def test_a_circle_is_refused_by_its_name(text: str, said: list[str]) -> None:
    assert told(text) == said


@pytest.mark.parametrize(
    "text",
    [
        servers(a="b", b="c", c="") + zone("example.com", "a b c", "c"),
        servers(a="b c", b="d", c="d", d="") + zone("example.com", "a b c d", "d"),
        # primary of one zone, a secondary of another that has it from b: the upstream is meant for that one
        servers(a="b", b="", c="") + zone("one.example", "a b", "a") + zone("two.example", "a b c", "c"),
        # p may be in the NS set of the other zone, and have that from a
        servers(p="a", a="") + zone("one.example", "p a", "p") + '[[zones]]\nname = "two.example"\n',
        # the primary has the zone from a server that is hidden from it
        servers(p="origin", origin="", a="") + zone("example.com", "p a", "p"),
    ],
    ids=["chain", "two ways", "primary here, secondary there", "found later", "above the primary"],
)
def test_what_comes_to_an_end_is_no_circle(text: str) -> None:
    fine(text)


def test_a_circle_that_the_zones_of_a_list_close(tmp_path: Path) -> None:
    (tmp_path / "zones.txt").write_text("one.example\ntwo.example\n")
    text = servers(p="a", a="") + '[[lists]]\nfile = "zones.txt"\nservers = ["p", "a"]\nprimary = "p"\n'
    with pytest.raises(ConfigError, match=r'transfers of one\.example\. go in a circle: "p" from "a", "a" from "p"'):
        parse(text, tmp_path / "c.toml", {})


def test_a_circle_of_thousands_is_found_at_once_and_not_written_out() -> None:
    many = {f"s{n}": f"s{(n + 1) % 2000}" for n in range(2000)}
    start = process_time()
    (line,) = told(servers(**many) + zone("example.com", "s0 s1"))
    assert line.startswith(f'c.toml:3: servers.s0.upstream: {CIRCLE}: "s0" from "s1", "s1" from "s2", ')
    assert line.endswith(f'"s6" from "s7", … (1992 more), "s1999" from "s0" {ELSEWHERE}')
    assert process_time() - start < 4


def test_all_ways_are_walked_once() -> None:
    layers = {f"{layer}-{n}": tuple(f"{layer + 1}-{m}" for m in range(20)) for layer in range(40) for n in range(20)}
    assert list(circles(layers)) == []
    layers["40-0"] = ("0-0",)
    (circle,) = circles(layers)
    assert len(circle) == 41
