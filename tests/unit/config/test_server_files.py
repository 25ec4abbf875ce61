"""Zones read from the configuration of a nameserver itself. That these readers find what the servers' own tools find is
tests/integration/nameservers/test_server_files.py.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.load import ConfigError, load
from monitor.config.server_files import FileMistake, begins_like_named_conf, sources, zones_of

NAMED = r"""
/* comments of
   three kinds */
options { directory "inside"; allow-transfer { key "k"; }; }; // the second
key "k" { algorithm hmac-sha256; secret "c2VjcmV0"; };        # the third
controls { inet 127.0.0.1 allow { localhost; } keys { "k"; }; };
view internal IN { match-clients { 10.0.0.0/8; };
    ZONE example.test IN { TYPE Master; file "a}b;c"; /* no "end */ };
    zone "." { type hint; file "hints"; };
    include "more.conf";
};
view "the outside" {
    zone "example.test" { in-view internal; };
    zone "same.test." { type secondary; primaries port 53 { 127.0.0.1 key "k"; }; };
    zone "fwd.test" { type forward; forwarders { 127.0.0.1; }; };
    zone "mirror.test" { type mirror; };
    zone "stub.test" { type stub; primaries { 127.0.0.1; }; };
};
view chaos CH { zone "bind" { type primary; file "b"; }; };
zone "class.test" chaos { type primary; file "b"; };
zone "of-template.test" { template p; file "x"; };
zone "own.test" { template p; type hint; };
template "p" { type primary; };
zone "0/25.2.0.192.in-addr.arpa" { type slave; masters { 127.0.0.1; }; };
"""

KNOT = r"""
# comment with a "quote
server:
    listen: [127.0.0.1@53, "::1@53"]
template:
  - id: default
    storage: /var/lib/knot   # of all
key :
  - id: k
    secret: c2VjcmV0
include: "more.d/*.conf"
zone:
  - domain: example.test
    master: [a,"b"]

  - domain: "with.dot.test."
    comment: "a # and : in \"quotes\""
zone:
-  domain: a\.b.test
"""

NSD = r"""
server: zonesdir: "/etc/nsd" # all
    ip-address: 127.0.0.1@53
key: name: "k" secret: "c2VjcmV0" algorithm: hmac-sha256
pattern:
    name: "of.all.test"
    request-xfr: 192.0.2.1 k
zone: name: example.test include-pattern: "of.all.test"
zone:
    zonefile: "name: x.test"
    name: "quoted.test."
include: "more.conf"
zone:
    name:
        "a#b.test"
