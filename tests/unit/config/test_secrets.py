"""Where secrets come from, and that they go nowhere else."""

import traceback
from pathlib import Path

import pytest

from alerting.model import Secret
from monitor.config.load import ConfigError, parse
from monitor.config.model import Config

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
USED = 'transfer = { key = "xfr", expect = "allowed" }\n'
WORD = "aHVudGVyMmh1bnRlcjI="
"""base64 of "hunter2hunter2": neither may be seen anywhere."""
CLAUSE = f'key "tsig.example." {{\n\talgorithm hmac-sha512;\n\tsecret "{WORD}";\n}};\n'


def read(directory: Path, text: str, env: dict[str, str] | None = None) -> Config:
    return parse(text + ZONE, directory / "config.toml", env or {})


def refused(directory: Path, text: str, env: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(directory, text, env)
    return caught.value


def kept(directory: Path, name: str, text: str, mode: int = 0o600) -> None:
    (directory / name).write_text(text)
    (directory / name).chmod(mode)


@pytest.mark.parametrize(
    ("key", "env"),
    [
        (f'secret = "{WORD}"', {}),
        ('secret_file = "xfr.key"', {}),
        ('secret_file = "sub/../xfr.key"', {}),
        ('secret_env = "XFR"', {"XFR": WORD}),
        ('secret_credential = "xfr.key"', {"CREDENTIALS_DIRECTORY": "{here}"}),
    ],
)
def test_a_secret_is_had_in_four_ways(tmp_path: Path, key: str, env: dict[str, str]) -> None:
    kept(tmp_path, "xfr.key", f"{WORD}\n")
    (tmp_path / "sub").mkdir()
    env = {name: value.format(here=tmp_path) for name, value in env.items()}
    config = read(tmp_path, f"[keys.xfr]\n{key}\n", env)
    assert config.keys["xfr"].secret == Secret(WORD)
    assert (config.keys["xfr"].wire_name, config.keys["xfr"].algorithm) == ("xfr.", "hmac-sha256")


def test_a_key_clause_gives_secret_and_algorithm(tmp_path: Path) -> None:
    kept(tmp_path, "xfr.key", CLAUSE)
    text = f'[keys.xfr]\nname = "tsig.example"\nsecret_file = "xfr.key"\n{ZONE}{USED}'
    config = parse(text, tmp_path / "config.toml", {})
    key = config.keys["xfr"]
    assert (key.wire_name, key.algorithm, key.secret.reveal()) == ("tsig.example.", "hmac-sha512", WORD)
    assert config.warnings == ()


def test_a_key_clause_without_a_secret_is_none(tmp_path: Path) -> None:
    kept(tmp_path, "xfr.key", 'key "xfr" { algorithm hmac-sha256; };')
    assert "the secret is empty" in str(refused(tmp_path, '[keys.xfr]\nsecret_file = "xfr.key"\n'))


def test_one_line_end_and_white_space_inside_base64_do_not_matter(tmp_path: Path) -> None:
    kept(tmp_path, "xfr.key", f"{WORD[:5]}\n{WORD[5:]}\r\n")
    assert read(tmp_path, '[keys.xfr]\nsecret_file = "xfr.key"\n').keys["xfr"].secret.reveal() == WORD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_others_can_read_is_a_warning_that_names_its_mode(tmp_path: Path, mode: int) -> None:
    kept(tmp_path, "token", "open sesame\n", mode)
    (warning,) = read(tmp_path, '[service]\ntoken_file = "token"\n').warnings
    assert f"can be read by others (mode {mode:04o})" in warning
    assert "open sesame" not in warning


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("empty", b"\n", "the secret is empty"),
        ("binary", b"\xff\xfe", "not UTF-8"),
        ("large", b"A" * 70_000, "larger than 64 kB"),
    ],
)
def test_a_file_that_holds_no_secret(tmp_path: Path, name: str, text: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(text)
    (tmp_path / name).chmod(0o600)
    assert said in str(refused(tmp_path, f'[keys.xfr]\nsecret_file = "{name}"\n'))


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    assert "directory" in str(refused(tmp_path, '[keys.xfr]\nsecret_file = "."\n'))


@pytest.mark.parametrize("name", ["../xfr.key", "/etc/passwd", "..", ""])
def test_a_credential_is_a_name_not_a_path(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, f'[keys.xfr]\nsecret_credential = "{name}"\n', {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "is not the name of a credential" in str(error)


GOOD = f"""
[service]
token = "{WORD}-token"
[keys.xfr]
secret = "{WORD}"
[receivers.mail]
type = "email"
to = ["a@example.com"]
smtp = {{ host = "mail.example.com", username = "u", password = "{WORD}-password" }}
[receivers.hook]
type = "webhook"
url = "https://hooks.example.com/{WORD}-path"
secret = "whsec_{WORD}"
"""


def test_no_secret_is_seen_in_the_configuration_or_its_warnings(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)
    for text in (repr(config), str(config), *config.warnings):
        assert WORD not in text
    assert len([warning for warning in config.warnings if "a secret stands in the file" in warning]) == 4


@pytest.mark.parametrize(
    "mistake",
    [
        "[service]\nlistn = 1\n",
        "[keys.xfr]\nsecrt = '{0}'\nsecret_env = 'NO'\n",
        "[keys.xfr]\nsecret = '{0}!'\n",
        "[keys.xfr]\nsecret = ['{0}']\n",
        "[keys]\nxfr = '{0}'\n",
        "[keys.xfr]\nsecret = '{0}'\nsecret_file = '{0}x'\n",
        "[service]\ntoken = {{ a = '{0}' }}\n",
        "[receivers.m]\ntype = 'email'\nto = 'a@example.com'\nsmtp = '{0}'\n",
        "[receivers.m]\ntype = 'email'\nto = 'a@example.com'\nsmtp = {{ host = 3, password = '{0}' }}\n",
        "[receivers.m]\ntype = 'email'\nto = 'a@example.com'\nsmtp = {{ host = 'h', password = '{0}' }}\n",
        "[receivers.h]\ntype = 'webhook'\nurl = ['{0}']\n",
        "[receivers.h]\ntype = 'webhook'\nurl = 'https://h.example/'\nsecret = '{0}!'\n",
        "[keys.xfr]\nsecret = '{0}\n",
        "[keys.xfr]\nsecret_env = '{0}'\n",
        "[service]\nurl = 'https://u:{0}@dns.example.net/'\n",
        "[service]\nurl = ['{0}']\n",
    ],
)
def test_no_secret_is_seen_in_what_is_wrong(tmp_path: Path, mistake: str) -> None:
    error = refused(tmp_path, mistake.format(WORD))
    for text in (str(error), repr(error), repr(error.mistakes), "".join(traceback.format_exception(error))):
        assert WORD not in text