"""

ZONE_LIST = "# NSD zone list\n# name pattern\nadd example.test all\ndel gone.test all\nadd late.test. all\n\n#end\n"


def found(place: Path, form: str, text: str, **included: str) -> list[str]:
    for name, written in included.items():
        path = place / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(written)
    (place / form).write_text(text)
    return [zone.name for zone in zones_of(place / form, form)]


def test_named_conf(tmp_path: Path) -> None:
    more = 'zone "more.test" { type primary; include "type.inc"; };\n'
    names = found(tmp_path, "named.conf", NAMED, inside__more_conf=more, inside__type_inc='file "f";')
    assert names == ["example.test", "more.test", "same.test.", "0/25.2.0.192.in-addr.arpa", "of-template.test"]


def test_a_string_of_named_conf_keeps_its_backslashes_but_those_before_quotes(tmp_path: Path) -> None:
    text = r'zone "a\.b\"c\\d.test" { type primary; }; zone a\.b.test{type primary;};'
    assert found(tmp_path, "named.conf", text) == [r'a\.b"c\\d.test', r"a\.b.test"]


def test_what_rndc_addzone_keeps(tmp_path: Path) -> None:
    text = '# New zone file for view: _default\nzone "a.test" { type primary; file "x"; };\n'
    assert found(tmp_path, "named.conf", text) == ["a.test"]


def test_knot_conf(tmp_path: Path) -> None:
    names = found(tmp_path, "knot.conf", KNOT, more_d__a_conf="zone:\n - domain: a.test\n", more_d__b_conf="")
    assert names == ["a.test", "example.test", "with.dot.test.", r"a\.b.test"]
    names = found(tmp_path, "knot.conf", KNOT.replace("more.d/*.conf", "more.d"))
    assert names[0] == "a.test"


def test_nsd_conf(tmp_path: Path) -> None:
    names = found(tmp_path, "nsd.conf", NSD, more_conf='zonefile: "still of quoted.test"\nzone: name: more.test\n')
    assert names == ["example.test", "quoted.test.", "more.test", "a#b.test"]


def test_what_nsd_control_added(tmp_path: Path) -> None:
    assert found(tmp_path, "zone.list", ZONE_LIST) == ["example.test", "late.test."]


MISTAKES = [
    ("named.conf", 'zone "a.test" { type primary; }', "1: the brace before this has no semicolon behind it"),
    ("named.conf", 'zone "a.test" {\n type primary };', "2: this brace comes inside a statement"),
    ("named.conf", '\nzone "a.test" {\n type primary;\n', "2: the zone that begins here has no end"),
    ("named.conf", "\noptions {\n allow-query {\n any;\n", "3: the block that begins here has no end"),
    ("named.conf", 'zone "a.test" { type primary; };\n}', "2: this brace closes nothing"),
    ("named.conf", "acl a { any; } };", "1: this brace closes nothing"),
    ("named.conf", 'zone "a.test" { type primary; };;', "1: no statement begins like this"),
    ("named.conf", '\n"zone" a { };', "2: no statement begins like this"),
    ("named.conf", '\n\nzone "a.test" { file "x"; };', '3: zone "a.test" has no type'),
    ("named.conf", 'zone "a.test" { type primray; };', '1: there is no type of zones "primray"'),
    ("named.conf", 'zone "a.test" { template t; };', '1: there is no template "t"'),
    ("named.conf", "zone { type primary; };", "1: the zone has no name"),
    ("named.conf", 'zone "a.test";', "1: zone is not followed by a block"),
    ("named.conf", "options { }\nzone b { type primary; };", "2: the brace before this has no semicolon behind it"),
    ("named.conf", 'key k { secret "hidden; };\n\n', "1: the string in quotes that begins here has no end"),
    ("named.conf", 'view v { };\n/* "hidden', "2: the comment that begins here has no end"),
    ("named.conf", "view v\n", "2: the end of the file comes inside a statement"),
    ("named.conf", "include;", "1: include needs the name of one file"),
    ("named.conf", '\ninclude "*.inc";', "2: includes files of which there is none"),
    ("named.conf", '\none "a.test" { type primary; };', "2: not a statement of named.conf"),
    ("named.conf", 'inclde "hidden";', "1: not a statement of named.conf"),
    ("named.conf", "view v { recursion no; zon hidden { type primary; }; };", "1: not a statement of named.conf"),
    ("named.conf", "zone a\0b { };", "1: not text: holds a zero octet"),
    ("knot.conf", "zone:\n\t- domain: a.test", "2: not a line of knot.conf"),
    ("knot.conf", "zone:\n  - domain: a b", "2: not a line of knot.conf"),
    ("knot.conf", "zone: a.test", "1: a section has no value"),
    ("knot.conf", "\n  - domain: a.test", "2: is indented and in no section"),
    ("knot.conf", "zone:\n  - id: a.test", "2: a zone begins with - domain: NAME"),
    ("knot.conf", "zone:\n  - domain:", "2: the zone has no name"),
    ("knot.conf", "include:", "1: names no file to include"),
    ("nsd.conf", "server:\nzone:\n zonefile: x\nzone: name: a.test", "2: the zone that begins here has no name"),
    ("nsd.conf", "zone:\n", "1: the zone that begins here has no name"),
    ("nsd.conf", "zone: name: a.test\nname: b.test", "2: the zone has a second name"),
    ("nsd.conf", 'zone: name: ""', "1: the name of the zone is empty"),
    ("nsd.conf", "\na.test", "2: not a line of nsd.conf"),
    ("nsd.conf", "name: a.test", "1: stands in no section"),
    ("nsd.conf", 'zone: name: a.test\nkey: secret: "hidden', "2: the string that begins here has no end"),
    ("zone.list", "add a.test all\na.test", "2: not a line of NSD's zone.list"),
]


@pytest.mark.parametrize(("form", "text", "told"), MISTAKES)
def test_what_cannot_be_meant_is_refused_with_its_line_and_without_its_words(
    tmp_path: Path, form: str, text: str, told: str
) -> None:
    with pytest.raises(FileMistake) as caught:
        found(tmp_path, form, text)
    assert caught.value.path == tmp_path / form
    assert "hidden" not in caught.value.text + caught.value.hint
    assert f"{caught.value.line}: {caught.value.text}" == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('include "x"\n', "2: zone comes inside a statement"),
        ('options { directory "x"\n', "2: zone comes inside a statement"),
        ("acl a { any; }\n", "2: the brace before this has no semicolon behind it"),
        ("acl a { any; } x\n", "2: the brace before this has no semicolon behind it"),
    ],
)
def test_a_statement_that_runs_into_the_next_takes_no_zone_with_it(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FileMistake) as caught:
        found(tmp_path, "named.conf", f"{text}zone b.test {{ type primary; }};\nzone c.test {{ type primary; }};")
    assert f"{caught.value.line}: {caught.value.text}" == told


def test_words_behind_a_block_belong_to_its_statement(tmp_path: Path) -> None:
    text = 'options { response-policy { zone "rpz.test"; } qname-wait-recurse no; };\nzone b.test { type primary; };'
    assert found(tmp_path, "named.conf", text) == ["b.test"]


INCLUDE = {"named.conf": 'include "{}";\n', "knot.conf": "include: {}\n", "nsd.conf": "include: {}\n"}


@pytest.mark.parametrize("form", INCLUDE)
def test_a_file_that_includes_itself_or_is_not_there(tmp_path: Path, form: str) -> None:
    write = INCLUDE[form].format
    with pytest.raises(FileMistake) as caught:
        found(tmp_path, form, "\n" + write("a.inc"), a_inc="\n\n" + write(form))
    assert (caught.value.path, caught.value.line) == (tmp_path / "a.inc", 3)
    assert caught.value.text == f'includes "{form}", which includes this file'
    with pytest.raises(FileMistake, match="which cannot be read: no such file"):
        found(tmp_path, form, write("nowhere.inc"))
    with pytest.raises(FileMistake, match="which cannot be read: a device, not a file"):
        found(tmp_path, form, write("/dev/zero"))


@pytest.mark.parametrize("form", INCLUDE)
def test_files_that_double_with_each_depth_come_to_an_end(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 500)
    included = {f"f{n}_inc": INCLUDE[form].format(f"f{n + 1}.inc") * 2 for n in range(45)}
    with pytest.raises(FileMistake, match="includes more than 500 files"):
        found(tmp_path, form, INCLUDE[form].format("f0.inc"), **included, f45_inc="")
    deep = {f"f{n}_inc": INCLUDE[form].format(f"f{n + 1}.inc") for n in range(60)}
    with pytest.raises(FileMistake, match="is included at depth 50 and includes another file"):
        found(tmp_path, form, INCLUDE[form].format("f0.inc"), **deep)


def test_all_files_together_are_of_a_size_that_can_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SIZE", 100)
    with pytest.raises(FileMistake, match="with all that it includes larger than 0 MB") as caught:
        found(tmp_path, "named.conf", '\ninclude "a.inc";', a_inc="#" * 90)
    assert (caught.value.path, caught.value.line) == (tmp_path / "named.conf", 2)


@given(
    st.sampled_from(["named.conf", "knot.conf", "nsd.conf", "zone.list"]),
    st.lists(
        st.sampled_from(
            [*"{};/*#\"'\\ \n\t:-[],=!", "zone", "view", "type", "primary", "domain", "name:", "add", "a.b"]
        )
        | st.text(max_size=3)
    ),
)
def test_whatever_stands_there_is_zones_or_one_mistake(
    tmp_path_factory: pytest.TempPathFactory, form: str, pieces: list[str]
) -> None:
    place = tmp_path_factory.getbasetemp() / "anything"
    place.write_bytes("".join(pieces).encode("utf-8", "surrogatepass"))
    lines: list[int | None] = []
    try:
        lines += (zone.line for zone in zones_of(place, form))
    except FileMistake as mistake:
        lines.append(mistake.line)
    assert all(line and line <= "".join(pieces).count("\n") + 1 for line in lines)


# What a configuration of ours makes of them.


def a_list(place: Path, more: str = "", name: str = "named.conf") -> Path:
    path = place / "config.toml"
    path.write_text(f'[servers.ns1]\naddresses = ["192.0.2.1"]\n[[lists]]\nfile = "{name}"\nservers = ["ns1"]\n{more}')
    return path


@pytest.mark.parametrize(
    ("name", "more", "text", "form"),
    [
        ("named.conf", "", NAMED.replace('include "more.conf";', ""), "named.conf"),
        ("named.conf.local", "", 'zone "example.test" { type primary; };', "named.conf"),
        ("3bf305731dd26307.nzf", "", '# New\nzone "example.test" { type primary; };', "named.conf"),
        ("zones", "", '\n# ours\n zone "example.test" {\ntype primary; };', "named.conf"),
        ("zones", "", "// a comment\nzone example.test { type primary; };", "named.conf"),
        ("knot.conf", "", "zone:\n  - domain: Example.test", "knot.conf"),
        ("zones.yaml", 'format = "knot.conf"', "zone:\n  - domain: Example.test", "knot.conf"),
        ("nsd.conf", "", "zone: name: example.test", "nsd.conf"),
        ("zone.list", "", ZONE_LIST, "zone.list"),
        ("ours", 'format = "zone.list"', ZONE_LIST, "zone.list"),
    ],
)
def test_a_list_of_each_format(tmp_path: Path, name: str, more: str, text: str, form: str) -> None:
    (tmp_path / name).write_text(text)
    config = load(a_list(tmp_path, more, name), {})
    assert "example.test." in config.zones
    assert config.zones["example.test."].servers == ("ns1",)
    assert [(each.path.name, each.format, each.zones) for each in config.lists] == [(name, form, len(config.zones))]


def told(place: Path, more: str = "", name: str = "named.conf") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(a_list(place, more, name), {})
    return [str(mistake).replace(f"{place}/", "") for mistake in caught.value.mistakes]


def test_a_mistake_is_told_with_the_file_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "named.conf").write_text('include "a.inc";\nzone "b..test" { type primary; };')
    (tmp_path / "a.inc").write_text('\nzone "a..test" { type primary; };\nzone "ü\nx" { type primary; };\n')
    assert told(tmp_path) == [
        'a.inc:2: "a..test": not a domain name: a DNS label is empty',
        'a.inc:3: "\\u00fc\\nx": not a domain name: holds a space or a control character',
        'named.conf:2: "b..test": not a domain name: a DNS label is empty',
    ]
    (tmp_path / "a.inc").write_bytes(b'# \xe9t\xe9\nzone "\xe9t\xe9.test" { type primary; };\n')
    assert [line.partition('"')[0] for line in told(tmp_path)] == ["a.inc:2: ", "named.conf:2: "]
    (tmp_path / "named.conf").write_text('zone "a.test" { type primray; };')
    assert told(tmp_path) == ['named.conf:1: there is no type of zones "primray" (did you mean "primary"?)']


def test_a_zone_that_is_in_two_lists_is_told_with_the_file_that_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "named.conf").write_text('\ninclude "a.inc";\n')
    (tmp_path / "a.inc").write_text('\nzone "a.test" { type primary; };\n')
    (tmp_path / "b.txt").write_text("b.test\na.test\n")
    assert told(tmp_path, '[[lists]]\nfile = "b.txt"\nservers = "ns1"\n') == [
        f"b.txt:2: zone a.test. is there twice (first on line 2 of {tmp_path}/a.inc)".replace(f"{tmp_path}/", "")
    ]


def test_a_file_without_zones_is_refused_as_any_other_list(tmp_path: Path) -> None:
    (tmp_path / "named.conf").write_text('zone "." { type hint; };')
    assert told(tmp_path) == ["named.conf: names no zone (was it cut short? take it away if it is meant to be empty)"]


@pytest.mark.parametrize("line", ["example.com", "example.com # {", "name,servers", "include", "zone.example", ""])
def test_names_are_never_taken_for_named_conf(line: str) -> None:
    assert not begins_like_named_conf(["", "# options {", line])
